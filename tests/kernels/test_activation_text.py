"""docs/activations.md is run as a program, and gives the known answers: nothing stands between its lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oracle.stream import fma32, fma64
from oracle.tables import ACTIVATIONS

PAGE = Path(__file__).resolve().parents[2] / "docs/activations.md"
if not PAGE.exists():
    pytest.skip("the documents are not here", allow_module_level=True)
TEXT = PAGE.read_text()

# Each function of a block, and what its paragraph leaves to the parameters.
BLOCKS: list[tuple[str, dict[str, float]]] = [
    ("exp", {}), ("tanh", {}), ("tanh_shrink", {}), ("sigmoid", {}), ("quick_gelu", {}), ("gelu_tanh", {}),
    ("gelu", {}), ("mish", {}), ("softplus", {"beta": 1.0, "threshold": np.inf}), ("softplus", {"beta": 0.3}),
    ("softplus", {"beta": 1e-30, "threshold": 20.0}), ("silu", {"beta": 0.3}), ("silu", {"beta": -1e-30}),
    ("squareplus", {"b": 4.0}), ("squareplus", {"b": 0.3}),
]  # fmt: skip
TOKEN = re.compile(r"\s*(0x[\da-f.]+p-?\d+|0x[\dA-Fa-f]+|\d+(?:\.\d+)?|[A-Za-z_]\w*'?|>>|<<|.)")


class Integer:
    """An unsigned integer of the width."""

    def __init__(self, value: int, width: int) -> None:
        self.value, self.width = value % 2**width, width

    def with_(self, other: Any, result: Callable[[int, int], int]) -> Integer:
        return Integer(result(self.value, other.value if isinstance(other, Integer) else int(other)), self.width)


class Program:
    """The page's blocks in one width."""

    def __init__(self, bits: int) -> None:
        self.bits, single = bits, bits == 32
        self.real: Any = np.float32 if single else np.float64
        self.fma = fma32 if single else fma64
        self.constants: dict[str, Any] = {}
        for names, *columns in re.findall(r"^\| ([A-Z][A-Z, ]+) \| (.+?) \| (.+?) \|$", TEXT, re.MULTILINE):
            for name, value in zip(names.split(", "), columns[not single].split(", "), strict=True):
                self.constants[name] = float.fromhex(value) if "0x" in value else float(value)
        self.pieces = self.read_pieces()

    def read_pieces(self) -> dict[str, tuple[list[str], list[str]]]:
        """Arguments and lines of split, expm1, quotient, gated, and of the three ways to multiply by 2^n."""
        found = {}
        for name, arguments, rest in re.findall(r"\*\*(\w+)\(([^)]*)\)\*\*([\s\S]*?\n\n(?:    .*\n)+)", TEXT):
            block = rest.partition("\n\n")[2]
            found[name] = arguments.split(", "), block.splitlines()
        for name, arguments, body in re.findall(r"^    (\w+)\((y, N)\):((?:.*\n)(?: {17}.*\n)*)", TEXT, re.MULTILINE):
            found[name] = arguments.split(", "), body.splitlines()
        del found["power"]  # the block behind it is not its own
        return found

    def block(self, name: str) -> list[str]:
        _, _, rest = TEXT.partition(f"\n**{name}**")[2].partition("\n\n")
        assert rest.startswith("    "), name
        lines = re.match(r"(?:    .*\n)+", rest)
        assert lines
        return lines[0].splitlines()

    def run(self, lines: list[str], names: dict[str, Any]) -> Any:
        value: Any = None
        for line in lines:
            text, aside, of_widths = line.strip().partition("  C = ")
            if aside:
                names["C"] = self.real(float(of_widths.split(", ")[self.bits == 64]))
            for statement in re.split(r";\s+", text.strip()):
                targets, _, expression = statement.rpartition(" = ")
                value = self.evaluate(expression, names)
                if targets:
                    several = targets.split(", ")
                    values = value if len(several) > 1 else [value]
                    names.update(zip(several, values, strict=True))
        return value

    # ---- expressions ----

    def evaluate(self, text: str, names: dict[str, Any]) -> Any:
        self.tokens, self.names = TOKEN.findall(text.strip()), names
        value = self.choice()
        assert not self.tokens, (text, self.tokens)
        return value

    def next(self, *wanted: str) -> str | None:
        if self.tokens and self.tokens[0] in wanted:
            return self.tokens.pop(0)
        return None

    def choice(self) -> Any:
        value = self.comparison()
        if self.next("?"):
            yes = self.choice()
            assert self.next(":")
            no = self.choice()
            return yes if value else no
        return value

    def comparison(self) -> Any:
        value = self.shifted()
        return bool(value < self.shifted()) if self.next("<") else value

    def shifted(self) -> Any:
        value = self.sum()
        while operator := self.next(">>", "<<"):
            n = int(self.sum())
            value = value.with_(n, (lambda a, b: a >> b) if operator == ">>" else (lambda a, b: a << b))
        return value

    def sum(self) -> Any:
        value = self.product()
        while operator := self.next("+", "-"):
            other = self.product()
            if isinstance(value, Integer):
                value = value.with_(other, (lambda a, b: a + b) if operator == "+" else (lambda a, b: a - b))
            else:
                value = value + other if operator == "+" else value - other
        return value

    def product(self) -> Any:
        value = self.negated()
        while operator := self.next("*", "/"):
            other = self.negated()
            if isinstance(other, Integer):
                value = other.with_(value, lambda a, b: a * b)
            else:
                value = value * other if operator == "*" else value / other
        return value

    def negated(self) -> Any:
        return -self.negated() if self.next("-") else self.primary()

    def primary(self) -> Any:
        if self.next("("):
            value = self.choice()
            assert self.next(")")
        elif self.next("|"):
            value = abs(self.choice())
            assert self.next("|")
        else:
            token = self.tokens.pop(0)
            if token[0].isdigit():
                return self.real(float.fromhex(token) if "0x" in token else float(token))
            if self.next("("):
                arguments: list[Any] = []
                while not self.next(")"):
                    arguments.append(self.choice())
                    self.next(",")
                return self.call(token, arguments)
            value = self.name(token)
            if self.next("["):
                value = value[int(self.choice())]
                assert self.next("]")
        return value

    def name(self, token: str) -> Any:
        if token in self.names:
            return self.names[token]
        if token in self.constants:
            return self.real(self.constants[token])
        return [self.real(value) for value in ACTIVATIONS[f"{token}{self.bits}"]]

    def call(self, name: str, arguments: list[Any]) -> Any:
        if name in self.pieces:
            kept = self.tokens, self.names
            parameters, lines = self.pieces[name]
            value = self.run(lines, dict(zip(parameters, arguments, strict=True)))
            if name == "split":
                value = self.names["rest"], self.names["N"]
            elif name == "expm1":
                value = self.names["high"], self.names["more"]
            self.tokens, self.names = kept
            return value
        if name == "power":
            bits = int(arguments[0].value) << int(self.constants["SHIFT"])
            unsigned: Any = np.uint32 if self.bits == 32 else np.uint64
            return np.array(bits % 2**self.bits, unsigned).view(self.real)[()]
        return getattr(self, f"of_{name}")(*arguments)

    def of_fma(self, a: Any, b: Any, c: Any) -> Any:
        return self.fma(np.atleast_1d(a), np.atleast_1d(b), np.atleast_1d(c))[0]

    def of_bits(self, a: Any) -> Integer:
        return Integer(int(np.array(a).view(np.uint32 if self.bits == 32 else np.uint64)), self.bits)

    def of_min(self, a: Any, b: Any) -> Any:
        return a if a < b else b

    def of_max(self, a: Any, b: Any) -> Any:
        return a if a > b else b

    def of_signed(self, a: Any, x: Any) -> Any:
        return -a if np.signbit(x) else a

    def of_sqrt(self, a: Any) -> Any:
        return np.sqrt(a)

    def of_vanished(self, x: Any) -> Any:
        return self.of_min(self.real(1), self.of_max(self.real(-1), x)) * self.real(0)

    def of_horner(self, table: list[Any], x: Any) -> Any:
        r = table[-1]
        for coefficient in table[-2::-1]:
            r = self.of_fma(r, x, coefficient)
        return r

    def of_a_mills(self, a: Any) -> Any:
        if self.bits == 64:
            return (a * self.estrin(self.name("mills_p"), a)) / self.estrin(self.name("mills_q"), a)
        word = self.of_bits(a + self.real(1)).value
        column = (word >> 22) % 8
        t = np.array((word & 0x003FFFFF) | 0x3F800000, np.uint32).view(np.float32)[()] - self.real(1.25)
        r = self.real(ACTIVATIONS["mills_rows32"][7][column])
        for j in range(6, -1, -1):
            r = self.of_fma(r, t, self.real(ACTIVATIONS["mills_rows32"][j][column]))
        return a * r

    def estrin(self, parts: list[Any], x: Any) -> Any:
        while len(parts) > 1:
            pairs = [self.of_fma(b, x, a) for a, b in zip(parts[::2], parts[1::2], strict=False)]
            parts, x = pairs + parts[2 * len(pairs) :], x * x
        return parts[0]


