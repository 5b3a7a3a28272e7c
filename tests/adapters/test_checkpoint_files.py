"""Checkpoints and those who read them: the safetensors library, PyTorch's models, JAX's trees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from adapters.one_model import CHECKSUM, RULES, SEED, TENSORS, checksum
from checkpoint.files import RULES as OTHER_RULES
from checkpoint.files import SEED as OTHER_SEED
from checkpoint.files import TENSORS as OTHER_TENSORS
from checkpoint.files import expected

safetensors = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")

import fastinit.checkpoint as checkpoint
from fastinit import Rules
from fastinit.checkpoint._dtypes import KINDS


def test_the_one_model_from_a_file(tmp_path: Path) -> None:
    checkpoint.write(tmp_path, TENSORS, RULES, seed=SEED)
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    found = safetensors.load_file(tmp_path / "model.safetensors")
    assert found["blocks.0.mlp.down"].dtype == ml_dtypes.bfloat16
    assert checksum(found) == CHECKSUM


def test_a_file_is_what_the_library_writes(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from safetensors.torch import save_file

    (file,) = checkpoint.write(tmp_path / "ours", OTHER_TENSORS, OTHER_RULES, seed=OTHER_SEED)
    tensors = {}
    for name, array in expected(OTHER_TENSORS, OTHER_RULES, OTHER_SEED).items():
        tensor = torch.from_numpy(array.view(np.int16) if array.dtype == np.uint16 else array)
        tensors[name] = tensor.view(torch.bfloat16) if array.dtype == np.uint16 else tensor
    save_file(tensors, tmp_path / "theirs.safetensors", metadata={"format": "pt"})
    assert file.read_bytes() == (tmp_path / "theirs.safetensors").read_bytes()


def test_every_dtype_is_where_the_library_puts_it(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from safetensors.torch import save_file

    zeros, refused = {}, []
    for kind in KINDS:
        for name in ("é", "b", "A", '"\\\n\x02'):
            tensor = torch.zeros(3, 0 if name == "A" else 2, dtype=getattr(torch, kind.name))
            try:
                save_file({"tensor": tensor}, tmp_path / "probe.safetensors")
                zeros[f"{name}{kind.code}"] = tensor
            except (KeyError, RuntimeError, ValueError, safetensors.SafetensorError):  # a dtype of a newer version
                refused.append(kind.code)
    assert not {*refused} & {"F64", "F32", "F16", "BF16", "I64", "I32", "U8", "BOOL"}
    save_file(zeros, tmp_path / "theirs.safetensors", metadata={"format": "pt"})
    tensors = checkpoint.tensors_of(tmp_path / "theirs.safetensors")
    assert tensors == {name: (tuple(t.shape), str(t.dtype).removeprefix("torch."), ()) for name, t in zeros.items()}
    (file,) = checkpoint.write(tmp_path / "ours", tensors, {"(?s:.)*": "zeros"}, seed=0)
    assert file.read_bytes() == (tmp_path / "theirs.safetensors").read_bytes()
    assert [*tensors] == [*checkpoint.tensors_of(file)]


def test_a_tree_of_jax(tmp_path: Path) -> None:
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    import fastinit.jax

    shapes = {
        "params": {
            "Dense_0": {
                "kernel": jax.ShapeDtypeStruct((20, 30), "bfloat16"),
                "bias": jax.ShapeDtypeStruct((30,), "float32"),
            },
            "layers": [jax.ShapeDtypeStruct((3, 3, 4, 6), "float16"), len],
        }
    }
    rules = Rules([(".*kernel", "he_normal"), (".*bias", "zeros"), (".*layers.*", "glorot_uniform")])
    tensors = fastinit.jax.tensors_of(shapes)
    assert tensors == {
        "params.Dense_0.bias": ((30,), "float32"),
        "params.Dense_0.kernel": ((20, 30), "bfloat16"),
        "params.layers.0": ((3, 3, 4, 6), "float16"),
    }
    (file,) = checkpoint.write(tmp_path, tensors, rules, seed=3, layout="in_out")
    pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    found = safetensors.load_file(file)
    made = fastinit.jax.initialize(shapes, rules, seed=3)["params"]
    wanted = {"Dense_0.bias": made["Dense_0"]["bias"], "Dense_0.kernel": made["Dense_0"]["kernel"],
              "layers.0": made["layers"][0]}  # fmt: skip
    assert sorted(found) == [f"params.{name}" for name in sorted(wanted)]
    for name, array in wanted.items():
        assert found[f"params.{name}"].tobytes() == np.asarray(array).tobytes()


def test_two_tensors_of_one_name_in_a_tree() -> None:
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    import fastinit.jax

    leaf = jax.ShapeDtypeStruct((2,), "float32")
    with pytest.raises(ValueError, match=r"must have a name of its own. Received: 'a.b' twice"):
        fastinit.jax.tensors_of({"a": {"b": leaf}, "a.b": leaf})


class TestModules:
    """Modules of PyTorch: a file holds what `init_` gives them."""

    @pytest.fixture
    def torch(self) -> Any:
        return pytest.importorskip("torch", reason="PyTorch is not installed")

    def test_a_file_is_what_init_gives(self, tmp_path: Path, torch: Any) -> None:
        from safetensors.torch import load_file

        import fastinit.torch as init

        nn = torch.nn

        def make() -> Any:
            model = nn.Sequential(
                nn.Embedding(50, 16, padding_idx=3), nn.Linear(16, 16), nn.BatchNorm1d(16), nn.Linear(16, 50)
            )
            model[3].weight = model[0].weight  # tied, and zero in a row
            return model.to(torch.bfloat16)

        with torch.device("meta"):
            model = make()
        tensors = init.tensors_of(model)
        assert [*tensors] == ["0.weight", "1.weight", "1.bias", "2.weight", "2.bias", "2.running_mean", "2.running_var",
                              "2.num_batches_tracked", "3.bias"]  # fmt: skip
        assert tensors["0.weight"] == ((50, 16), "bfloat16", (3,))
        assert tensors["2.num_batches_tracked"] == ((), "int64")
        rules = Rules(
            [
                ("2.weight", "ones"),
                ("1.weight", "orthogonal"),
                (".*weight", "normal"),
                (".*running_mean", "zeros"),
                (".*running_var", "ones"),
                (".*bias", "uniform"),
            ]
        )
        counters = Rules([*rules, (".*num_batches_tracked", "zeros")])
        (file,) = checkpoint.write(tmp_path, tensors, counters, seed=9)
        made = init.init_(make(), rules, seed=9, skip=".*num_batches_tracked")
        found = load_file(file)
        assert sorted(found) == sorted(tensors)
        for name, tensor in made.state_dict().items():
            assert torch.equal(found.get(name, found["0.weight"]), tensor), name
        missing, unexpected = make().load_state_dict(found, strict=False)
        assert (missing, unexpected) == (["3.weight"], [])  # which is tied

    @pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
    def test_names_without_wrappers(self, torch: Any) -> None:
        import fastinit.torch as init

        model = torch.nn.Sequential(torch.nn.Linear(3, 4))
        plain = {"0.weight": ((4, 3), "float32"), "0.bias": ((4,), "float32")}
        assert init.tensors_of(torch.compile(model)) == plain
        assert init.tensors_of(torch.optim.swa_utils.AveragedModel(model)) == {**plain, "n_averaged": ((), "int64")}

    def test_what_is_not_stored_is_not_there(self, torch: Any) -> None:
        import fastinit.torch as init

        class Part(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.register_buffer("table", torch.zeros(3), persistent=False)
                self.register_buffer("kept", torch.zeros(3))

            def get_extra_state(self) -> str:
                return "no tensor"

            def set_extra_state(self, state: Any) -> None:
                raise AssertionError

        assert init.tensors_of(Part()) == {"kept": ((3,), "float32")}

    def test_parametrized_tensors_are_what_they_are_computed_from(self, torch: Any) -> None:
        import fastinit.torch as init

        layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(3, 4))
        assert init.tensors_of(layer) == {
            "bias": ((4,), "float32"),
            "parametrizations.weight.original0": ((4, 1), "float32"),
            "parametrizations.weight.original1": ((4, 3), "float32"),
        }

    def test_refused(self, torch: Any) -> None:
        import fastinit.torch as init

        with pytest.raises(TypeError, match=r"`model` must be a torch.nn.Module, a configuration"):
            init.tensors_of({"a": 1})
        with pytest.raises(ValueError, match="must have a shape; call the module once"):
            init.tensors_of(torch.nn.LazyLinear(3))
