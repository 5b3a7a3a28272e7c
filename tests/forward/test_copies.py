"""Copies and pickles of networks and keys, and of what users derive from them: nothing is lost."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import fastinit
from fastinit import MLP, Key

WAYS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {n}": lambda x, n=n: pickle.loads(pickle.dumps(x, n)) for n in range(pickle.HIGHEST_PROTOCOL + 1)},
}
W = fastinit.he_normal((4, 3), seed=0)
B = fastinit.normal((3,), seed=1)
LAYERS = [(W, B, "relu"), (fastinit.he_normal((3, 2), seed=2), None, ("leaky_relu", 0.2))]
X = fastinit.normal((5, 4), std=1.0, seed=3)


class Plain(MLP):
    pass


class Own(MLP):
    """With a constructor of its own."""

    def __init__(self, widths: list[int], *, name: str) -> None:
        super().__init__([(fastinit.he_normal((n, m), seed=n), None, "tanh") for n, m in pairwise(widths)])
        self.name, self.history = name, [1, 2]


class New(MLP):
    def __new__(cls, layers: Any, tag: int) -> New:
        return super().__new__(cls)

    def __init__(self, layers: Any, tag: int) -> None:
        super().__init__(layers)
        self.tag = tag


class Slotted(MLP):
    __slots__ = ("tag",)


class Stateful(MLP):
    """With a state of its own making."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "saved": True}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, loaded=True)


class Reducing(MLP):
    def __reduce__(self) -> Any:
        return Reducing, ([tuple(layer) for layer in self.layers],), {"reduced": True}


class KeyChild(Key):
    pass


class KeyOwn(Key):
    def __new__(cls, seed: int, tag: str) -> KeyOwn:
        self = super().__new__(cls, seed)
        object.__setattr__(self, "tag", tag)
        return self


class KeySlotted(Key):
    __slots__ = ("tag",)


def named_plain() -> MLP:
    network = MLP(LAYERS)
    network.name = "actor"  # type: ignore[attr-defined]
    return network


def tagged() -> MLP:
    network = Plain(LAYERS)
    network.tag = 5  # type: ignore[attr-defined]
    network.itself = network  # type: ignore[attr-defined]
    return network


def slotted() -> MLP:
    network = Slotted(LAYERS)
    network.tag = 5
    network.other = "x"  # type: ignore[attr-defined]
    return network


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("make", "attributes"),
    [
        (lambda: MLP(LAYERS), {}),
        (named_plain, {"name": "actor"}),
        (tagged, {"tag": 5}),
        (lambda: Own([4, 3, 2], name="critic"), {"name": "critic", "history": [1, 2]}),
        (lambda: New(LAYERS, 9), {"tag": 9}),
        (slotted, {"tag": 5, "other": "x"}),
        (lambda: Stateful(LAYERS), {"saved": True, "loaded": True}),
        (lambda: Reducing(LAYERS), {"reduced": True}),
    ],
    ids=["MLP", "attribute", "subclass", "constructor", "new", "slots", "state", "reduce"],
)
def test_networks(way: str, make: Callable[[], MLP], attributes: dict[str, Any]) -> None:
    network = make()
    twin = WAYS[way](network)
    assert type(twin) is type(network)
    for name, value in attributes.items():
        assert getattr(twin, name) == value
    assert twin(X).tobytes() == network(X).tobytes()
    assert repr(twin) == repr(network)
    assert [layer.activation for layer in twin.layers] == [layer.activation for layer in network.layers]
    # Weights are the twin's own.
    before = network(X)
    twin.update(0, np.zeros_like(twin.layers[0].weight))
    assert network(X).tobytes() == before.tobytes()


@pytest.mark.parametrize("way", ["deepcopy", f"pickle {pickle.HIGHEST_PROTOCOL}"])
def test_a_network_that_holds_itself(way: str) -> None:
    twin = WAYS[way](tagged())
    assert twin.itself is twin


def test_depth_of_copies() -> None:
    network = Own([4, 3], name="x")
    assert copy.copy(network).history is network.history
    assert copy.deepcopy(network).history is not network.history


@pytest.mark.parametrize("way", WAYS)
def test_keys(way: str) -> None:
    own = KeyOwn(7, "tag")
    child = KeyChild(5)
    object.__setattr__(child, "tag", [1, 2])
    slot = KeySlotted(3)
    object.__setattr__(slot, "tag", "slot")
    for key in (Key(2), Key(2).child("a"), own, child, slot):
        twin = WAYS[way](key)
        assert type(twin) is type(key)
        assert twin == key
        assert (twin.key, twin.stream) == (key.key, key.stream)
        assert getattr(twin, "tag", None) == getattr(key, "tag", None)
        with pytest.raises(AttributeError, match="immutable"):
            twin.tag = 1


def test_a_plain_key_pickles_as_before() -> None:
    assert Key(5).__reduce_ex__(2) == (Key.from_words, (5, 0), None)


@pytest.mark.parametrize("kind", [MLP, Own, New])
def test_a_wrong_argument_is_not_dumped(kind: type[MLP]) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        kind([tuple(layer)[:2] for layer in LAYERS] * 100)  # type: ignore[call-arg]
    assert len(str(caught.value)) < 300
