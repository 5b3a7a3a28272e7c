"""What a JAX key may be, and which stream it names."""

from __future__ import annotations

import subprocess
import sys

import pytest

jax = pytest.importorskip("jax", reason="fastinit.jax needs JAX")

import numpy as np

import fastinit
import fastinit.jax as fj
from fastinit import Key

IMPLEMENTATIONS = ("threefry2x32", "rbg", "unsafe_rbg")


@pytest.mark.parametrize("seed", [0, 1, 7, 2**31 + 5, 2**32 - 1])
def test_a_threefry_key_is_the_key_of_its_seed(seed: int) -> None:
    assert fj.key_of(jax.random.key(seed)) == Key(seed)
    assert fj.key_of(jax.random.PRNGKey(seed)) == Key(seed)
    assert fj.key_of(np.asarray(jax.random.PRNGKey(seed))) == Key(seed)


def test_both_words_of_a_threefry_key_count() -> None:
    words = np.array([0x01234567, 0x89ABCDEF], np.uint32)
    assert fj.key_of(jax.random.wrap_key_data(words)) == Key(0x0123456789ABCDEF)


def test_another_implementation_is_another_stream() -> None:
    keys = {fj.key_of(jax.random.key(7, impl=implementation)) for implementation in IMPLEMENTATIONS}
    assert len(keys) == 3
    assert fj.key_of(jax.random.key(7, impl="rbg")) == Key(0).child(
        "jax", "rbg", np.array([0, 7, 0, 7], "<u4").tobytes()
    )


def test_keys_that_jax_derives_are_different_streams() -> None:
    for implementation in IMPLEMENTATIONS:
        root = jax.random.key(3, impl=implementation)
        made = [root, *jax.random.split(root, 20), *(jax.random.fold_in(root, i) for i in range(20))]
        # JAX's split and fold_in may meet; split alone, and fold_in alone, do not.
        assert len({fj.key_of(key) for key in made[:21]}) == 21
        assert len({fj.key_of(key) for key in made[21:]}) == 20


def test_a_raw_key_is_one_of_the_default_implementation() -> None:
    raw = jax.random.key_data(jax.random.key(7, impl="rbg"))
    with pytest.raises(ValueError, match=r"wrap others by jax\.random\.wrap_key_data\(key, impl=\.\.\.\)\. Received"):
        fj.key_of(raw)
    with jax.default_prng_impl("rbg"):
        assert fj.key_of(raw) == fj.key_of(jax.random.key(7, impl="rbg"))


@pytest.mark.parametrize("seed", [0, 7, np.int32(7), 2**64 - 1, Key(5).child("a"), Key.from_words(1, 2)])
def test_ints_and_keys_are_seeds(seed: object) -> None:
    assert fj.key_of(seed) == Key(seed)
    init = fj.normal()
    want = fastinit.normal((3, 5), std=0.01, seed=seed)
    np.testing.assert_array_equal(init(seed, (3, 5)), want)
    np.testing.assert_array_equal(jax.jit(lambda: init(seed, (3, 5)))(), want)


def test_ints_out_of_range_are_refused() -> None:
    for seed in (-1, 2**64):
        with pytest.raises(ValueError, match=r"`seed` must lie in \[0, 2\*\*64\)"):
            fj.key_of(seed)


@pytest.mark.parametrize("key", [None, True, 1.5, "0", (0, 7), np.random.default_rng(0), object()])
def test_what_is_no_key_is_refused(key: object) -> None:
    with pytest.raises(TypeError, match=r"`key` must be one JAX key, an int or a fastinit\.Key\. Received"):
        fj.key_of(key)
    with pytest.raises(TypeError, match="`key` must be one JAX key"):
        fj.he_normal()(key, (2, 2))


def test_arrays_that_are_no_keys_are_refused() -> None:
    with pytest.raises(TypeError, match=r"Received: an array of float32\[2\]"):
        fj.key_of(jax.numpy.zeros(2))
    with pytest.raises(TypeError, match=r"Received: an array of int32\[2\]"):
        fj.key_of(np.zeros(2, np.int32))
    with pytest.raises(ValueError, match=r"Received: an array of uint32\[\]"):
        fj.key_of(jax.numpy.uint32(3))


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 2), (0,)])
def test_several_keys_are_refused_outside_vmap(shape: tuple[int, ...]) -> None:
    typed = jax.random.split(jax.random.key(0), shape)
    for keys in (typed, jax.random.key_data(typed)):
        with pytest.raises(ValueError, match=r"jax\.vmap draws for several\. Received: an array of keys of shape"):
            fj.he_normal()(keys, (4, 4))
        with pytest.raises(ValueError, match=r"jax\.vmap draws for several"):
            jax.jit(lambda k: fj.he_normal()(k, (4, 4)))(keys)


def test_a_traced_key_has_no_fastinit_key() -> None:
    with pytest.raises(TypeError, match="`key` must be known here, not traced"):
        jax.jit(lambda key: fj.normal()(fj.key_of(key), (2,)))(jax.random.key(0))


def test_initializers_without_randomness_read_no_key() -> None:
    keys = [None, "whatever", jax.random.key(0), jax.random.split(jax.random.key(0), 3)]
    for key in keys:
        for init in (fj.zeros, fj.ones, fj.constant(2.0), fj.identity()):
            assert init(key, (2, 2)).shape == (2, 2)
        assert fj.dirac()(key, (3, 2, 2)).shape == (3, 2, 2)


def test_an_implementation_that_is_not_registered() -> None:
    extend = pytest.importorskip("jax.extend.random", reason="this JAX cannot define an implementation")
    threefry = jax.random.key(0)

    def own(name: str) -> object:
        return extend.define_prng_impl(
            key_shape=(3,),
            seed=lambda seed: jax.numpy.broadcast_to(seed, (3,)).astype("uint32"),
            split=lambda key, shape: jax.numpy.broadcast_to(key, (*shape, 3)),
            random_bits=lambda key, bit_width, shape: jax.random.bits(threefry, shape, f"uint{bit_width}"),
            fold_in=lambda key, data: key + data.astype("uint32"),
            name=name,
        )

    key = jax.random.key(5, impl=own("fastinit_test_a"))
    words = np.array([5, 5, 5], "<u4").tobytes()
    assert fj.key_of(key) == Key(0).child("jax", "fastinit_test_a", words)
    assert fj.key_of(jax.random.key(5, impl=own("fastinit_test_b"))) != fj.key_of(key)


def test_without_jax_there_is_one_sentence() -> None:
    code = """if True:
        import sys
        sys.modules["jax"] = None
        import fastinit
        try:
            import fastinit.jax
        except ImportError as error:
            assert str(error) == "fastinit.jax needs the package jax: pip install 'fastinit[jax]'", error
        else:
            raise AssertionError
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
