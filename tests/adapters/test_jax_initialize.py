"""Whole models from their shapes: names, rules, shardings, and the libraries that give the shapes."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

jax = pytest.importorskip("jax", reason="fastinit.jax needs JAX")

import numpy as np
from adapters.one_model import CHECKSUM, RULES, SEED, TENSORS, checksum
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

import fastinit
import fastinit.jax as fj
from fastinit import Key
from fastinit.jax._names import names_of

Struct = jax.ShapeDtypeStruct
PLAIN = {r".*(kernel|weight)": "he_normal", r".*bias": "zeros"}


def mesh() -> Mesh:
    if len(jax.devices()) < 8:
        pytest.skip("needs 8 devices, set before JAX starts")
    return Mesh(np.array(jax.devices()[:8]).reshape(4, 2), ("a", "b"))


def structs(tensors: Any) -> Any:
    return {name: Struct(shape, dtype) for name, (shape, dtype) in tensors.items()}


def equal(array: Any, want: np.ndarray) -> bool:
    found = np.asarray(array)
    return (found.dtype, found.shape, found.tobytes()) == (want.dtype, want.shape, want.tobytes())


# One model, one checksum


def test_the_one_model_on_one_device() -> None:
    made = fj.initialize(structs(TENSORS), RULES, seed=SEED)
    assert checksum({name: np.asarray(array) for name, array in made.items()}) == CHECKSUM
    assert all(isinstance(array, jax.Array) and len(array.devices()) == 1 for array in made.values())


@pytest.mark.parametrize("spec", [P(), P("a"), P("b"), P(("a", "b")), P(("b", "a"))], ids=str)
def test_the_one_model_on_eight_devices(spec: Any) -> None:
    sharding = NamedSharding(mesh(), spec)
    made = fj.initialize(structs(TENSORS), RULES, seed=SEED, sharding=sharding)
    assert checksum({name: np.asarray(array) for name, array in made.items()}) == CHECKSUM
    assert all(array.sharding == sharding for array in made.values())
    # By what each device holds, too.
    assembled = {name: np.empty(array.shape, array.dtype) for name, array in made.items()}
    for name, array in made.items():
        for shard in array.addressable_shards:
            assembled[name][shard.index] = np.asarray(shard.data)
    assert checksum(assembled) == CHECKSUM


def test_the_one_model_each_tensor_sharded_in_its_own_way() -> None:
    specs = [P("a"), P(None, "b"), P("a", "b"), P(None, "a"), P(("a", "b")), P("b"), P("a", None, "b"), P("a", "b")]
    specs += [P(None, ("b", "a")), P("a")]
    shardings = {name: NamedSharding(mesh(), spec) for name, spec in zip(TENSORS, specs, strict=True)}
    made = fj.initialize(structs(TENSORS), fastinit.Rules(RULES), seed=Key(SEED), sharding=shardings)
    assert checksum({name: np.asarray(array) for name, array in made.items()}) == CHECKSUM
    # The same by the sharding that a struct has itself.
    own = {name: Struct(shape, dtype, sharding=shardings[name]) for name, (shape, dtype) in TENSORS.items()}
    again = fj.initialize(own, RULES, seed=SEED)
    assert all(again[name].sharding == shardings[name] for name in TENSORS)
    assert checksum({name: np.asarray(array) for name, array in again.items()}) == CHECKSUM


def test_the_one_model_nested_and_by_a_jax_key() -> None:
    nested: dict[str, Any] = {}
    for name, (shape, dtype) in TENSORS.items():
        *path, last = name.split(".")
        node = nested
        for part in path:
            node = node.setdefault(part, {})
        node[last] = Struct(shape, dtype)
    made = fj.initialize(nested, RULES, seed=jax.random.key(SEED), threads=1)
    flat = dict(zip(names_of(made), jax.tree_util.tree_leaves(made), strict=True))
    assert checksum({name: np.asarray(array) for name, array in flat.items()}) == CHECKSUM


# Trees and names


class Pair(NamedTuple):
    first: Any
    second: Any


def test_names_are_paths() -> None:
    leaf = Struct((2,), np.float32)
    tree = {"a": [leaf, {"b": leaf}], "c": Pair(leaf, (leaf,)), "x.y": leaf}
    assert names_of(tree) == ["a.0", "a.1.b", "c.first", "c.second.0", "x.y"]
    try:
        simple = [
            jax.tree_util.keystr(path, simple=True, separator=".")
            for path, _ in jax.tree_util.tree_flatten_with_path(tree)[0]
        ]
    except TypeError:
        pytest.skip("this JAX's keystr has no simple form")
    assert names_of(tree) == simple
    assert names_of({3: leaf, 4: [leaf]}) == ["3", "4.0"]
    assert names_of(leaf) == [""]


def test_leaves_that_are_no_tensors_stay() -> None:
    tree = {"f": np.tanh, "n": 3, "none": None, "w": Struct((4, 4), np.float32), "s": "text"}
    made = fj.initialize(tree, {"w": "he_normal"}, seed=0)
    assert equal(made.pop("w"), fastinit.he_normal((4, 4), seed=Key(0).child("w")))
    assert made == {"f": np.tanh, "n": 3, "none": None, "s": "text"}


def test_arrays_give_their_shapes_only() -> None:
    tree = {"w": np.full((4, 4), np.nan, np.float32), "v": jax.numpy.full((4, 4), np.nan, "bfloat16")}
    made = fj.initialize(tree, {".": "he_normal"}, seed=0)
    assert equal(made["w"], fastinit.he_normal((4, 4), seed=Key(0).child("w")))
    assert equal(made["v"], fastinit.he_normal((4, 4), seed=Key(0).child("v"), dtype="bfloat16"))
    assert np.isnan(tree["w"]).all()


def test_skipped_leaves_stay() -> None:
    key = jax.random.key(0)
    tree = {"w": Struct((4, 4), np.float32), "step": Struct((), np.int32), "rng": key}
    made = fj.initialize(tree, {"w": "he_normal"}, seed=0, skip=["step", "rng"])
    assert made["step"] is tree["step"]
    assert made["rng"] is key


def test_values_do_not_depend_on_the_other_tensors() -> None:
    tree = {"a": Struct((8, 8), np.float32), "b": Struct((16, 16), np.float32), "c": Struct((8, 8), np.float32)}
    whole = fj.initialize(tree, {".": "orthogonal"}, seed=5)
    alone = fj.initialize({"b": tree["b"]}, {".": "orthogonal"}, seed=5)
    assert equal(alone["b"], np.asarray(whole["b"]))
    assert not equal(whole["a"], np.asarray(whole["c"]))


def test_layout_out_in() -> None:
    tree = {"weight": Struct((64, 16), np.float32)}
    made = fj.initialize(tree, {"weight": "he_normal"}, seed=0, layout="out_in")
    want = fastinit.he_normal((64, 16), in_axis=1, out_axis=0, seed=Key(0).child("weight"))
    assert equal(made["weight"], want)
    turned = {"conv": Struct((16, 8, 3, 3), np.float32)}
    plain = fj.initialize(turned, {"conv": "delta_orthogonal"}, seed=0, layout="out_in")["conv"]
    sharded = NamedSharding(mesh(), P("a", "b"))
    assert equal(
        fj.initialize(turned, {"conv": "delta_orthogonal"}, seed=0, layout="out_in", sharding=sharded)["conv"],
        np.asarray(plain),
    )
    want = fastinit.delta_orthogonal((3, 3, 8, 16), seed=Key(0).child("conv")).transpose(3, 2, 0, 1)
    assert equal(plain, np.ascontiguousarray(want))


def test_a_callable_of_ones_own_keeps_its_array() -> None:
    kept = np.ones((4096, 2048), np.float32)
    tree = {"w": Struct(kept.shape, np.float32)}
    made = fj.initialize(tree, [("w", lambda shape, **_: kept)], seed=0)
    kept[...] = 7.0
    assert float(made["w"].max()) == 1.0


def test_big_arrays_are_handed_over() -> None:
    tree = {"w": Struct((4096, 2048), np.float32)}
    array = fj.initialize(tree, {"w": "he_normal"}, seed=0)["w"]
    view = np.asarray(array)
    assert view.ctypes.data == array.unsafe_buffer_pointer()
    assert not view.flags.writeable
    assert not array.committed


def test_sharding_may_be_a_prefix() -> None:
    one, other = NamedSharding(mesh(), P("a")), NamedSharding(mesh(), P(None, "b"))
    leaf = Struct((8, 8), np.float32)
    tree = {"x": {"p": leaf, "q": [leaf, leaf]}, "y": leaf, "z": leaf}
    made = fj.initialize(tree, {".*": "he_normal"}, seed=0, sharding={"x": one, "y": other, "z": None})
    assert [array.sharding for array in jax.tree_util.tree_leaves(made["x"])] == [one] * 3
    assert made["y"].sharding == other
    assert len(made["z"].devices()) == 1
    for name, array in zip(names_of(made), jax.tree_util.tree_leaves(made), strict=True):
        assert equal(array, fastinit.he_normal((8, 8), seed=Key(0).child(name)))
    with pytest.raises(ValueError, match="`sharding` must be a tree like `shapes`, or a prefix of it"):
        fj.initialize(tree, {".*": "he_normal"}, seed=0, sharding={"x": one})


# Refusals


def test_every_refusal_names_the_tensor() -> None:
    good = Struct((4, 4), np.float32)
    cases: list[tuple[Any, Any, type[Exception], str]] = [
        (Struct((4,), np.float32), "orthogonal", ValueError, "'a.bad': `shape` must have at least two axes"),
        (Struct((4, 4), np.int32), "he_normal", TypeError, "'a.bad': `dtype` must be float32"),
        (np.zeros((4, 4)), "he_normal", ValueError, "'a.bad': `dtype` must be one that JAX holds, and float64 needs"),
        (jax.random.key(0), "he_normal", TypeError, "'a.bad': `dtype` must be one of float32"),
        (good, ("normal", {"std": -1}), ValueError, "'a.bad': `std` must be finite and >= 0"),
    ]
    for leaf, rule, kind, sentence in cases:
        with pytest.raises(kind) as caught:
            fj.initialize({"a": {"bad": leaf, "good": good}}, {r"a\.bad": rule, ".*good": "zeros"}, seed=0)
        assert str(caught.value).startswith(sentence)


def test_names_and_rules_must_fit() -> None:
    tree = {"a": Struct((4, 4), np.float32), "b": Struct((4, 4), np.float32)}
    with pytest.raises(ValueError, match="no rule for 'b'; no name for the rule 'c'"):
        fj.initialize(tree, {"a": "zeros", "c": "zeros"}, seed=0)
    leaf = Struct((4, 4), np.float32)
    with pytest.raises(ValueError, match=r"every tensor must have a name of its own. Received: 'a\.b' twice"):
        fj.initialize({"a": {"b": leaf}, "a.b": leaf}, {".*": "zeros"}, seed=0)


def test_seeds() -> None:
    tree = {"a": Struct((4, 4), np.float32)}
    for seed in (None, "0", 1.5):
        with pytest.raises(TypeError, match=r"`key` must be one JAX key, an int or a fastinit\.Key"):
            fj.initialize(tree, {"a": "he_normal"}, seed=seed)
    with pytest.raises(ValueError, match=r"jax\.vmap draws for several"):
        fj.initialize(tree, {"a": "he_normal"}, seed=jax.random.split(jax.random.key(0)))


def test_nothing_is_drawn_before_all_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    monkeypatch.setattr(fastinit, "initialize", lambda *a, **k: called.append(a))
    tree = {"a": Struct((4, 4), np.float32), "z": Struct((4,), np.float32)}
    with pytest.raises(ValueError, match="'z'"):
        fj.initialize(tree, {"a": "he_normal", "z": "orthogonal"}, seed=0)
    assert called == []


def test_not_under_jit() -> None:
    tree = {"a": Struct((4, 4), np.float32)}
    for trace in (jax.jit, lambda f: lambda: jax.eval_shape(f)):
        with pytest.raises(ValueError, match=r"fastinit\.jax\.initialize must be called outside jit"):
            trace(lambda: fj.initialize(tree, {"a": "he_normal"}, seed=0))()
        with pytest.raises(ValueError, match=r"fastinit\.jax\.make_array must be called outside jit"):
            trace(lambda: fj.make_array((8, 8), NamedSharding(mesh(), P()), "he_normal", seed=0))()


def test_a_tensor_without_a_name_beside_a_function() -> None:
    made = fj.initialize({"": Struct((4, 4), np.float32), "f": np.tanh}, {"": "he_normal"}, seed=0)
    assert equal(made[""], fastinit.he_normal((4, 4), seed=Key(0).child("")))
    assert made["f"] is np.tanh
    alone = fj.initialize(Struct((4, 4), np.float32), {"": "he_normal"}, seed=0)
    assert equal(alone, np.asarray(made[""]))


# Libraries


def linen_model(init: Any = None) -> Any:
    nn = pytest.importorskip("flax.linen", reason="needs Flax")

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            kwargs = {} if init is None else {"kernel_init": init}
            hidden = nn.relu(nn.Dense(8, **kwargs)(x))
            return nn.Dense(4, **kwargs)(hidden)

    return Model()


def test_linen_takes_the_factories() -> None:
    model, x = linen_model(fj.he_normal()), np.ones((2, 6), np.float32)
    eager = model.init(jax.random.key(0), x)
    jitted = jax.jit(model.init)(jax.random.key(0), x)
    for a, b in zip(jax.tree_util.tree_leaves(eager), jax.tree_util.tree_leaves(jitted), strict=True):
        assert equal(a, np.asarray(b))
    assert np.asarray(eager["params"]["Dense_0"]["kernel"]).any()


def test_linen_shapes_and_initialize() -> None:
    model, x = linen_model(), np.ones((2, 6), np.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    params = fj.initialize(shapes, PLAIN, seed=1)
    want = fastinit.he_normal((6, 8), seed=Key(1).child("params.Dense_0.kernel"))
    assert equal(params["params"]["Dense_0"]["kernel"], want)
    assert model.apply(params, x).shape == (2, 4)


def test_linen_scan_stacks_layers() -> None:
    nn = pytest.importorskip("flax.linen", reason="needs Flax")

    class Layer(nn.Module):
        @nn.compact
        def __call__(self, x: Any, _: Any) -> Any:
            return nn.Dense(8, kernel_init=fj.he_normal())(x), None

    stack = nn.scan(Layer, variable_axes={"params": 0}, split_rngs={"params": True}, length=3)()
    x = np.ones((2, 8), np.float32)
    eager = stack.init(jax.random.key(0), x, None)["params"]["Dense_0"]["kernel"]
    assert eager.shape == (3, 8, 8)
    assert len({np.asarray(layer).tobytes() for layer in eager}) == 3
    jitted = jax.jit(lambda key: stack.init(key, x, None))(jax.random.key(0))["params"]["Dense_0"]["kernel"]
    assert equal(jitted, np.asarray(eager))


def test_linen_boxes_do_not_change_names() -> None:
    nn = pytest.importorskip("flax.linen", reason="needs Flax")
    plain, boxed = linen_model(fj.he_normal()), linen_model(nn.with_partitioning(fj.he_normal(), (None, "b")))
    x = np.ones((2, 6), np.float32)
    shapes = [jax.eval_shape(model.init, jax.random.key(0), x) for model in (plain, boxed)]
    assert names_of(shapes[0]) == names_of(shapes[1])
    params = fj.initialize(shapes[1], PLAIN, seed=1, sharding=nn.get_sharding(shapes[1], mesh()))
    kernel = params["params"]["Dense_0"]["kernel"]
    assert isinstance(kernel, nn.Partitioned)
    assert kernel.value.sharding == NamedSharding(mesh(), P(None, "b"))
    assert equal(kernel.value, np.asarray(fj.initialize(shapes[0], PLAIN, seed=1)["params"]["Dense_0"]["kernel"]))
    # What with_partitioning makes of the factories is the same as without.
    made = nn.unbox(boxed.init(jax.random.key(0), x))
    for a, b in zip(
        jax.tree_util.tree_leaves(made), jax.tree_util.tree_leaves(plain.init(jax.random.key(0), x)), strict=True
    ):
        assert equal(a, np.asarray(b))


def nnx_model(nnx: Any, rngs: Any, **kwargs: Any) -> Any:
    class Model(nnx.Module):
        def __init__(self) -> None:
            self.hidden = nnx.Linear(6, 8, rngs=rngs, **kwargs)
            self.norm = nnx.BatchNorm(8, use_running_average=True, rngs=rngs)
            self.readout = nnx.Linear(8, 4, rngs=rngs, **kwargs)

        def __call__(self, x: Any) -> Any:
            return self.readout(nnx.relu(self.norm(self.hidden(x))))

    return Model()


def test_nnx_takes_the_factories() -> None:
    nnx = pytest.importorskip("flax.nnx", reason="needs Flax")
    eager = nnx_model(nnx, nnx.Rngs(0), kernel_init=fj.he_normal())

    @nnx.jit
    def create() -> Any:
        return nnx_model(nnx, nnx.Rngs(0), kernel_init=fj.he_normal())

    assert equal(create().hidden.kernel[...], np.asarray(eager.hidden.kernel[...]))
    assert eager(np.ones((2, 6), np.float32)).shape == (2, 4)

    @nnx.split_rngs(splits=3)
    @nnx.vmap(in_axes=(0,), out_axes=0)
    def stack(rngs: Any) -> Any:
        return nnx.Linear(6, 8, kernel_init=fj.he_normal(), rngs=rngs)

    kernels = np.asarray(stack(nnx.Rngs(0)).kernel[...])
    assert kernels.shape == (3, 6, 8)
    assert len({kernel.tobytes() for kernel in kernels}) == 3


def test_nnx_shapes_and_initialize() -> None:
    nnx = pytest.importorskip("flax.nnx", reason="needs Flax")
    abstract = nnx.eval_shape(lambda: nnx_model(nnx, nnx.Rngs(0)))
    graph, state = nnx.split(abstract)
    names = ["hidden.bias", "hidden.kernel", "norm.bias", "norm.mean", "norm.scale", "norm.var"]
    assert names_of(state) == [*names, "readout.bias", "readout.kernel"]
    rules = {**PLAIN, r"norm\.(scale|var)": "ones", r"norm\.mean": "zeros"}
    model = nnx.merge(graph, fj.initialize(state, rules, seed=1))
    assert equal(model.hidden.kernel[...], fastinit.he_normal((6, 8), seed=Key(1).child("hidden.kernel")))
    assert model(np.ones((2, 6), np.float32)).shape == (2, 4)


def test_equinox_shapes_and_initialize() -> None:
    eqx = pytest.importorskip("equinox", reason="needs Equinox")
    model = eqx.filter_eval_shape(eqx.nn.MLP, 6, 4, 8, 1, key=jax.random.key(0))
    made = fj.initialize(model, PLAIN, seed=1, layout="out_in")
    want = fastinit.he_normal((8, 6), in_axis=1, out_axis=0, seed=Key(1).child("layers.0.weight"))
    assert equal(made.layers[0].weight, want)
    assert made(np.ones(6, np.float32)).shape == (4,)
    # A real model gives its shapes as well.
    real = fj.initialize(eqx.nn.MLP(6, 4, 8, 1, key=jax.random.key(0)), PLAIN, seed=1, layout="out_in")
    assert equal(real.layers[0].weight, want)


def test_haiku_takes_the_factories() -> None:
    hk = pytest.importorskip("haiku", reason="needs Haiku")

    def forward(x: Any) -> Any:
        return hk.Linear(4, w_init=lambda shape, dtype: fj.he_normal()(hk.next_rng_key(), shape, dtype))(x)

    model = hk.transform(forward)
    x = np.ones((2, 6), np.float32)
    params = model.init(jax.random.key(0), x)
    assert equal(jax.jit(model.init)(jax.random.key(0), x)["linear"]["w"], np.asarray(params["linear"]["w"]))
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    made = fj.initialize(shapes, {r"linear\.w": "he_normal", r"linear\.b": "zeros"}, seed=1)
    assert equal(made["linear"]["w"], fastinit.he_normal((6, 4), seed=Key(1).child("linear.w")))
