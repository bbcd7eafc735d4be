"""What a user would call a word, in every script, whatever the tokenizer's pieces are."""

from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

# Scripts that put no spaces between words: each letter, with its marks, is one here.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
_MARK = r"\p{P}$+<=>^`|~"  # as BERT splits them off: other symbols are part of a word
_INNER = rf"[^\s{_MARK}{_UNSPACED}]"
_SOLID = rf"[^\s{_MARK}\p{{Cc}}\p{{Cf}}{_UNSPACED}]"
_WORD = rf"[{_UNSPACED}]\p{{M}}*|[{_MARK}]\p{{M}}*|{_SOLID}(?:{_INNER}*{_SOLID})?"

_splitter = Split(Regex(_WORD), "removed", invert=True)


def split_words(text: str) -> list[tuple[int, int]]:
    """The first character of each word and the one after its last.

    Runs of letters, digits, marks and symbols are words, as is each punctuation mark, and each
    letter of a script without spaces. Control characters are part of a word only within it.
    """
    return [span for _, span in _splitter.pre_tokenize_str(text)]
