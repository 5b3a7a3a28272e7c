"""Code that nobody can change draws by fastinit: torch's own draws are taken over within a block."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FunctionType
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

import fastinit

from .._memory import prefer_huge_pages
from ..keys import Key
from . import _drop_in
from ._fill import USUAL
from ._seed import key_of
from ._tensor import REAL, is_abstract, is_direct, view

_Call = Callable[..., Any]


class Takeover:
    """What has happened within a block of `takeover`.

    Attributes
    ----------
    drawn : int
        How many tensors fastinit has filled: the next one would have the key ``Key(seed).child(drawn)``.
    left : collections.Counter
        How often torch has drawn itself, by the name of its function: what is not taken over, or not with these
        arguments.

    Examples
    --------
    >>> import torch
    >>> import fastinit.torch as init
    >>> with init.takeover(seed=0) as taken:
    ...     noise, order = torch.randn(100), torch.randperm(100)
    >>> taken.drawn, dict(taken.left)
    (1, {'randperm': 1})
    """

    def __init__(self) -> None:
        self.drawn = 0
        self.left: Counter[str] = Counter()

    def __repr__(self) -> str:
        left = ", ".join(f"{name} {count}" for name, count in sorted(self.left.items()))
        return f"<{self.drawn} tensors drawn by fastinit, by torch: {left or 'none'}>"


@contextmanager
def takeover(*, seed: Any = None, threads: int | None = None) -> Iterator[Takeover]:
    """Let fastinit fill every tensor that code within the block initializes by torch, without a change of that code.

    For constructors that call ``torch.nn.init``, ``tensor.normal_()`` or ``torch.randn`` on their own, whatever
    they have imported and from where. The i-th tensor that is drawn, i = 0, 1, ..., has the key
    ``Key(seed).child(i)``: so the weights depend on the seed and on the order in which the code draws, and not on
    threads or the machine. For keys by name, which no order of calls can change, see `init_`.

    Taken over are all functions of ``torch.nn.init``, the methods ``normal_`` and ``uniform_`` of tensors,
    ``torch.rand``, ``randn``, ``rand_like``, ``randn_like``, and ``torch.normal`` with numbers for mean and std; on
    tensors that `fastinit.torch` can fill. The distributions are torch's.

    Torch itself draws, from its own generator, and counts in `Takeover.left`: every other distribution
    (``bernoulli_``, ``random_``, ``exponential_``, ``randperm``, ``randint``, ...); tensors that fastinit does not
    fill (complex, float8, sparse, subclasses without memory of their own); calls with a ``generator=``, which have
    asked for its numbers, or with ``out=``; and in-place calls that autograd records. Dropout, and what draws inside
    of torch's C++ code or of compiled or scripted functions, is torch's and is not counted. Meta and fake tensors are
    nobody's, and take no number i.

    Nothing of torch is replaced: this is a ``torch.overrides.TorchFunctionMode``. It holds for the thread that has
    entered the block and for no other, not even one that is started within; and it ends with the block, however that
    ends. Torch's default generator is as it was, unless torch has drawn itself.

    Parameters
    ----------
    seed : int, fastinit.Key, torch.Generator, None, or a seed of NumPy's
        None takes one word of torch's default generator when the block begins, so that ``torch.manual_seed`` decides.
    threads : int
        The most threads of each fill. Values never depend on it.

    Yields
    ------
    Takeover
        How many tensors fastinit has filled, and what was left to torch.

    Raises
    ------
    TypeError, ValueError
        If `seed` or `threads` is not as described. Within the block nothing raises that would not raise without.

    Examples
    --------
    >>> import torch, fastinit
    >>> import fastinit.torch as init
    >>> with init.takeover(seed=0) as taken:
    ...     layer = torch.nn.Linear(784, 128)
    >>> taken
    <2 tensors drawn by fastinit, by torch: none>
    >>> bias = fastinit.uniform(128, -1 / 28, 1 / 28, seed=fastinit.Key(0).child(1))
    >>> bool((layer.bias.detach().numpy() == bias).all())
    True
    """
    mode = _Mode(Key(key_of(seed)), threads)
    with mode:
        yield mode.taken


class _Refused(Exception):
    """A call that is not taken over."""


class _Mode(TorchFunctionMode):
    """Sees every call of torch that Python makes, before torch does."""

    def __init__(self, key: Key, threads: int | None) -> None:
        super().__init__()
        fastinit.zeros((), threads=threads)  # a wrong number of threads is refused here, and not at every tensor
        self._key = key
        self._threads = threads
        self._is_replaced = False
        self.taken = Takeover()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        ours = _OURS.get(func)
        if ours is None and type(func) is FunctionType and (true := _BY_CODE.get(sys._getframe(2).f_code)):
            # A function of torch.nn.init that hands on the call of another, which stands in its place there: the
            # other may decide, and it is torch's if that calls torch's.
            if not self._is_replaced:
                return self._by_replacement(func, args, kwargs)
            func, ours = true, _OURS[true]
        if ours is None:
            if func in _OTHERS:
                self.taken.left[func.__name__] += 1
            return func(*args, **kwargs)
        try:
            return ours(self, *args, **kwargs)
        except (_Refused, TypeError, ValueError, RuntimeError):
            pass
        result = func(*args, **kwargs)  # or torch says by its own words what is wrong
        if not is_abstract(result):
            self.taken.left[func.__name__] += 1
        return result

    def _by_replacement(self, func: _Call, args: Any, kwargs: Any) -> Any:
        self._is_replaced = True
        try:
            with self:
                return func(*args, **kwargs)
        finally:
            self._is_replaced = False

    def fill(self, initializer: _Call, tensor: Tensor, *args: Any, generator: Any = None, **kwargs: Any) -> Tensor:
        """Fill a tensor by a function of `fastinit.torch`, under the next key."""
        if generator is not None or is_abstract(tensor):
            raise _Refused
        key = self._key.child(self.taken.drawn)
        if type(tensor) in USUAL and tensor.dtype in REAL and is_direct(tensor):
            prefer_huge_pages(view(tensor))  # mostly of a new parameter
        with torch.no_grad():
            initializer(tensor, *args, seed=key, threads=self._threads, **kwargs)
        self.taken.drawn += 1
        return tensor


def _is_meta(mode: _Mode, tensor: Tensor) -> bool:
    """Whether a tensor is a meta tensor; yes, too, to a function of torch.nn.init when nothing is left for it to do.

    It asks before it begins, since of a meta tensor it has nothing to draw. Torch lets no mode see that these functions
    are called, only what they call; and to replace them would miss every name under which they have been imported.
    """
    caller = sys._getframe(2)
    function = _WHOLE.get(caller.f_code)
    if function is not None:
        arguments = caller.f_locals
        with suppress(_Refused, TypeError, ValueError, RuntimeError):  # then the function goes on, draw by draw
            mode.fill(function, tensor, **{name: arguments[name] for name in _ARGUMENTS if name in arguments})
            return True
    return bool(tensor.is_meta)


def _normal_(mode: _Mode, /, tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    _check_no_grad(tensor)
    return mode.fill(_drop_in.normal_, tensor, *args, **kwargs)


def _uniform_(mode: _Mode, /, tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    _check_no_grad(tensor)
    ends = {"from": "a", "to": "b"}  # as Tensor.uniform_ calls them
    return mode.fill(_drop_in.uniform_, tensor, *args, **{ends.get(name, name): kwargs[name] for name in kwargs})


def _check_no_grad(tensor: Tensor) -> None:
    if tensor.requires_grad and torch.is_grad_enabled():
        raise _Refused  # torch refuses a leaf, and records the change of another tensor


def _by(function: _Call) -> _Call:
    def ours(mode: _Mode, /, *args: Any, **kwargs: Any) -> Tensor:
        return mode.fill(function, *args, **kwargs)

    return ours


def _kaiming(mode: _Mode, /, tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if not tensor.numel():
        raise _Refused  # torch warns
    return mode.fill(_drop_in.kaiming_uniform_, tensor, *args, **kwargs)


def _new(make: _Call, function: _Call) -> _Call:
    """Of a function that makes a tensor and draws it: the tensor is made by one that does not draw."""

    def ours(
        mode: _Mode, *args: Any, generator: Any = None, requires_grad: bool = False, out: Any = None, **kwargs: Any
    ) -> Tensor:
        if generator is not None or out is not None or kwargs.get("names") is not None:
            raise _Refused
        kwargs.pop("names", None)
        return mode.fill(function, make(*args, **kwargs)).requires_grad_(requires_grad)

    return ours


def _normal(
    mode: _Mode,
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    requires_grad: bool = False,
    out: Any = None,
    **kwargs: Any,
) -> Tensor:
    if generator is not None or out is not None or size is None or isinstance(mean, Tensor) or isinstance(std, Tensor):
        raise _Refused
    return mode.fill(_drop_in.normal_, torch.empty(size, **kwargs), mean, std).requires_grad_(requires_grad)


_OURS: dict[Any, _Call] = {
    cast(Any, Tensor.is_meta).__get__: _is_meta,
    Tensor.normal_: _normal_,
    Tensor.uniform_: _uniform_,
    nn.init.normal_: _by(_drop_in.normal_),
    nn.init.uniform_: _by(_drop_in.uniform_),
    nn.init.kaiming_uniform_: _kaiming,
    torch.rand: _new(torch.empty, _drop_in.uniform_),
    torch.randn: _new(torch.empty, _drop_in.normal_),
    torch.rand_like: _new(torch.empty_like, _drop_in.uniform_),
    torch.randn_like: _new(torch.empty_like, _drop_in.normal_),
    torch.normal: _normal,
}

_BY_CODE = {function.__code__: function for function in (nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_)}

# Draws that stay torch's.
_OTHERS = frozenset(
    {
        Tensor.bernoulli,
        Tensor.bernoulli_,
        Tensor.cauchy_,
        Tensor.exponential_,
        Tensor.geometric_,
        Tensor.log_normal_,
        Tensor.multinomial,
        Tensor.random_,
        torch.bernoulli,
        torch.binomial,
        torch.multinomial,
        torch.poisson,
        torch.randint,
        torch.randint_like,
        torch.randperm,
    }
)

_ARGUMENTS = ("mean", "std", "a", "b", "gain", "sparsity", "generator")
# Of the other functions of torch.nn.init every tensor is one call of normal_ or uniform_.
_WHOLE: dict[Any, _Call] = {
    getattr(nn.init, name).__code__: function
    for name, function in cast(
        dict[str, _Call],
        {
            "_no_grad_trunc_normal_": _drop_in.trunc_normal_,
            "orthogonal_": _drop_in.orthogonal_,
            "sparse_": _drop_in.sparse_,
        },
    ).items()
    if hasattr(nn.init, name)
}
