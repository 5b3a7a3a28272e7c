"""What `propagate` measures and what it says of the textbook's cases."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import MLP, activate
from fastinit.forward._activation import PARAMETERS, described
from fastinit.propagation import _plot, _propagate, _traits
from fastinit.propagation._report import judge

SEEDS = range(10)


def normal_of(std: float) -> Callable[..., np.ndarray]:
    return lambda shape, **kwargs: fastinit.normal(shape, std=std, **kwargs)


# The textbook


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("initializer", "activation", "expected"),
    [
        ("zeros", "relu", {"symmetric"}),
        ("ones", "tanh", {"symmetric"}),
        (normal_of(0.01), "relu", {"vanishing"}),
        (normal_of(0.01), "tanh", {"vanishing"}),
        (normal_of(1.0), "relu", {"exploding"}),
        (normal_of(1.0), "tanh", {"saturated", "exploding"}),
        (normal_of(1.0), "sigmoid", {"saturated", "exploding"}),
        ("glorot_normal", "relu", {"vanishing"}),
        ("glorot_normal", "sigmoid", {"vanishing"}),
        ("he_normal", "relu", {"healthy"}),
        ("glorot_normal", "tanh", {"healthy"}),
        ("orthogonal", "linear", {"healthy"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("width", [96, 200])
def test_textbook(initializer: Any, activation: str, expected: set[str], seed: int, width: int) -> None:
    network = [100] + [width] * 20 + [10]
    report = fastinit.propagate(network, initializer=initializer, activation=activation, seed=seed, batch=64)
    assert report.verdict in expected
    if report.verdict == "healthy":
        assert {layer.verdict for layer in report.layers} == {"healthy"}


def test_depth_tells_small_weights_apart() -> None:
    """Small weights are healthy in a shallow network: they vanish by their number."""
    shallow = fastinit.propagate([100, 200, 10], initializer=normal_of(0.05))
    assert shallow.verdict == "healthy"
    assert fastinit.propagate([100] + [200] * 20 + [10], initializer=normal_of(0.05)).verdict == "vanishing"


def test_infinities_explode_without_a_warning() -> None:
    report = fastinit.propagate([64] * 60, initializer=normal_of(1e3), batch=8)
    assert not math.isfinite(report.layers[-1].rms)
    assert report.layers[-1].verdict == "exploding"
    assert report.verdict == "exploding"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_explodes_and_is_not_symmetric(value: float) -> None:
    broken = (np.full((4, 4), value), None, "tanh")
    report = fastinit.propagate([broken, (np.eye(4), None, None)])
    assert [layer.symmetric for layer in report.layers] == [0.0, 0.0]
    assert [layer.verdict for layer in report.layers] == ["exploding", "exploding"]


def test_the_order_of_verdicts() -> None:
    assert judge(1.0, 1.0, 0.0, 0.0) == "healthy"
    assert judge(math.nan, 1.0, 1.0, 0.6) == "symmetric"
    assert judge(math.nan, 1.0, 1.0, 0.0) == judge(1.0, math.inf, 1.0, 0.0) == "exploding"
    assert judge(1.0, 200.0, 0.6, 0.0) == "saturated"
    assert judge(1.0, 200.0, 0.5, 0.5) == judge(101.0, 1e-9, 0.0, 0.0) == "exploding"
    assert judge(1.0, 1e-3, 0.0, 0.0) == judge(1e-3, 1.0, 0.0, 0.0) == "vanishing"


# The statistics


def test_the_statistics_of_a_network_by_hand() -> None:
    x = np.array([[1.0, 2.0], [3.0, -1.0]])
    weight = np.array([[1.0, -1.0, 1.0], [0.0, -2.0, 0.0]])
    bias = np.array([0.5, 0.0, 0.5])
    (layer,) = fastinit.propagate([(weight, bias, "relu")], x, condition=True).layers
    y = np.array([[1.5, 0.0, 1.5], [3.5, 0.0, 3.5]])
    assert (layer.layer, layer.inputs, layer.outputs, layer.activation) == (1, 2, 3, "relu")
    assert layer.mean == pytest.approx(y.mean())
    assert layer.std == pytest.approx(y.std())
    assert layer.rms == pytest.approx(math.sqrt((y**2).mean()))
    assert layer.spread == pytest.approx(math.sqrt((y.std(axis=0) ** 2).mean()))
    assert layer.dead == pytest.approx(1 / 3)
    assert layer.saturated == 0.0
    assert layer.symmetric == pytest.approx(2 / 3)
    assert layer.condition == pytest.approx(np.linalg.cond(weight))
    assert layer.verdict == "symmetric"


def test_saturation() -> None:
    x = np.array([[0.0], [2.0], [3.0], [-4.0]])
    one = np.ones((1, 1))
    for name, share in (("tanh", 0.5), ("sigmoid", 0.0), ("hard_sigmoid", 0.5), ("relu", 0.0), ("relu6", 0.0)):
        assert fastinit.propagate([(one, None, name)], x).layers[0].saturated == share, name
    assert fastinit.propagate([(3 * one, None, "relu6")], x).layers[0].saturated == 0.5


def test_a_unit_is_symmetric_by_weights_and_bias() -> None:
    weight = np.zeros((4, 6))
    weight[0, :2] = 1.0
    distinct = np.arange(6.0)
    x = np.eye(2, 4)
    assert fastinit.propagate([(weight, None, "tanh")], x).layers[0].symmetric == 1.0
    assert fastinit.propagate([(weight, distinct, "tanh")], x).layers[0].symmetric == 0.0
    weight[0, 0] = 2.0
    assert fastinit.propagate([(weight, None, "tanh")], x).layers[0].symmetric == pytest.approx(4 / 6)
    # A zero has no sign here, and dead units are not symmetric ones.
    assert fastinit.propagate([(np.array([[0.0, -0.0]]), None, None)], np.ones((1, 1))).layers[0].symmetric == 1.0
    assert fastinit.propagate([(np.array([[-1.0, -2.0]]), None, "relu")], np.ones((1, 1))).layers[0].symmetric == 0.0


@pytest.mark.parametrize(
    "activation",
    [*PARAMETERS, *((name, p) for name, parameters in PARAMETERS.items() if parameters for p in (0.3, 0.9)),
     ("relu", {"threshold": 0.5, "max_value": 1.5}), ("selu", {"alpha": 0.5, "gamma": 2.0}), ("swish", -1.5),
     ("hard_sigmoid", {"alpha": -0.7, "beta": 0.2}), ("softplus", {"beta": 2.0, "threshold": 1.0}),
     ("threshold", {"threshold": 0.5, "value": 3.0}), ("prelu", np.linspace(-1.0, 2.0, 8))],
    ids=str,
)  # fmt: skip
def test_gradients_are_those_of_finite_differences(activation: Any) -> None:
    name, values = described(activation)
    rng = np.random.default_rng(0)
    z = rng.normal(0.0, 2.0, (50, 8))
    y = activate(z, activation)
    upward = rng.normal(size=y.shape)
    slopes = _traits.slope(name, values, z, y)
    gradient = _traits.pull_back(name, y, slopes, upward)
    h = 1e-6
    for unit in range(z.shape[1]):
        step = np.zeros(z.shape[1])
        step[unit] = h
        difference = (activate(z + step, activation) - activate(z - step, activation)) / (2 * h)
        assert gradient[:, unit] == pytest.approx((difference * upward).sum(axis=1), rel=1e-6, abs=1e-7)


SHRINK = ("hard_shrink", "soft_shrink", "tanh_shrink")


@pytest.mark.parametrize("name", _traits.TRAITS)
def test_traits_far_out(name: str) -> None:
    z = np.array([-1e30, -1e4, -100.0, 100.0, 1e4, 1e30], np.float32)
    y = activate(z, name)
    with np.errstate(all="ignore"):
        slopes = _traits.slope(name, described(name)[1], z, y)
    assert slopes is not None
    assert slopes.dtype == np.float32
    ends = {"linear": 1.0, "leaky_relu": 0.01, "log_sigmoid": 1.0} | dict.fromkeys(SHRINK, 1.0)
    if name not in ("exp", "relu_squared"):
        flat = ends.get(name, 0.0)
        straight = 1.0507009873554805 if name == "selu" else 1.0
        bounded = name in (
            "tanh",
            "sigmoid",
            "hard_sigmoid",
            "softsign",
            "relu6",
            "hard_tanh",
            "sparse_sigmoid",
            "log_sigmoid",
        )
        assert slopes == pytest.approx([flat] * 3 + [0.0 if bounded else straight] * 3, abs=2e-4)


@pytest.mark.parametrize("name", _traits.TRAITS)
def test_nan_has_no_slope(name: str) -> None:
    z = np.array([1.0, math.nan])
    with np.errstate(invalid="ignore"):
        slopes = _traits.slope(name, described(name)[1], z, activate(z, name))
    assert slopes is not None
    assert np.isnan(slopes).tolist() == [False, True]


def test_the_gradient_is_that_of_the_whole_network() -> None:
    rng = np.random.default_rng(1)
    layers = [(rng.normal(size=(5, 7)), rng.normal(size=7), "tanh"), (rng.normal(size=(7, 3)), None, "softmax")]
    x = rng.normal(size=(4, 5))
    report = fastinit.propagate(layers, x, seed=3)
    upward = fastinit.normal((4, 3), 0.0, 1.0, dtype="float64", seed=fastinit.Key(3).child("gradient"))

    def loss(bias: np.ndarray) -> float:
        """Of biases that differ from row to row: their gradient is that at the pre-activations."""
        hidden = np.tanh(x @ layers[0][0] + bias)
        return float((activate(hidden @ layers[1][0], "softmax") * upward).sum())

    gradient = np.empty((4, 7))
    base = np.broadcast_to(layers[0][1], (4, 7)).copy()
    for at in np.ndindex(4, 7):
        step = np.zeros((4, 7))
        step[at] = 1e-5
        gradient[at] = (loss(base + step) - loss(base - step)) / 2e-5
    assert report.layers[0].gradient_rms == pytest.approx(math.sqrt((gradient**2).mean()), rel=1e-6)
    relative = np.linalg.norm(gradient) / np.linalg.norm(upward)
    assert report.layers[0].gradient_norm == pytest.approx(relative, rel=1e-6)


def test_orthogonal_linear_networks_keep_every_norm() -> None:
    report = fastinit.propagate([64] * 30, initializer="orthogonal", activation="linear", condition=True)
    for layer in report.layers:
        assert layer.spread == pytest.approx(report.input_spread, rel=1e-4)
        assert layer.gradient_norm == pytest.approx(1.0, rel=1e-4)
        assert layer.condition == pytest.approx(1.0, rel=1e-4)


def test_a_singular_weight_has_no_condition() -> None:
    assert fastinit.propagate([3, 3], initializer="zeros", condition=True).layers[0].condition == math.inf
    assert fastinit.propagate([3, 3]).layers[0].condition is None


def test_one_row_has_its_size_for_a_spread() -> None:
    report = fastinit.propagate([32, 32, 32], batch=1)
    assert report.layers[0].spread == report.layers[0].rms > 0
    assert report.verdict == "healthy"


# What it takes


def test_widths_layers_and_an_mlp_are_the_same_network() -> None:
    key = fastinit.Key(5)
    layers = [
        (fastinit.he_normal(shape, seed=key.child("layer", number)), None, "gelu")
        for number, shape in enumerate([(20, 30), (30, 10)], 1)
    ]
    wanted = fastinit.propagate([20, 30, 10], activation="gelu", seed=5).to_dict()
    assert fastinit.propagate(layers, seed=5).to_dict() == wanted
    assert fastinit.propagate(tuple(layers), seed=key).to_dict() == wanted
    assert fastinit.propagate(MLP(layers), seed=5).to_dict() == wanted
    x = fastinit.normal((256, 20), 0.0, 1.0, seed=key.child("x"))
    assert fastinit.propagate(layers, x, seed=5).to_dict() == wanted
    assert fastinit.propagate([20, 30, 10], activation="gelu", seed=6).to_dict() != wanted


def test_an_own_initializer_gets_shape_dtype_and_seed() -> None:
    seen = []

    def make(shape: tuple[int, int], **kwargs: Any) -> np.ndarray:
        seen.append((shape, kwargs))
        return fastinit.he_normal(shape, **kwargs)

    fastinit.propagate([3, 4, 5], np.eye(2, 3), initializer=make)
    key = fastinit.Key(0)
    assert seen == [
        ((3, 4), {"dtype": np.dtype("float64"), "seed": key.child("layer", 1)}),
        ((4, 5), {"dtype": np.dtype("float64"), "seed": key.child("layer", 2)}),
    ]


W = np.ones((3, 2), np.float32)


@pytest.mark.parametrize(
    ("network", "kwargs", "error", "words"),
    [
        ("784", {}, TypeError, "an MLP, a list of"),
        (5, {}, TypeError, "an MLP, a list of"),
        ([], {}, ValueError, "at least one layer"),
        ([3], {}, ValueError, "at least two widths"),
        ([3, 0], {}, ValueError, "widths in `network` must be ints >= 1"),
        ([3.0, 2.0], {}, ValueError, "widths in `network` must be ints >= 1"),
        ([3, True], {}, ValueError, "widths in `network` must be ints >= 1"),
        (W, {}, TypeError, r"`network`, the first argument, .* Received: an array of shape \(3, 2\)"),
        ([(W, None, "relu")], {"initializer": "he_normal"}, ValueError, "`initializer` must be left out"),
        ([(W, None, "relu")], {"activation": "relu"}, ValueError, "`activation` must be left out"),
        ([(W, None, "relu")], {"activation": None}, ValueError, "`activation` must be left out"),
        ([(W,)], {}, TypeError, r"layer 1 must be \(weight"),
        ([(W, None, "relu"), (W, None, "relu")], {}, ValueError, "weight of layer 2 must have 2 inputs"),
        ([(W.astype(int), None, "relu")], {}, TypeError, "float32 or float64"),
        ([(W[0], None, "relu")], {}, TypeError, "float32 or float64"),
        ([(W[:0], None, "relu")], {}, ValueError, "at least one input"),
        ([(W, np.ones(3, np.float32), "relu")], {}, ValueError, "bias of layer 1"),
        ([(W, [1.0, 2.0], "relu")], {}, ValueError, "bias of layer 1"),
        ([(W, None, "sine")], {}, ValueError, "an activation must be one of"),
        ([(W, None, ("tanh", 1.0))], {}, ValueError, "takes no parameter"),
        ([3, 2], {"x": np.zeros((1, 3))}, ValueError, "one row that is not zero.* Received: a spread of 0.0"),
        ([3, 2], {"x": np.full((7, 3), 0.1)}, ValueError, "rows that differ.* Received: a spread of 0.0"),
        ([3, 2], {"condition": "no"}, TypeError, "`condition` must be a bool"),
        ([(W, None, "relu"), (np.ones((2, 2)), None, "relu")], {}, TypeError, "dtype of the first"),
        ([3, 2], {"x": np.ones((4, 2))}, ValueError, r"shape \(batch, 3\)"),
        ([3, 2], {"x": np.ones((0, 3))}, ValueError, r"shape \(batch, 3\)"),
        ([3, 2], {"x": np.full((1, 3), np.nan)}, ValueError, "`x` must be finite"),
        ([3, 2], {"x": [["a", "b", "c"]]}, TypeError, "`x` must be an array of real numbers"),
        ([3, 2], {"initializer": "magic"}, ValueError, "initializer's name"),
        ([3, 2], {"initializer": lambda shape, **_: np.ones(shape)}, ValueError, "`initializer` must return"),
        ([3, 2], {"activation": "magic"}, ValueError, "an activation must be one of"),
        ([3, 2], {"batch": 0}, ValueError, "`batch` must be >= 1"),
        ([3, 2], {"seed": -1}, ValueError, "`seed`"),
    ],
)
def test_errors(network: Any, kwargs: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        fastinit.propagate(network, **kwargs)


# What it shows


def test_the_table() -> None:
    report = fastinit.propagate([20, 30, 10], condition=True)
    lines = str(report).split("\n")
    head = "layer units activation mean std rms spread dead saturated symmetric gradient condition verdict"
    assert " ".join(lines[0].split()) == head
    assert [line.split()[1] for line in lines[1:3]] == ["30", "10"]
    assert lines[1].endswith("healthy")
    assert lines[4] == "healthy"
    for word in ("symmetric:", "saturated:", "exploding, vanishing:", "100", "0.01", "50%"):
        assert word in str(report)
    assert "condition" not in str(fastinit.propagate([20, 30, 10]))
    assert repr(report) == "<fastinit.propagation.Report of 2 layers: healthy>"


def test_a_dict_of_columns() -> None:
    columns = fastinit.propagate([20, 30, 10]).to_dict()
    assert columns["layer"] == [1, 2]
    assert columns["verdict"] == ["healthy", "healthy"]
    assert {len(column) for column in columns.values()} == {2}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_after_two_seconds_on_a_terminal(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    fastinit.propagate([5] * 5)
    assert "backward" not in stream.getvalue()
    progress = _propagate.Progress
    monkeypatch.setattr(_propagate, "Progress", lambda stream, after: progress(stream, after=after - 2.0))
    fastinit.propagate([5] * 5)
    assert ("8/8 backward" in stream.getvalue()) == terminal


@pytest.mark.parametrize("initializer", ["he_normal", "zeros", normal_of(1e3)])
def test_the_figure(initializer: Any, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    report = fastinit.propagate([20] + [30] * 40, initializer=initializer)
    figure = report.plot(tmp_path / "signal.png")
    assert (tmp_path / "signal.png").stat().st_size > 10_000
    assert [ax.get_yscale() for ax in figure.axes] == ["log", "log"]
    again = report.plot(figure.axes)
    assert again is figure


def test_a_figure_on_own_axes(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.colors import same_color
    from matplotlib.figure import Figure

    report = fastinit.propagate([20, 30, 30, 10], initializer="zeros")
    for shape, labels in (((1, 2), ["layer", "layer"]), ((2, 1), ["", "layer"])):
        axes = Figure().subplots(*shape)
        report.plot(axes)
        assert [ax.get_xlabel() for ax in axes] == labels
        legend = axes[0].get_legend()
        (healthy,) = legend.get_patches()
        assert not same_color(healthy.get_edgecolor(), healthy.get_facecolor())


def test_markers_are_not_those_beyond_the_scale() -> None:
    assert not set(_plot._MARKERS) & set("v^")


def test_a_figures_file_is_checked(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match="must end in one of"):
        fastinit.propagate([2, 2]).plot(tmp_path / "signal.txt")
    with pytest.raises(ValueError, match="a folder that exists"):
        fastinit.propagate([2, 2]).plot(tmp_path / "no" / "signal.png")


def test_a_figure_needs_two_axes() -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(TypeError, match="`target` must be a path or two matplotlib Axes"):
        fastinit.propagate([2, 2]).plot(3)


def test_a_figure_needs_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"fastinit\[plot\]"):
        fastinit.propagate([2, 2]).plot("signal.png")
