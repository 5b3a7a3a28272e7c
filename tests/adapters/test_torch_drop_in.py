"""fastinit.torch where torch.nn.init stood: names, signatures, distributions, layouts, seeds."""

from __future__ import annotations

import inspect
import math
import threading
import warnings
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed")

import fastinit
import fastinit.torch as init
from fastinit import schemes

DEPRECATED = [name for name in torch.nn.init.__all__ if f"{name}_" in torch.nn.init.__all__]
NEW = [name for name in torch.nn.init.__all__ if name not in DEPRECATED]

# Every function that draws, with what it needs beside a tensor, and a shape it takes.
DRAWING: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "uniform_": ({}, (40, 30)),
    "normal_": ({}, (40, 30)),
    "trunc_normal_": ({}, (40, 30)),
    "xavier_uniform_": ({}, (40, 30)),
    "xavier_normal_": ({}, (40, 30)),
    "kaiming_uniform_": ({}, (40, 30)),
    "kaiming_normal_": ({}, (40, 30)),
    "orthogonal_": ({}, (40, 30)),
    "sparse_": ({"sparsity": 0.3}, (40, 30)),
    "truncated_normal_": ({}, (40, 30)),
    "variance_scaling_": ({}, (40, 30)),
    "he_normal_": ({}, (40, 30)),
    "he_uniform_": ({}, (40, 30)),
    "glorot_normal_": ({}, (40, 30)),
    "glorot_uniform_": ({}, (40, 30)),
    "lecun_normal_": ({}, (40, 30)),
    "lecun_uniform_": ({}, (40, 30)),
    "delta_orthogonal_": ({}, (40, 30, 3)),
    "gpt2_residual_": ({"layers": 3}, (40, 30)),
    "small_init_": ({"dim": 8}, (40, 30)),
    "wang_init_": ({"dim": 8, "layers": 2}, (40, 30)),
    "t5_": ({}, (40, 30)),
    "fixup_": ({"branches": 2}, (40, 30)),
    "siren_": ({}, (40, 30)),
    "mup_": ({"base_shape": (20, 10)}, (40, 30)),
}
STILL = {"constant_", "ones_", "zeros_", "eye_", "dirac_", "zero_hadamard_"}


def test_every_name_of_torch_nn_init_is_here() -> None:
    assert set(torch.nn.init.__all__) <= set(init.__all__)
    for name in torch.nn.init.__all__:
        assert callable(getattr(init, name))


def test_everything_of_fastinit_that_draws_is_here() -> None:
    aliases = {"identity": "eye_", "kaiming_normal": "he_normal_", "xavier_normal": "glorot_normal_"}
    names = set(fastinit.initializers.__all__) - {"fans", "get", "initialize"}
    names |= {n for n in schemes.__all__ if "common" in inspect.signature(getattr(schemes, n)).parameters}
    for name in names:
        assert aliases.get(name, f"{name}_") in init.__all__, name


def test_the_tables_of_this_file_hold_every_function() -> None:
    in_place = {name for name in init.__all__ if name.endswith("_")}
    assert in_place >= {*DRAWING, *STILL}
    assert {name for name in in_place if "tensor" in inspect.signature(getattr(init, name)).parameters} == {
        *DRAWING,
        *STILL,
    }


@pytest.mark.parametrize("name", NEW)
def test_signatures_begin_with_torchs(name: str) -> None:
    theirs = inspect.signature(getattr(torch.nn.init, name)).parameters
    ours = inspect.signature(getattr(init, name)).parameters
    for (their_name, their), (our_name, our) in zip(theirs.items(), ours.items(), strict=False):
        assert (our_name, our.default, our.kind) == (their_name, their.default, their.kind)
    added = [parameter for parameter_name, parameter in ours.items() if parameter_name not in theirs]
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in added)


