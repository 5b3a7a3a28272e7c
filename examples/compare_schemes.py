"""Train small networks from every textbook initialization, and check what the textbooks say of them.

Run it from the project's root::

    pip install '.[examples]' && python examples/compare_schemes.py

It trains networks of 64 units a layer on scikit-learn's digits (1797 images of 8 x 8, nothing is
downloaded), for every scheme, activation and depth, with several seeds and learning rates, and writes

    docs/choosing/schemes.csv     accuracy and epochs to 90 % of every combination
    docs/choosing/schemes.svg     the accuracies as a figure
    docs/choosing.md              its tables, between the lines that say so

in about seven minutes on two free cores. ``--quick`` trains a few of them in seconds and writes nothing to docs.

The networks are plain NumPy around two calls of fastinit: an initializer, and `dense`. All seeds and rates
of a combination are stacked along a leading axis and trained together.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, fields
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from time import monotonic

import numpy as np

import fastinit

DOCS = Path(__file__).resolve().parent.parent / "docs"

WIDTH, CLASSES = 64, 10
BATCH, MOMENTUM = 64, 0.9
RATES = (0.003, 0.02, 0.1)
ACTIVATIONS = ("relu", "leaky_relu", "tanh", "sigmoid")
DEPTHS = (2, 8, 20)
SLOPE = 0.01  # of leaky_relu

Array = np.ndarray
Maker = Callable[..., Array]


def article(shape: tuple[int, int], seed: fastinit.Key) -> Array:
    """ "He-et-al" of one article: randn * (sqrt(6 / n_in) + sqrt(6 / n_out))."""
    return fastinit.normal(shape, std=(6 / shape[0]) ** 0.5 + (6 / shape[1]) ** 0.5, seed=seed)


SCHEMES: dict[str, Maker | None] = {
    "zeros": fastinit.zeros,
    "zeros, random biases": fastinit.zeros,
    "ones": fastinit.ones,
    "normal x 0.01": lambda shape, seed: fastinit.normal(shape, std=0.01, seed=seed),
    "normal x 1": lambda shape, seed: fastinit.normal(shape, std=1.0, seed=seed),
    "uniform [0, 1)": lambda shape, seed: fastinit.uniform(shape, 0.0, 1.0, seed=seed),
    "normal x (√(6/in) + √(6/out))": article,
    "glorot_normal": fastinit.glorot_normal,
    "glorot_uniform": fastinit.glorot_uniform,
    "he_normal": fastinit.he_normal,
    "he_uniform = ±√(6/in)": fastinit.he_uniform,
    "lecun_normal": fastinit.lecun_normal,
    "orthogonal": fastinit.get("orthogonal"),
    "orthogonal x gain": None,  # needs the activation
    "identity": fastinit.identity,
    "lsuv": None,  # needs the data
}


@dataclass(frozen=True)
class Result:
    """What one combination came to, at the best of the learning rates by its accuracy in training."""

    scheme: str
    activation: str
    depth: int
    rate: float
    accuracy: float  # on the test images, mean over the seeds
    accuracy_std: float
    epochs_to_90: float | None  # on the test images, median over the seeds; None if more than half never come there
    verdict: str  # of fastinit.propagate, before training


def digits() -> tuple[Array, Array, Array, Array]:
    """Standardized images and labels: 1437 to train with, 360 to test."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise SystemExit("this example needs scikit-learn: pip install 'fastinit[examples]'") from None
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order], labels[order]
    train, test = images[:1437], images[1437:]
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[std == 0] = 1.0
    x, x_test = ((part - mean) / std for part in (train, test))
    return x.astype(np.float32), labels[:1437], x_test.astype(np.float32), labels[1437:]


def initial(scheme: str, activation: str, depth: int, seed: int, x: Array) -> list[list[Array]]:
    """[weight, bias] of every layer: `depth` hidden ones and the output."""
    key = fastinit.Key(seed).child("compare")
    widths = [x.shape[1]] + [WIDTH] * depth + [CLASSES]
    biases = [np.zeros(n, np.float32) for n in widths[1:]]
    if scheme == "lsuv":
        weights = [layer[0] for layer in fastinit.lsuv(widths, x[:256], activation=activation, seed=key).layers]
    else:
        shapes = pairwise(widths)
        maker = SCHEMES[scheme] or partial(fastinit.get("orthogonal"), gain=fastinit.gain(activation))
        weights = [maker(shape, seed=key.child("weight", i)) for i, shape in enumerate(shapes)]
    if scheme == "zeros, random biases":
        biases = [fastinit.normal(b.shape, std=1.0, seed=key.child("bias", i)) for i, b in enumerate(biases)]
    return [list(pair) for pair in zip(weights, biases, strict=True)]


