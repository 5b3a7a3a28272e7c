"""Whatever a tensor is: memory without a copy, layouts, dtypes, versions, and what is refused."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import fastinit
import fastinit.torch as init
from fastinit.torch._fill import fill

DTYPES = ["float32", "float64", "float16", "bfloat16"]


def bits(tensor: Any) -> np.ndarray:
    whole = tensor.detach().contiguous()
    return (whole.view(torch.uint16) if whole.dtype == torch.bfloat16 else whole).numpy()


def expected(function: Any, shape: tuple[int, ...], dtype: str, **kwargs: Any) -> np.ndarray:
    if dtype == "bfloat16":
        return function(shape, dtype=dtype, out=np.empty(shape, np.uint16), **kwargs)
    return function(shape, dtype=dtype, **kwargs)


def layouts(shape: tuple[int, ...], dtype: Any) -> dict[str, Any]:
    """Tensors of one shape whose elements lie in memory in different ways."""
    found = {
        "contiguous": torch.empty(shape, dtype=dtype),
        "transposed": torch.empty(shape[::-1], dtype=dtype).permute(*range(len(shape))[::-1]),
        "every second": torch.empty((*shape[:-1], shape[-1] * 2), dtype=dtype)[..., ::2],
        "a slice of rows": torch.empty((shape[0] + 3, *shape[1:]), dtype=dtype)[2:-1],
        "behind an offset": torch.empty(int(np.prod(shape)) + 1, dtype=dtype)[1:].view(shape),
        "a parameter": torch.nn.Parameter(torch.empty(shape, dtype=dtype)),
        "shared": torch.empty(shape, dtype=dtype).share_memory_(),
    }
    if len(shape) == 4:
        found["channels_last"] = torch.empty(shape, dtype=dtype).to(memory_format=torch.channels_last)
    return found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(6, 5), (4, 3, 3, 2)])
def test_every_layout_gets_the_same_values_in_logical_order(shape: tuple[int, ...], dtype: str) -> None:
    wanted = expected(fastinit.normal, shape, dtype, seed=3)
    for name, tensor in layouts(shape, getattr(torch, dtype)).items():
        pointer, strides = tensor.data_ptr(), tensor.stride()
        assert fill(tensor, fastinit.normal, {}, seed=3) is tensor
        np.testing.assert_array_equal(bits(tensor), wanted, err_msg=name)
        assert (tensor.data_ptr(), tensor.stride()) == (pointer, strides)


def test_what_lies_between_the_elements_stays() -> None:
    whole = torch.full((4, 6), 7.0)
    fill(whole[:, 1:4], fastinit.normal, {}, seed=0)
    fill(whole[:, ::5], fastinit.zeros, {})
    np.testing.assert_array_equal(whole[:, 1:4], fastinit.normal((4, 3), seed=0))
    assert (whole[:, 4] == 7).all()
    assert not whole[:, ::5].any()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,)])
def test_small_and_empty_tensors(shape: tuple[int, ...]) -> None:
    tensor = torch.full(shape, 7.0)
    fill(tensor, fastinit.normal, {}, seed=1)
    np.testing.assert_array_equal(bits(tensor), fastinit.normal(shape, seed=1))


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_where_fastinit_has_it(dtype: str) -> None:
    tensor = torch.empty((4, 4), dtype=getattr(torch, dtype))
    fill(tensor, fastinit.orthogonal, {}, seed=0, complex_too=True)
    np.testing.assert_array_equal(tensor.numpy(), fastinit.orthogonal((4, 4), dtype=dtype, seed=0))
    conjugate = torch.empty((4, 4), dtype=getattr(torch, dtype)).conj()
    fill(conjugate, fastinit.orthogonal, {}, seed=0, complex_too=True)
    np.testing.assert_array_equal(conjugate.resolve_conj().numpy(), tensor.numpy())
    with pytest.raises(TypeError, match=r"`tensor` must have dtype float32, .* or bfloat16. Received: torch.complex"):
        fill(tensor, fastinit.normal, {}, seed=0)


# Autograd


def test_a_backward_pass_through_the_old_numbers_is_refused() -> None:
    for tensor in (torch.ones(8, 4, requires_grad=True), torch.ones(4, 8, requires_grad=True).T):
        y = (torch.ones(2, 4, requires_grad=True) @ tensor.T).sum()
        fill(tensor, fastinit.zeros, {})
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.backward()


def test_the_version_rises_by_one_as_torchs_own() -> None:
    for tensor in (
        torch.ones(8, 4),
        torch.ones(4, 8).T,
        torch.nn.Parameter(torch.ones(2)),
        torch.ones(3, device="meta"),
    ):
        before = tensor._version
        fill(tensor, fastinit.normal, {}, seed=0)
        after = tensor._version
        torch.nn.init.normal_(tensor)
        assert after - before == tensor._version - after == 1


def test_a_views_base_is_changed_too() -> None:
    base = torch.ones(8, 4)
    before = base._version
    fill(base[2:4], fastinit.normal, {}, seed=0)
    assert base._version == before + 1


def test_a_leaf_that_requires_grad_stays_one() -> None:
    tensor = torch.ones(3, 4, requires_grad=True)
    fill(tensor, fastinit.normal, {}, seed=0)
    assert tensor.requires_grad
    assert tensor.is_leaf
    assert tensor.grad_fn is None


def test_inference_tensors_in_inference_mode_alone() -> None:
    with torch.inference_mode():
        tensor = torch.empty(3)
        fill(tensor, fastinit.normal, {}, seed=0)
    np.testing.assert_array_equal(tensor.numpy(), fastinit.normal(3, seed=0))
    with pytest.raises(ValueError, match="Received: an inference tensor"):
        fill(tensor, fastinit.zeros, {})


# Tensors without numbers


def fake_tensor(shape: tuple[int, ...]) -> Any:
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode():
        return torch.empty(shape)


@pytest.mark.parametrize("make", [lambda shape: torch.empty(shape, device="meta"), fake_tensor])
def test_meta_and_fake_tensors_are_passed_over_as_torch_passes_over_them(make: Any) -> None:
    tensor, state = make((3, 4)), torch.get_rng_state()
    assert fill(tensor, fastinit.he_normal, {"in_axis": 1, "out_axis": 0}) is tensor
    assert torch.equal(state, torch.get_rng_state())
    assert tensor._version == 1
    with pytest.raises(ValueError, match="`std` must be finite and >= 0"):
        fill(tensor, fastinit.normal, {"std": -1.0})
    with pytest.raises(ValueError, match="`tensor` must have memory"):
        init.array(tensor)


# What is refused


def uninitialized() -> Any:
    return torch.nn.LazyLinear(3).weight


def quantized() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.quint8)


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: np.zeros(3), TypeError, "`tensor` must be a torch.Tensor. Received: ndarray"),
        (lambda: torch.zeros(3, dtype=torch.int64), TypeError, "Received: torch.int64"),
        (lambda: torch.zeros(3, dtype=torch.bool), TypeError, "Received: torch.bool"),
        (lambda: torch.zeros(3, dtype=torch.float8_e4m3fn), TypeError, "Received: torch.float8_e4m3fn"),
        (lambda: torch.zeros(3, 3).to_sparse(), TypeError, "must be dense.*torch.sparse_coo"),
        (lambda: torch.zeros(3, 3).to_mkldnn(), TypeError, "must be dense.*torch._mkldnn"),
        (quantized, TypeError, "must be dense.*a quantized tensor"),
        (uninitialized, ValueError, "must have a shape.*an uninitialized parameter"),
        (lambda: torch.zeros(3, 1).expand(3, 4), ValueError, "in a place of its own: clone it. Received: shape"),
        (lambda: torch.zeros(8).as_strided((4, 3), (1, 1)), ValueError, "in a place of its own"),
        (lambda: torch.zeros(8).unfold(0, 3, 1), ValueError, "in a place of its own"),
    ],
)
def test_what_cannot_be_filled_is_refused_by_a_sentence(make: Any, error: type[Exception], sentence: str) -> None:
    tensor = make()
    with pytest.raises(error, match=sentence):
        fill(tensor, fastinit.normal, {}, seed=0)


def test_elements_that_lie_between_one_another_do_not_overlap() -> None:
    tensor = torch.zeros(8).as_strided((2, 3), (3, 2))
    fill(tensor, fastinit.normal, {}, seed=0)
    np.testing.assert_array_equal(tensor.numpy(), fastinit.normal((2, 3), seed=0))


def test_a_tensor_that_only_wraps_others_is_refused() -> None:
    from torch.testing._internal.two_tensor import TwoTensor

    with pytest.raises(TypeError, match=r"must have memory of its own: fill the tensors that it wraps.*TwoTensor"):
        fill(TwoTensor(torch.zeros(3), torch.zeros(3)), fastinit.normal, {}, seed=0)


def test_a_subclass_with_memory_is_filled() -> None:
    class Named(torch.Tensor):
        pass

    tensor = torch.empty(3).as_subclass(Named)
    fill(tensor, fastinit.normal, {}, seed=0)
    np.testing.assert_array_equal(bits(tensor.as_subclass(torch.Tensor)), fastinit.normal(3, seed=0))


def test_nothing_is_written_when_an_argument_is_wrong() -> None:
    for tensor in (torch.full((3, 4), 7.0), torch.full((4, 3), 7.0).T):
        with pytest.raises(ValueError, match="`std`"):
            fill(tensor, fastinit.normal, {"std": -1.0}, seed=0)
        with pytest.raises(ValueError, match="`threads` must be >= 1"):
            fill(tensor, fastinit.normal, {}, seed=0, threads=0)
        assert (tensor == 7).all()
        assert tensor._version == 0


def test_a_default_device_does_not_catch_what_is_made_on_the_way() -> None:
    tensor = torch.empty(4, 3).T
    with torch.device("meta"):
        fill(tensor, fastinit.normal, {}, seed=0)
        fill(tensor, fastinit.normal, {})
    assert tensor.std() > 0


# The zero-copy view


@pytest.mark.parametrize("dtype", [*DTYPES, "complex64"])
def test_array_is_the_tensors_memory(dtype: str) -> None:
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    for tensor in layouts((4, 3, 3, 2), getattr(torch, dtype)).values():
        array = init.array(tensor)
        assert array.__array_interface__["data"][0] == tensor.data_ptr()
        assert array.shape == tuple(tensor.shape)
        assert array.strides == tuple([stride * tensor.element_size() for stride in tensor.stride()])
        assert array.dtype == fastinit.zeros(1, dtype="bfloat16").dtype if dtype == "bfloat16" else np.dtype(dtype)
        assert array.flags.writeable


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: torch.zeros(3, dtype=torch.int32), "must have dtype"),
        (lambda: torch.zeros(3, 3).to_sparse(), "must be dense"),
        (lambda: torch.zeros(3, dtype=torch.complex64).conj(), "must lie in the CPU's memory as it is"),
        (lambda: torch.zeros(3, dtype=torch.complex64).conj().imag, "must lie in the CPU's memory as it is"),
    ],
)
def test_array_refuses(make: Any, sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence):
        init.array(make())


def test_torch_may_still_resize_the_memory() -> None:
    """FSDP frees what it has gathered by that; Tensor.numpy() would forbid it for ever."""
    for dtype in (torch.float32, torch.bfloat16):
        tensor = init.normal_(torch.empty(8, 4, dtype=dtype), seed=0)
        init.init_(_holding(tensor), [("weight", "normal")], seed=0)
        tensor.untyped_storage().resize_(0)


def test_a_freed_tensor_is_refused() -> None:
    for start in (0, 4):
        base = torch.zeros(16)
        tensor = base[start : start + 8]
        turned = tensor.view(2, 4).t()
        base.untyped_storage().resize_(0)
        with pytest.raises(ValueError, match="storage has been freed"):
            init.normal_(tensor, seed=0)
        with pytest.raises(ValueError, match="storage has been freed"):
            init.normal_(turned, seed=0)
        with pytest.raises(ValueError, match=r"'weight': .*storage has been freed"):
            init.init_(_holding(tensor), [("weight", "normal")], seed=0)


def _holding(tensor: Any) -> Any:
    module = torch.nn.Module()
    module.weight = torch.nn.Parameter(tensor)
    return module
