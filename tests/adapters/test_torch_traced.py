"""Compiled and exported code draws what the same code draws when nobody traces it."""

from __future__ import annotations

import inspect
import io
import shutil
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

import fastinit
import fastinit.torch as init
from fastinit.torch._traced import _FUNCTIONS

KEY = fastinit.Key(3).child("weight")

ALL: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "uniform_": ((-1.0, 2.0), {}),
    "normal_": ((), {"mean": 1, "std": 0.5}),
    "trunc_normal_": ((0.0, 0.02), {"b": 0.03}),
    "xavier_uniform_": ((2.0,), {}),
    "xavier_normal_": ((), {}),
    "kaiming_uniform_": ((5**0.5,), {"mode": "fan_out"}),
    "kaiming_normal_": ((), {"nonlinearity": "relu"}),
    "orthogonal_": ((), {"gain": 2.0}),
    "sparse_": ((0.5,), {}),
    "he_normal_": ((), {}),
    "he_uniform_": ((), {"in_axis": 0, "out_axis": 1}),
    "glorot_normal_": ((), {}),
    "glorot_uniform_": ((), {"in_axis": (0,), "out_axis": (1,)}),
    "lecun_normal_": ((), {}),
    "lecun_uniform_": ((), {}),
    "truncated_normal_": ((), {"std": 0.1}),
    "variance_scaling_": ((2.0, "fan_avg"), {"distribution": "uniform"}),
    "fixup_": ((4,), {}),
    "gpt2_residual_": ((4,), {}),
    "mup_": (((4, 4),), {}),
    "siren_": ((), {"first": True}),
    "small_init_": ((8,), {}),
    "t5_": ((4,), {"factor": 0.5}),
    "wang_init_": ((8, 4), {}),
    "eye_": ((), {}),
    "zero_hadamard_": ((), {}),
    "dirac_": ((), {"groups": 2}),
    "delta_orthogonal_": ((), {}),
}


@pytest.fixture(autouse=True)
def _forget() -> None:
    torch.compiler.reset()


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    return torch.compile(function, backend="aot_eager", fullgraph=True)


def test_every_function_that_draws() -> None:
    assert {*ALL} == {*_FUNCTIONS}

    def draw(x: Any) -> list[Any]:
        return [
            x[0, 0, 0] + getattr(init, name)(torch.empty(shape), *args, **kwargs) for name, shape, args, kwargs in calls
        ]

    calls = []
    for name, (args, kwargs) in ALL.items():
        has_seed = "seed" in inspect.signature(getattr(init, name)).parameters
        shape = (6, 4, 3) if name in ("dirac_", "delta_orthogonal_") else (6, 4)
        calls.append((name, shape, args, {**kwargs, "seed": KEY} if has_seed else kwargs))
    x = torch.ones(6, 4, 3)
    for (name, *_), found, wanted in zip(calls, compiled(draw)(x), draw(x), strict=True):
        assert torch.equal(found, wanted), name


@pytest.mark.parametrize("seed", [0, 2**63 - 1, 2**63, 2**64 - 1, fastinit.Key(2**64 - 1), KEY])
def test_seeds_and_dtypes(seed: Any) -> None:
    def draw(x: Any) -> list[Any]:
        return [init.normal_(torch.empty(6, 4, dtype=dtype), seed=seed, threads=1) for dtype in dtypes]

    dtypes = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
    for found, wanted in zip(compiled(draw)(torch.ones(1)), draw(torch.ones(1)), strict=True):
        assert torch.equal(found, wanted)


