"""Write down what stream, forward pass and populations give: known answers for docs/stream.md, hashes for tests/data.

Run it from the project's root, and only when a new stream version is meant::

    python tools/pin_stream.py

It rewrites the tables of known answers in docs/stream.md and docs/activations.md, the checksum of the coefficients
below the first, and tests/data/stream_hashes.txt, forward_hashes.txt and evolution_hashes.txt. The tests recompute all
of them with the functions below, under every instruction set.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

import fastinit
from fastinit import _kernels

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/stream.md"
ACTIVATIONS_PAGE = ROOT / "docs/activations.md"
HASHES = ROOT / "tests/data/stream_hashes.txt"
FORWARD_HASHES = ROOT / "tests/data/forward_hashes.txt"
EVOLUTION_HASHES = ROOT / "tests/data/evolution_hashes.txt"
TABLES = ROOT / "src/fastinit/csrc/generated/tables.c"

DTYPES = ("float32", "float64", "float16", "bfloat16")

# Calls with {shape} left open, and the shape of the known answers.
CALLS = {
    "uniform({shape}, -1.0, 3.0)": (4,),
    "glorot_uniform({shape})": (4, 1),
    "normal({shape}, 0.5, 2.0)": (4,),
    "he_normal({shape})": (4, 1),
    "truncated_normal({shape}, 0.0, 1.0, -0.5, 0.5)": (4,),
    "truncated_normal({shape}, 0.0, 1.0, -1.0, 3.0)": (4,),
    "truncated_normal({shape}, 0.0, 1.0, 0.0, inf)": (4,),
    "truncated_normal({shape}, 0.0, 1.0, 1.0, 1.000001)": (4,),
    "truncated_normal({shape}, 0.0, 1.0, 5.0, 8.0)": (4,),
    "truncated_normal({shape}, 0.0, 1.0, -40.0, -39.0)": (4,),
    "truncated_normal({shape}, 0.1, 0.3, 0.5, 1.0, bounds='absolute')": (4,),
    "truncated_normal({shape}, 0.7, 3.0, 0.5, 0.75, bounds='absolute')": (4,),
    "sparse({shape}, 0.5)": (4, 1),
    "orthogonal({shape}, 1.5)": (2, 2),
    "orthogonal((3, *{shape}), batch_axis=0, precise=True)": (2, 1),
    "delta_orthogonal((2, *{shape}[::-1]))": (2, 1),
}
HASHED_SHAPE = (97, 53)

# Layers: rows, depth and columns, and an activation; x, weight and bias are normal values under the seeds 0, 1, 2.
LAYERS = [((13, 97, 54 if name in _kernels.GATED_ACTIVATIONS else 53), name) for name in _kernels.ACTIVATIONS]
LAYERS += [
    (size, name) for size in ((1, 5, 3), (1, 390, 70), (29, 390, 70), (250, 20, 9)) for name in ("linear", "relu")
]
# A network: rows, and widths with the activations between them.
NETWORK = (61, [97, "tanh", 53, "gelu", 130, "softmax", 11])
FORWARD_DTYPES = ("float32", "float64")

# The inputs of the known answers of activations, and parameters beside the standard ones.
INPUTS = (-np.inf, -20.0, -1.5, -0.0, 2.0**-20, 0.75, 3.0, 100.0)
ROW = (0.5, -1.25, 3.0, -0.0, 2.75, -20.0, 3.0, 0.001)
FUNCTIONS: list[tuple[str, dict[str, float]]] = [(name, {}) for name in _kernels.ACTIVATIONS]
FUNCTIONS += [
    ("relu", {"negative_slope": 0.25, "max_value": 2.0, "threshold": 0.5}),
    ("selu", {"alpha": 1.5, "gamma": 1.1}),
    ("silu", {"beta": 0.3}),
    ("silu", {"beta": -1e-30}),
    ("hard_sigmoid", {"alpha": 0.2}),
    ("softplus", {"beta": 0.3}),
    ("softplus", {"beta": 1e-30, "threshold": 20.0}),
    ("elu", {"alpha": 0.3}),
    ("celu", {"alpha": 0.3}),
    ("squareplus", {"b": 0.3}),
]

# Populations around a theta of normal values under the seed 0, and their sums, by weights of normal values under the
# seed 2, every seventh of them zero; sigma is a number, or the magnitudes of normal values under the seed 3.
POPULATION, THETA = 24, (97, 53)
EVOLUTION = {
    "perturb, alone": lambda theta, sigma, weights: fastinit.perturb(theta, 0.1, seed=1),
    "perturb": lambda theta, sigma, weights: fastinit.perturb(theta, 0.1, POPULATION, seed=1),
    "perturb, each by its sigma": lambda theta, sigma, weights: fastinit.perturb(theta, sigma, POPULATION, seed=1),
    "perturb, antithetic": lambda theta, sigma, weights: fastinit.perturb(
        theta, sigma, POPULATION, seed=1, antithetic=True
    ),
    "recombine": lambda theta, sigma, weights: fastinit.recombine(weights, theta, seed=1),
    "recombine, antithetic": lambda theta, sigma, weights: fastinit.recombine(weights, theta, seed=1, antithetic=True),
    "recombine, squares": lambda theta, sigma, weights: fastinit.recombine(weights, theta, seed=1, squares=True),
}


def dtypes_of(call: str) -> tuple[str, ...]:
    return (*DTYPES, "complex64", "complex128") if "orthogonal(" in call else DTYPES


def values_of(call: str, dtype: str, seed: int) -> np.ndarray:
    """Make one of the calls above; its text is code of this file or of the pinned table, nothing else."""
    name, arguments = call.split("(", 1)
    code = f"function({arguments.removesuffix(')')}, dtype=dtype, seed=seed)"
    return eval(code, {"function": getattr(fastinit, name), "inf": np.inf, "dtype": dtype, "seed": seed})


def answer(call: str, dtype: str) -> str:
    """The bits of the call's elements in this dtype, under seed 12345."""
    values = values_of(call, dtype, 12345).ravel()
    width = values.real.itemsize  # a complex number is two
    return " ".join(f"{int(x):0{2 * width}x}" for x in values.view(f"u{width}"))


