"""Under JAX's transformations the bits stay those of the key, drawn by a callback as often as wanted and no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

jax = pytest.importorskip("jax", reason="fastinit.jax needs JAX")

import numpy as np

import fastinit
import fastinit.jax as fj
from fastinit.jax._recipes import Recipe

KEY = jax.random.key(7)
SHAPE = (16, 8)
INIT = fj.he_normal()
WANT = fastinit.he_normal(SHAPE, seed=7)
ONES = np.ones(SHAPE, np.float32)


def draw(key: Any) -> Any:
    return INIT(key, SHAPE)


def equal(array: Any, want: np.ndarray = WANT) -> bool:
    return np.asarray(array).tobytes() == np.ascontiguousarray(want).tobytes()


def of_keys(keys: Any) -> np.ndarray:
    """What each of many keys gives by itself."""
    made = np.stack([fastinit.he_normal(SHAPE, seed=fj.key_of(key)) for key in keys.reshape(-1)])
    return made.reshape(*keys.shape, *SHAPE)


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, ...]]]:
    """The shapes that are drawn."""
    seen: list[tuple[int, ...]] = []
    for name in ("draw", "block", "fill"):
        original = getattr(Recipe, name)

        def spy(self: Any, first: Any, *rest: Any, original: Any = original) -> Any:
            seen.append(getattr(first, "shape", first))
            return original(self, first, *rest)

        monkeypatch.setattr(Recipe, name, spy)
    return seen


@pytest.mark.parametrize("key", [KEY, jax.random.PRNGKey(7), 7, fastinit.Key(7)], ids=["typed", "raw", "int", "Key"])
def test_jit_of_an_argument_and_of_a_constant(key: Any) -> None:
    assert equal(draw(key))
    assert equal(jax.jit(lambda: draw(key))())
    if isinstance(key, jax.Array):
        assert equal(jax.jit(draw)(key))
        assert equal(jax.jit(draw).lower(key).compile()(key))


@pytest.mark.parametrize("implementation", ["threefry2x32", "rbg", "unsafe_rbg"])
def test_every_implementation_of_keys(implementation: str) -> None:
    key = jax.random.key(7, impl=implementation)
    want = fastinit.he_normal(SHAPE, seed=fj.key_of(key))
    assert equal(draw(key), want)
    assert equal(jax.jit(draw)(key), want)
    keys = jax.random.split(key, 3)
    assert equal(jax.vmap(draw)(keys), of_keys(keys))


def test_without_jit() -> None:
    with jax.disable_jit():
        assert equal(jax.jit(draw)(KEY))


def test_vmap(draws: list[tuple[int, ...]]) -> None:
    keys = jax.random.split(KEY, 5)
    assert equal(jax.vmap(draw)(keys), of_keys(keys))
    assert draws == [SHAPE] * 5
    assert equal(jax.jit(jax.vmap(draw))(keys), of_keys(keys))
    raw = jax.random.key_data(keys)
    assert equal(jax.vmap(draw)(raw), of_keys(keys))
    assert equal(jax.vmap(draw, in_axes=1)(raw.T), of_keys(keys))
    assert equal(jax.vmap(draw, out_axes=2)(keys), np.moveaxis(of_keys(keys), 0, 2))


def test_vmap_in_vmap_in_jit() -> None:
    keys = jax.random.split(KEY, (2, 3))
    both = jax.vmap(jax.vmap(draw))
    assert equal(both(keys), of_keys(keys))
    assert equal(jax.jit(both)(keys), of_keys(keys))
    crossed = jax.vmap(jax.vmap(draw, out_axes=1), in_axes=1)
    assert equal(jax.jit(crossed)(keys), of_keys(keys).transpose(1, 2, 0, 3))


def test_vmap_over_something_else_draws_once(draws: list[tuple[int, ...]]) -> None:
    x = np.arange(4, dtype=np.float32)
    made = jax.jit(lambda: jax.vmap(lambda a: draw(KEY) * a)(x))()
    np.testing.assert_array_equal(made, WANT * x[:, None, None])
    assert draws == [SHAPE]


def test_vmap_of_scalars_and_of_nothing() -> None:
    keys = jax.random.split(KEY, 3)
    scalars = jax.vmap(lambda key: fj.normal()(key, ()))(keys)
    assert equal(scalars, np.stack([fastinit.normal((), std=0.01, seed=fj.key_of(key)) for key in keys]))
    assert jax.vmap(lambda key: fj.normal()(key, (0, 3)))(keys).shape == (3, 0, 3)
    assert jax.vmap(draw)(keys[:0]).shape == (0, *SHAPE)


def test_scan_map_and_loops() -> None:
    keys = jax.random.split(KEY, 4)
    assert equal(jax.lax.scan(lambda carry, key: (carry, draw(key)), 0, keys)[1], of_keys(keys))
    assert equal(jax.lax.map(draw, keys, batch_size=2), of_keys(keys))
    total = jax.lax.fori_loop(0, 3, lambda i, t: t + draw(keys[i]), np.zeros(SHAPE, np.float32))
    np.testing.assert_array_equal(total, of_keys(keys)[0] + of_keys(keys)[1] + of_keys(keys)[2])
    chosen = jax.jit(lambda yes: jax.lax.cond(yes, draw, lambda key: ONES, KEY))
    assert equal(chosen(True))
    assert equal(chosen(False), ONES)


def test_gradients_pass_by() -> None:
    def loss(x: Any) -> Any:
        return (x * draw(KEY)).sum()

    for derive in (jax.grad(loss), jax.jit(jax.grad(loss)), jax.grad(jax.jit(loss)), jax.grad(jax.checkpoint(loss))):
        assert equal(derive(ONES))
    assert equal(jax.jvp(lambda x: x * draw(KEY), (ONES,), (ONES,))[1])
    assert equal(jax.linearize(lambda x: x * draw(KEY), ONES)[1](ONES))
    keys = jax.random.split(KEY, 3)
    assert equal(jax.vmap(jax.grad(lambda x, key: (x * draw(key)).sum()), (None, 0))(ONES, keys), of_keys(keys))


def test_eval_shape_draws_nothing(draws: list[tuple[int, ...]]) -> None:
    for key in (KEY, 7):
        shape = jax.eval_shape(lambda key=key: INIT(key, SHAPE, "bfloat16"))
        assert (shape.shape, shape.dtype) == (SHAPE, jax.numpy.bfloat16)
    jax.jit(draw).lower(KEY)
    assert draws == []


def test_what_is_not_used_is_not_drawn(draws: list[tuple[int, ...]]) -> None:
    jax.block_until_ready(jax.jit(lambda key: (draw(key), key)[1])(KEY))
    assert draws == []


def test_compile_time_evaluation_draws_at_once(draws: list[tuple[int, ...]]) -> None:
    @jax.jit
    def add(x: Any) -> Any:
        with jax.ensure_compile_time_eval():
            weights = draw(KEY)
        assert not isinstance(weights, jax.core.Tracer)
        return x + weights

    for _ in range(2):
        np.testing.assert_array_equal(add(ONES), ONES + WANT)
    assert draws == [SHAPE]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_subnormal_values_survive_the_threads_of_xla(dtype: str) -> None:
    # These threads count subnormals as zero, in C and in NumPy alike.
    for init in (
        *(fj.normal(1e-39), fj.uniform(1e-39), fj.truncated_normal(1e-39), fj.orthogonal(1e-39), fj.sparse(0.5, 1e-39)),
        *(fj.constant(1e-40), fj.identity(1e-40), fj.variance_scaling(1e-78, "fan_in", "normal")),
    ):
        eager = np.asarray(init(KEY, (16, 16), dtype))
        assert np.count_nonzero(eager)
        assert equal(jax.jit(lambda key, init=init: init(key, (16, 16), dtype))(KEY), eager)


def test_arguments_too_small_for_those_threads_are_refused() -> None:
    init = fj.variance_scaling(1e-300, "fan_in", "normal")
    assert init(KEY, (4, 4)).shape == (4, 4)
    with pytest.raises(ValueError, match=r"`scale` must be 0 or at least 2\*\*-900 while JAX traces"):
        jax.jit(lambda key: init(key, (4, 4)))(KEY)


def test_initializers_without_randomness_need_no_callback() -> None:
    for init, want in (
        (fj.zeros, fastinit.zeros((3, 4))),
        (fj.ones, fastinit.ones((3, 4))),
        (fj.constant([[1.0], [2.0], [0.1]]), fastinit.constant((3, 4), [[1.0], [2.0], [0.1]])),
        (fj.identity(0.1), fastinit.identity((3, 4), 0.1)),
    ):
        jitted = jax.jit(lambda init=init: init(None, (3, 4)))
        assert equal(jitted(), want)
        assert "callback" not in jitted.lower().as_text()
    assert "callback" in jax.jit(draw).lower(KEY).as_text()


def test_export() -> None:
    export = pytest.importorskip("jax.export", reason="this JAX has export elsewhere").export
    for init, want in ((fj.ones, fastinit.ones((3, 4))), (fj.identity(0.1), fastinit.identity((3, 4), 0.1))):
        assert equal(export(jax.jit(lambda init=init: init(None, (3, 4))))().call(), want)
    with pytest.raises(NotImplementedError, match="host_callbacks"):
        export(jax.jit(draw))(KEY)


@pytest.mark.skipif(not hasattr(jax, "shard_map"), reason="this JAX has shard_map elsewhere")
def test_shard_map() -> None:
    if len(jax.devices()) < 8:
        pytest.skip("needs 8 devices, set before JAX starts")
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:8]), ("d",))
    spec = jax.sharding.PartitionSpec("d")
    keys = jax.random.split(KEY, 8)
    each = jax.shard_map(lambda keys: draw(keys[0])[None], mesh=mesh, in_specs=spec, out_specs=spec)
    assert equal(each(keys), of_keys(keys))
    assert equal(jax.jit(each)(keys), of_keys(keys))
    constant = jax.shard_map(lambda x: x + draw(7), mesh=mesh, in_specs=spec, out_specs=spec)
    np.testing.assert_array_equal(constant(np.zeros((128, 8), np.float32)), np.tile(WANT, (8, 1)))


def test_many_callbacks_beside_each_other() -> None:
    keys = jax.random.split(KEY, 40)
    shapes = [(64 + i, 128) for i in range(40)]
    made = jax.jit(lambda keys: [INIT(keys[i], shape) for i, shape in enumerate(shapes)])(keys)
    for array, key, shape in zip(made, keys, shapes, strict=True):
        assert equal(array, fastinit.he_normal(shape, seed=fj.key_of(key)))