@pytest.mark.parametrize("name", DEPRECATED)
def test_the_deprecated_names_warn_and_work(name: str) -> None:
    arguments: dict[str, Any] = {"constant": {"val": 2.0}, "sparse": {"sparsity": 0.5}}.get(name, {})
    shape = (4, 3, 3) if name == "dirac" else (4, 3)
    if name not in ("constant", "eye", "dirac"):
        arguments = {**arguments, "seed": 1}
    with pytest.warns(FutureWarning, match=f"`{name}` is deprecated in favor of `{name}_`"):
        made = getattr(init, name)(torch.empty(shape), **arguments)
    assert torch.equal(made, getattr(init, f"{name}_")(torch.empty(shape), **arguments))


# Distributions: torch's, by moments and by Kolmogorov and Smirnov's distance


def ks(sample: Any, distribution: Any) -> float:
    return float(stats.kstest(sample.detach().double().flatten().numpy(), distribution.cdf).pvalue)


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-3.0, 0.5), (2.0, 2.0)])
def test_uniform(bounds: tuple[float, float]) -> None:
    a, b = bounds
    w = init.uniform_(torch.empty(300, 100), a, b, seed=0)
    if a == b:
        assert (w == a).all()
    else:
        assert bool((w >= a).all() and (w < b).all())
        assert ks(w, stats.uniform(a, b - a)) > 1e-3


@pytest.mark.parametrize("law", [(0.0, 1.0), (2.0, 0.1)])
def test_normal(law: tuple[float, float]) -> None:
    w = init.normal_(torch.empty(300, 100), *law, seed=0)
    assert ks(w, stats.norm(*law)) > 1e-3
    assert (init.normal_(torch.empty(5), 3.0, 0.0, seed=0) == 3.0).all()


@pytest.mark.parametrize(
    "law",
    [
        (0.0, 1.0, -2.0, 2.0),
        (0.0, 0.02, -2.0, 2.0),
        (0.0, 1.0, -0.5, 3.0),
        (5.0, 1.0, 8.0, 9.0),
        (0.0, 1.0, 0.0, math.inf),
    ],
)
def test_trunc_normal_has_absolute_bounds(law: tuple[float, ...]) -> None:
    mean, std, a, b = law
    w = init.trunc_normal_(torch.empty(300, 100), mean, std, a, b, seed=0)
    assert bool((w >= a).all() and (w <= b).all())
    assert ks(w, stats.truncnorm((a - mean) / std, (b - mean) / std, mean, std)) > 1e-3


def test_trunc_normal_keeps_inside_its_bounds_where_the_way_back_would_round_out() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        mean, std = float(rng.normal()), float(rng.uniform(0.01, 3))
        a = mean + std * float(rng.uniform(-1e-3, 1e-3))
        b = float(np.nextafter(a, np.inf)) if rng.random() < 0.5 else a + float(rng.uniform(0, 1e-12))
        w = init.trunc_normal_(torch.empty(50, dtype=torch.float64), mean, std, a, b, seed=0)
        assert bool((w >= a).all() and (w <= b).all()), (mean, std, a, b)


@pytest.mark.parametrize("shape", [(200, 100), (60, 40, 3, 3), (60, 40, 5)])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "FAN_IN"])
@pytest.mark.parametrize(
    ("nonlinearity", "a"),
    [("relu", 0), ("leaky_relu", math.sqrt(5)), ("leaky_relu", 0), ("tanh", 0), ("selu", 0), ("linear", 0)],
)
def test_kaiming(shape: tuple[int, ...], mode: str, nonlinearity: str, a: float) -> None:
    field = math.prod(shape[2:])
    fan = (shape[0] if mode == "fan_out" else shape[1]) * field
    std = torch.nn.init.calculate_gain(nonlinearity, a) / math.sqrt(fan)
    w = init.kaiming_normal_(torch.empty(shape), a, mode, nonlinearity, seed=1)
    assert ks(w, stats.norm(0, std)) > 1e-3
    u = init.kaiming_uniform_(torch.empty(shape), a, mode, nonlinearity, seed=1)
    assert ks(u, stats.uniform(-math.sqrt(3) * std, 2 * math.sqrt(3) * std)) > 1e-3