def known_answers() -> str:
    """The table of docs/stream.md."""
    rows = ["| call | dtype | bits |", "|---|---|---|"]
    for template, shape in CALLS.items():
        call = template.format(shape=shape)
        rows += [f"| `{call}` | {dtype} | `{answer(call, dtype)}` |" for dtype in dtypes_of(call)]
    return "\n".join(rows)


def digest(call: str, dtype: str) -> str:
    """BLAKE2b of the bytes of the call's result under seed 1."""
    return hashlib.blake2b(values_of(call, dtype, 1).tobytes(), digest_size=16).hexdigest()


def hashes() -> str:
    """The table of tests/data/stream_hashes.txt."""
    lines = ["# dtype, BLAKE2b-128 of the bytes under seed=1, call; written by tools/pin_stream.py"]
    for template in CALLS:
        call = template.format(shape=HASHED_SHAPE)
        lines += [f"{dtype:<9} {digest(call, dtype)} {call}" for dtype in dtypes_of(call)]
    return "\n".join(lines) + "\n"


def layer_digest(size: tuple[int, int, int], activation: str, dtype: str) -> str:
    """BLAKE2b of the bytes of a dense layer's result."""
    rows, depth, columns = size
    shapes = ((rows, depth), (depth, columns), (columns,))
    arrays = [fastinit.normal(shape, 0.0, 1.0, dtype=dtype, seed=seed) for seed, shape in enumerate(shapes)]
    return hashlib.blake2b(fastinit.dense(*arrays, activation).tobytes(), digest_size=16).hexdigest()


def network_digest(dtype: str) -> str:
    """BLAKE2b of the bytes of the network's result; layer i has the seeds 2 i + 1 and 2 i + 2."""
    rows, steps = NETWORK
    layers = [
        (
            fastinit.lecun_normal((depth, columns), dtype=dtype, seed=2 * i + 1),
            fastinit.normal(columns, 0.0, 1.0, dtype=dtype, seed=2 * i + 2),
            activation,
        )
        for i, (depth, activation, columns) in enumerate(zip(steps[:-2:2], steps[1::2], steps[2::2], strict=True))
    ]
    x = fastinit.normal((rows, steps[0]), 0.0, 1.0, dtype=dtype, seed=0)
    return hashlib.blake2b(fastinit.MLP(layers)(x).tobytes(), digest_size=16).hexdigest()


