"""The tables of the initializers, from the results of `python -m benchmarks.study sweep initializers`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.report.cells import LAWS, NAMES, Content, markdown, number, size_text

Lines = dict[tuple[Any, ...], float]

ITEMSIZE = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2}


def cost_lines(content: Content, isa: str) -> Lines:
    """ns per value by dtype, law, memory, threads, size and library."""
    rows = content[isa]["cost"]["rows"] if isa in content else []
    return {tuple(row[:6]): row[6] for row in rows}


def cost_table(
    content: Content,
    *,
    memory: str,
    threads: str,
    sizes: list[int],
    others: list[str],
    dtypes: tuple[str, ...] = ("float32",),
    laws: Iterable[str] = tuple(LAWS),
) -> str:
    """ns per value of every library, and the bytes per second of fastinit."""
    best, second = cost_lines(content, "avx512"), cost_lines(content, "avx2")
    limit = "fill" if memory == "warm" else "full"
    head = ["", *(["dtype"] if len(dtypes) > 1 else []), "values", f"`{limit}`"]
    head += ["AVX-512", "GB/s", "AVX2", *(NAMES.get(name, name) for name in others)]
    rows = []
    for law in laws:
        for dtype in dtypes:
            for size in sizes:
                case = (dtype, law, memory, threads, size)
                ours = best.get((*case, "fastinit"))
                if ours is None:
                    continue
                cells = [LAWS[law].split(",")[0], *([dtype] if len(dtypes) > 1 else []), size_text(size)]
                cells += [number(best.get((*case, limit))), f"**{number(ours)}**", f"{ITEMSIZE[dtype] / ours:.1f}"]
                cells += [number(second.get((*case, "fastinit")))]
                cells += [number(best.get((*case, name))) for name in others]
                rows.append(cells)
    return markdown(head, rows)


def pages(content: Content) -> str:
    """One core: memory that was there, against memory that is new, with and without huge pages."""
    found = {tuple(row[:4]): (row[4], row[7]) for row in content["avx512"]["pages"]["rows"]}
    into = "normal into numpy.empty"
    head = ["array", "`fill` warm", "`full`, huge pages", "`full`, 4 KB pages", "`normal` warm"]
    head += ["`normal` new", "into `empty`, huge pages", "into `empty`, 4 KB pages"]
    head += ["page faults: new", "`empty`, huge", "`empty`, 4 KB"]
    rows = []
    for megabytes in sorted({key[0] for key in found}):
        case = (megabytes, 1, "one")
        four = (megabytes, 0, "one")
        cells = [_megabytes(megabytes)]
        cells += [number(found[key][0]) for key in ((*case, "fill warm"), (*case, "fill fresh"), (*four, "fill fresh"))]
        normals = [(*case, "normal fresh"), (*case, into), (*four, into)]
        cells += [number(found[key][0]) for key in ((*case, "normal warm"), *normals)]
        cells += [f"{found[key][1]:,}" for key in normals]
        rows.append(cells)
    return markdown(head, rows)


def first_touch(content: Content) -> str:
    """All cores: who touches the pages first."""
    found = {tuple(row[:4]): row[4] for row in content["avx512"]["pages"]["rows"]}
    head = ["array", "pages", "warm", "new, filled by one core", "new, filled by all cores"]
    head += ["touched by one thread, then filled by all"]
    rows = []
    into = "normal into numpy.empty"
    for megabytes in (16, 64, 256, 1024):
        for huge, pages_name in ((1, "2 MB"), (0, "4 KB")):
            cells = [_megabytes(megabytes), pages_name, number(found[megabytes, huge, "all", "normal warm"])]
            cells += [number(found[megabytes, huge, which, into]) for which in ("one", "all")]
            cells.append(number(found[megabytes, huge, "all", f"{into}, touched by one thread"]))
            rows.append(cells)
    return markdown(head, rows)


def _megabytes(megabytes: int) -> str:
    return f"{megabytes} MB" if megabytes < 1024 else f"{megabytes // 1024} GB"


def threads(content: Content) -> str:
    head = ["values", "AVX-512, one thread", "all", "ratio", "AVX2, one thread", "all", "ratio"]
    tables = [{row[0]: row[1:] for row in content[isa]["threads"]["rows"]} for isa in ("avx512", "avx2")]
    rows = []
    for size in tables[0]:
        cells = [size_text(size)]
        for table in tables:
            one, every, speedup = table[size]
            cells += [number(one), number(every), f"{speedup:.2f}x"]
        rows.append(cells)
    return markdown(head, rows)


def bounds(content: Content) -> str:
    head = ["lower, upper", "D", "float32, AVX-512", "", "AVX2", "", "float64, AVX-512", "", "AVX2", ""]
    found = {(isa, *row[:3]): row[4:] for isa in ("avx512", "avx2") for row in content[isa]["bounds"]["rows"]}
    rows = []
    for dtype, lower, upper, probability, *_ in content["avx512"]["bounds"]["rows"]:
        if dtype != "float32":
            continue
        cells = [f"{lower}, {upper}".replace("inf", "∞"), f"{probability:g}"]
        for kind in ("float32", "float64"):
            for isa in ("avx512", "avx2"):
                ns, times = found[isa, kind, lower, upper]
                cells += [number(ns), f"{times:.2f}x"]
        rows.append(cells)
    return markdown(head, rows)


SMALL_TO_LARGE = [1 << k for k in (10, 16, 20, 24, 26)]
MILLIONS = [1 << k for k in (20, 24, 26)]
OTHERS = ["numpy", "scipy", "torch", "jax"]
THREADED = ["numpy", "numpy-threads", "torch", "jax"]

TABLES: dict[str, Callable[[Content], str]] = {
    "warm": lambda c: cost_table(c, memory="warm", threads="one", sizes=SMALL_TO_LARGE, others=OTHERS),
    "fresh": lambda c: cost_table(c, memory="fresh", threads="one", sizes=MILLIONS, others=OTHERS),
    "warm-all": lambda c: cost_table(c, memory="warm", threads="all", sizes=MILLIONS, others=THREADED),
    "fresh-all": lambda c: cost_table(c, memory="fresh", threads="all", sizes=MILLIONS, others=THREADED),
    "dtypes": lambda c: cost_table(
        c,
        memory="warm",
        threads="one",
        sizes=[1 << 20, 1 << 26],
        others=["numpy", "torch", "jax"],
        dtypes=("float64", "float16", "bfloat16"),
    ),
    "mkl": lambda c: cost_table(
        c,
        memory="fresh",
        threads="one",
        sizes=[1 << 16, 1 << 20, 1 << 24],
        others=["numpy", "mkl_random", "torch", "jax"],
        dtypes=("float64",),
        laws=("uniform", "normal"),
    ),
    "pages": pages,
    "first-touch": first_touch,
    "threads": threads,
    "bounds": bounds,
}
