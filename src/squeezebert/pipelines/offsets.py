"""Where a span of characters ends."""

import unicodedata


def with_marks(text: str, end: int) -> int:
    """Moves the end past accents and such that belong to the last character, but to no token.

    Tokenizers that strip accents leave combining marks out of the token before them.
    """
    while end < len(text) and unicodedata.category(text[end]).startswith("M"):
        end += 1
    return end
