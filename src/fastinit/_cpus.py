"""How many processors this process may use."""

from __future__ import annotations

import functools
import math
import os
from pathlib import Path


def usable_cpus() -> int:
    """The processors of the affinity mask, or fewer if a control group's quota says so."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(affinity, _quota()))


@functools.cache
def _quota() -> int:
    """The tightest processor quota of the control groups above this process, rounded up."""
    quotas = [quota for folder in _control_groups() for quota in (_version2(folder), _version1(folder)) if quota]
    return min((math.ceil(quota) for quota in quotas), default=1 << 30)


def _control_groups() -> list[Path]:
    """The folders that may hold a quota: those of the process's own groups and all above them."""
    folders: list[Path] = []
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return folders
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = Path("/sys/fs/cgroup") / controllers
        folder = root / path.lstrip("/")
        folders += [folder, *(parent for parent in folder.parents if parent.is_relative_to(root))]
    return folders


def _version2(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _version1(folder: Path) -> float | None:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        return None if quota <= 0 else quota / int((folder / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None
