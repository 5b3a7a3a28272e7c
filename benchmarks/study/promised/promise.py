"""What a promise is: two ways to do a thing, and how their times shall compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.types import Job

# Our job, made and checked, and what makes the other's: a comparison of two builds of fastinit does without.
Pair = tuple[Job, Callable[[], Job]]


@dataclass(frozen=True)
class Promise:
    """One row of the table of promises.

    Attributes
    ----------
    what : str
        The row's text, by which it is found again.
    ours : str
        What our job is; rows with the same `ours` and `cores` have the same job.
    build : callable
        Makes both jobs, in the process that measures them.
    at_least, at_most : float, optional
        How many times faster ours is at least, or how many times the other's time it takes at most: one of the two.
        Where AVX-512 is to be had.
    avx2 : float, optional
        The same under AVX2, where that is promised, too.
    values : int
        How many values a job makes: times are then shown per value.
    calls : int
        How many calls a job consists of.
    own : str, optional
        What the other job is, where that is one of fastinit's, too.
    cores : {"one", "all"}
        One core that the process is pinned to, or all.
    needs : str, optional
        The package that the other job needs.
    longer : float
        How many times longer than others it is measured.
    """

    what: str
    ours: str
    build: Callable[[], Pair]
    at_least: float | None = None
    at_most: float | None = None
    avx2: float | None = None
    values: int = 1
    calls: int = 1
    own: str | None = None
    cores: str = "one"
    needs: str | None = None
    longer: float = 1.0

    @property
    def faster(self) -> bool:
        """Whether the figure is how many times faster ours is, and not how many times the other's time it takes."""
        return self.at_least is not None

    def promised(self, isa: str) -> float | None:
        """The figure that is promised under this instruction set, if any is."""
        first = self.at_least if self.at_most is None else self.at_most
        return {"avx512": first, "avx2": self.avx2}.get(isa)

    def kept(self, isa: str, measured: float) -> bool | None:
        """Whether the promise is kept; None where there is none."""
        promised = self.promised(isa)
        if promised is None:
            return None
        return measured >= promised if self.faster else measured <= promised

    def row(self, isa: str, measured: float, ours_ns: float, other_ns: float) -> list[Any]:
        """What is kept of a measurement, in the order of COLUMNS."""
        per = "value" if self.values > 1 else "call"
        verdict = self.promised(isa), self.faster, self.kept(isa, measured)
        return [isa, self.what, measured, *verdict, ours_ns, other_ns, per]


COLUMNS = ["isa", "what", "measured", "promised", "faster", "kept", "ours_ns", "other_ns", "per"]
KEYS = 2
