"""Texts in a language that a model doesn't read."""

import pytest

from squeezebert.bundle import find_bundle, read_bundle
from squeezebert.pipelines.loading import load_embedder
from squeezebert.pipelines.words import languages
from squeezebert.pipelines.words.languages import foreign_to, remark_on
from squeezebert.tokenizer import Tokenizer

ENGLISH = {
    "tweets": "@maria omg the new season of that show is sooo good!!! #bingewatch http://t.co/x1 "
    "| cant believe we lost again lol | gm everyone, coffee first ☕ | who else is up at 3am??",
    "queries": "where is my card | top up failed | how do i change my pin | exchange rates "
    "| why was i charged twice | cancel transfer | lost phone what to do",
    "medicine": "Intravenous lidocaine suppressed ventricular tachycardia in hypertensive rats. "
    "| Acute renal failure was associated with captopril and hydrochlorothiazide. "
    "| Haloperidol-induced catalepsy was reversed by scopolamine, not by apomorphine.",
    "products": "Stainless steel water bottle 750 ml, leakproof | Wireless optical mouse, black "
    "| Anti-slip yoga mat 6 mm | USB-C charger 65W for laptops | Ceramic non-stick frying pan",
    "people": "Aleksandra Kowalczyk-Wiśniewska, Wrocław | Jean-Baptiste Grégoire de Villeneuve "
    "| Zsófia Szentgyörgyi, Székesfehérvár | Nguyễn Thị Minh Khai, Thành phố Hồ Chí Minh",
}
FOREIGN = {
    "de": "Die Lieferung kam nicht an und niemand hat mir geantwortet. | Ich bin sehr zufrieden "
    "mit dem Service. | Wie kann ich meine Karte sperren? | Das ist leider schon wieder kaputt.",
    "fr": "La commande est arrivée avec une semaine de retard. | Je ne suis pas content du service "
    "| Comment puis-je changer mon mot de passe ? | Le colis n'est pas encore là.",
    "es": "El pedido no ha llegado y nadie me responde. | Estoy muy contento con el servicio. "
    "| ¿Cómo puedo cambiar la contraseña de mi cuenta? | Todo está muy bien, gracias por todo.",
    "pl": "Paczka nie przyszła i nikt się nie odzywa. | Jak mogę zmienić hasło do konta? "
    "| To jest już trzeci raz, nie polecam. | Wszystko było w porządku, dziękuję za pomoc.",
    "ru": "Посылка так и не пришла, никто не отвечает. | Как изменить пароль от учётной записи? "
    "| Очень доволен обслуживанием, спасибо. | Деньги списали дважды.",
}
OTHERS = {
    "Finnish": "tilaukseni ei ole vieläkään saapunut eikä kukaan vastaa puhelimeen | miten voin "
    "vaihtaa salasanani | olen erittäin tyytyväinen palveluun ja suosittelen sitä muillekin "
    "| maksoin tuotteesta kahdesti ja haluan rahani takaisin mahdollisimman pian | kiitos avusta "
    "kaikki toimi lopulta hyvin | laskussa on virhe jonka haluaisin korjattavan pikaisesti "
    "| toimitus kesti aivan liian kauan ja paketti oli vaurioitunut matkalla pahasti",
    "Chinese": "包裹还没有到 客服也没有人接电话|怎么修改我的密码"
    "|我对服务非常满意 会推荐给朋友"
    "|我被重复扣款了 请尽快退款|物流太慢了 包装也破损了 非常失望|谢谢你们的帮助 问题已经解决了"
    "|发票上的金额不对 请重新开一张|这个产品的质量比我想象的好很多|请问什么时候可以发货",
}


def texts(joined: str) -> list[str]:
    """The texts between the strokes."""
    return [text.strip() for text in joined.split("|")]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_embedder(read_bundle(find_bundle("embed"))).tokenizer


@pytest.mark.parametrize("kind", ENGLISH)
def test_english_of_every_kind_is_read(tokenizer: Tokenizer, kind: str) -> None:
    assert foreign_to(tokenizer, ["en"], texts(ENGLISH[kind])) is None
    assert foreign_to(tokenizer, ["en"], texts(ENGLISH[kind]) * 20) is None


@pytest.mark.parametrize("code", FOREIGN)
def test_texts_of_another_language_are_named(tokenizer: Tokenizer, code: str) -> None:
    found = foreign_to(tokenizer, ["en"], texts(FOREIGN[code]))
    assert found is not None
    assert found.language == code
    assert (languages.NAMES[code] in found.what) is (code != "ru"), "the script tells more"
    if code != "ru":
        assert foreign_to(tokenizer, ["en", code], texts(FOREIGN[code])) is None
        assert foreign_to(tokenizer, [], texts(FOREIGN[code])) is None, "nothing is known"


def test_of_one_short_text_the_script_tells(tokenizer: Tokenizer) -> None:
    for text in ("это ужасно", "очень плохой фильм"):
        found = foreign_to(tokenizer, ["en"], [text])
        assert found is not None
        assert "a script that the model hardly knows" in found.what
    for text in ("Qwrtzp zxcvb!", "café naïve", "Łódź 2020", "да", "this is это"):
        assert foreign_to(tokenizer, ["en"], [text]) is None


def test_a_few_texts_of_another_language_among_many_are_no_matter(tokenizer: Tokenizer) -> None:
    mixed = texts(FOREIGN["de"]) + texts(ENGLISH["queries"]) * 3
    assert foreign_to(tokenizer, ["en"], mixed) is None


@pytest.mark.parametrize("name", OTHERS)
def test_languages_that_are_not_known_are_noticed_too(tokenizer: Tokenizer, name: str) -> None:
    found = foreign_to(tokenizer, ["en"], texts(OTHERS[name]))
    assert found is not None
    assert found.language is None


def test_a_remark_names_model_language_and_remedy(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = read_bundle(find_bundle("embed")).manifest.heads[0]
    monkeypatch.setattr(
        languages, "not_installed", lambda: {"./more": ("ner-multi", "embed-multi")}
    )
    embed = {"embed": find_bundle("embed")}
    monkeypatch.setattr(languages, "installed_bundles", lambda: embed)
    german = texts(FOREIGN["de"])
    assert remark_on("embed", tokenizer, spec, german) == (
        "Many of the texts look like German, and embed was made for English. embed-multi reads "
        "German. In a clone of the project, this installs it: pip install ./more"
    )
    assert str(remark_on("mine", tokenizer, spec, german)).endswith("mine was made for English.")