def forward(layers: list[list[Array]], x: Array, activation: str) -> list[Array]:
    """The input and the outputs of all layers; the last is linear."""
    outputs = [x]
    for weight, bias in layers[:-1]:
        outputs.append(fastinit.dense(outputs[-1], weight, bias, activation, threads=1))
    outputs.append(fastinit.dense(outputs[-1], *layers[-1], threads=1))
    return outputs


def slope(y: Array, activation: str) -> Array:
    """The activation's derivative where its value is y."""
    if activation == "tanh":
        return 1 - y * y
    if activation == "sigmoid":
        return y * (1 - y)
    return np.where(y > 0, np.float32(1), np.float32(SLOPE if activation == "leaky_relu" else 0))


def gradients(layers: list[list[Array]], outputs: list[Array], labels: Array, activation: str) -> list[list[Array]]:
    """Of the mean cross-entropy, by every weight and bias."""
    logits = outputs[-1] - outputs[-1].max(axis=-1, keepdims=True)
    error = np.exp(logits)
    error /= error.sum(axis=-1, keepdims=True)
    error[:, np.arange(len(labels)), labels] -= 1
    error /= len(labels)
    result = []
    for i in range(len(layers) - 1, -1, -1):
        result.append([np.swapaxes(outputs[i], -1, -2) @ error, error.sum(axis=-2)])
        if i:
            error = (error @ np.swapaxes(layers[i][0], -1, -2)) * slope(outputs[i], activation)
    return result[::-1]


def accuracies(layers: list[list[Array]], x: Array, labels: Array, activation: str) -> Array:
    """Of every stacked network. One that has come to NaN says 0 to all images."""
    return (forward(layers, x, activation)[-1].argmax(axis=-1) == labels).mean(axis=-1)


def train(
    scheme: str, activation: str, depth: int, seeds: int, epochs: int, data: tuple[Array, Array, Array, Array]
) -> Result:
    """Train the networks of one combination, all seeds and rates together."""
    x, labels, x_test, labels_test = data
    starts = [initial(scheme, activation, depth, seed, x) for seed in range(seeds)]
    names = [activation] * depth + [None]
    verdict = fastinit.propagate(
        [(weight, bias, name) for (weight, bias), name in zip(starts[0], names, strict=True)], x[:256]
    ).verdict

    # Network seed * rates + rate is that of this seed and this rate.
    rates = np.tile(np.array(RATES, np.float32), seeds)
    layers = [
        [np.repeat(np.stack([start[i][kind] for start in starts]), len(RATES), axis=0) for kind in (0, 1)]
        for i in range(depth + 1)
    ]
    steps = [[np.zeros_like(array) for array in pair] for pair in layers]
    order = np.random.default_rng(1)
    history = []
    with np.errstate(all="ignore"):  # schemes that overflow are part of the comparison
        for _ in range(epochs):
            shuffled = order.permutation(len(x))
            for start in range(0, len(x) - BATCH + 1, BATCH):
                rows = shuffled[start : start + BATCH]
                outputs = forward(layers, x[rows], activation)
                found = gradients(layers, outputs, labels[rows], activation)
                for pair, step_pair, gradient_pair in zip(layers, steps, found, strict=True):
                    for array, step, gradient in zip(pair, step_pair, gradient_pair, strict=True):
                        step *= MOMENTUM
                        step -= rates.reshape(-1, *[1] * (array.ndim - 1)) * gradient
                        array += step
            history.append(accuracies(layers, x_test, labels_test, activation))
        in_training = accuracies(layers, x, labels, activation).reshape(seeds, len(RATES)).mean(axis=0)

    best = int(in_training.argmax())
    by_epoch = np.array(history).reshape(epochs, seeds, len(RATES))[:, :, best]
    reached = [next((e for e, a in enumerate(run, 1) if a >= 0.9), np.inf) for run in by_epoch.T]
    median = statistics.median(reached)
    return Result(
        scheme,
        activation,
        depth,
        RATES[best],
        float(by_epoch[-1].mean()),
        float(by_epoch[-1].std()),
        None if median == np.inf else float(median),
        verdict,
    )


def show_progress(done: int, of: int, start: float) -> None:
    if sys.stderr.isatty():
        filled = 40 * done // of
        end = "\n" if done == of else ""
        bar = f"{'#' * filled}{'.' * (40 - filled)}"
        print(f"\r{bar} {done}/{of} {monotonic() - start:.0f} s", end=end, file=sys.stderr)


