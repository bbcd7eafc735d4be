"""Characters that belong to the word before them, and pictures, which belong to none."""

import re
import unicodedata

# The blocks of Unicode that hold pictures, and what may follow one: the selector of its coloured
# form, a key's frame, skin tones, and a joiner with the next.
_PICTURE = re.compile(
    "[\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u2500-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001faff\U000e0020-\U000e007f]"
    "[\u200d\u20e3\ufe0f\U0001f3fb-\U0001f3ff]*"
)


def has_picture(text: str) -> bool:
    """Whether a text holds one."""
    return _PICTURE.search(text) is not None


def without_pictures(text: str) -> str:
    """The text with spaces in the place of pictures: all other characters stay where they are."""
    return _PICTURE.sub(lambda found: " " * len(found[0]), text)


def with_marks(text: str, end: int) -> int:
    """Moves the end past accents and such that belong to the last character, but to no token.

    Tokenizers that strip accents leave combining marks out of the token before them.
    """
    while end < len(text) and unicodedata.category(text[end]).startswith("M"):
        end += 1
    return end