@pytest.mark.parametrize("shape", [(200, 100), (60, 40, 3, 3)])
@pytest.mark.parametrize("gain", [1.0, 2.5])
def test_xavier(shape: tuple[int, ...], gain: float) -> None:
    std = gain * math.sqrt(2 / ((shape[0] + shape[1]) * math.prod(shape[2:])))
    assert ks(init.xavier_normal_(torch.empty(shape), gain, seed=1), stats.norm(0, std)) > 1e-3
    u = init.xavier_uniform_(torch.empty(shape), gain, seed=1)
    assert ks(u, stats.uniform(-math.sqrt(3) * std, 2 * math.sqrt(3) * std)) > 1e-3
    assert not init.xavier_normal_(torch.ones(shape), 0.0, seed=1).any()


def test_values_are_those_of_the_call_that_the_docstring_names() -> None:
    axes = {"in_axis": 1, "out_axis": 0}
    for function, law in [
        (init.kaiming_normal_, (2.0, "fan_in", "untruncated_normal")),
        (init.kaiming_uniform_, (2.0, "fan_in", "uniform")),
        (init.xavier_normal_, (1.0, "fan_avg", "untruncated_normal")),
        (init.xavier_uniform_, (1.0, "fan_avg", "uniform")),
    ]:
        wanted = fastinit.variance_scaling((30, 20), *law, **axes, seed=5)
        np.testing.assert_array_equal(function(torch.empty(30, 20), seed=5).numpy(), wanted)
    relu = init.kaiming_normal_(torch.empty(30, 20), nonlinearity="relu", seed=5)
    np.testing.assert_array_equal(relu.numpy(), init.kaiming_normal_(torch.empty(30, 20), seed=5).numpy())


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (20, 20), (12, 4, 3, 2), (4, 12, 3)])
@pytest.mark.parametrize("gain", [1.0, -2.0, 0.0])
def test_orthogonal(shape: tuple[int, ...], gain: float) -> None:
    matrix = init.orthogonal_(torch.empty(shape), gain, seed=0).flatten(1).double()
    rows, columns = matrix.shape
    product = matrix @ matrix.T if rows <= columns else matrix.T @ matrix
    torch.testing.assert_close(product, gain**2 * torch.eye(min(rows, columns), dtype=torch.float64), atol=1e-5, rtol=0)


def test_unitary() -> None:
    matrix = init.orthogonal_(torch.empty(20, 20, dtype=torch.complex64), seed=0)
    torch.testing.assert_close(matrix @ matrix.mH, torch.eye(20, dtype=torch.complex64), atol=1e-5, rtol=0)


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.55, 1.0])
def test_sparse_has_torchs_zeros_in_every_column(sparsity: float) -> None:
    ours = init.sparse_(torch.empty(37, 11), sparsity, std=0.5, seed=0)
    theirs = torch.nn.init.sparse_(torch.empty(37, 11), sparsity, std=0.5)
    assert torch.equal((ours == 0).sum(0), (theirs == 0).sum(0))
    if sparsity == 0.1:
        assert ks(ours[ours != 0], stats.norm(0, 0.5)) > 1e-3


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3), (0, 3)])
def test_eye(shape: tuple[int, int]) -> None:
    assert torch.equal(init.eye_(torch.full(shape, 7.0)), torch.nn.init.eye_(torch.empty(shape)))


@pytest.mark.parametrize("shape", [(6, 3, 4), (6, 3, 3, 5), (4, 6, 2, 3, 1), (6, 2, 1)])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_dirac(shape: tuple[int, ...], groups: int, dtype: str) -> None:
    ours = init.dirac_(torch.full(shape, 7.0, dtype=getattr(torch, dtype)), groups)
    assert torch.equal(ours, torch.nn.init.dirac_(torch.empty(shape, dtype=getattr(torch, dtype)), groups))


