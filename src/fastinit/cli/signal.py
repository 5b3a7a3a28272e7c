"""What `python -m fastinit signal` does: initializations side by side, by the signals they let through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from numpy.typing import NDArray

from .._terminal import table
from ..forward import Activation
from ..initializers import get
from ..propagation import propagate
from ..propagation._plot import draw, require_file, require_matplotlib
from ..propagation._report import HEALTHY, Report, number

# What the numbers after an initializer's name are, as in normal:0.01.
_PARAMETERS = {
    "constant": ("value",),
    "identity": ("gain",),
    "normal": ("std",),
    "orthogonal": ("gain",),
    "sparse": ("sparsity", "std"),
    "truncated_normal": ("std",),
    "uniform": ("low", "high"),
    "variance_scaling": ("scale",),
}
_NEEDING = ("constant", "sparse")  # have no default


def parse_widths(text: str) -> list[int]:
    """The widths of "784,512x20,10": 784, twenty times 512, and 10."""
    widths: list[int] = []
    for part in text.split(","):
        width, times, count = part.strip().partition("x")
        if not (_is_count(width) and (not times or _is_count(count))):
            raise _bad_widths(text)
        widths += [int(width)] * (int(count) if times else 1)
        if len(widths) > 10_000:
            raise _bad_widths(text)
    if len(widths) < 2:
        raise _bad_widths(text)
    return widths


def _is_count(text: str) -> bool:
    return text.isdecimal() and len(text) <= 6 and int(text) > 0


def parse_activation(text: str) -> Activation:
    """ "relu", or "leaky_relu:0.2" with a parameter."""
    name, colon, parameter = text.partition(":")
    return cast(Activation, (name, _number(text, parameter)) if colon else name)  # whoever takes it checks it


def parse_scheme(text: str) -> Callable[..., NDArray[Any]]:
    """The initializer of "he_normal", "normal:0.01" or "uniform:0:1"."""
    name, *numbers = text.strip().split(":")
    function, names = get(name), _PARAMETERS.get(name, ())
    if len(numbers) > len(names) or (name in _NEEDING and not numbers):
        raise _bad_scheme(text, names)
    values: dict[str, Any] = {key: _number(text, value) for key, value in zip(names, numbers, strict=False)}
    return partial(function, **values)


def _number(text: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise _bad_scheme_number(text) from None


def run(
    widths: str, activation: str, schemes: str, *, batch: int = 256, seed: int = 0, plot: str | None = None
) -> dict[str, Report]:
    """Print a table of every scheme's signal, draw it if a file is named, and return the reports.

    Parameters
    ----------
    widths, activation, schemes : str
        As on the command line: "784,512x20,10", "relu", "he_normal,normal:0.01".
    batch, seed : int
        Of `propagate`.
    plot : str, optional
        The file to draw.

    Raises
    ------
    TypeError, ValueError
        If a text cannot be read or names nothing, or the figure's file cannot be written; before anything
        is computed or printed.
    ImportError
        If a figure is wanted and there is no matplotlib.
    """
    sizes, function = parse_widths(widths), parse_activation(activation)
    if plot is not None:
        require_matplotlib()
        require_file(plot)
    makers: dict[str, Callable[..., NDArray[Any]]] = {}
    for text in schemes.split(","):
        name = text.strip()
        if name in makers:
            raise _repeated_scheme(name)
        makers[name] = parse_scheme(name)
    reports = {
        name: propagate(sizes, initializer=maker, activation=function, seed=seed, batch=batch)
        for name, maker in makers.items()
    }
    title = f"{widths}, {activation}"
    print(f"Network {title}; {batch} rows, seed {seed}\n")
    print(
        table(
            [["initializer", "spread: first", "middle", "last", "gradient: first", "middle", "last", "  verdict"]]
            + [_row(name, report) for name, report in reports.items()]
        )
    )
    print(
        "\nspread: std of a unit over the batch; gradient: RMS at the pre-activations. "
        "In Python, print(fastinit.propagate(...)) has all layers."
    )
    if plot is not None:
        draw(reports, HEALTHY, plot, f"Network {title}")
        print(f"\nFigure: {plot}")
    return reports


def _row(name: str, report: Report) -> list[str]:
    layers = report.layers
    chosen: Sequence[Any] = (layers[0], layers[len(layers) // 2], layers[-1])
    spreads, gradients = [number(r.spread) for r in chosen], [number(r.gradient_rms) for r in chosen]
    return [name, *spreads, *gradients, f"  {report.verdict}"]


def _bad_widths(text: str) -> ValueError:
    return ValueError(
        f"`widths` must be two or more sizes such as 784,512x20,10, and at most 10000 of up to six digits. "
        f"Received: {text}"
    )


def _bad_scheme(text: str, names: Sequence[str]) -> ValueError:
    name = text.partition(":")[0]
    wanted = ":".join((name, *names)) if names else f"{name}, without a number"
    return ValueError(f"an initializer must be given as {wanted}. Received: {text}")


def _repeated_scheme(text: str) -> ValueError:
    return ValueError(f"`init` must name every initializer once. Received: {text} twice")


def _bad_scheme_number(text: str) -> ValueError:
    return ValueError(f"what stands between colons must be a number. Received: {text}")
