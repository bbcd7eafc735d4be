"""Learning from more rows than memory should hold."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import BundleMaker

PROGRAM = """
import resource, sys
from squeezebert.data.tasks.classification import read_classification
from squeezebert.learn import learn, store

store._IN_MEMORY, store._IN_PORTION = 1 << 23, 1 << 22
learn(read_classification(sys.argv[1]), sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
WORDS = ["film", "plot", "very", "not", "a", "and"]


def peak(folder: Path, embed: Path, rows: int, labels: int) -> float:
    """Megabytes that learning from so many rows takes at most."""
    data = folder / f"{rows}.csv"
    with data.open("w") as file:
        file.write("text,label\n")
        for row in range(rows):
            noise = " ".join(WORDS[row // 7**place % 6] for place in range(4))
            file.write(f"kind{row % labels} {noise} {row},label{row % labels}\n")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, data, embed], capture_output=True, text=True, check=True
    )
    return float(done.stdout) / 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the unit is another")
@pytest.mark.parametrize(("labels", "few", "many"), [(2, 40_000, 200_000), (60, 20_000, 60_000)])
def test_memory_stays_flat_as_rows_grow(
    tmp_path: Path, make_bundle: BundleMaker, labels: int, few: int, many: int
) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    of_few, of_many = (peak(tmp_path, embed, rows, labels) for rows in (few, many))
    assert of_many < of_few + 60  # of numbers and keys of rows alone; features are 2.5 kB a row
