"""Which initializer for which tensor of a model: one list, for PyTorch, JAX and files alike."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np

from . import _presets, initializers, schemes
from ._arguments import check_choice, check_shape, is_int
from ._layouts import out_in

__all__ = ["Entry", "Rule", "Rules", "out_in"]

Initializer = Callable[..., np.ndarray]


class Rule(NamedTuple):
    """One rule: the tensors whose whole name `pattern` matches get this initializer.

    Attributes
    ----------
    pattern : str
        A regular expression, matched by `re.fullmatch`.
    initializer : str or callable
        The name of an initializer or of a scheme that draws, or any callable that takes a shape and ``seed=``.
    kwargs : dict
        Its further keyword arguments.
    """

    pattern: str
    initializer: str | Initializer
    kwargs: dict[str, Any]


class Entry(NamedTuple):
    """What a plan says of one tensor: an entry of `fastinit.initialize`.

    Attributes
    ----------
    initializer : callable
    shape : tuple of int
    kwargs : dict
        The rule's, with the axes of the layout and the tensor's dtype.
    """

    initializer: Initializer
    shape: tuple[int, ...]
    kwargs: dict[str, Any]


class Rules(Sequence[Rule]):
    """An ordered list of rules: which initializer each of a model's tensors gets. The first match counts.

    `fastinit.torch.init_`, `fastinit.jax.initialize` and `fastinit.checkpoint.write` take one; for NumPy arrays,
    ``fastinit.initialize(rules.plan(shapes), seed=0)`` does.

    Parameters
    ----------
    entries : Rules, sequence or mapping
        ``(pattern, initializer)`` or ``(pattern, initializer, kwargs)``, or a mapping of each pattern to an
        initializer or to ``(initializer, kwargs)``. A pattern is a regular expression for the whole name
        (`re.fullmatch`). An initializer is a name, of a function of `fastinit.initializers` or of a function of
        `fastinit.schemes` that takes a shape, or a callable that takes a shape and ``seed=``. `kwargs` are its
        further arguments, but for ``dtype``, ``seed``, ``out``, ``index`` and ``threads``, which belong to a
        tensor or to a call.

    Raises
    ------
    TypeError, ValueError
        If an entry is not as described; the sentence begins with its pattern.

    Examples
    --------
    >>> import fastinit
    >>> rules = fastinit.Rules([
    ...     (r"head\\.kernel", "zeros"),
    ...     (r".*\\.kernel", "he_normal"),
    ...     (r".*\\.bias", "constant", {"value": 0.1}),
    ... ])
    >>> shapes = {"body.kernel": (784, 128), "body.bias": (128,), "head.kernel": (128, 10)}
    >>> weights = fastinit.initialize(rules.plan(shapes), seed=0)
    >>> bool((weights["body.kernel"] == fastinit.he_normal(
    ...     (784, 128), seed=fastinit.Key(0).child("body.kernel"))).all())
    True
    """

    def __init__(self, entries: Iterable[Sequence[Any]] | Mapping[str, Any]) -> None:
        self._rules = tuple([_checked(entry) for entry in _listed(entries)])
        self._compiled = tuple([re.compile(rule.pattern) for rule in self._rules])
        self._functions = tuple([_function(rule) for rule in self._rules])

    @classmethod
    def preset(cls, name: str, **options: Any) -> Rules:
        """Return the published initialization of a family of models, for the names of its published code.

        "gpt2" : layers, std=0.02, bias=True
            GPT-2: N(0, std²), divided by sqrt(2 layers) for what ends on the residual stream; zero biases. The
            names of Hugging Face's GPT2Model and of nanoGPT (``bias=False`` as there). Radford et al., "Language
            models are unsupervised multitask learners", 2019; the `_init_weights` of both.
        "llama" : std=0.02, bias=False
            Llama, and Mistral and Qwen with the same names: N(0, std²). `_init_weights` of Hugging Face's
            PreTrainedModel with ``initializer_range=std``; `bias` for models with biases in attention.
        "vit" : patch=16, channels=3, std=0.02, class_token=True
            Vision transformers of timm: N(0, std²), zero biases, PyTorch's default for the patches' convolution.
            `VisionTransformer.init_weights` with ``weight_init=""``. `class_token` for models with such a token or
            registers.

        Names may stand inside a larger model's. More rules go before, ``Rules([(...), *Rules.preset(...)])``.

        Parameters
        ----------
        name : str
            One of the above.
        **options
            As above.

        Returns
        -------
        Rules

        Raises
        ------
        TypeError, ValueError
            If there is no preset of this name, or it has no such option.

        Examples
        --------
        >>> import fastinit
        >>> rules = fastinit.Rules.preset("gpt2", layers=12)
        >>> rules.match("transformer.h.0.attn.c_proj.weight").initializer
        'gpt2_residual'
        """
        return cls(_presets.entries(name, options))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Rules:
        """Read rules from a JSON file: a list of ``[pattern, initializer, kwargs]``, or an object, as for `Rules`.

        Parameters
        ----------
        path : str or path-like

        Raises
        ------
        TypeError, ValueError
            If the file is not JSON, names something twice, or holds an entry that is not as described.

        Examples
        --------
        >>> import fastinit, tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp(), "rules.json")
        >>> _ = path.write_text('[[".*bias", "zeros"], [".*", "normal", {"std": 0.02}]]')
        >>> fastinit.Rules.load(path)
        Rules([('.*bias', 'zeros'), ('.*', 'normal', {'std': 0.02})])
        """
        data = Path(path).read_bytes()
        try:
            value = json.loads(data.decode(), object_pairs_hook=_without_repeats)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"rules must be a JSON file. Received: {str(path)!r}, {error}") from None
        return cls(value)

    def dump(self, path: str | PathLike[str]) -> None:
        """Write the rules to a JSON file, which `load` reads.

        Parameters
        ----------
        path : str or path-like

        Raises
        ------
        TypeError
            If an initializer is a callable that is not fastinit's, or an argument has no form in JSON; nothing is
            written then.

        Examples
        --------
        >>> import fastinit, tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp(), "rules.json")
        >>> rules = fastinit.Rules({".*weight": ("orthogonal", {"gain": 2.0}), ".*bias": fastinit.zeros})
        >>> rules.dump(path)
        >>> fastinit.Rules.load(path) == rules
        True
        """
        lines = ",\n".join("  " + _line(rule) for rule in self._rules)
        Path(path).write_text(f"[\n{lines}\n]\n" if lines else "[]\n", encoding="utf-8")

    def plan(
        self,
        tensors: Mapping[str, Any],
        skip: str | Iterable[str] = (),
        *,
        layout: str = "in_out",
        optional: Collection[str] = (),
    ) -> dict[str, Entry]:
        """Decide for every tensor, and check that every name has a rule and every rule a name.

        Parameters
        ----------
        tensors : mapping of str to shape or (shape, dtype)
        skip : str or iterable of str
            Patterns, matched like those of rules, of tensors that are left as they are: the plan omits them.
        layout : {"in_out", "out_in"}
            How the tensors are stored: (*spatial*, in, out) as in Keras and JAX, or (out, in, *spatial*) as in
            PyTorch. Axes that a rule gives itself stay.
        optional : collection of str
            Names that may go without a rule: the plan omits them then.

        Returns
        -------
        dict of str to Entry
            In the order of `tensors`; `fastinit.initialize` takes it.

        Raises
        ------
        TypeError, ValueError
            If a shape is none, or names and rules do not fit each other: one sentence lists all that do not.

        Examples
        --------
        >>> import fastinit
        >>> rules = fastinit.Rules([(".*kernel", "he_normal")])
        >>> rules.plan({"kernel": (784, 128), "bias": (128,)}, skip="bias")["kernel"].shape
        (784, 128)
        >>> rules.plan({"kernel": (784, 128), "bias": (128,)})
        Traceback (most recent call last):
            ...
        ValueError: every name must have a rule and every rule a name. Received: no rule for 'bias'
        """
        check_choice("layout", layout, ("in_out", "out_in"))
        passed_over = _skip_patterns(skip)
        chosen: dict[str, int | None] = {}
        left_alone: set[str] = set()
        plan = {}
        for name, tensor in tensors.items():
            shape, dtype = _shape_and_dtype(name, tensor)
            chosen[name] = position = self._position(name)
            if any(pattern.fullmatch(name) for pattern in passed_over):
                left_alone.add(name)
            elif position is not None:
                function, kwargs = self._functions[position], dict(self._rules[position].kwargs)
                if layout == "out_in":
                    function, kwargs = out_in(function, kwargs)
                plan[name] = Entry(function, shape, kwargs if dtype is None else {**kwargs, "dtype": dtype})
        settled = {*plan, *left_alone, *optional}
        without_rule = [name for name in tensors if name not in settled]
        used = set(chosen.values())
        idle = [pattern for position, pattern in enumerate(self._compiled) if position not in used]
        idle_skips = [pattern for pattern in passed_over if not any(pattern.fullmatch(name) for name in left_alone)]
        if without_rule or idle or idle_skips:
            raise _incomplete(tensors, without_rule, idle, idle_skips)
        return plan

    def match(self, name: str) -> Rule | None:
        """Return the rule of one name, None if there is none.

        Parameters
        ----------
        name : str

        Examples
        --------
        >>> import fastinit
        >>> fastinit.Rules([(".*bias", "zeros")]).match("head.bias")
        Rule(pattern='.*bias', initializer='zeros', kwargs={})
        """
        position = self._position(name)
        return None if position is None else self._rules[position]

    def _position(self, name: Any) -> int | None:
        if not isinstance(name, str):
            raise TypeError(f"a tensor's name must be a str. Received: {name!r}")
        return next((i for i, pattern in enumerate(self._compiled) if pattern.fullmatch(name)), None)

    @overload
    def __getitem__(self, index: int) -> Rule: ...
    @overload
    def __getitem__(self, index: slice) -> Rules: ...
    def __getitem__(self, index: int | slice) -> Rule | Rules:
        return Rules(self._rules[index]) if isinstance(index, slice) else self._rules[index]

    def __len__(self) -> int:
        return len(self._rules)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rules):
            return NotImplemented
        return self._comparable() == other._comparable()

    __hash__ = None  # type: ignore[assignment]  # kwargs may hold what has none

    def __repr__(self) -> str:
        shown = ", ".join(
            f"({rule.pattern!r}, {_shown(rule.initializer)}{f', {rule.kwargs!r}' if rule.kwargs else ''})"
            for rule in self._rules
        )
        return f"Rules([{shown}])"

    def _comparable(self) -> list[tuple[Any, ...]]:
        # An initializer is the same by name and as a function.
        return [(rule.pattern, f, rule.kwargs) for rule, f in zip(self._rules, self._functions, strict=True)]


_NOT_OF_A_RULE = ("shape", "dtype", "seed", "out", "index", "threads")
_FORM = "a rule must be (pattern, initializer) or (pattern, initializer, kwargs)"


def _names() -> dict[str, Initializer]:
    """Everything that draws, by name: what takes a shape and an `out`, itself or for what it hands arguments on to."""
    found: dict[str, Initializer] = {}
    for module in (initializers, schemes):
        for name in module.__all__:
            thing = getattr(module, name)
            parameters = list(inspect.signature(thing).parameters) if inspect.isfunction(thing) else [""]
            if parameters[0] == "shape" and {"out", "common"} & {*parameters}:
                found[name] = thing
    return found


_BY_NAME = _names()
_NAME_OF = {function: name for name, function in reversed(_BY_NAME.items())}


def _name_of(initializer: Any) -> str | None:
    # A function of this package has a hash; another callable may have none.
    return _NAME_OF.get(initializer) if inspect.isfunction(initializer) else None


def _listed(entries: Any) -> list[Any]:
    if isinstance(entries, Mapping):
        return [
            (pattern, *value) if isinstance(value, (tuple, list)) else (pattern, value)
            for pattern, value in entries.items()
        ]
    if isinstance(entries, (str, bytes)) or not isinstance(entries, Iterable):
        raise TypeError(f"rules must be a list or a dict of them. Received: {entries!r}")
    return list(entries)


def _checked(entry: Any) -> Rule:
    """A rule with everything about it checked that does not depend on the tensor."""
    if not isinstance(entry, (tuple, list)) or len(entry) not in (2, 3):
        raise TypeError(f"{_FORM}. Received: {entry!r}")
    pattern, initializer, *rest = entry
    if not isinstance(pattern, str):
        raise TypeError(f"a rule's pattern must be a str. Received: {pattern!r}")
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"a rule's pattern must be a regular expression. Received: {pattern!r}, {error}") from None
    kwargs = rest[0] if rest else {}
    if not isinstance(kwargs, Mapping) or not all(isinstance(key, str) for key in kwargs):
        raise TypeError(f"{pattern!r}: {_FORM}, kwargs being a dict. Received: {kwargs!r}")
    foreign = [key for key in kwargs if key in _NOT_OF_A_RULE]
    if foreign:
        raise TypeError(
            f"{pattern!r}: kwargs must hold none of {', '.join(_NOT_OF_A_RULE)}. Received: {', '.join(foreign)}"
        )
    rule = Rule(pattern, initializer, dict(kwargs))
    function = _function(rule)
    if _name_of(function):
        _check_arguments(rule, function)
    return rule


def _function(rule: Rule) -> Initializer:
    name = rule.initializer
    if callable(name):
        return name
    if not isinstance(name, str):
        raise TypeError(f"{rule.pattern!r}: an initializer must be a name or a callable. Received: {name!r}")
    if name not in _BY_NAME:
        raise ValueError(
            f"{rule.pattern!r}: an initializer's name must be one of {', '.join(sorted(_BY_NAME))}. Received: {name!r}"
        )
    return _BY_NAME[name]


def _check_arguments(rule: Rule, function: Initializer) -> None:
    try:
        inspect.signature(function).bind(None, **rule.kwargs)
    except TypeError as error:
        raise TypeError(
            f"{rule.pattern!r}: kwargs must be arguments of {_name_of(function)}(). Received: {rule.kwargs!r}, {error}"
        ) from None


def _skip_patterns(skip: Any) -> list[re.Pattern[str]]:
    patterns = [skip] if isinstance(skip, str) else skip
    if not isinstance(patterns, Iterable):
        raise TypeError(f"`skip` must hold patterns. Received: skip={skip!r}")
    result = []
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise TypeError(f"`skip` must hold patterns. Received: {pattern!r}")
        try:
            result.append(re.compile(pattern))
        except re.error as error:
            raise ValueError(f"`skip` must hold regular expressions. Received: {pattern!r}, {error}") from None
    return result


def _shape_and_dtype(name: Any, tensor: Any) -> tuple[tuple[int, ...], Any]:
    """A shape is a sequence of ints or an int; with two parts of which the last is no int, it has a dtype."""
    shape, dtype = tensor, None
    if isinstance(tensor, (tuple, list)) and len(tensor) == 2 and not is_int(tensor[1]):
        shape, dtype = tensor
    try:
        return check_shape(shape), dtype
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name!r}: {error}") from None


def _incomplete(
    names: Iterable[str],
    without_rule: list[str],
    idle: list[re.Pattern[str]],
    idle_skips: list[re.Pattern[str]],
) -> ValueError:
    late = [pattern for pattern in idle if any(pattern.fullmatch(name) for name in names)]
    faults = (
        ("no rule for {}", without_rule),
        ("no name for the rule {}", [pattern.pattern for pattern in idle if pattern not in late]),
        ("earlier rules leave no name to {}", [pattern.pattern for pattern in late]),
        ("`skip` matches no name by {}", [pattern.pattern for pattern in idle_skips]),
    )
    said = "; ".join(sentence.format(", ".join(map(repr, which))) for sentence, which in faults if which)
    return ValueError(f"every name must have a rule and every rule a name. Received: {said}")


def _shown(initializer: Any) -> str:
    return repr(_name_of(initializer) or initializer)


def _line(rule: Rule) -> str:
    name = _name_of(_function(rule))
    if name is None:
        raise TypeError(
            f"{rule.pattern!r}: an initializer must be fastinit's to be written to a file. "
            f"Received: {rule.initializer!r}"
        )
    try:
        return json.dumps([rule.pattern, name, rule.kwargs] if rule.kwargs else [rule.pattern, name], default=_plain)
    except TypeError as error:
        raise TypeError(f"{rule.pattern!r}: kwargs must have a form in JSON. Received: {error}") from None


def _plain(value: Any) -> Any:
    """NumPy's scalars and arrays as JSON has them."""
    if isinstance(value, (np.ndarray, np.integer, np.floating, np.bool_)):
        return value.tolist()
    raise TypeError(f"{value!r} of type {type(value).__name__}")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"an object must name everything once. Received: {', '.join(map(repr, repeated))} again")
    return result
