"""Variables that lie on eight devices by Keras's layouts: each block is that of the whole tensor."""

from __future__ import annotations

import pytest

from support.keras_backend import BACKEND, VERSION, run

if BACKEND != "jax":
    pytest.skip("Keras's distribution API is that of the JAX backend", allow_module_level=True)

HEAD = """
import warnings
warnings.filterwarnings("error")
warnings.filterwarnings("ignore", message="__array__ implementation doesn't accept")
import itertools, jax, keras, numpy as np, fastinit, fastinit.keras as fk
mesh = keras.distribution.DeviceMesh((2, 4), ["a", "b"], keras.distribution.list_devices())
layout = lambda *axes: keras.distribution.TensorLayout(axes, mesh)
"""
DEVICES = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}


def test_blocks_are_those_of_the_whole() -> None:
    code = """
calls = []
class Watched(fk.HeNormal):
    def _fill(self, shape, **common):
        calls.append(common["index"])
        return super()._fill(shape, **common)

cases = 0
for axes in [(None, None), ("a", None), (None, "a"), ("b", None), (None, "b"), ("a", "b"), ("b", "a")]:
    for dtype in ("float32", "float16", "bfloat16"):
        for make, function in ((fk.HeNormal, fastinit.he_normal), (fk.Orthogonal, fastinit.orthogonal)):
            whole = function((8, 16), dtype=dtype, seed=3)
            for found in (
                keras.Variable(make(seed=3), shape=(8, 16), dtype=dtype, layout=layout(*axes)).value,
                make(seed=3)((8, 16), dtype, layout=layout(*axes)),
                make(seed=3)((8, 16), dtype, layout=layout(*axes).backend_layout),
            ):
                assert found.sharding.is_equivalent_to(layout(*axes).backend_layout, 2), (axes, found.sharding)
                for shard in found.addressable_shards:
                    assert np.asarray(shard.data).tobytes() == whole[shard.index].tobytes(), (axes, dtype, shard.index)
                cases += 1
    calls.clear()
    Watched(seed=3)((8, 16), layout=layout(*axes))
    assert len(calls) == {None: 1, "a": 2, "b": 4}[axes[0]] * {None: 1, "a": 2, "b": 4}[axes[1]], (axes, calls)
print(cases)
"""
    assert run(HEAD + code, **DEVICES) == str(7 * 3 * 2 * 3)


@pytest.mark.skipif(VERSION < (3, 15), reason="Keras asks initializers for a layout from 3.15 on")
def test_a_distributed_model() -> None:
    """A layout map places kernels; a generator advances; the model trains; constants of any dtype are placed."""
    code = """
layouts = keras.distribution.LayoutMap(mesh)
layouts[".*kernel"], layouts[".*bias"] = layout(None, "b"), layout("b")
keras.distribution.set_distribution(keras.distribution.ModelParallel(layout_map=layouts, batch_dim_name="a"))
generator = keras.random.SeedGenerator(5)
model = keras.Sequential([
    keras.Input((8,)),
    keras.layers.Dense(16, kernel_initializer=fk.HeNormal(seed=generator), bias_initializer=fk.Ones()),
    keras.layers.Dense(8, kernel_initializer=fk.Orthogonal(seed=generator)),
])
one, other = [layer.kernel.value for layer in model.layers]
print(one.sharding.spec, model.layers[0].bias.value.sharding.spec)
print((np.asarray(one) == fastinit.he_normal((8, 16), seed=5)).all())
print((np.asarray(other) == fastinit.orthogonal((16, 8), seed=fastinit.Key.from_words(5, 1))).all())
print(np.asarray(model.layers[0].bias.value).tolist() == [1.0] * 16)
x = fastinit.normal((32, 8), std=1.0, seed=0)
model.compile("sgd", "mse")
losses = model.fit(x, x[:, ::-1], epochs=4, batch_size=16, verbose=0).history["loss"]
print(losses[-1] < losses[0], model.layers[0].kernel.value.sharding.spec)
counter = keras.Variable(fk.Zeros(), shape=(8, 16), dtype="int32", layout=layout("a", "b"))
print(counter.value.sharding.spec, counter.dtype, int(np.abs(np.asarray(counter.value)).sum()))
"""
    assert run(HEAD + code, **DEVICES).splitlines() == [
        "P(None, 'b') P('b',)",
        "True",
        "True",
        "True",
        "True P(None, 'b')",
        "P('a', 'b') int32 0",
    ]


def test_a_layout_inside_compiled_code() -> None:
    code = """
make = fk.HeNormal(seed=3)
found = jax.jit(lambda: make((8, 16), layout=layout("a", "b")))()
print(found.sharding.spec, (np.asarray(found) == fastinit.he_normal((8, 16), seed=3)).all())
"""
    assert run(HEAD + code, **DEVICES) == "P('a', 'b') True"
