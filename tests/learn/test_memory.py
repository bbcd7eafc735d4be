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

store._IN_MEMORY, store._IN_BLOCK = 1 << 23, 1 << 22
learn(read_classification(sys.argv[1]), sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
WORDS = ["film", "plot", "very", "not", "a", "and"]


def peak(folder: Path, embed: Path, rows: int) -> float:
    """Megabytes that learning from so many rows takes at most."""
    data = folder / f"{rows}.csv"
    with data.open("w") as file:
        file.write("text,label\n")
        for row in range(rows):
            noise = " ".join(WORDS[row // 7**place % 6] for place in range(4))
            file.write(f"{'good' if row % 2 else 'bad'} {noise} {row},{row % 2}\n")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, data, embed], capture_output=True, text=True, check=True
    )
    return float(done.stdout) / 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the unit is another")
def test_memory_stays_flat_from_40_000_rows_to_200_000(
    tmp_path: Path, make_bundle: BundleMaker
) -> None:
    embed = make_bundle(tmp_path / "embed", task="embedding", labels=(), problem_type=None)
    few, many = (peak(tmp_path, embed, rows) for rows in (40_000, 200_000))
    assert many < few + 60  # of numbers and keys of rows alone; the features are 500 MB more
