"""The recipe for Spark in docs/scaling.md, run as it stands there."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from tests.pages import blocks

import squeezebert

PAGE = Path(__file__).parent.parent.parent / "docs" / "scaling.md"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("pyspark") is None, reason="pyspark is not installed"),
    pytest.mark.skipif(shutil.which("java") is None, reason="there is no Java here"),
]


def test_the_recipe_answers_a_table(tmp_path: Path) -> None:
    [program] = [block.text for block in blocks(PAGE.read_text()) if block.title]
    texts = ["A gripping, beautifully shot film.", None, "Dull and far too long."]
    table = arrow.table({"id": [1, 2, 3], "review": texts})
    (tmp_path / "data").mkdir()
    parquet.write_table(table, tmp_path / "data" / "reviews.parquet")
    (tmp_path / "spark_sentiment.py").write_text(program)
    environment = {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "spark_sentiment.py"],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    rows = parquet.read_table(tmp_path / "out").sort_by("id").to_pylist()
    expected = squeezebert.load("sentiment")([text or "" for text in texts])
    assert [row["review"] for row in rows] == texts
    assert [(row["sentiment"]["label"], row["sentiment"]["score"]) for row in rows] == [
        (answer.label, answer.score) for answer in expected
    ]
