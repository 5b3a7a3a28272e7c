"""From a tensor to the memory that fastinit fills, and back to a tensor that torch knows to be changed."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.parameter import is_lazy

from ._dtensor import is_distributed, local

REAL = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_COMPLEX = (torch.complex64, torch.complex128)
_NUMPY = {dtype: np.dtype(str(dtype).removeprefix("torch.")) for dtype in REAL + _COMPLEX if dtype != torch.bfloat16}
_NUMPY[torch.bfloat16] = np.dtype(np.uint16)  # as bits

_memory_at = ctypes.pythonapi.PyMemoryView_FromMemory
_memory_at.argtypes = (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)
_memory_at.restype = ctypes.py_object
_WRITABLE = 0x200  # PyBUF_WRITE


class Place(NamedTuple):
    """Where a tensor's numbers are written: its own memory, or memory beside it that is copied there."""

    tensor: Tensor
    out: np.ndarray  # C-contiguous, of the tensor's shape; bfloat16 as bits
    staged: Tensor | None  # the memory beside it

    @property
    def kwargs(self) -> dict[str, Any]:
        """What an initializer is told."""
        return {"out": self.out, **dtype_kwargs(self.tensor)}


def dtype_kwargs(tensor: Tensor) -> dict[str, Any]:
    """What an initializer must be told beside the memory, whose dtype says the rest."""
    return {"dtype": "bfloat16"} if tensor.dtype == torch.bfloat16 else {}


def is_direct(tensor: Tensor) -> bool:
    """Whether a tensor's own memory can be handed over: on the CPU, one element after another, as they are."""
    return (
        tensor.is_cpu
        and tensor.layout is torch.strided
        and tensor.is_contiguous()
        and not tensor.is_neg()
        and not tensor.is_conj()
    )


def place(tensor: Tensor) -> Place:
    """The place of a tensor that `check` lets pass; nothing is written."""
    if is_direct(tensor):
        return Place(tensor, view(tensor), None)
    staged = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu", pin_memory=tensor.is_cuda)
    return Place(tensor, view(staged), staged)


def written(places: Iterable[Place]) -> None:
    """Bring what has been drawn into the tensors, and let autograd know."""
    direct = []
    for placed in places:
        if placed.staged is None:
            direct.append(placed.tensor)
        else:
            with torch.no_grad():
                placed.tensor.copy_(placed.staged)  # which counts as a change by itself
    changed(direct)


def changed(tensors: Iterable[Tensor]) -> None:
    """Raise the version that autograd compares: else it would use the new numbers for the old ones, in silence."""
    torch.autograd.graph.increment_version(tensors)


def view(tensor: Tensor) -> np.ndarray:
    """The memory of a contiguous CPU tensor, for as long as the tensor lives; bfloat16 as uint16.

    Not by Tensor.numpy(), after which torch never resizes the memory again: FSDP could not free what it has gathered.
    """
    if type(tensor) not in (Tensor, Parameter):
        return shown(tensor)
    nbytes, dtype = tensor.nbytes, _NUMPY[tensor.dtype]
    if not nbytes:
        return np.empty(tuple(tensor.shape), dtype)
    try:
        address, storage = tensor.data_ptr(), tensor.untyped_storage().nbytes()
    except (RuntimeError, NotImplementedError) as error:
        raise _no_memory(tensor, error) from None
    if storage < nbytes:
        raise _freed()
    if not address:
        raise _no_memory(tensor, "its address is 0")
    return np.ndarray(tuple(tensor.shape), dtype, _memory_at(address, nbytes, _WRITABLE))


def shown(tensor: Tensor) -> np.ndarray:
    """The memory of a CPU tensor, which lives as long as the array; axes in the tensor's order; bfloat16 as uint16."""
    detached = tensor.detach()
    try:
        memory: np.ndarray = (detached.view(torch.uint16) if tensor.dtype == torch.bfloat16 else detached).numpy()
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise _no_memory(tensor, error) from None
    return memory


def _freed() -> ValueError:
    return ValueError(
        "`tensor` must have memory: let FSDP reshard() it, or resize its storage. Received: a tensor whose storage has "
        "been freed"
    )


def _is_freed(tensor: Tensor) -> bool:
    try:
        return tensor.numel() > 0 and tensor.untyped_storage().nbytes() == 0
    except (RuntimeError, NotImplementedError):  # it has no storage, which `view` speaks of
        return False


def _no_memory(tensor: Tensor, why: object) -> TypeError:
    return TypeError(
        "`tensor` must have memory of its own: fill the tensors that it wraps. "
        f"Received: {type(tensor).__name__}, which has none to show ({str(why).splitlines()[0]})"
    )