def compare(
    schemes: Iterable[str], activations: Iterable[str], depths: Iterable[int], seeds: int, epochs: int, jobs: int
) -> list[Result]:
    """Train every combination, in so many processes, the deepest first; the order of the result is fixed."""
    data = digits()
    wanted = list(product(schemes, activations, depths))
    start = monotonic()
    results: dict[tuple[str, str, int], Result] = {}
    with ProcessPoolExecutor(jobs) as pool:
        tasks = {
            pool.submit(train, *combination, seeds, epochs, data): combination
            for combination in sorted(wanted, key=lambda combination: -combination[2])
        }
        for task in as_completed(tasks):
            results[tasks[task]] = task.result()
            show_progress(len(results), len(wanted), start)
    return [results[combination] for combination in wanted]


# What is written


def write_csv(results: list[Result], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Result)], lineterminator="\n")
        writer.writeheader()
        for result in results:
            row = asdict(result)
            row["accuracy"], row["accuracy_std"] = f"{result.accuracy:.4f}", f"{result.accuracy_std:.4f}"
            writer.writerow(row)


def read_csv(path: Path) -> list[Result]:
    with path.open(newline="") as file:
        return [
            Result(
                row["scheme"],
                row["activation"],
                int(row["depth"]),
                float(row["rate"]),
                float(row["accuracy"]),
                float(row["accuracy_std"]),
                float(row["epochs_to_90"]) if row["epochs_to_90"] else None,
                row["verdict"],
            )
            for row in csv.DictReader(file)
        ]