def activation_answer(name: str, parameters: dict[str, float], dtype: str) -> str:
    """The bits of an activation of the inputs above, which are one row where it takes rows."""
    of_values = name not in _kernels.ROW_ACTIVATIONS | _kernels.GATED_ACTIVATIONS
    x = np.array(INPUTS if of_values else ROW, dtype)
    y = fastinit.activate(x, (name, parameters) if parameters else name)  # type: ignore[arg-type]
    return " ".join(f"{int(word):0{2 * y.itemsize}x}" for word in y.view(f"u{y.itemsize}"))


def activation_answers() -> str:
    """The table of docs/activations.md."""
    rows = [
        f"Of single values, x is {', '.join(f'{x:.17g}' for x in INPUTS)};",
        f"a row is {', '.join(f'{x:.17g}' for x in ROW)}.",
        "",
        "| function | dtype | bits |",
        "|---|---|---|",
    ]
    for name, parameters in FUNCTIONS:
        words = "".join(f", {parameter} = {value:g}" for parameter, value in parameters.items())
        for dtype in FORWARD_DTYPES:
            rows.append(f"| `{name}`{words} | {dtype} | `{activation_answer(name, parameters, dtype)}` |")
    return "\n".join(rows)


def forward_hashes() -> str:
    """The table of tests/data/forward_hashes.txt."""
    lines = ["# dtype, BLAKE2b-128 of the bytes, layer or network; written by tools/pin_stream.py"]
    for dtype in FORWARD_DTYPES:
        lines += [f"{dtype} {layer_digest(size, name, dtype)} {size} {name}" for size, name in LAYERS]
        lines.append(f"{dtype} {network_digest(dtype)} network")
    return "\n".join(lines) + "\n"


def evolution_digest(call: str, dtype: str) -> str:
    """BLAKE2b of the bytes of one of the calls above."""
    theta, weights, sigma = (
        fastinit.normal(shape, 0.0, 1.0, dtype=dtype, seed=seed)
        for shape, seed in ((THETA, 0), ((POPULATION,), 2), (THETA, 3))
    )
    weights[::7] = 0.0
    return hashlib.blake2b(EVOLUTION[call](theta, np.abs(sigma), weights).tobytes(), digest_size=16).hexdigest()


def evolution_hashes() -> str:
    """The table of tests/data/evolution_hashes.txt."""
    lines = ["# dtype, BLAKE2b-128 of the bytes, call; written by tools/pin_stream.py"]
    for dtype in FORWARD_DTYPES:
        lines += [f"{dtype} {evolution_digest(call, dtype)} {call}" for call in EVOLUTION]
    return "\n".join(lines) + "\n"


def tables_checksum() -> str:
    return hashlib.sha256(TABLES.read_bytes()).hexdigest()


def main() -> None:
    page = PAGE.read_text()
    before, rest = page.split("<!-- known answers -->\n", 1)
    _, after = rest.split("<!-- end -->\n", 1)
    checksum = f"SHA-256 of `src/fastinit/csrc/generated/tables.c`: `{tables_checksum()}`."
    PAGE.write_text(f"{before}<!-- known answers -->\n{known_answers()}\n\n{checksum}\n<!-- end -->\n{after}")
    page = ACTIVATIONS_PAGE.read_text()
    before, rest = page.split("<!-- known answers -->\n", 1)
    _, after = rest.split("<!-- end -->\n", 1)
    ACTIVATIONS_PAGE.write_text(f"{before}<!-- known answers -->\n{activation_answers()}\n<!-- end -->\n{after}")
    HASHES.write_text(hashes())
    FORWARD_HASHES.write_text(forward_hashes())
    EVOLUTION_HASHES.write_text(evolution_hashes())
    print(f"wrote {PAGE}, {HASHES}, {FORWARD_HASHES} and {EVOLUTION_HASHES}")


if __name__ == "__main__":
    main()
