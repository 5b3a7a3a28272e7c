"""Sharded arrays: every block equals the slice, and is drawn once."""

from __future__ import annotations

from typing import Any

import pytest

jax = pytest.importorskip("jax", reason="fastinit.jax needs JAX")

import numpy as np
from jax.sharding import Mesh, NamedSharding, SingleDeviceSharding
from jax.sharding import PartitionSpec as P

import fastinit
import fastinit.jax as fj
from fastinit.jax._recipes import Recipe

if len(jax.devices()) < 8:
    pytest.skip("needs 8 devices, set before JAX starts", allow_module_level=True)

DEVICES = np.array(jax.devices()[:8])
MESH = Mesh(DEVICES.reshape(4, 2), ("a", "b"))
KEY = jax.random.key(7)
DTYPES = ("float32", "bfloat16", "float16")

MATRIX_SPECS = [
    *(P(), P("a"), P("b"), P(None, "a"), P(None, "b"), P("a", "b"), P("b", "a"), P(("a", "b")), P(("b", "a"))),
    *(P(None, ("a", "b")), P(None, ("b", "a"))),
]
STACK_SPECS = [
    *(P(), P("a"), P(None, "a"), P(None, None, "b"), P("a", "b"), P("a", None, "b"), P("b", "a"), P(None, "a", "b")),
    *(P(("a", "b")), P(None, ("a", "b")), P(None, None, ("b", "a"))),
]
LAYOUTS = [
    *[((32, 16), spec) for spec in MATRIX_SPECS],
    *[((16, 64), spec) for spec in MATRIX_SPECS],
    *[((40, 24), spec) for spec in MATRIX_SPECS],
    *[((8, 16, 24), spec) for spec in STACK_SPECS],
    *[((16, 8, 8), spec) for spec in STACK_SPECS],
    *[((64,), spec) for spec in (P(), P("a"), P("b"), P(("a", "b")), P(("b", "a")))],
]
DRAWS: dict[str, dict[str, Any]] = {
    "normal": {},
    "orthogonal": {},
    "he_uniform": {"in_axis": -1, "out_axis": -2},
    "constant": {"value": 0.1},
    "sparse": {"sparsity": 0.5},
    "identity": {"gain": 2.0},
}


