"""How much a model may lose in a bundle."""

TOLERANCE = 0.5
"""Points, of 100, that quantising may cost, unless told otherwise."""
