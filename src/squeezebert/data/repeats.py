"""Examples that were there before, in the same data or in the training data, and where."""

from collections.abc import Hashable, Iterable, Iterator

_SHOWN = 5
_REMEMBERED = 1_000_000


class Places:
    """Counts places in a source and keeps the first, so that memory stays bounded.

    As text it is the first five, "3, 7, 9, 12, 20, ...".
    """

    def __init__(self, places: Iterable[object] = ()) -> None:
        self._first: list[str] = []
        self._count = 0
        for place in places:
            self.add(place)

    def add(self, place: object) -> None:
        """Takes one more, such as the number of a line."""
        self._count += 1
        if len(self._first) < _SHOWN:
            self._first.append(str(place))

    def extend(self, others: "Places") -> None:
        """Takes those of another."""
        self._first = [*self._first, *others._first][:_SHOWN]
        self._count += others._count

    def __len__(self) -> int:
        return self._count

    def __str__(self) -> str:
        return ", ".join([*self._first, *(["..."] if self._count > _SHOWN else [])])


class Repeats:
    """Looks for examples that repeat an earlier one, and for those with another answer then.

    Of each different item two hashes and a place are in memory, about 200 bytes, and no texts; of
    the first million, so that memory stays bounded.

    Args:
        source: where the examples are from.
        what: they are, such as "rows".
        answer: what a pipeline should say of them is called, such as "label".
    """

    def __init__(self, source: str, what: str, answer: str) -> None:
        self._source, self._what, self._answer = source, what, answer
        self._seen: dict[int, tuple[object, int]] = {}
        self._same, self._conflicting = Places(), Places()
        self._missed = 0

    def add(self, place: object, item: Hashable, said: Hashable) -> None:
        """Takes an example: where it is, what a pipeline is given, and what it should say."""
        key = hash(item)
        if key in self._seen:
            earlier, known = self._seen[key]
            places = self._same if hash(said) == known else self._conflicting
            places.add(f"{place} like {earlier}")
        elif len(self._seen) < _REMEMBERED:
            self._seen[key] = place, hash(said)
        else:
            self._missed += 1

    @property
    def different(self) -> int:
        """How many items differ, of the first million."""
        return len(self._seen)

    @property
    def notes(self) -> Iterator[str]:
        """What was found, ready to be shown."""
        for places, how in (
            (self._same, ""),
            (self._conflicting, f" with another {self._answer}"),
        ):
            if places:
                repeat, are = ("repeats", "is") if len(places) == 1 else ("repeat", "are")
                yield (
                    f"{self._source}: {counted(len(places), self._what)} {repeat} an earlier "
                    f"one{how}, and {are} kept: {places}"
                )
        if self._missed:
            yield (
                f"{self._source}: repeats were looked for among the first {_REMEMBERED:,} "
                f"different {self._what} only."
            )


def counted(number: int, what: str) -> str:
    """A number of things: "1 row", "2 rows".

    Args:
        what: the things, in a plural that ends in s.
    """
    return f"{number:,} {what[:-1] if number == 1 else what}"


def shared(
    known: Iterable[Hashable], others: Iterable[tuple[object, Hashable]], source: str, what: str
) -> Iterator[str]:
    """Says which of other items are among those known, if some are.

    Args:
        known: what is learnt from.
        others: places and items of the dev data.
        source: where those are from.
        what: they are, such as "texts".
    """
    hashes = {hash(item) for item in known}
    if places := Places(place for place, item in others if hash(item) in hashes):
        yield (
            f"{source}: {counted(len(places), what)} {'is' if len(places) == 1 else 'are'} in the "
            f"training data too, so the scores will flatter: {places}"
        )
