"""Whether texts are in a language, or at least in letters, that a model reads."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from squeezebert.bundle import HeadSpec, TaskSpec, installed_bundles
from squeezebert.bundle.installed import not_installed
from squeezebert.bundle.reading import read_manifest
from squeezebert.tokenizer import Item, Tokenizer
from squeezebert.tokens.items import texts_of

NAMES = {
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
}
"""Languages by their codes (ISO 639-1)."""

# The most frequent words of languages in one script, without those that English has too.
_FUNCTION_WORDS = {
    code: frozenset(words.split())
    for code, words in {
        "de": "der und das ist nicht ich zu von sich auf für im dem ein eine einen es auch als "
        "wie aber wir sie bei oder nur noch nach aus wird sind haben dass wenn zum zur "
        "mir mich dich uns kann schon mehr sehr",
        "en": "the of and to is that for it with as you this are be at have from or by not what "
        "he she we they my your how can been would which their if but was will has had "
        "there were",
        "es": "el la los las de del que en es por con para una un se su lo como más pero le ya "
        "o fue esta sus está muy yo mi si sin qué al son todo hay",
        "fr": "le la les des du de et est une un que qui en dans pour pas sur au il elle je "
        "avec par ne se sa ses nous vous mais ou cette sont été aux tout ça bien fait",
        "it": "il lo la gli di del della dei che è un una non sono con si da al alla nel nella "
        "anche ma più questo questa dal delle ho mi ti ci se o ed",
        "nl": "de het een van en dat niet te op voor zijn er aan ook als maar om bij nog naar "
        "uit dan ik je wat hij zij ze wel werd worden deze dit heeft over",
        "pl": "w na z się nie jest że o jak po za ale przez co ma przy był tym czy już dla "
        "tylko są była oraz jego jej być który która",
        "pt": "os de da dos das que em um uma para com não por se na nas nos mais como mas ao "
        "foi é são ele ela seu sua ou já também muito eu você isso está",
    }.items()
}

_MARKS = re.compile(r"(?:[@#]|https?:|www\.)\S*")  # of networks: in no language
_WORD = re.compile(r"[^\W\d_]+")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_OTHER_SCRIPT = re.compile("[^\x00-\u024f\u1e00-\u1eff]")  # than Latin
_SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
LOOKED_AT = 300
"""Items that are looked at."""

_CHARACTERS = 500  # of a text
_LONG = 3  # letters of a word that is hardly ever spelt letter by letter
_LETTERS, _UNREAD = 100, 0.3  # there are at least, and which part of them is not read
_FEW_LETTERS, _HARDLY_READ = 8, 0.9  # the same of fewer, all of another script
_SURE = 2  # different function words of a text
_FEW, _MANY = 3, 0.3  # texts of another language, and which part of all they are
# English of all kinds has over 15 % function words, and less than 1.4 pieces for a word of small
# letters; eight other languages have less than 4 %, and more than 1.55.
_ENOUGH, _FUNCTION, _PIECES = 50, 0.06, 1.6


class Foreign(NamedTuple):
    """Why a model hardly reads some texts.

    Attributes:
        what: there is to say of the texts, as a clause.
        language: of them, as a code; None if it is not known.
    """

    what: str
    language: str | None

    def remark(self, model: str, languages: Collection[str]) -> str:
        """A sentence about the texts and a model.

        Args:
            model: its name.
            languages: that it was made for, as codes.
        """
        spoken = [NAMES.get(code, code) for code in languages]
        names = " and ".join(filter(None, (", ".join(spoken[:-1]), *spoken[-1:])))
        made = f"{model} was made for {names}" if names else f"{model} may not be made for such"
        return f"{self.what[0].upper()}{self.what[1:]}, and {made}."


def foreign_to(
    tokenizer: Tokenizer, languages: Collection[str], items: Iterable[Item]
) -> Foreign | None:
    """Whether texts are in another language, or other letters, than a model reads.

    It is said of letters that the vocabulary lacks, of texts with the function words of another
    language, and, where a model is for English alone, of words that are no English. It is silent
    where nothing is sure.

    Args:
        tokenizer: of the model.
        languages: that the model was made for, as codes; empty where that is not known.
        items: texts or pairs, of which the first 300 are looked at.
    """
    texts = [
        _WORD.findall(_MARKS.sub(" ", text[:_CHARACTERS]))
        for item in islice(items, LOOKED_AT)
        for text in texts_of(item)
    ]
    words = Counter(word for text in texts for word in text)
    if _is_unread(tokenizer, words):
        is_cyrillic = any(_CYRILLIC.match(word) for word, _ in words.most_common(5))
        what = "most letters of the texts are of a script that the model hardly knows"
        return Foreign(what, "ru" if is_cyrillic else None)
    if (language := _another_language(texts, languages)) is not None:
        return Foreign(f"many of the texts look like {NAMES[language]}", language)
    if set(languages) == {"en"} and _is_split(tokenizer, words):
        what = "hardly a word of the texts is English, and most are split into pieces"
        return Foreign(what, None)
    return None


def remark_on(
    model: str, tokenizer: Tokenizer, spec: TaskSpec, items: Iterable[Item]
) -> str | None:
    """What to tell someone whose texts a model hardly reads, and what to do; None if it does.

    Args:
        model: its name.
        tokenizer, spec: of it.
        items: texts or pairs.
    """
    # What was learnt from texts that its encoder doesn't read states no languages.
    if isinstance(spec, HeadSpec) and spec.features is not None and not spec.languages:
        return None
    found = foreign_to(tokenizer, spec.languages, items)
    if found is None:
        return None
    return found.remark(model, spec.languages) + remedy_for(model, spec, found.language)


def remedy_for(model: str, spec: TaskSpec, language: str | None) -> str:
    """Which other model reads a language, as a sentence after a space; empty if none is known.

    Args:
        model: the name of one that doesn't.
        spec: of that.
        language: a code.
    """
    if language is None:
        return ""
    for name, path in installed_bundles().items():
        for head in read_manifest(path).heads:
            serves = head.task == spec.task and set(head.labels) >= set(spec.labels)
            if serves and language in head.languages:
                return f" {name} reads {NAMES[language]}."
    for folder, names in not_installed().items():
        for name in names:
            if name.startswith(f"{model}-"):
                return (
                    f" {name} reads {NAMES[language]}. In a clone of the project, this installs "
                    f"it: pip install {folder}"
                )
    return ""


def _is_unread(tokenizer: Tokenizer, words: Counter[str]) -> bool:
    """Whether many letters are unknown, or of words that are spelt letter by letter."""
    letters = unread = 0
    spelling = tokenizer.spelling(list(words))
    for (word, count), (pieces, unknown) in zip(words.items(), spelling, strict=True):
        letters += count * len(word)
        is_spelt = len(word) >= _LONG and pieces >= len(word) and not _SPACELESS.search(word)
        unread += count * (len(word) if is_spelt else unknown)
    if letters >= _LETTERS:
        return unread > _UNREAD * letters
    foreign = all(_OTHER_SCRIPT.match(word) for word in words)
    return letters >= _FEW_LETTERS and foreign and unread > _HARDLY_READ * letters


def _another_language(texts: Iterable[Sequence[str]], languages: Collection[str]) -> str | None:
    """Which language many texts are in that is none of these, by its function words."""
    if not languages or not NAMES.keys() >= set(languages):
        return None
    found: Counter[str | None] = Counter()
    for text in texts:
        words = {word.lower() for word in text}
        counts = {code: len(words & known) for code, known in _FUNCTION_WORDS.items()}
        own = max(counts.get(code, 0) for code in languages)
        best = max(counts, key=counts.__getitem__)
        found[best if counts[best] >= max(_SURE, own + 1) else None] += 1
    most = max(_FEW, _MANY * found.total())
    del found[None]
    return found.most_common(1)[0][0] if found.total() >= most else None


def _is_split(tokenizer: Tokenizer, words: Counter[str]) -> bool:
    """Whether hardly any word is one of English sentences, and most are several pieces.

    Names and signs are left out: only words that begin with a small letter count.
    """
    small = Counter({word: count for word, count in words.items() if word[0].islower()})
    known = sum(small[word] for word in _FUNCTION_WORDS["en"])
    spelling = tokenizer.spelling(list(small))
    pieces = sum(count * each for count, (each, _) in zip(small.values(), spelling, strict=True))
    total = small.total()
    return total >= _ENOUGH and known < _FUNCTION * total and pieces > _PIECES * total
