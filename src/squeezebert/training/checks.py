"""Checks of settings that several trainings have."""

import math

from squeezebert.errors import InputError


def require_positive(name: str, value: float) -> None:
    """Raises InputError unless the value is a finite number above 0."""
    if not 0 < value < math.inf:
        raise InputError(f"{name} must be a finite number above 0, and it is {value}.")


def require_seed(seed: int) -> None:
    """Raises InputError unless every generator of random numbers takes the seed."""
    if not 0 <= seed < 2**32:
        raise InputError(f"seed must be in 0..{2**32 - 1}, and it is {seed}.")
