import pytest

from squeezebert.bench.measures.fit import fit_time


def test_the_terms_are_found() -> None:
    lengths = [8, 16, 32, 64, 128, 256]
    fit = fit_time(lengths, [0.5 + 0.02 * n + 1e-5 * n * n for n in lengths])
    assert fit.fixed == pytest.approx(0.5)
    assert fit.per_token == pytest.approx(0.02)
    assert fit.per_pair == pytest.approx(1e-5)
    assert fit.r2 == pytest.approx(1)
    assert fit.largest_error < 1e-6


def test_what_grows_otherwise_shows_in_the_error() -> None:
    lengths = [8, 16, 32, 64, 128, 256]
    fit = fit_time(lengths, [1.0 if n < 64 else 9.0 for n in lengths])
    assert fit.largest_error > 0.2
    assert fit.r2 < 0.95