def equal_everywhere(array: Any, want: np.ndarray) -> None:
    """The whole, and what each device holds."""
    assert array.shape == want.shape
    assert array.dtype == want.dtype
    assert np.asarray(array).tobytes() == want.tobytes()
    for shard in array.addressable_shards:
        assert np.asarray(shard.data).tobytes() == want[shard.index].tobytes()


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is drawn: "whole", or the index of a block."""
    seen: list[Any] = []
    draw, block = Recipe.draw, Recipe.block

    def spy_draw(self: Any, *args: Any) -> Any:
        seen.append("whole")
        return draw(self, *args)

    def spy_block(self: Any, shape: Any, dtype: Any, key: Any, index: Any) -> Any:
        seen.append(index)
        return block(self, shape, dtype, key, index)

    monkeypatch.setattr(Recipe, "draw", spy_draw)
    monkeypatch.setattr(Recipe, "block", spy_block)
    return seen


def test_there_are_enough_layouts() -> None:
    # With fewer than three axes, some initializers are left out.
    assert sum(len(shape) >= 2 for shape, _ in LAYOUTS) >= 44
    assert len(LAYOUTS) >= 60
    assert len(DTYPES) == 3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", DRAWS)
def test_every_layout_equals_the_slices(name: str, dtype: str) -> None:
    checked = 0
    for shape, spec in LAYOUTS:
        if (name in ("orthogonal", "he_uniform", "identity") and len(shape) < 2) or (
            name == "sparse" and len(shape) != 2
        ):
            continue
        want = getattr(fastinit, name)(shape, dtype=dtype, seed=7, **DRAWS[name])
        sharding = NamedSharding(MESH, spec)
        array = fj.make_array(shape, sharding, name, seed=7, dtype=dtype, **DRAWS[name])
        assert array.sharding == sharding
        equal_everywhere(array, want)
        checked += 1
    assert checked >= 22


@pytest.mark.parametrize(
    ("spec", "blocks"),
    [(P(), 1), (P("a"), 4), (P(None, "b"), 2), (P("a", "b"), 8), (P(("a", "b")), 8), (P(None, "a"), 4)],
)
def test_each_distinct_block_is_drawn_once(spec: Any, blocks: int, draws: list[Any]) -> None:
    fj.make_array((16, 16), NamedSharding(MESH, spec), fastinit.he_normal, seed=0)
    assert len(draws) == blocks
    assert ("whole" in draws) == (blocks == 1)
    draws.clear()
    fj.make_array((16, 16), NamedSharding(MESH, spec), "orthogonal", seed=0)
    assert draws == ["whole"]


def test_make_array_takes_every_key_and_any_initializer() -> None:
    sharding = NamedSharding(MESH, P("a", "b"))
    want = fastinit.normal((8, 8), std=0.5, seed=7)
    for seed in (7, fastinit.Key(7), KEY, jax.random.PRNGKey(7)):
        equal_everywhere(fj.make_array((8, 8), sharding, "normal", seed=seed, std=0.5), want)
    equal_everywhere(fj.make_array([8, 8], sharding, fastinit.normal, seed=7, std=0.5), want)
    scheme = fastinit.schemes.gpt2_residual((8, 8), 3, seed=7)
    equal_everywhere(fj.make_array((8, 8), sharding, "gpt2_residual", seed=7, layers=3), scheme)

    def mine(shape: Any, *, dtype: Any, seed: Any) -> np.ndarray:
        return fastinit.normal(shape, std=0.5, dtype=dtype, seed=seed)

    equal_everywhere(fj.make_array((8, 8), sharding, mine, seed=7), want)


def test_a_callable_of_ones_own_keeps_its_array() -> None:
    kept = np.ones((4096, 2048), np.float32)
    for spec in (P(), P(None, "b")):
        array = fj.make_array(kept.shape, NamedSharding(MESH, spec), lambda shape, **_: kept, seed=0)
        kept[...] = 7.0
        assert float(array.max()) == 1.0
        kept[...] = 1.0


def test_other_shardings() -> None:
    want = fastinit.he_normal((16, 16), seed=7)
    one = SingleDeviceSharding(DEVICES[5])
    array = fj.make_array((16, 16), one, "he_normal", seed=7)
    assert array.devices() == {DEVICES[5]}
    equal_everywhere(array, want)
    part = NamedSharding(Mesh(DEVICES[2:4], ("c",)), P("c"))
    equal_everywhere(fj.make_array((16, 16), part, "he_normal", seed=7), want)
    equal_everywhere(fj.make_array((), NamedSharding(MESH, P()), "normal", seed=7), fastinit.normal((), seed=7))
    equal_everywhere(fj.make_array((0, 4), NamedSharding(MESH, P("a")), "normal", seed=7), fastinit.normal((0, 4)))


@pytest.mark.parametrize("name", ["he_normal", "orthogonal", "zeros"])
def test_out_sharding_of_an_init(name: str) -> None:
    init = fj.zeros if name == "zeros" else getattr(fj, name)()
    want = getattr(fastinit, name)((16, 8), seed=7)
    for spec in MATRIX_SPECS:
        if len(spec) > 1 and spec[1] not in (None, "a", "b"):
            continue
        sharding = NamedSharding(MESH, spec)
        array = init(KEY, (16, 8), out_sharding=sharding)
        assert array.sharding == sharding
        equal_everywhere(array, want)


@pytest.mark.skipif(not hasattr(jax, "set_mesh"), reason="this JAX has no set_mesh")
@pytest.mark.parametrize("kind", ["Auto", "Explicit"])
def test_specs_of_the_mesh_that_is_set(kind: str) -> None:
    types = (getattr(jax.sharding.AxisType, kind),) * 2
    mesh = jax.make_mesh((4, 2), ("a", "b"), axis_types=types)
    want = fastinit.he_normal((16, 8), seed=7)
    with jax.set_mesh(mesh):
        plain = fj.he_normal()(KEY, (16, 8))
        assert plain.sharding.is_equivalent_to(jax.nn.initializers.he_normal()(KEY, (16, 8)).sharding, 2)
        equal_everywhere(plain, want)
        array = fj.he_normal()(KEY, (16, 8), out_sharding=P("a", "b"))
        assert array.sharding == NamedSharding(mesh, P("a", "b"))
        equal_everywhere(array, want)
        equal_everywhere(fj.make_array((16, 8), P(None, "b"), "he_normal", seed=7), want)
        abstract = NamedSharding(mesh.abstract_mesh, P("b"))
        assert fj.he_normal()(KEY, (16, 8), out_sharding=abstract).sharding == NamedSharding(mesh, P("b"))
        other = jax.make_mesh((8,), ("c",)).abstract_mesh
        with pytest.raises(ValueError, match="`out_sharding` must be one of the mesh that is set"):
            fj.he_normal()(KEY, (16, 8), out_sharding=NamedSharding(other, P("c")))


def test_out_shardings_of_jit_give_the_same_bits() -> None:
    sharding = NamedSharding(MESH, P("a", "b"))
    array = jax.jit(lambda key: fj.he_normal()(key, (16, 16)), out_shardings=sharding)(KEY)
    assert array.sharding == sharding
    equal_everywhere(array, fastinit.he_normal((16, 16), seed=7))


def test_out_sharding_under_jit_is_refused() -> None:
    sharding = NamedSharding(MESH, P("a", "b"))
    for init in (fj.he_normal(), fj.zeros):
        with pytest.raises(ValueError, match="`out_sharding` must be None while JAX traces"):
            jax.jit(lambda key, init=init: init(key, (16, 16), out_sharding=sharding))(KEY)


def test_refusals() -> None:
    good = NamedSharding(MESH, P("a"))
    with pytest.raises(ValueError, match="`sharding` must name its devices: give a NamedSharding, or set a mesh"):
        fj.make_array((8, 8), P("a"), "he_normal", seed=0)
    with pytest.raises(ValueError, match="`out_sharding` must name its devices"):
        fj.he_normal()(KEY, (8, 8), out_sharding=P("a"))
    with pytest.raises(TypeError, match=r"`sharding` must be a jax\.sharding\.Sharding or PartitionSpec. Received"):
        fj.make_array((8, 8), "a", "he_normal", seed=0)
    with pytest.raises(ValueError, match="divi"):  # JAX's own sentence
        fj.make_array((6, 8), good, "he_normal", seed=0)
    with pytest.raises(ValueError, match="`dtype` must be one that JAX holds"):
        fj.make_array((8, 8), good, "he_normal", seed=0, dtype="float64")
    with pytest.raises(TypeError, match="`key` must be one JAX key"):
        fj.make_array((8, 8), good, "he_normal", seed=None)
    with pytest.raises(ValueError, match=r"jax\.vmap draws for several"):
        fj.make_array((8, 8), good, "he_normal", seed=jax.random.split(KEY))
    with pytest.raises(TypeError, match="must hold none of"):
        fj.make_array((8, 8), good, "he_normal", seed=0, index=())
    with pytest.raises(ValueError, match="`shape` must have at least two axes"):
        fj.make_array((8,), good, "orthogonal", seed=0)
