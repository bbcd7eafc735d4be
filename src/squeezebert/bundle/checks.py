"""What is asked of single values of a manifest."""


class ManifestError(ValueError):
    """A manifest that can't be used; the message says what is wrong with it."""


def is_count(value: object) -> bool:
    """Whether a value is a whole number from 1 to 2³¹ - 1."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31


def check_names(what: str, names: tuple[str, ...]) -> None:
    """Raises ManifestError unless all are text, and none is there twice."""
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        raise ManifestError(f"{what} is not a list of names")
    if any("\ud800" <= character <= "\udfff" for character in "".join(names)):
        raise ManifestError(f"{what} holds a lone surrogate, half of a character")
    if len(set(names)) < len(names):
        raise ManifestError(f"{what} names the same twice")
