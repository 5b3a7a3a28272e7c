"""Rules: which initializer each name gets, whole lists of what does not fit, files, and the two layouts."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import Rules, initializers, schemes
from fastinit.rules import Rule

SHAPES = {"a.weight": (6, 4), "a.bias": (4,), "b.weight": (4, 2), "b.bias": (2,)}


def test_the_first_match_counts_and_matches_the_whole_name() -> None:
    rules = Rules(
        [("a", "ones"), (r"a\.weight", "zeros"), (".*weight", "he_normal"), (".*bias", "constant", {"value": 2})]
    )
    assert [rules.match(name) for name in ("a.weight", "b.weight", "a.weights")] == [rules[1], rules[2], None]
    plan = rules[1:].plan(SHAPES)
    assert list(plan) == list(SHAPES)
    assert plan["a.weight"] == (fastinit.zeros, (6, 4), {})
    assert plan["b.weight"].initializer is fastinit.he_normal
    assert plan["b.bias"] == (fastinit.constant, (2,), {"value": 2})


def test_a_plan_is_what_initialize_takes() -> None:
    rules = Rules({".*weight": ("normal", {"std": 0.5}), ".*bias": "zeros"})
    made = fastinit.initialize(rules.plan({**SHAPES, "b.weight": ((4, 2), "float64")}), seed=3)
    for name in ("a.weight", "b.weight"):
        expected = fastinit.normal(SHAPES[name], std=0.5, dtype=made[name].dtype, seed=fastinit.Key(3).child(name))
        np.testing.assert_array_equal(made[name], expected)
    assert made["b.weight"].dtype == np.float64
    assert not made["a.bias"].any()


def test_a_plan_may_be_changed_without_changing_the_rules() -> None:
    rules = Rules([(".*", "normal", {"std": 1.0})])
    rules.plan({"x": 3})["x"].kwargs["std"] = 2.0
    assert rules.plan({"x": 3})["x"].kwargs == {"std": 1.0}


def test_one_sentence_lists_all_that_does_not_fit() -> None:
    rules = Rules([("a.*", "ones"), ("nothing", "ones"), (r"a\.bias", "zeros")])
    with pytest.raises(ValueError, match="every name must have a rule and every rule a name") as caught:
        rules.plan(SHAPES, skip=["c.*"])
    said = str(caught.value)
    assert "no rule for 'b.weight', 'b.bias'" in said
    assert "no name for the rule 'nothing'" in said
    assert r"earlier rules leave no name to 'a\\.bias'" in said
    assert "`skip` matches no name by 'c.*'" in said


def test_what_is_skipped_is_not_planned_and_needs_no_rule() -> None:
    rules = Rules([(".*weight", "he_normal")])
    assert list(rules.plan(SHAPES, skip=".*bias")) == ["a.weight", "b.weight"]
    assert list(rules.plan(SHAPES, skip=(r"a\.bias", r"b\..*"))) == ["a.weight"]
    # A rule all of whose names are skipped still has a name.
    assert list(Rules([("a.*", "ones"), ("b.*", "zeros")]).plan(SHAPES, skip="b.*")) == ["a.weight", "a.bias"]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [(3, (3,)), ((3, 4), (3, 4)), ([3, 4], (3, 4)), (((3, 4), "float64"), (3, 4)), ((3, "float64"), (3,)), ((), ())],
)
def test_shapes_with_and_without_dtypes(shape: Any, expected: tuple[int, ...]) -> None:
    entry = Rules({".*": "normal"}).plan({"x": shape})["x"]
    assert entry.shape == expected
    assert entry.kwargs == ({"dtype": "float64"} if "float64" in repr(shape) else {})


@pytest.mark.parametrize("shape", [(3, -1), "ab", None, (1.5, 2)])
def test_a_bad_shape_names_its_tensor(shape: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^'some\.tensor': `shape` must"):
        Rules({".*": "normal"}).plan({"some.tensor": shape})


@pytest.mark.parametrize(
    ("entries", "error", "sentence"),
    [
        (3, TypeError, "rules must be a list or a dict"),
        ("abc", TypeError, "rules must be a list or a dict"),
        ([("x",)], TypeError, "a rule must be"),
        ([("x", "normal", {}, 1)], TypeError, "a rule must be"),
        (["normal"], TypeError, "a rule must be"),
        ([(3, "normal")], TypeError, "a rule's pattern must be a str"),
        ([("(", "normal")], ValueError, r"regular expression. Received: '\('"),
        ([("x.*", 3)], TypeError, r"^'x\.\*': an initializer must be a name or a callable"),
        ([("x.*", "norml")], ValueError, r"^'x\.\*': an initializer's name must be one of .*gpt2_residual.*normal"),
        ([("x.*", "mup_rate")], ValueError, "an initializer's name"),
        ([("x.*", "initialize")], ValueError, "an initializer's name"),
        ([("x.*", "fans")], ValueError, "an initializer's name"),
        ([("x.*", "deepnorm")], ValueError, "an initializer's name"),
        ([("x.*", "normal", [1])], TypeError, r"^'x\.\*': a rule must be"),
        ([("x.*", "normal", {"stddev": 1.0})], TypeError, r"^'x\.\*': kwargs must be arguments of normal\(\).*stddev"),
        ([("x.*", "constant")], TypeError, r"^'x\.\*': kwargs must be arguments of constant\(\).*'value'"),
        ([("x.*", "gpt2_residual")], TypeError, "'layers'"),
        ({"x.*": ("normal", {}, 3)}, TypeError, "a rule must be"),
        *[
            ([("x.*", "normal", {name: None})], TypeError, rf"^'x\.\*': kwargs must hold none of .*Received: {name}")
            for name in ("shape", "dtype", "seed", "out", "index", "threads")
        ],
    ],
)
def test_bad_rules_are_refused_by_a_sentence(entries: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        Rules(entries)


@pytest.mark.parametrize("skip", [3, [3], ["("]])
def test_a_bad_skip_is_refused(skip: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="`skip` must hold"):
        Rules({".*": "normal"}).plan({"x": 3}, skip=skip)


def test_a_bad_layout_and_a_bad_name_are_refused() -> None:
    with pytest.raises(ValueError, match="`layout` must be one of in_out, out_in"):
        Rules({".*": "normal"}).plan({"x": 3}, layout="torch")
    with pytest.raises(TypeError, match="a tensor's name must be a str"):
        Rules({".*": "normal"}).plan({3: 3})  # type: ignore[dict-item]


def drawing_names() -> dict[str, dict[str, Any]]:
    """Every name that draws, with the arguments that it cannot do without."""
    needed = {
        "constant": {"value": 0.5},
        "fixup": {"branches": 4},
        "gpt2_residual": {"layers": 12},
        "mup": {"base_shape": [4, 4]},
        "small_init": {"dim": 8},
        "sparse": {"sparsity": 0.5},
        "wang_init": {"dim": 8, "layers": 12},
    }
    names = set(initializers.__all__) - {"fans", "get", "initialize"}
    names |= {n for n in schemes.__all__ if "common" in inspect.signature(getattr(schemes, n)).parameters}
    return {name: needed.get(name, {}) for name in sorted(names)}


def test_every_initializer_and_scheme_goes_through_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    by_name = Rules([(f"{name}.*", name, kwargs) for name, kwargs in drawing_names().items()])
    by_name.dump(path)
    assert Rules.load(path) == by_name
    json.loads(path.read_text())
    functions = Rules(
        [
            (f"{name}.*", getattr(initializers, name, None) or getattr(schemes, name), kwargs)
            for name, kwargs in drawing_names().items()
        ]
    )
    functions.dump(path)
    assert Rules.load(path) == by_name == functions


def test_a_file_may_hold_an_object(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    path.write_text('{".*bias": "zeros", ".*": ["normal", {"std": 0.02}]}')
    assert Rules.load(path) == Rules([(".*bias", "zeros"), (".*", "normal", {"std": 0.02})])


def test_the_empty_list_goes_through_a_file(tmp_path: Path) -> None:
    Rules([]).dump(tmp_path / "rules.json")
    assert Rules.load(tmp_path / "rules.json") == Rules([])


def test_a_file_that_is_no_text_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_bytes(b"\xe0\x01\x00")
    with pytest.raises(ValueError, match="rules must be a JSON file"):
        Rules.load(tmp_path / "rules.json")


def test_arrays_and_infinite_bounds_go_through_a_file(tmp_path: Path) -> None:
    rules = Rules([("a", "constant", {"value": np.arange(3.0)}), ("b", "truncated_normal", {"lower": -np.inf})])
    rules.dump(tmp_path / "rules.json")
    read = Rules.load(tmp_path / "rules.json")
    assert read[0].kwargs == {"value": [0.0, 1.0, 2.0]}
    assert read[1].kwargs == {"lower": -np.inf}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[", "rules must be a JSON file"),
        ("3", "rules must be a list or a dict"),
        ('{"a": "zeros", "a": "ones"}', "must name everything once. Received: 'a' again"),
        ('[["a", "normal", {"std": 1, "std": 2}]]', "must name everything once. Received: 'std' again"),
        ('[["a", "norml"]]', "^'a': an initializer's name"),
        ('[["a", null]]', "^'a': an initializer must be"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "rules.json"
    path.write_text(text)
    with pytest.raises((TypeError, ValueError), match=sentence):
        Rules.load(path)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (("x", lambda shape, seed: np.zeros(shape)), "'x': an initializer must be fastinit's"),
        (("x", "constant", {"value": 1j}), "'x': kwargs must have a form in JSON"),
    ],
)
def test_what_has_no_form_in_json_is_refused_before_the_file_is_touched(
    tmp_path: Path, entry: Any, sentence: str
) -> None:
    path = tmp_path / "rules.json"
    path.write_text("before")
    with pytest.raises(TypeError, match=sentence):
        Rules([("y", "zeros"), entry]).dump(path)
    assert path.read_text() == "before"


def test_rules_are_a_sequence() -> None:
    rules = Rules([("a", "zeros"), ("b", fastinit.normal, {"std": 1.0})])
    assert len(rules) == 2
    assert rules[0] == Rule("a", "zeros", {})
    assert isinstance(rules[:1], Rules)
    assert Rules([("first", "ones"), *rules])[1:] == rules == Rules(rules)
    assert repr(rules) == "Rules([('a', 'zeros'), ('b', 'normal', {'std': 1.0})])"
    assert rules != [("a", "zeros")]
    assert rules != Rules([("a", "zeros"), ("b", "normal")])


@dataclass
class Unhashable:
    """A callable without a hash, as a dataclass is."""

    value: float

    def __call__(self, shape: Any, *, seed: Any = None) -> np.ndarray:
        return np.full(shape, self.value)


@pytest.mark.parametrize("layout", ["in_out", "out_in"])
def test_a_callable_is_taken_as_it_is(layout: str) -> None:
    rules = Rules([(".*", Unhashable(2.0))])
    plan = rules.plan({"x": (2, 3)}, layout=layout)
    assert plan["x"].kwargs == {}
    assert (fastinit.initialize(plan)["x"] == 2.0).all()
    assert "Unhashable(value=2.0)" in repr(rules)


# The same tensor in both layouts: (out, in, *spatial) has the fans, the structure and, where the axes are turned,
# the values of (*spatial, in, out).

_FANS = ("glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform", "siren", "t5")


@pytest.mark.parametrize("name", _FANS)
@pytest.mark.parametrize("shape", [(300, 20), (64, 16, 3, 3)])
def test_fans_of_the_stored_layout(name: str, shape: tuple[int, ...]) -> None:
    entry = Rules({".*": name}).plan({"w": shape}, layout="out_in")["w"]
    function = getattr(fastinit, name, None) or getattr(schemes, name)
    made = fastinit.initialize({"w": entry}, seed=0)["w"]
    expected = function(shape, in_axis=1, out_axis=0, seed=fastinit.Key(0).child("w"))
    np.testing.assert_array_equal(made, expected)
    turned = function((*shape[2:], shape[1], shape[0]), seed=0)
    assert made.std() == pytest.approx(turned.std(), rel=0.05)


def test_axes_that_a_rule_gives_stay() -> None:
    entry = Rules([(".*", "he_normal", {"in_axis": 0, "out_axis": 1})]).plan({"w": (8, 4)}, layout="out_in")["w"]
    assert entry.kwargs == {"in_axis": 0, "out_axis": 1}
    assert Rules([(".*", "orthogonal")]).plan({"w": (8, 4)}, layout="out_in")["w"].kwargs == {"column_axis": 0}
    assert Rules([(".*", "normal")]).plan({"w": (8, 4)}, layout="out_in")["w"].kwargs == {}


_FIXED = [
    ("sparse", {"sparsity": 0.5}, (8, 6)),
    ("identity", {"gain": 2.0}, (8, 6)),
    ("identity", {}, (5, 4, 3)),
    ("dirac", {"groups": 2}, (8, 3, 3, 5)),
    ("dirac", {}, (4, 4, 3)),
    ("delta_orthogonal", {}, (8, 6, 3, 3)),
    ("zero_hadamard", {}, (8, 5)),
    ("zero_hadamard", {}, (5, 8, 3)),
]


def turned(stored: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*stored[2:], stored[1], stored[0])


@pytest.mark.parametrize(("name", "kwargs", "shape"), _FIXED)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_a_fixed_layout_is_drawn_and_turned(name: str, kwargs: Any, shape: tuple[int, ...], dtype: str) -> None:
    function = getattr(fastinit, name, None) or getattr(schemes, name)
    entry = Rules([(".*", name, kwargs)]).plan({"w": (shape, dtype)}, layout="out_in")["w"]
    natural = function(turned(shape), seed=7, dtype=dtype, **kwargs)
    order = (len(shape) - 1, len(shape) - 2, *range(len(shape) - 2))
    expected = natural.transpose(order)
    made = entry.initializer(shape, seed=7, **entry.kwargs)
    assert made.flags.c_contiguous
    assert made.dtype == natural.dtype
    np.testing.assert_array_equal(made, expected)

    out = np.ones(shape, natural.dtype)
    assert entry.initializer(shape, seed=7, out=out, **entry.kwargs) is out
    np.testing.assert_array_equal(out, expected)

    block = tuple([slice(1, n - 1) if n > 2 else slice(0, n) for n in shape])
    np.testing.assert_array_equal(entry.initializer(shape, seed=7, index=block, **entry.kwargs), expected[block])


def test_a_fixed_layout_refuses_a_bad_out() -> None:
    entry = Rules([(".*", "sparse", {"sparsity": 0.5})]).plan({"w": (8, 6)}, layout="out_in")["w"]
    with pytest.raises(ValueError, match=r"`out` must have shape \(8, 6\)"):
        entry.initializer((8, 6), out=np.empty((6, 8), np.float32), **entry.kwargs)
    with pytest.raises(ValueError, match="`sparsity` must lie in"):
        entry.initializer((8, 6), sparsity=2.0)
