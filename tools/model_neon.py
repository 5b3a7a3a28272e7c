"""Cycles of the NEON kernels' inner loops, as LLVM models processors that are not at hand: python tools/model_neon.py

Compiles the kernels for aarch64 (aarch64-linux-gnu-gcc), takes of each kernel below the innermost loop that does the
most vector work (of a sampler all that do much: one may make the words and another what becomes of them), and asks
llvm-mca (version 19 or newer knows Neoverse V2) how many cycles a turn takes when it goes round for ever and all lies
in the first-level cache. A model, and no measurement: no cache misses, no start and no end.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from pathlib import Path

CSRC = Path(__file__).resolve().parents[1] / "src/fastinit/csrc"
FLAGS = ["-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden", "-w"]

# A kernel's function and title, and for samplers the words of a value.
SAMPLERS = {
    "fill_uniform_f32": ("uniform, float32", 1),
    "fill_symmetric_f32": ("normal, float32", 1),
    "fill_symmetric_f64": ("normal, float64", 2),
    "fill_symmetric_bf16": ("normal, bfloat16", 1),
}
PRODUCT = "tiles_8_1_32", "product, tile of 8 x 12"
ACTIVATIONS = ("exp", "tanh", "sigmoid", "gelu")
MUCH = 60  # vector instructions
PRODUCTS = 19  # multiplications of four words: two a round, and two blocks in a row share those of the first


def assembly(compiler: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "neon.s")
        subprocess.run([compiler, *FLAGS, f"-I{CSRC}", "-S", CSRC / "isa/neon.c", "-o", target], check=True)
        return target.read_text().splitlines()


def body_of(function: str, lines: list[str]) -> list[str]:
    first = lines.index(f"{function}:")
    return lines[first : next(i for i in range(first, len(lines)) if lines[i].startswith(f"\t.size\t{function}"))]


def loops(body: list[str]) -> list[list[str]]:
    """The instructions of each loop that has no other within."""
    place = {line[:-1]: i for i, line in enumerate(body) if line.startswith(".L") and line.endswith(":")}
    found = []
    for end, line in enumerate(body):
        jump = re.match(r"\t(?:b\.?\w+|cbn?z|tbn?z)\s.*?(\.L\d+)$", line)
        if jump and place.get(jump[1], end) < end:
            found.append((place[jump[1]], end))
    inner = [(a, b) for a, b in found if not any(a <= c and d <= b and (a, b) != (c, d) for c, d in found)]
    return [[text for text in body[a : b + 1] if re.match(r"\t[a-z]", text)] for a, b in inner]


def vector_work(loop: list[str]) -> int:
    return sum(bool(re.search(r"\bv\d+\.|\bq\d+", line)) for line in loop)


def stored(loop: list[str]) -> int:
    """Values of float32 that go to memory, but not to the stack."""
    stores = [line for line in loop if re.match(r"\tst(r|p|ur)\t", line) and "[sp" not in line]
    return sum(4 * len(re.findall(r"\bq\d+", line)) for line in stores)


def words(loop: list[str]) -> int:
    """Of Philox: two products of 32 bits an instruction."""
    return round(4 * 2 * sum(line.startswith("\tumull") for line in loop) / PRODUCTS)


def cycles(loop: list[str], processor: str, mca: str) -> float:
    command = [mca, "-march=aarch64", f"-mcpu={processor}", "-iterations=200"]
    said = subprocess.run(command, input="\n".join(loop), capture_output=True, text=True, check=True).stdout
    found = re.search(r"Total Cycles: +(\d+)", said)
    assert found, said
    return int(found[1]) / 200


def main() -> None:
    parser = argparse.ArgumentParser(description="Modelled cycles of the NEON kernels.")
    parser.add_argument("--compiler", default="aarch64-linux-gnu-gcc")
    parser.add_argument("--mca", default="llvm-mca-19")
    parser.add_argument("--processors", nargs="+", default=["neoverse-n2", "neoverse-v1", "neoverse-v2"])
    options = parser.parse_args()
    lines = assembly(options.compiler)

    def row(title: str, unit: str, chosen: list[list[str]], count: float) -> None:
        turns = [sum(cycles(loop, processor, options.mca) for loop in chosen) for processor in options.processors]
        cells = [f"{turn / count:.2f}" if unit.endswith("value") else f"{count / turn:.1f}" for turn in turns]
        print(f"| {title} | {unit} | " + " | ".join(cells) + " |")

    print("| kernel | unit | " + " | ".join(options.processors) + " |")
    print("|---|---|" + "---:|" * len(options.processors))
    for function, (title, words_of_value) in SAMPLERS.items():
        chosen = [loop for loop in loops(body_of(function, lines)) if vector_work(loop) >= MUCH]
        row(title, "cycles a value", chosen, sum(map(words, chosen)) / words_of_value)
    function, title = PRODUCT
    loop = max(loops(body_of(function, lines)), key=vector_work)
    row(title, "multiply-adds a cycle", [loop], 4 * sum(line.startswith("\tfmla") for line in loop))
    for name in ACTIVATIONS:
        loop = max(loops(body_of(f"activate_{name}32", lines)), key=vector_work)
        row(f"`{name}`", "cycles a value", [loop], stored(loop))


if __name__ == "__main__":
    main()
