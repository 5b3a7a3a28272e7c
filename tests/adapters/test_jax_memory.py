"""Eager arrays are fastinit's own memory, where it is aligned, and nobody else can write to it."""

from __future__ import annotations

import resource
import sys
import warnings
from typing import Any

import pytest

jax = pytest.importorskip("jax", reason="fastinit.jax needs JAX")

import numpy as np

import fastinit
import fastinit.jax as fj
from fastinit.jax._recipes import Recipe

KEY = jax.random.key(7)
BIG = (4096, 2048)  # 32 MB


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The address of every array that is drawn."""
    seen: list[int] = []
    original = Recipe.draw

    def spy(self: Any, *args: Any) -> np.ndarray:
        array = original(self, *args)
        seen.append(array.ctypes.data)
        return array

    monkeypatch.setattr(Recipe, "draw", spy)
    return seen


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        *(((4, 4), "float32"), ((64, 64), "float32"), ((256, 256), "bfloat16"), ((1024, 1024), "float32")),
        *((BIG, "float32"), ((4096, 4096), "bfloat16")),
    ],
)
def test_aligned_memory_is_handed_over(shape: tuple[int, ...], dtype: str, drawn: list[int]) -> None:
    for seed in range(4):
        array = fj.he_normal()(jax.random.key(seed), shape, dtype).block_until_ready()
        address = drawn[-1]
        assert address % 64 == 0 or array.nbytes < 1 << 12
        if array.nbytes >= 1 << 16:  # smaller ones are copied, which takes less time
            assert array.unsafe_buffer_pointer() == address
        np.testing.assert_array_equal(array, fastinit.he_normal(shape, dtype=dtype, seed=seed))


def test_memory_goes_with_the_array() -> None:
    def peak() -> int:
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return used if sys.platform == "darwin" else used * 1024

    fj.he_normal()(KEY, BIG).block_until_ready()
    before = peak()
    for _ in range(20):
        fj.he_normal()(KEY, BIG).block_until_ready()
    assert peak() - before < 10 << 25  # half of what they take together


def test_what_jax_shows_cannot_be_written() -> None:
    array = fj.he_normal()(KEY, BIG)
    view = np.asarray(array)
    assert view.ctypes.data == array.unsafe_buffer_pointer()
    assert not view.flags.writeable
    with pytest.raises(ValueError, match="writ"):
        fastinit.zeros(BIG, out=view)
    with pytest.raises(ValueError, match="cannot set WRITEABLE"):
        view.flags.writeable = True


def test_later_draws_leave_earlier_arrays_alone() -> None:
    arrays = [fj.he_normal()(jax.random.key(seed), BIG) for seed in range(3)]
    assert len({array.unsafe_buffer_pointer() for array in arrays}) == 3
    for seed, array in enumerate(arrays):
        np.testing.assert_array_equal(array, fastinit.he_normal(BIG, seed=seed))


def test_donated_arrays() -> None:
    double = jax.jit(lambda x: x * 2, donate_argnums=0)
    want = fastinit.he_normal(BIG, seed=7) * 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some versions of JAX say that memory from outside is not reused
        np.testing.assert_array_equal(double(fj.he_normal()(KEY, BIG)), want)


def test_one_block_on_many_devices_survives_donation() -> None:
    if len(jax.devices()) < 8:
        pytest.skip("needs 8 devices, set before JAX starts")
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:8]).reshape(4, 2), ("x", "y"))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(None, "y"))
    array = fj.make_array((4096, 4096), sharding, "he_normal", seed=7)
    assert len({shard.data.unsafe_buffer_pointer() for shard in array.addressable_shards}) == 2
    want = fastinit.he_normal((4096, 4096), seed=7)
    parts = [shard.data for shard in array.addressable_shards]
    indices = [shard.index for shard in array.addressable_shards]
    double = jax.jit(lambda x: x * 2, donate_argnums=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = double(parts[0])
    np.testing.assert_array_equal(first, want[:, :2048] * 2)
    for index, part in zip(indices[1:], parts[1:], strict=True):
        np.testing.assert_array_equal(part, want[index])


def test_the_key_says_where() -> None:
    if len(jax.devices()) < 8:
        pytest.skip("needs 8 devices, set before JAX starts")
    key = jax.device_put(KEY, jax.devices()[3])
    for init in (fj.he_normal(), jax.nn.initializers.he_normal()):
        array = init(key, (8, 8))
        assert array.devices() == {jax.devices()[3]}
        assert array.committed
        assert not init(KEY, (8, 8)).committed
    with jax.default_device(jax.devices()[2]):
        assert fj.he_normal()(7, (8, 8)).devices() == {jax.devices()[2]}


def test_a_replicated_key_gives_a_replicated_array() -> None:
    if len(jax.devices()) < 8:
        pytest.skip("needs 8 devices, set before JAX starts")
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:8]), ("d",))
    everywhere = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    for key in (KEY, jax.random.key_data(KEY)):
        array = fj.he_normal()(jax.device_put(key, everywhere), (8, 8))
        assert array.sharding == everywhere
        np.testing.assert_array_equal(array, fastinit.he_normal((8, 8), seed=7))
