"""Examples that were there before, in the same data or in the training data, and where."""

from collections.abc import Hashable, Iterable, Iterator

_SHOWN = 5


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

    def __len__(self) -> int:
        return self._count

    def __str__(self) -> str:
        return ", ".join([*self._first, *(["..."] if self._count > _SHOWN else [])])


def repeated(
    examples: Iterable[tuple[object, Hashable, Hashable]], source: str, what: str, answer: str
) -> Iterator[str]:
    """Says which examples repeat an earlier one, and which do so with another answer.

    Of each different item two hashes and a place are in memory, about 200 bytes, and no texts.

    Args:
        examples: of each its place, what a pipeline is given, and what it should say.
        source: where they are from.
        what: they are, such as "rows".
        answer: what it is called, such as "label".
    """
    seen: dict[int, tuple[object, int]] = {}
    same, conflicting = Places(), Places()
    for place, item, said in examples:
        earlier, known = seen.setdefault(hash(item), (place, hash(said)))
        if earlier is not place:
            places = same if hash(said) == known else conflicting
            places.add(f"{place} like {earlier}")
    for places, how in ((same, ""), (conflicting, f" with another {answer}")):
        if places:
            yield (
                f"{source}: {len(places):,} {what} repeat an earlier one{how}, and are kept: "
                f"{places}"
            )


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
            f"{source}: {len(places):,} {what} are in the training data too, so the scores will "
            f"flatter: {places}"
        )
