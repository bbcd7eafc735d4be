"""How many processors a process may use, by files as the kernel shows them in containers."""

import os
from pathlib import Path

import pytest

from squeezebert.runtime.processors import processors

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="only Linux has affinity and cgroups"
)

PINNED = 8


@pytest.fixture(autouse=True)
def pinned_to_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(PINNED)))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "self").mkdir()
    return tmp_path


def process(files: Path, cgroup: str, *mounts: str) -> Path:
    """Writes what /proc/self says; the mounts as root, folder, kind and options."""
    (files / "self" / "cgroup").write_text(cgroup)
    lines = []
    for mount in mounts:
        root, folder, kind, options = mount.split()
        lines.append(f"31 23 0:28 {root} {files / folder} rw,nosuid - {kind} {kind} {options}\n")
    (files / "self" / "mountinfo").write_text(
        "22 1 0:21 / / rw shared:1 - overlay overlay rw\n" + "".join(lines)
    )
    return files / "self"


def write(folder: Path, **contents: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        (folder / name.replace("cpu_", "cpu.")).write_text(text + "\n")


def v1(folder: Path, quota: int) -> None:
    write(folder, cpu_cfs_quota_us=str(quota), cpu_cfs_period_us="100000")


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("max 100000", PINNED),
        ("100000 100000", 1),
        ("400000 100000", 4),
        ("350000 100000", 3),  # three and a half: a fourth thread would be stopped half the time
        ("20000 100000", 1),
        ("25600000 100000", PINNED),
        ("25000 12500", 2),
        ("unheard of", PINNED),
        ("", PINNED),
    ],
)
def test_the_limit_of_a_container_counts(files: Path, limit: str, expected: int) -> None:
    process(files, "0::/\n", "/ cgroup cgroup2 rw")
    write(files / "cgroup", cpu_max=limit)
    assert processors(files / "self") == expected


def test_the_narrowest_limit_above_a_process_counts(files: Path) -> None:
    process(files, "0::/kubepods/pod1/container\n", "/ cgroup cgroup2 rw")
    write(files / "cgroup/kubepods/pod1/container", cpu_max="max 100000")
    write(files / "cgroup/kubepods/pod1", cpu_max="200000 100000")
    write(files / "cgroup/kubepods", cpu_max="600000 100000")
    assert processors(files / "self") == 2


@pytest.mark.parametrize(("quota", "expected"), [(-1, PINNED), (150_000, 1), (300_000, 3)])
def test_limits_of_version_1_count_too(files: Path, quota: int, expected: int) -> None:
    cgroup = "5:memory:/docker/1f\n4:cpu,cpuacct:/docker/1f\n1:name=systemd:/docker/1f\n"
    process(
        files,
        cgroup,
        "/docker/1f memory cgroup rw,memory",
        "/docker/1f cpu cgroup rw,cpu,cpuacct",
    )
    v1(files / "cpu", quota)
    v1(files / "memory", 100_000)  # not where the kernel looks
    assert processors(files / "self") == expected


def test_a_container_that_shows_its_own_cgroup_as_the_root_is_limited(files: Path) -> None:
    """The path is the host's, and what is mounted shows none of it."""
    process(files, "4:cpu,cpuacct:/docker/1f\n", "/ cpu cgroup rw,cpu,cpuacct")
    v1(files / "cpu", 200_000)
    assert processors(files / "self") == 2
    process(files, "4:cpu,cpuacct:/elsewhere\n", "/docker/1f cpu cgroup rw,cpu,cpuacct")
    assert processors(files / "self") == 2


def test_with_both_versions_the_one_that_limits_counts(files: Path) -> None:
    process(
        files,
        "1:cpu:/a\n0::/b\n",
        "/ cpu cgroup rw,cpu",
        "/ unified cgroup2 rw",
    )
    v1(files / "cpu/a", 500_000)
    write(files / "unified/b", cpu_max="max 100000")
    assert processors(files / "self") == 5


def test_without_cgroups_affinity_alone_counts(files: Path) -> None:
    assert processors(files / "nowhere") == PINNED
    process(files, "nonsense\n", "/ cgroup cgroup2 rw")
    assert processors(files / "self") == PINNED