def is_abstract(tensor: Any) -> bool:
    """Whether a tensor has a shape and no numbers: meta or fake."""
    if not isinstance(tensor, Tensor):
        return False
    # Importing this module of torch takes longer than most fills; where nobody did, there are no fake tensors.
    fakes = sys.modules.get("torch._subclasses.fake_tensor")
    return bool(tensor.is_meta or (fakes is not None and isinstance(local(tensor), fakes.FakeTensor)))


def check(tensor: Any, *, complex_too: bool = False, abstract_too: bool = False) -> None:
    """Refuse what cannot be filled, by a sentence that says what can be done."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"`tensor` must be a torch.Tensor. Received: {type(tensor).__name__}")
    if is_lazy(tensor):
        raise ValueError("`tensor` must have a shape: run the lazy module once. Received: an uninitialized parameter")
    if not abstract_too and is_abstract(tensor):
        what = "a meta tensor" if tensor.is_meta else "a fake tensor"
        raise ValueError(f"`tensor` must have memory: give it some by module.to_empty(device=...). Received: {what}")
    if tensor.layout is not torch.strided or tensor.is_quantized:
        kind = "a quantized tensor" if tensor.is_quantized else f"layout {tensor.layout}"
        raise TypeError(f"`tensor` must be dense: fill a dense one and convert it. Received: {kind}")
    if tensor.dtype not in REAL and not (complex_too and tensor.dtype in _COMPLEX):
        allowed = REAL + _COMPLEX if complex_too else REAL
        names = [str(dtype).removeprefix("torch.") for dtype in allowed]
        raise TypeError(f"`tensor` must have dtype {', '.join(names[:-1])} or {names[-1]}. Received: {tensor.dtype}")
    if is_distributed(tensor):
        tensor = local(tensor)
        if type(tensor) not in (Tensor, Parameter) and not is_abstract(tensor):
            raise TypeError(
                "a DTensor must have plain tensors in its ranks: fill those that they wrap. "
                f"Received: {type(tensor).__name__}"
            )
    if tensor.is_inference() and not torch.is_inference_mode_enabled():
        raise ValueError("`tensor` must be filled in torch.inference_mode(), or cloned. Received: an inference tensor")
    if _is_freed(tensor):
        raise _freed()
    if not tensor.is_contiguous() and _overlaps(tensor):
        raise ValueError(
            "`tensor` must hold every element in a place of its own: clone it. "
            f"Received: shape {tuple(tensor.shape)} with strides {tensor.stride()}"
        )


def _overlaps(tensor: Tensor) -> bool:
    axes = sorted((stride, size) for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1)
    reach = 0
    for stride, size in axes:
        if stride <= reach:  # seldom: no slice and no permutation of axes leads here
            break
        reach += stride * (size - 1)
    else:
        return False
    if not tensor.numel():
        return False
    places = np.zeros(1, np.int64)
    for stride, size in axes:
        places = np.unique(places[:, None] + stride * np.arange(size))
    return len(places) < int(tensor.numel())


def array(tensor: Tensor) -> np.ndarray:
    """Return the memory of a tensor as a NumPy array, without a copy.

    For ``out=`` of any function of fastinit, or to look at. Axes and strides are the tensor's. Torch cannot see what
    is written through it: afterwards call ``torch.autograd.graph.increment_version(tensor)``, which the functions
    of this module do themselves; otherwise a backward pass through what was computed before gives wrong gradients
    in silence.

    Parameters
    ----------
    tensor : torch.Tensor
        On the CPU, dense, float32, float64, float16, bfloat16, complex64 or complex128; a Parameter too.

    Returns
    -------
    numpy.ndarray
        bfloat16 as the dtype of the package ml_dtypes.

    Raises
    ------
    TypeError, ValueError
        If the tensor is on another device, meta, fake, sparse, quantized, or of another dtype.
    ImportError
        If it is bfloat16 and ml_dtypes is not installed.

    Examples
    --------
    >>> import torch, fastinit
    >>> import fastinit.torch as init
    >>> weight = torch.nn.Parameter(torch.empty(2, 3))
    >>> view = init.array(weight)
    >>> view[...] = 7
    >>> float(weight[1, 2].detach())
    7.0
    """
    check(tensor, complex_too=True)
    if not tensor.is_cpu or tensor.is_conj() or tensor.is_neg():
        where = f"one on {tensor.device}" if not tensor.is_cpu else "a lazily conjugated or negated one"
        raise ValueError(f"`tensor` must lie in the CPU's memory as it is. Received: {where}")
    memory = shown(tensor)
    if tensor.dtype != torch.bfloat16:
        return memory
    try:
        import ml_dtypes
    except ImportError as error:
        raise ImportError("a bfloat16 array needs the package ml_dtypes: pip install 'fastinit[bfloat16]'") from error
    return memory.view(ml_dtypes.bfloat16)