def draw(results: list[Result], path: Path) -> None:
    """The accuracies as a table in colours that are told apart by their brightness."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise SystemExit("this example needs matplotlib: pip install 'fastinit[examples]'") from None
    matplotlib.rcParams["svg.hashsalt"] = "fastinit"  # the same file from the same figures
    schemes = list(dict.fromkeys(r.scheme for r in results))
    columns = sorted({(ACTIVATIONS.index(r.activation), r.depth) for r in results})
    values = np.full((len(schemes), len(columns)), np.nan)
    for r in results:
        values[schemes.index(r.scheme), columns.index((ACTIVATIONS.index(r.activation), r.depth))] = 100 * r.accuracy
    figure = Figure(figsize=(9.5, 0.42 * len(schemes) + 1.9), layout="constrained")
    ax = figure.subplots()
    image = ax.imshow(values, cmap="cividis", vmin=0, vmax=100, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        ax.text(column, row, f"{value:.0f}", ha="center", va="center", color="white" if value < 55 else "black")
    ax.set_yticks(range(len(schemes)), schemes)
    ax.set_xticks(range(len(columns)), [str(depth) for _, depth in columns])
    ax.set_xlabel("hidden layers")
    ax.tick_params(length=0)
    groups: dict[int, list[int]] = {}
    for position, (activation, _) in enumerate(columns):
        groups.setdefault(activation, []).append(position)
    for activation, positions in groups.items():
        ax.text(statistics.mean(positions), -0.7, ACTIVATIONS[activation], ha="center", va="bottom", fontweight="bold")
        if positions[-1] < len(columns) - 1:
            ax.axvline(positions[-1] + 0.5, color="white", linewidth=4)
    ax.set_yticks(np.arange(0.5, len(schemes) - 1), minor=True)
    ax.grid(which="minor", axis="y", color="white", linewidth=1)
    ax.tick_params(which="minor", length=0)
    ax.spines[:].set_visible(False)
    figure.suptitle("Digits: accuracy on the test images in %, mean over the seeds")
    figure.colorbar(image, ax=ax, fraction=0.03, pad=0.02)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=150)


def cell(result: Result) -> str:
    epochs = "never" if result.epochs_to_90 is None else f"{result.epochs_to_90:g}"
    return f"{100 * result.accuracy:.1f} ± {100 * result.accuracy_std:.1f} ({epochs})"


def tables(results: list[Result]) -> str:
    """A table for each activation."""
    text = []
    for activation in dict.fromkeys(r.activation for r in results):
        part = [r for r in results if r.activation == activation]
        depths = sorted({r.depth for r in part})
        text += [
            f"### {activation}\n",
            "| scheme | " + " | ".join(f"{depth} hidden layers" for depth in depths) + " |",
            "|---|" + "---|" * len(depths),
        ]
        for scheme in dict.fromkeys(r.scheme for r in part):
            row = {r.depth: cell(r) for r in part if r.scheme == scheme}
            text.append(f"| {scheme} | " + " | ".join(row[depth] for depth in depths) + " |")
        text.append("")
    return "\n".join(text)


def predictions(results: list[Result]) -> str:
    """How what `propagate` says before training goes with what training comes to."""
    text = ["| verdict before training | combinations | reach 90 % | mean accuracy |", "|---|---|---|---|"]
    for verdict in ("healthy", "vanishing", "saturated", "exploding", "symmetric"):
        part = [r for r in results if r.verdict == verdict]
        if part:
            share = sum(r.epochs_to_90 is not None for r in part) / len(part)
            mean = statistics.mean(r.accuracy for r in part)
            text.append(f"| {verdict} | {len(part)} | {share:.0%} | {100 * mean:.0f} % |")
    return "\n".join(text) + "\n"


def best(results: list[Result]) -> str:
    """The schemes that are as good as the best, by activation and depth."""
    text = ["| activation | hidden layers | best | as good within its ± (at least 0.5 points) |", "|---|---|---|---|"]
    for activation, depth in dict.fromkeys((r.activation, r.depth) for r in results):
        part = [r for r in results if (r.activation, r.depth) == (activation, depth)]
        top = max(part, key=lambda r: r.accuracy)
        margin = max(0.005, top.accuracy_std)
        others = [r.scheme for r in part if r is not top and r.accuracy >= top.accuracy - margin]
        text.append(
            f"| {activation} | {depth} | {top.scheme}, {100 * top.accuracy:.1f} % | {', '.join(others) or '-'} |"
        )
    return "\n".join(text) + "\n"


def claims(results: list[Result]) -> str:
    """What the articles say, what was measured, and whether that agrees."""
    found = {(r.scheme, r.activation, r.depth): r for r in results}
    shallow, deep = DEPTHS[0], DEPTHS[-1]

    def percent(scheme: str, activation: str, depth: int) -> float:
        return 100 * found[scheme, activation, depth].accuracy

    def listed(scheme: str, activations: Iterable[str], depths: Iterable[int] = DEPTHS) -> str:
        return "; ".join(f"{a} {' / '.join(f'{percent(scheme, a, d):.0f}' for d in depths)} %" for a in activations)

    def most(scheme: str) -> float:
        return max(percent(scheme, a, d) for a in ACTIVATIONS for d in DEPTHS)

    def answer(*parts: bool) -> str:
        return "yes" if all(parts) else "in part" if any(parts) else "no"

    relus, curved = ("relu", "leaky_relu"), ("tanh", "sigmoid")
    he, glorot = "he_normal", "glorot_normal"
    formula, wide, small = "normal x (√(6/in) + √(6/out))", "normal x 1", "normal x 0.01"
    he_gain = [percent(he, "relu", d) - percent(glorot, "relu", d) for d in DEPTHS]
    very_deep = fastinit.propagate([WIDTH] * 101, initializer="he_normal").layers[-1]
    optimum = {d: max(r.accuracy for r in results if r.depth == d) for d in DEPTHS}
    share = {d: statistics.mean(r.accuracy > optimum[d] - 0.05 for r in results if r.depth == d) for d in DEPTHS}
    rows = [
        (
            "With zero weights the network learns nothing (all articles)",
            f"at most {most('zeros'):.0f} % anywhere",
            answer(most("zeros") < 50),
        ),
        (
            "... and non-zero random biases do not change that: the units stay identical",
            listed("zeros, random biases", ("relu", "tanh"), DEPTHS),
            answer(
                percent("zeros, random biases", "tanh", shallow) < 50,
                percent("zeros, random biases", "tanh", deep) < 50,
            ),
        ),
        (
            "Ones prevent units from learning the same, with much better accuracy than zeros",
            f"at most {most('ones'):.0f} % anywhere; verdict {found['ones', 'relu', shallow].verdict}",
            answer(most("ones") > 80),
        ),
        (
            "Small random weights (x 0.01) break the symmetry",
            f"{shallow} layers: {listed(small, ACTIVATIONS, [shallow])}",
            answer(*(percent(small, a, shallow) > 80 for a in ACTIVATIONS)),
        ),
        (
            "... but vanish in a deep network",
            f"{deep} layers: {listed(small, ACTIVATIONS, [deep])}",
            answer(*(percent(small, a, deep) < 50 for a in ACTIVATIONS)),
        ),
        (
            "Uniform weights in [0, 1) may keep the network from converging",
            listed("uniform [0, 1)", ("relu", "tanh")),
            answer(*(percent("uniform [0, 1)", a, d) < 80 for a in ("relu", "tanh") for d in DEPTHS)),
        ),
        (
            "Too large weights (x 1) saturate tanh and sigmoid and slow them down",
            f"{listed(wide, curved)}; Xavier: {listed(glorot, curved)}",
            answer(*(percent(wide, a, d) < percent(glorot, a, d) - 1 for a in curved for d in DEPTHS)),
        ),
        (
            "... and matter less to ReLU",
            listed(wide, relus),
            answer(*(percent(wide, "relu", d) > percent(wide, "tanh", d) for d in DEPTHS)),
        ),
        (
            "Xavier suits tanh",
            listed(glorot, ["tanh"]),
            answer(*(percent(glorot, "tanh", d) > 90 for d in DEPTHS)),
        ),
        (
            "Xavier suits sigmoid",
            listed(glorot, ["sigmoid"]),
            answer(*(percent(glorot, "sigmoid", d) > 90 for d in DEPTHS)),
        ),
        (
            "Xavier is not suitable for ReLU and leaky ReLU",
            listed(glorot, relus),
            answer(*(percent(glorot, "relu", d) < 80 for d in DEPTHS)),
        ),
        (
            "He beats Xavier with ReLU",
            " / ".join(f"{gain:+.1f}" for gain in he_gain) + " points",
            answer(*(gain > 1 for gain in he_gain)),
        ),
        (
            "He initialization may explode in very deep networks",
            f"100 layers: signal {very_deep.spread:.2g} of the input's 1, {very_deep.verdict}",
            answer(very_deep.verdict == "exploding"),
        ),
        (
            '"He" as randn x (√(6/n_in) + √(6/n_out)) is a good start',
            listed(formula, ("relu", "tanh")),
            answer(*(percent(formula, "relu", d) > percent(he, "relu", d) - 2 for d in DEPTHS)),
        ),
        (
            "Orthogonal weights keep signals from vanishing and exploding",
            listed("orthogonal", ACTIVATIONS),
            answer(*(percent("orthogonal", a, deep) > 90 for a in ACTIVATIONS)),
        ),
        (
            "The start matters little: the optimizer finds a good minimum anyway",
            f"within 5 points of the best: {' / '.join(f'{share[d]:.0%}' for d in DEPTHS)} of the combinations",
            answer(*(share[d] > 0.8 for d in DEPTHS)),
        ),
    ]
    text = ["| claim | measured | holds |", "|---|---|---|"]
    text += [f"| {claim} | {measured} | **{verdict}** |" for claim, measured, verdict in rows]
    return "\n".join(text) + "\n"


def write_page(results: list[Result], seeds: int, epochs: int, path: Path) -> None:
    """Put the tables into the page, each between the two lines of its name."""
    setting = (
        f"Digits, {WIDTH} units a layer, SGD with momentum {MOMENTUM}, batches of {BATCH}, {epochs} epochs, "
        f"{seeds} seeds, the best of the rates {', '.join(map(str, RATES))} by the accuracy in training; "
        f"fastinit {fastinit.__version__}.\n"
    )
    parts = {
        "setting": setting,
        "claims": claims(results),
        "best": best(results),
        "predictions": predictions(results),
        "tables": tables(results),
    }
    text = path.read_text()
    for name, content in parts.items():
        begin, end = f"<!-- {name}: written by examples/compare_schemes.py -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{content.rstrip()}\n\n{end}{after}"
    path.write_text(text)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train small networks from every textbook initialization.")
    parser.add_argument("--quick", action="store_true", help="a few combinations, in seconds, printed only")
    parser.add_argument("--seeds", type=int, default=5, help="networks of each combination (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=25, help="(default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    parser.add_argument("--redraw", action="store_true", help="write figure and page again from schemes.csv")
    options = parser.parse_args(arguments)
    table = DOCS / "choosing" / "schemes.csv"
    if options.quick:
        chosen = ("zeros", "normal x 0.01", "glorot_normal", "he_normal", "lsuv")
        print(tables(compare(chosen, ("relu", "tanh"), (2, 8), 2, 5, options.jobs)))
        return
    if not options.redraw:
        results = compare(SCHEMES, ACTIVATIONS, DEPTHS, options.seeds, options.epochs, options.jobs)
        write_csv(results, table)
    results = read_csv(table)  # rounded, so that a figure redrawn is the same
    draw(results, table.with_suffix(".svg"))
    write_page(results, options.seeds, options.epochs, DOCS / "choosing.md")
    print(claims(results))


if __name__ == "__main__":
    main()