def answers(name: str, parameters: dict[str, float], dtype: str) -> list[int]:
    words = "".join(f", {parameter} = {value:g}" for parameter, value in parameters.items())
    row = re.search(rf"^\| `{name}`{re.escape(words)} \| {dtype} \| `(.+)` \|$", TEXT, re.MULTILINE)
    assert row, (name, words)
    return [int(word, 16) for word in row[1].split()]


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize(("name", "parameters"), BLOCKS, ids=str)
def test_the_blocks_give_the_known_answers(name: str, parameters: dict[str, float], bits: int) -> None:
    program = Program(bits)
    given = re.search(r"Of single values, x is (.+?);", TEXT)
    assert given
    standard = name in ("softplus", "squareplus") and parameters in (
        {"beta": 1.0, "threshold": np.inf}, {"b": 4.0},
    )  # fmt: skip
    expected = answers(name, {} if standard else parameters, f"float{bits}")
    lines = program.block(name)
    with np.errstate(all="ignore"):
        for text, word in zip(given[1].split(", "), expected, strict=True):
            program.names = {}
            table = program.name
            names: dict[str, Any] = {"x": program.real(float(text))}
            names |= {word: program.real(value) for word, value in parameters.items()}
            if name == "softplus":
                names.setdefault("threshold", program.real(np.inf))
                lone = names["beta"] == 1 and names["threshold"] == np.inf
                names["END"] = program.real(program.constants["LOWEST" if lone else "DEEPEST"])
            if name == "gelu_tanh":
                names |= {"L": table("gelu_tanh_linear"), "C": table("gelu_tanh_cubic")}
                names["G"] = program.real(11 if bits == 32 else 22)
            found = program.run(lines, names)
            assert program.of_bits(found).value == word, (name, text)
