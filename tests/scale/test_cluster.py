"""Files on a cluster: every row once, also if a worker is killed, and a run that goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as parquet
import pytest
from tests.scale.conftest import TableMaker

from squeezebert.pipelines import load

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Ray's own, of its processes and sockets
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found through /proc"),
]

FILES, ROWS = 12, 4000


def command(bundle: Path, data: Path, out: Path, address: str, *options: str) -> list[str]:
    program = "from squeezebert.cli import main; main()"
    return [
        sys.executable, "-c", program, "predict", "--model", str(bundle), "--text-column", "review",
        "--file", f"{data}/*.parquet", "--output", str(out), "--ray", address, *options,
    ]  # fmt: skip


@pytest.fixture
def data(tmp_path: Path, make_table: TableMaker) -> Path:
    for number in range(FILES):
        make_table(tmp_path / "data" / f"{number:02}.parquet", number * ROWS, ROWS)
    return tmp_path / "data"


@contextmanager
def two_nodes() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        yield cluster
    finally:
        cluster.shutdown()


def workers() -> list[psutil.Process]:
    """The processes of the pool, which Ray names by what they run."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if "MapWorker" in "".join(process.info["cmdline"] or ())
    ]


def assert_every_row_is_there_once(out: Path, bundle: Path, data: Path) -> None:
    pipeline = load(bundle, 1)
    names = sorted(path.name for path in data.iterdir())
    assert sorted(path.name for path in out.glob("[!_]*")) == names
    assert not list(out.glob(".*"))
    assert not (out / "_unfinished").exists()
    for name in names:
        before, after = parquet.read_table(data / name), parquet.read_table(out / name)
        assert after["id"].equals(before["id"])  # each once, and in order
        answers = pipeline(before["review"].to_pylist())
        assert after["label"].to_pylist() == [answer.label for answer in answers]


def test_a_killed_worker_loses_and_doubles_nothing(
    tmp_path: Path, tiny_bundle: Path, data: Path
) -> None:
    out = tmp_path / "out"
    with two_nodes() as cluster:
        run = subprocess.Popen(
            command(tiny_bundle, data, out, cluster.address), stderr=subprocess.PIPE, text=True
        )
        until = time.monotonic() + 240
        while not list(out.glob("*.parquet")) or not list(out.glob("_unfinished/*.parquet")):
            assert run.poll() is None and time.monotonic() < until
            time.sleep(0.002)
        busy = workers()
        assert len(busy) >= 1
        killed = busy[0]
        killed.kill()
        finished_then = len(list(out.glob("*.parquet")))
        _, said = run.communicate(timeout=240)
    assert run.returncode == 0, said
    assert finished_then < FILES
    assert_every_row_is_there_once(out, tiny_bundle, data)


def test_a_run_that_was_stopped_goes_on(tmp_path: Path, tiny_bundle: Path, data: Path) -> None:
    out = tmp_path / "out"
    said = tmp_path / "said"
    with (
        said.open("w") as stream,
        subprocess.Popen(command(tiny_bundle, data, out, "auto"), stderr=stream) as run,
    ):
        until = time.monotonic() + 240
        while not list(out.glob("*.parquet")):
            assert run.poll() is None and time.monotonic() < until, said.read_text()
            time.sleep(0.002)
        run.send_signal(signal.SIGTERM)
        assert run.wait(60) == 128 + signal.SIGTERM
    finished = {path: path.stat().st_mtime_ns for path in out.glob("*.parquet")}
    assert 0 < len(finished) < FILES

    other = subprocess.run(
        command(tiny_bundle, data, out, "auto", "--keep", "id"), capture_output=True, text=True
    )
    assert other.returncode == 2
    assert "a run with another keep" in other.stderr

    broken = data / "99.parquet"
    broken.write_bytes(b"no table")
    again = subprocess.run(command(tiny_bundle, data, out, "auto"), capture_output=True, text=True)
    assert again.returncode == 2
    assert f"{len(finished)} of {FILES + 1} files are answered already" in again.stderr
    assert "99.parquet: not a readable parquet file" in again.stderr
    assert "Traceback" not in again.stderr
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    broken.unlink()
    assert_every_row_is_there_once(out, tiny_bundle, data)
    asked = json.loads((out / "_asked.json").read_text())
    assert asked["text_column"] == "review"
