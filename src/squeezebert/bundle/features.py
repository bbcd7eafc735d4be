"""What a learnt head sees of a text, as a bundle states it."""

import math
from dataclasses import dataclass

from squeezebert.bundle.checks import ManifestError, is_count

_LARGEST_WEIGHT = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRecipe:
    """The features of a learnt head: vectors of the encoder beside hashed n-grams.

    Attributes:
        vectors: weight of the vectors, the unit mean of a text's hidden states; 0 leaves them and
            the encoder out.
        ngrams: weight of the n-grams, words and letters; 0 leaves them out.
        buckets: how many different n-grams there are.
        pairs: whether the model compares the two texts of a pair; else it reads single texts.

    Raises:
        ManifestError: a value is of the wrong kind, or nothing is left.
    """

    vectors: float
    ngrams: float
    buckets: int
    pairs: bool = False

    def __post_init__(self) -> None:
        for name, weight in (("vectors", self.vectors), ("ngrams", self.ngrams)):
            if not isinstance(weight, float) or not 0 <= weight <= _LARGEST_WEIGHT:
                raise ManifestError(f"{name} is {weight!r}, not a float in 0..{_LARGEST_WEIGHT:g}")
        if math.isclose(self.vectors + self.ngrams, 0):
            raise ManifestError("the features are neither vectors nor n-grams")
        if not is_count(self.buckets):
            raise ManifestError(f"buckets is {self.buckets!r}, not a positive whole number")
        if not isinstance(self.pairs, bool):
            raise ManifestError(f"pairs is {self.pairs!r}, neither true nor false")