def test_constants_of_any_dtype() -> None:
    for dtype in (torch.float32, torch.bfloat16, torch.int64, torch.bool, torch.complex64, torch.float8_e4m3fn):
        for ours, theirs in [(init.ones_, torch.nn.init.ones_), (init.zeros_, torch.nn.init.zeros_)]:
            made, wanted = ours(torch.empty(3, dtype=dtype)), theirs(torch.empty(3, dtype=dtype))
            assert torch.equal(made.view(torch.uint8), wanted.view(torch.uint8))
    parameter = torch.nn.Parameter(torch.empty(2, 3))
    assert init.constant_(parameter, 0.3) is parameter
    assert (parameter == 0.3).all()


# torch's layout for fastinit's own


@pytest.mark.parametrize(
    "name", ["he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "lecun_uniform"]
)
@pytest.mark.parametrize("shape", [(300, 20), (60, 20, 3, 3)])
def test_fans_are_those_of_torchs_layout(name: str, shape: tuple[int, ...]) -> None:
    made = getattr(init, f"{name}_")(torch.empty(shape), seed=2)
    wanted = getattr(fastinit, name)(shape, in_axis=1, out_axis=0, seed=2)
    np.testing.assert_array_equal(made.numpy(), wanted)
    swapped = getattr(init, f"{name}_")(torch.empty(shape), in_axis=0, out_axis=1, seed=2)
    np.testing.assert_array_equal(swapped.numpy(), getattr(fastinit, name)(shape, in_axis=0, out_axis=1, seed=2))
    batch = getattr(init, f"{name}_")(torch.empty((4, *shape)), in_axis=2, out_axis=1, batch_axis=0, seed=2)
    assert batch.std().item() == pytest.approx(float(wanted.std()), rel=0.05)


def test_delta_orthogonal_and_hadamard_are_turned() -> None:
    made = init.delta_orthogonal_(torch.empty(8, 6, 3, 5), gain=2.0, seed=3)
    wanted = fastinit.delta_orthogonal((3, 5, 6, 8), 2.0, seed=3).transpose(3, 2, 0, 1)
    np.testing.assert_array_equal(made.numpy(), wanted)
    wide = init.zero_hadamard_(torch.empty(8, 5))
    np.testing.assert_array_equal(wide.numpy(), schemes.zero_hadamard((5, 8)).T)


def test_mup_of_a_bias() -> None:
    made = init.mup_(torch.empty(512), (64,), std=0.05, seed=0)
    np.testing.assert_array_equal(made.numpy(), schemes.mup((512,), (64,), std=0.05, seed=0))


# Seeds


@pytest.mark.parametrize("name", DRAWING)
def test_the_default_generator_decides(name: str) -> None:
    arguments, shape = DRAWING[name]
    function = getattr(init, name)

    def two() -> tuple[Any, Any]:
        return function(torch.empty(shape), **arguments), function(torch.empty(shape), **arguments)

    torch.manual_seed(5)
    first, second = two()
    after = torch.get_rng_state()
    assert not torch.equal(first, second)
    torch.manual_seed(5)
    again, again_second = two()
    assert torch.equal(first, again)
    assert torch.equal(second, again_second)
    # One word a tensor, of any size.
    torch.manual_seed(5)
    words = [int(torch.empty((), dtype=torch.int64).random_(-(2**63), None)) % 2**64 for _ in range(2)]
    assert torch.equal(torch.get_rng_state(), after)
    assert torch.equal(function(torch.empty(shape), seed=words[0], **arguments), first)
    assert torch.equal(function(torch.empty(shape), seed=words[1], **arguments), second)


@pytest.mark.parametrize("name", DRAWING)
def test_a_generator_decides_and_the_default_stays(name: str) -> None:
    arguments, shape = DRAWING[name]
    function = getattr(init, name)
    before = torch.get_rng_state()
    made = [
        function(torch.empty(shape), **arguments, **{keyword: torch.Generator().manual_seed(9)})
        for keyword in ("generator", "seed")
    ]
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(*made)
    generator = torch.Generator().manual_seed(9)
    first = function(torch.empty(shape), **arguments, generator=generator)
    assert torch.equal(first, made[0])
    assert not torch.equal(function(torch.empty(shape), **arguments, generator=generator), first)


@pytest.mark.parametrize("name", sorted(STILL))
def test_what_draws_nothing_leaves_the_generator_alone(name: str) -> None:
    arguments = {"constant_": {"val": 1.0}}.get(name, {})
    before = torch.get_rng_state()
    getattr(init, name)(torch.empty((4, 3, 3) if name == "dirac_" else (4, 3)), **arguments)
    assert torch.equal(before, torch.get_rng_state())


def test_seeds_of_every_kind() -> None:
    wanted = fastinit.normal((3, 4), 0.0, 1.0, seed=fastinit.Key(3).child("x"))
    made = init.normal_(torch.empty(3, 4), seed=fastinit.Key(3).child("x"))
    np.testing.assert_array_equal(made.numpy(), wanted)
    made = init.normal_(torch.empty(3, 4), seed=np.random.default_rng(0))
    np.testing.assert_array_equal(made.numpy(), fastinit.normal((3, 4), 0.0, 1.0, seed=np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"seed": 1, "generator": torch.Generator()}, "only one of `seed` and `generator`"),
        ({"generator": 3}, "`generator` must be a torch.Generator. Received: 3"),
        ({"seed": torch.tensor(3)}, "`seed` must be an int, .* a tensor"),
        ({"seed": "x"}, "`seed` must be"),
        ({"seed": -1}, "`seed` must lie in"),
        ({"seed": True}, "`seed` must be"),
    ],
)
def test_bad_seeds_are_refused(arguments: Any, sentence: str) -> None:
    tensor = torch.full((3,), 7.0)
    with pytest.raises((TypeError, ValueError), match=sentence):
        init.normal_(tensor, **arguments)
    assert (tensor == 7).all()


