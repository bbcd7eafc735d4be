"""How many processors this process may use: what it is pinned to, and what its container is given.

A container limited to one processor still sees all of its host's. A thread for each of them would
be stopped most of the time, and the others would wait for it.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

_PROCESS = Path("/proc/self")


def processors(process: Path = _PROCESS) -> int:
    """Processors that this process may use: its affinity, and on Linux its cgroups' quotas too.

    A quota is rounded down, and is one at least: a thread for the fraction would hold up all others
    whenever it is stopped.

    Args:
        process: where Linux tells of the process.
    """
    if sys.platform != "linux":
        return os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0))
    return max(1, min([allowed, *map(int, _quotas(process))]))


class _Mount(NamedTuple):
    """Where the files of a hierarchy of cgroups are.

    Attributes:
        version: 1 or 2.
        root: the cgroup that is shown at ``folder``.
    """

    version: int
    root: PurePosixPath
    folder: Path


def _quotas(process: Path) -> Iterator[float]:
    """Processors that each cgroup above this process has; nothing for those without a limit.

    See cgroups(7), and in the kernel's documentation admin-guide/cgroup-v2 and
    scheduler/sched-bwc.
    """
    try:
        cgroups = dict(_cgroups((process / "cgroup").read_text()))
        mounts = list(_mounts((process / "mountinfo").read_text()))
    except (OSError, ValueError):  # not mounted, or unlike anything documented
        return
    for mount in mounts:
        if mount.version not in cgroups:
            continue
        for folder in _upwards(mount, cgroups[mount.version]):
            try:
                quota = _quota_v2(folder) if mount.version == 2 else _quota_v1(folder)
            except (ValueError, ZeroDivisionError):
                continue
            if quota is not None:
                yield quota


def _cgroups(text: str) -> Iterator[tuple[int, PurePosixPath]]:
    """Of ``/proc/self/cgroup``: version 2's cgroup, and version 1's that limits processors."""
    for line in text.splitlines():
        hierarchy, controllers, path = line.split(":", 2)
        if hierarchy == "0" and not controllers:
            yield 2, PurePosixPath(path)
        elif "cpu" in controllers.split(","):
            yield 1, PurePosixPath(path)


def _mounts(text: str) -> Iterator[_Mount]:
    """Of ``/proc/self/mountinfo``: the hierarchies that may limit processors."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        root, folder = before.split()[3:5]
        kind, _, options = after.split()[:3]
        if kind == "cgroup2" or (kind == "cgroup" and "cpu" in options.split(",")):
            version = 2 if kind == "cgroup2" else 1
            yield _Mount(version, PurePosixPath(root), Path(folder))


def _upwards(mount: _Mount, cgroup: PurePosixPath) -> Iterator[Path]:
    """The folders of a cgroup and those above it, as far as they are shown here."""
    inside = PurePosixPath()
    if cgroup.is_relative_to(mount.root):  # else a container without a namespace of its own
        inside = cgroup.relative_to(mount.root)
    for part in (inside, *inside.parents):
        yield mount.folder / part


def _quota_v2(folder: Path) -> float | None:
    text = _read(folder / "cpu.max")
    if text is None or text.startswith("max"):
        return None
    quota, period = map(int, text.split())
    return quota / period


def _quota_v1(folder: Path) -> float | None:
    quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    if quota is None or period is None or int(quota) < 0:
        return None
    return int(quota) / int(period)


def _read(file: Path) -> str | None:
    """What a file of the kernel's says; None where there is no such file, as in a root cgroup."""
    try:
        return file.read_text().strip() or None
    except OSError:
        return None