def test_one_graph_serves_many_seeds() -> None:
    graphs = []

    def counting(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    def draw(x: Any, seed: int) -> Any:
        return x + init.normal_(torch.empty(6, 4), seed=seed)

    traced = torch.compile(draw, backend=counting, fullgraph=True)
    x = torch.ones(6, 4)
    for seed in range(2, 30):
        assert torch.equal(traced(x, seed), draw(x, seed))
    assert len(graphs) <= 2


def test_no_seed_follows_torch_whenever_the_graph_runs() -> None:
    def draw(x: Any) -> Any:
        return init.kaiming_normal_(torch.empty_like(x))

    traced, x = compiled(draw), torch.ones(6, 4)
    torch.manual_seed(0)
    wanted = draw(x), draw(x)
    torch.manual_seed(0)
    found = traced(x), traced(x)
    assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
    assert not torch.equal(*found)


def test_parameters_are_filled_in_place_and_their_version_raised() -> None:
    layer = torch.nn.Linear(4, 6)

    def reset() -> None:
        init.he_normal_(layer.weight, seed=0)
        init.uniform_(layer.bias, -1.0, 1.0, seed=1)

    before, pointer = layer.weight._version, layer.weight.data_ptr()
    compiled(reset)()
    assert layer.weight.data_ptr() == pointer
    assert layer.weight._version > before
    assert layer.weight.requires_grad
    assert layer.weight.grad_fn is None
    assert torch.equal(layer.weight, init.he_normal_(torch.empty(6, 4), seed=0))
    assert torch.equal(layer.bias, init.uniform_(torch.empty(6), -1.0, 1.0, seed=1))


def test_gradients_flow_beside_a_draw() -> None:
    def noisy(x: Any) -> Any:
        return (x * init.normal_(torch.empty_like(x), seed=0)).sum()

    x = torch.ones(6, 4, requires_grad=True)
    compiled(noisy)(x).backward()
    assert torch.equal(x.grad, init.normal_(torch.empty(6, 4), seed=0))


@pytest.mark.parametrize("layout", ["transposed", "rows"])
def test_views(layout: str) -> None:
    def draw(x: Any) -> Any:
        whole = x * 0
        init.normal_(whole.T if layout == "transposed" else whole[2:4], seed=0)
        return whole

    x = torch.ones(6, 4)
    assert torch.equal(compiled(draw)(x), draw(x))


class Noisy(torch.nn.Module):
    def forward(self, x: Any) -> Any:
        return x + init.trunc_normal_(torch.empty_like(x), std=0.1, seed=KEY)


@pytest.mark.parametrize("strict", [False, True])
def test_export_and_its_file(strict: bool) -> None:
    x = torch.ones(6, 4)
    program = torch.export.export(Noisy(), (x,), strict=strict)
    graphs = [str(part.graph) for part in program.graph_module.modules() if hasattr(part, "graph")]
    assert any("fastinit.fill_" in graph for graph in graphs)
    assert torch.equal(program.module()(x), Noisy()(x))
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    assert torch.equal(torch.export.load(file).module()(x), Noisy()(x))


def test_what_fake_tensors_are_told_is_written_down() -> None:
    x = torch.ones(6, 4)
    graph = make_fx(Noisy(), tracing_mode="fake")(x)
    assert torch.equal(graph(x), Noisy()(x))


def test_fake_tensors_are_passed_over() -> None:
    with FakeTensorMode():
        w = torch.empty(6, 4)
        assert init.normal_(w, seed=0) is w
        assert init.normal_(w, generator=torch.Generator()) is w
        assert init.normal_(w, seed=torch.Generator()) is w
        with pytest.raises(ValueError, match="`std` must"):
            init.normal_(w, std=-1.0)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"seed": "a"}, "`seed` must be None, an int or a fastinit.Key"),
        ({"seed": True}, "`seed` must be None, an int or a fastinit.Key"),
        ({"generator": torch.Generator()}, "generator|constant"),
    ],
)
def test_what_cannot_be_traced_is_refused(kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(torch._dynamo.exc.Unsupported, match=message):
        compiled(lambda x: init.normal_(x.clone(), **kwargs))(torch.ones(6, 4))


def test_wrong_arguments_are_refused_when_the_graph_runs() -> None:
    traced = compiled(lambda x: init.normal_(torch.empty_like(x), 0.0, -1.0, seed=0))
    with pytest.raises(ValueError, match="`std` must"):
        traced(torch.ones(6, 4))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_inductor() -> None:
    if shutil.which("g++") is None:
        pytest.skip("it needs a compiler")
    x = torch.ones(6, 4)
    assert torch.equal(torch.compile(Noisy(), fullgraph=True)(x), Noisy()(x))
