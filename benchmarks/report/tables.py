"""Write the tables of docs/performance.md anew from the results in benchmarks/results/.

    python benchmarks/tables.py benchmarks/results/<version>-<machine>

Each table stands between two comments, `<!-- table: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import must_show
from plot import DOCS, LAWS, size_text

Content = dict[str, dict[str, Any]]  # of the result files, by what they are of
Lines = dict[tuple[Any, ...], float]

ITEMSIZE = {"float32": 4, "float64": 8, "float16": 2, "bfloat16": 2}
NAMES = {
    "numpy": "NumPy",
    "numpy-threads": "NumPy, in threads",
    "scipy": "SciPy",
    "torch": "PyTorch",
    "jax": "JAX",
    "onnxruntime": "ONNX Runtime",
    "numpy qr": "NumPy qr",
    "numpy qr, stacked": "NumPy qr, one call",
    "scipy qr float32": "SciPy qr float32",
    "scipy ortho_group": "SciPy `ortho_group`",
}
P99_FROM = 100  # samples; of fewer, the 99th percentile would be the largest


def markdown(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def number(value: float | None) -> str:
    """About three digits."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def machine(content: Content) -> str:
    facts = content["must-show"]["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in content["must-show"]["libraries"].items())
    virtual = "a virtual machine with " if facts.get("virtual") else ""
    return (
        f"{facts['processor']}, family {facts.get('family')}, model {facts.get('model')} "
        f"({facts.get('microarchitecture') or 'unknown'}); {virtual}{facts['cpus']} processors, "
        f"{facts.get('memory_gb')} GB of memory, caches {facts.get('l1')} + {facts.get('l2')} a core and "
        f"{facts.get('l3')} shared; {facts['system']}, transparent huge pages: {facts.get('transparent_hugepages')}; "
        f"Python {content['must-show']['python']}, {versions}; fastinit {content['must-show']['fastinit']}, "
        f"measured on {content['must-show']['date']}."
    )


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


# ---- the forward pass, from sweep_forward.py ----


def forward_rows(content: Content, section: str, keys: int) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows of a section by their first columns: the instruction set, the case and the library."""
    table = content["forward"][section]
    return {tuple(row[:keys]): dict(zip(table["columns"], row, strict=True)) for row in table["rows"]}


def cases(rows: dict[tuple[Any, ...], Any]) -> list[tuple[Any, ...]]:
    """What stands between the instruction set and the library."""
    return list(dict.fromkeys(key[1:-1] for key in rows))


def fastest_in_bold(texts: list[str], values: list[float | None]) -> list[str]:
    """The cells of one row, that of the least value in bold, and equals to the shown digits."""
    best = texts[min((value, i) for i, value in enumerate(values) if value is not None)[1]].split(" / ")[0]
    return [f"**{text}**" if text.split(" / ")[0] == best else text for text in texts]


def latency(row: dict[str, Any] | None) -> str:
    """Median and 99th percentile in µs."""
    if row is None:
        return "-"
    p99 = number(row["p99_ns"] / 1e3) if row["samples"] >= P99_FROM else "-"
    return f"{number(row['median_ns'] / 1e3)} / {p99}"


def share(row: dict[str, Any] | None) -> str:
    return "-" if row is None else f"{100 * row['gflops'] / row['peak_gflops']:.0f} %"


def latency_table(content: Content, section: str, head: list[str], keys: int) -> str:
    """Latencies of every library, with the rate and its share of the fma peak where they were reckoned."""
    rows = forward_rows(content, section, keys)
    others = [name for name in dict.fromkeys(key[-1] for key in rows) if name != "fastinit"]
    with_rates = "gflops" in content["forward"][section]["columns"]
    head = [*head, "AVX-512", *(NAMES.get(name, name) for name in others), "AVX2"]
    head += ["AVX-512, GF/s", "of peak", "AVX2, of peak"] if with_rates else []
    lines = []
    for case in cases(rows):
        found = [rows.get(("avx512", *case, library)) for library in ("fastinit", *others)]
        texts = [latency(row) for row in found]
        cells = [*map(str, case), *fastest_in_bold(texts, [row and row["median_ns"] for row in found])]
        second = rows.get(("avx2", *case, "fastinit"))
        cells.append(latency(second))
        if with_rates and found[0]:
            cells += [number(found[0]["gflops"]), share(found[0]), share(second)]
        lines.append(cells)
    return markdown(head, lines)


def activate(content: Content) -> str:
    """ns per value."""
    rows = forward_rows(content, "activate", 3)
    lines = []
    for (name,) in cases(rows):
        keys = [("avx512", name, library) for library in ("fastinit", "numpy", "torch")]
        values = [rows[key]["median_ns"] / rows[key]["values"] if key in rows else None for key in keys]
        second = rows.get(("avx2", name, "fastinit"))
        cells = fastest_in_bold([_hundredths(value) for value in values], values)
        lines.append([f"`{name}`", *cells, _hundredths(second and second["median_ns"] / second["values"])])
    return markdown(["", "AVX-512", "NumPy, SciPy", "PyTorch", "AVX2"], lines)


def _hundredths(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def orthogonal(content: Content) -> str:
    """ms, with max |Q'Q - I| in parentheses."""
    rows = forward_rows(content, "orthogonal", 3)
    hidden = ("fastinit", "fastinit precise", "limit")
    others = [name for name in dict.fromkeys(key[-1] for key in rows) if name not in hidden]

    def cell(row: dict[str, Any] | None) -> str:
        return "-" if row is None else f"{_ms(row['ms'])} ({row['error']:.0e})".replace("e-0", "e-")

    lines = []
    for (shape,) in cases(rows):
        ours, precise, limit = (rows.get(("avx512", shape, name)) for name in hidden)
        if ours is None:
            continue
        found = [ours, *(rows.get(("avx512", shape, name)) for name in others)]
        texts = fastest_in_bold([cell(row) for row in found], [row and row["ms"] for row in found])
        times = number(ours["ms"] / limit["ms"]) + "x" if limit else "-"
        second = cell(rows.get(("avx2", shape, "fastinit")))
        lines.append([shape, _ms(limit["ms"]) if limit else "-", texts[0], times, cell(precise), second, *texts[1:]])
    head = [
        "",
        "limit",
        "AVX-512",
        "of the limit",
        "`precise=True`",
        "AVX2",
        *(NAMES.get(name, name) for name in others),
    ]
    return markdown(head, lines)


def _ms(value: float) -> str:
    return f"{value:.2g}" if value < 0.1 else number(value)


def tables() -> dict[str, Callable[[Content], str]]:
    small_to_large = [1 << k for k in (10, 16, 20, 24, 26)]
    large = [1 << k for k in (20, 24, 26)]
    others = ["numpy", "scipy", "torch", "jax"]
    dtypes = ("float64", "float16", "bfloat16")
    threaded = ["numpy", "numpy-threads", "torch", "jax"]
    return {
        "machine": machine,
        "must-show": lambda c: must_show.table(c["must-show"]["must_show"]["rows"]),
        "warm": lambda c: cost_table(c, memory="warm", threads="one", sizes=small_to_large, others=others),
        "fresh": lambda c: cost_table(c, memory="fresh", threads="one", sizes=large, others=others),
        "warm-all": lambda c: cost_table(c, memory="warm", threads="all", sizes=large, others=threaded),
        "fresh-all": lambda c: cost_table(c, memory="fresh", threads="all", sizes=large, others=threaded),
        "dtypes": lambda c: cost_table(
            c, memory="warm", threads="one", sizes=[1 << 20, 1 << 26], others=["numpy", "torch", "jax"], dtypes=dtypes
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
        "dense": lambda c: latency_table(c, "dense", ["rows x in x out", "activation"], 4),
        "mlp": lambda c: latency_table(c, "mlp", ["network", "rows", "activation"], 5),
        "population": lambda c: latency_table(c, "population", ["rows each"], 3),
        "activate": activate,
        "orthogonal": orthogonal,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the tables of docs/performance.md anew from the results.")
    parser.add_argument("results", type=Path, help="what the names of the result files begin with")
    parser.add_argument("--page", type=Path, default=DOCS / "performance.md")
    parser.add_argument("--skip", nargs="+", default=[], choices=list(tables()), help="tables to leave as they are")
    options = parser.parse_args()
    folder, stem = options.results.parent, options.results.name
    content = {
        file.stem.removeprefix(f"{stem}-"): json.loads(file.read_text()) for file in folder.glob(f"{stem}-*.json")
    }
    page = options.page.read_text()
    for name, make in tables().items():
        if name in options.skip:
            continue
        pattern = re.compile(rf"(<!-- table: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(page):
            raise SystemExit(f"{options.page.name} has no place for the table {name!r}")
        page = pattern.sub(rf"\g<1>{make(content)}\n\g<2>", page)
    options.page.write_text(page)


if __name__ == "__main__":
    main()