def test_threads_draw_from_the_default_generator_without_taking_one_word_twice() -> None:
    torch.manual_seed(0)
    found: list[Any] = []

    def work() -> None:
        found.extend(init.normal_(torch.empty(4)) for _ in range(50))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len({tuple(tensor.tolist()) for tensor in found}) == 200


def test_the_first_draw_may_happen_in_inference_mode() -> None:
    def work() -> None:
        with torch.inference_mode():
            init.normal_(torch.empty(3))
        init.normal_(torch.empty(3))
        done.append(True)

    done: list[bool] = []
    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert done == [True]


# In place, on whatever torch's own take


@pytest.mark.parametrize("name", [*DRAWING, *sorted(STILL)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_in_place_and_returned(name: str, dtype: str) -> None:
    arguments, shape = DRAWING.get(
        name, ({"val": 1.0} if name == "constant_" else {}, (4, 3, 3) if name == "dirac_" else (4, 3))
    )
    tensor = torch.nn.Parameter(torch.full(shape, math.nan, dtype=getattr(torch, dtype)))
    assert getattr(init, name)(tensor, **arguments) is tensor
    assert tensor.requires_grad
    assert tensor.is_leaf
    assert tensor._version == 1
    assert torch.isfinite(tensor).all()


@pytest.mark.parametrize("name", [*DRAWING, *sorted(STILL)])
def test_meta_tensors_are_passed_over(name: str) -> None:
    arguments, shape = DRAWING.get(
        name, ({"val": 1.0} if name == "constant_" else {}, (4, 3, 3) if name == "dirac_" else (4, 3))
    )
    tensor, before = torch.empty(shape, device="meta"), torch.get_rng_state()
    assert getattr(init, name)(tensor, **arguments) is tensor
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", ["kaiming_normal_", "kaiming_uniform_"])
def test_a_tensor_without_elements_is_a_warning_as_in_torch(name: str) -> None:
    for module in (init, torch.nn.init):
        with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op") as caught:
            getattr(module, name)(torch.empty(0, 4))
        assert caught[0].filename == __file__ or module is torch.nn.init
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for other in ("normal_", "orthogonal_", "uniform_", "trunc_normal_"):
            getattr(init, other)(torch.empty(0, 4))


@pytest.mark.parametrize(
    ("name", "shape", "arguments", "sentence"),
    [
        ("uniform_", (3,), {"a": 1.0, "b": 0.0}, "`a` and `b` must be finite, `a` <= `b`. Received: a=1.0, b=0.0"),
        ("uniform_", (3,), {"a": "x"}, "`a` must be a real number"),
        ("uniform_", (3,), {"b": math.inf}, "`a` and `b` must be finite"),
        ("normal_", (3,), {"std": -1.0}, "`std` must be finite and >= 0"),
        ("normal_", (3,), {"mean": math.nan}, "`mean` must be finite"),
        ("normal_", (3,), {"std": True}, "`std` must be a real number"),
        ("trunc_normal_", (3,), {"std": 0.0}, "`std` must be finite and > 0"),
        ("trunc_normal_", (3,), {"mean": math.inf}, "`mean` must be finite"),
        ("trunc_normal_", (3,), {"a": 1.0, "b": 0.0}, "`a` must be <= `b`, and neither NaN"),
        ("trunc_normal_", (3,), {"a": math.nan}, "`a` must be <= `b`, and neither NaN"),
        ("kaiming_normal_", (3,), {}, r"`tensor` must have at least two axes, \(out, in"),
        ("kaiming_uniform_", (3,), {}, r"`tensor` must have at least two axes, \(out, in"),
        ("kaiming_normal_", (3, 4), {"mode": "fan_avg"}, "`mode` must be one of fan_in, fan_out"),
        ("kaiming_normal_", (3, 4), {"mode": 3}, "`mode` must be one of fan_in, fan_out"),
        ("kaiming_normal_", (3, 4), {"nonlinearity": "swish"}, "Unsupported nonlinearity swish"),
        ("kaiming_normal_", (3, 4), {"a": True}, "negative_slope True not a valid number"),
        ("xavier_normal_", (), {}, "`tensor` must have at least two axes"),
        ("xavier_uniform_", (3, 4), {"gain": -1.0}, "`gain` must be finite and >= 0"),
        ("orthogonal_", (3,), {}, "`tensor` must have at least two axes"),
        ("orthogonal_", (3, 4), {"gain": math.inf}, "`gain` must be finite"),
        ("eye_", (3,), {}, "`tensor` must have two axes"),
        ("eye_", (3, 4, 5), {}, "`tensor` must have two axes"),
        ("sparse_", (3, 4, 5), {"sparsity": 0.5}, "`tensor` must have two axes"),
        ("sparse_", (3, 4), {"sparsity": 1.5}, r"`sparsity` must lie in \[0, 1\]"),
        ("dirac_", (3, 4), {}, "`tensor` must have three to five axes"),
        ("dirac_", (3, 4, 5), {"groups": 2}, "`groups` must divide the number of outputs, 3"),
        ("dirac_", (3, 4, 5), {"groups": 0}, "`groups` must be >= 1"),
        ("he_normal_", (3,), {}, "`in_axis` must name axes"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(
    name: str, shape: tuple[int, ...], arguments: Any, sentence: str
) -> None:
    for device in ("cpu", "meta"):
        tensor = torch.full(shape, 7.0, device=device)
        with pytest.raises((TypeError, ValueError), match=sentence):
            getattr(init, name)(tensor, **arguments)
        assert device == "meta" or bool((tensor == 7).all())


@pytest.mark.parametrize("name", [*DRAWING, "eye_", "dirac_", "zero_hadamard_"])
def test_what_is_no_tensor_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=r"`tensor` must be a torch.Tensor. Received: ndarray"):
        getattr(init, name)(np.zeros((3, 4, 5)), **DRAWING.get(name, ({}, ()))[0])


def test_numbers_of_other_kinds_are_numbers() -> None:
    wanted = init.trunc_normal_(torch.empty(9), 1.0, 2.0, -1.0, 4.0, seed=0)
    for kind in (np.float64, torch.tensor, int):
        made = init.trunc_normal_(torch.empty(9), kind(1), kind(2), kind(-1), kind(4), seed=0)
        assert torch.equal(made, wanted)
    assert torch.equal(
        init.kaiming_normal_(torch.empty(3, 4), np.float64(0.5), seed=0),
        init.kaiming_normal_(torch.empty(3, 4), 0.5, seed=0),
    )
