"""Our tokens are those of transformers' tokenizers, in ten languages and on odd text."""

import random
from pathlib import Path

import pytest
from tests.teachers import FAMILIES
from transformers import AutoTokenizer

from squeezebert.tokenizer import Tokenizer

LANGUAGES = {
    "de": "Größere Bögen überspannen die Straße; „schön“, sagte er, 3,5 m hoch.",
    "en": "It's a good film (unmoved by plots), isn't it? He said: “No!”",
    "es": "¿Dónde está el niño? ¡Qué bueno! Costó 1.000 € en Málaga.",
    "fr": "L'été, où ça ? Un très bon film… cœur, naïf, aujourd'hui.",
    "it": "Perché no? È un bel film, dall'inizio alla fine.",
    "nl": "'s Ochtends zagen zij ’t ijs smelten, geïnteresseerd of niet.",  # noqa: RUF001 -- as it is written
    "pl": "Zażółć gęślą jaźń; dobry film, zła fabuła.",
    "pt": "Não há pão à mesa; é um bom filme, porém lento.",
    "ru": "хороший фильм и плохой сюжет, 19-й век.",
    "zh": "這部電影很好看，但是情節不好。",  # noqa: RUF001
}
ODD = {
    "emoji": "good 👍🏽 film 👩‍👩‍👧‍👦 ☀️ 1️⃣",
    "combining marks": "e\u0301te\u0301 a\u0323\u0302 film\u0301",
    "right to left": "مرحبا بالعالم, שלום עולם! \u200f film",
    "controls": "go\x07od \x00 fi\x1blm \x7f a\u200bb \ufeff",
    "ligatures": "ﬁlm ﬀ ½ ① Ａ Ⅷ",  # noqa: RUF001
    "spaces": "  a\t\tgood\u00a0film \u3000 \n\n plot  ",
    "Indic and Thai": "हिन्दी भाषा หนังดี",
}


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_types_and_offsets_are_those_of_transformers(
    family: str, tokenizer_json: bytes, tmp_path: Path
) -> None:
    _, saved = FAMILIES[family](tokenizer_json)
    saved.save_pretrained(tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    ours = Tokenizer.from_file(tmp_path / "tokenizer.json")
    unknown = {theirs.unk_token_id, theirs.convert_tokens_to_ids("\u2581")} - {None}

    def without_unread(text: str) -> str:
        """The text, or nothing where no word of it is known, which is how it is read here."""
        ids = theirs(text, add_special_tokens=False)["input_ids"]
        return "" if unknown.issuperset(ids) and family != "byte-level" else text

    texts = {**LANGUAGES, **ODD, **_mixtures()}
    for name, text in texts.items():
        for item in (text, (text, LANGUAGES["en"]), (LANGUAGES["en"], text)):
            given = [item] if isinstance(item, str) else [*item]
            read = [without_unread(each) for each in given]
            # As lists: an empty second text alone would be none.
            lists = [[each] for each in read]
            expected = theirs(*lists, return_offsets_mapping=True, return_token_type_ids=True)
            [found] = ours.encode_batch([item], 10_000)
            assert found.blank == ("" in read), name
            assert [found.ids] == expected["input_ids"], name
            assert [found.type_ids] == expected["token_type_ids"], name
            [offsets] = expected["offset_mapping"]
            assert found.offsets == [tuple(offset) for offset in offsets], name


def _mixtures() -> dict[str, str]:
    """Fragments of all texts in any order, with and without spaces between."""
    drawn = random.Random(0)
    fragments = [word for text in (LANGUAGES | ODD).values() for word in text.split(" ") if word]
    return {
        f"mixture {number}": drawn.choice(["", " "]).join(drawn.choices(fragments, k=9))
        for number in range(40)
    }
