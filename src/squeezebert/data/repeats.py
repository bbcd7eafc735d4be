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


class Repeats:
    """Tells examples that were there before by whether their answer is the same.

    Keeps two hashes and a place of each different item, about 200 bytes, and no texts.

    Attributes:
        same: those that repeat an earlier one, each with the place of that.
        conflicting: those that repeat an earlier item with another answer.
    """

    def __init__(self) -> None:
        self._seen: dict[int, tuple[object, int]] = {}
        self.same, self.conflicting = Places(), Places()

    def add(self, place: object, item: Hashable, answer: Hashable) -> None:
        """Takes an example: where it is, what a pipeline is given, what it should say."""
        key = hash(item)
        if key not in self._seen:
            self._seen[key] = place, hash(answer)
            return
        earlier, known = self._seen[key]
        places = self.same if hash(answer) == known else self.conflicting
        places.add(f"{place} like {earlier}")

    def notes(self, source: str, examples: str, answer: str) -> Iterator[str]:
        """What to tell the user before anything is learnt.

        Args:
            source: where they are from.
            examples: what they are, such as "rows".
            answer: what is in conflict, such as "label".
        """
        for places, how in ((self.same, ""), (self.conflicting, f" with another {answer}")):
            if places:
                yield (
                    f"{source}: {len(places):,} {examples} repeat an earlier one{how}, and are "
                    f"kept: {places}"
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
