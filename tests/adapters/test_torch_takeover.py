"""Code that draws by torch's own functions is filled by fastinit within a block, and by torch outside."""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch import nn
from torch.nn import init as torch_init
from torch.nn.init import orthogonal_ as imported_orthogonal_
from torch.nn.init import trunc_normal_ as imported_trunc_normal_
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack

import fastinit
import fastinit.torch as init

KEY = fastinit.Key(7)


def same(a: Any, b: Any) -> bool:
    return torch.equal(torch.as_tensor(a).detach(), torch.as_tensor(b).detach())


def drawn_by(draw: Callable[[], Any]) -> Any:
    """What a call makes under the first key; torch draws nothing."""
    before = torch.get_rng_state()
    with init.takeover(seed=7) as taken:
        result = draw()
    assert (taken.drawn, dict(taken.left)) == (1, {})
    assert same(before, torch.get_rng_state())
    return result


def parameter() -> Any:
    return nn.Parameter(torch.full((40, 30), math.nan))


SAME_FUNCTIONS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("uniform_", (-2.0, 3.0), {}),
    ("uniform_", (), {"b": 0.5}),
    ("normal_", (1.0,), {"std": 0.02}),
    ("trunc_normal_", (), {"std": 0.02}),
    ("trunc_normal_", (0.5, 2.0, -1.0), {"b": 1.5}),
    ("trunc_normal_", (0.0, 1.0, 3.0, 4.0), {}),
    ("kaiming_uniform_", (), {"a": math.sqrt(5)}),
    ("kaiming_uniform_", (0.0, "fan_out", "relu"), {}),
    ("orthogonal_", (), {"gain": 2.0}),
    ("sparse_", (0.3,), {"std": 0.1}),
]


@pytest.mark.filterwarnings("ignore:mean is more than 2 std")
@pytest.mark.parametrize(("name", "args", "kwargs"), SAME_FUNCTIONS)
def test_functions_of_torch_are_those_of_fastinit(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    theirs = drawn_by(lambda: getattr(torch_init, name)(parameter(), *args, **kwargs))
    assert same(theirs, getattr(init, name)(parameter(), *args, **kwargs, seed=KEY.child(0)))


@pytest.mark.parametrize("name", ["xavier_uniform_", "xavier_normal_", "kaiming_normal_"])
def test_functions_whose_scale_torch_computes(name: str) -> None:
    theirs = drawn_by(lambda: getattr(torch_init, name)(parameter()))
    ours = getattr(init, name)(parameter(), seed=KEY.child(0))
    torch.testing.assert_close(theirs, ours, rtol=1e-6, atol=0)


def test_functions_that_were_imported_before() -> None:
    for function, ours in ((imported_orthogonal_, init.orthogonal_), (imported_trunc_normal_, init.trunc_normal_)):
        assert same(drawn_by(lambda f=function: f(parameter())), ours(parameter(), seed=KEY.child(0)))


METHODS: list[tuple[Callable[[Any], Any], Any, dict[str, float]]] = [
    (lambda w: w.normal_(), fastinit.normal, {"mean": 0.0, "std": 1.0}),
    (lambda w: w.normal_(1.0, std=0.5), fastinit.normal, {"mean": 1.0, "std": 0.5}),
    (lambda w: w.data.normal_(mean=2.0), fastinit.normal, {"mean": 2.0, "std": 1.0}),
    (lambda w: torch.Tensor.normal_(w, 0, 3), fastinit.normal, {"mean": 0.0, "std": 3.0}),
    (lambda w: w.uniform_(), fastinit.uniform, {"low": 0.0, "high": 1.0}),
    (lambda w: w.uniform_(-1, 2), fastinit.uniform, {"low": -1.0, "high": 2.0}),
    (lambda w: w.uniform_(to=4, **{"from": 3}), fastinit.uniform, {"low": 3.0, "high": 4.0}),
    (lambda w: torch.randn(40, 30), fastinit.normal, {"std": 1.0}),
    (lambda w: torch.randn((40, 30)), fastinit.normal, {"std": 1.0}),
    (lambda w: torch.randn(size=(40, 30)), fastinit.normal, {"std": 1.0}),
    (lambda w: torch.randn_like(w), fastinit.normal, {"std": 1.0}),
    (lambda w: torch.normal(1.0, 2.0, (40, 30)), fastinit.normal, {"mean": 1.0, "std": 2.0}),
    (lambda w: torch.normal(mean=1.0, std=2.0, size=(40, 30)), fastinit.normal, {"mean": 1.0, "std": 2.0}),
    (lambda w: torch.rand(40, 30), fastinit.uniform, {"low": 0.0, "high": 1.0}),
    (lambda w: torch.rand_like(w), fastinit.uniform, {"low": 0.0, "high": 1.0}),
]


@pytest.mark.parametrize("number", range(len(METHODS)))
def test_methods_and_functions_that_make_tensors(number: int) -> None:
    draw, function, kwargs = METHODS[number]
    with torch.no_grad():
        made = drawn_by(lambda: draw(parameter()))
    np.testing.assert_array_equal(made.detach().numpy(), function((40, 30), seed=KEY.child(0), **kwargs))
    assert not made.requires_grad or isinstance(made, nn.Parameter)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_dtypes(dtype: Any) -> None:
    made = drawn_by(lambda: torch.randn(5, 6, dtype=dtype, requires_grad=True))
    assert made.requires_grad
    assert made.is_leaf
    assert made.dtype == dtype
    assert same(made, init.normal_(torch.empty(5, 6, dtype=dtype), seed=KEY.child(0)))


def network() -> Any:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.Embedding(10, 4),
        nn.MultiheadAttention(8, 2, add_bias_kv=True),
        nn.LSTM(4, 5),
        nn.Bilinear(3, 4, 5),
        nn.Transformer(8, 2, 1, 1, 16, batch_first=True),
    )


def test_the_ith_draw_has_the_ith_key() -> None:
    with init.takeover(seed=7) as taken:
        layers = [nn.Linear(20, 10) for _ in range(3)]
    assert taken.drawn == 6
    for number, layer in enumerate(layers):
        end = 20**-0.5
        weight = init.kaiming_uniform_(torch.empty(10, 20), a=5**0.5, seed=KEY.child(2 * number))
        bias = fastinit.uniform(10, -end, end, seed=KEY.child(2 * number + 1))
        assert same(layer.weight, weight)
        np.testing.assert_array_equal(layer.bias.detach().numpy(), bias)


def test_a_constructor_is_reproducible_and_leaves_the_generator_alone() -> None:
    states = []
    for seed, threads in ((7, 1), (7, 2), (8, None)):
        before = torch.get_rng_state()
        with init.takeover(seed=seed, threads=threads) as taken:
            states.append(network().state_dict())
        assert same(before, torch.get_rng_state())
        assert not taken.left
        assert taken.drawn > 20
    drawn = [name for name, tensor in states[0].items() if tensor.unique().numel() > 2]
    assert len(drawn) > 20
    for name in states[0]:
        assert same(states[0][name], states[1][name]), name
        assert same(states[0][name], states[2][name]) == (name not in drawn), name


def test_no_seed_follows_torch() -> None:
    def made() -> Any:
        with init.takeover():
            return nn.Linear(4, 3).weight

    torch.manual_seed(3)
    first, second = made(), made()
    torch.manual_seed(3)
    assert same(made(), first)
    assert not same(first, second)


@pytest.mark.parametrize("seed", [-1, "a", True, torch.tensor(0)])
def test_a_wrong_seed_is_refused_before_the_block(seed: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="`seed` must"), init.takeover(seed=seed):
        raise AssertionError
    with pytest.raises(ValueError, match="`threads` must"), init.takeover(seed=0, threads=0):
        raise AssertionError
    assert _get_current_function_mode_stack() == []


def test_torch_is_as_it_was_afterwards() -> None:
    functions = {name: getattr(torch_init, name) for name in dir(torch_init)}
    codes = {name: function.__code__ for name, function in functions.items() if hasattr(function, "__code__")}
    torch.manual_seed(1)
    wanted = network().state_dict()
    with pytest.raises(ZeroDivisionError), init.takeover(seed=0):
        nn.Linear(3, 3).extra = 1 / 0
    with init.takeover(seed=0), init.takeover(seed=1):
        nn.Linear(3, 3)
    assert _get_current_function_mode_stack() == []
    assert {name: getattr(torch_init, name) for name in dir(torch_init)} == functions
    assert all(functions[name].__code__ is code for name, code in codes.items())
    torch.manual_seed(1)
    again = network().state_dict()
    assert all(same(wanted[name], again[name]) for name in wanted)


def test_the_innermost_block_draws() -> None:
    with init.takeover(seed=0) as outer:
        first = torch.randn(4)
        with init.takeover(seed=7) as inner:
            within = torch.randn(4)
        last = torch.randn(4)
    assert (outer.drawn, inner.drawn) == (2, 1)
    np.testing.assert_array_equal(within, fastinit.normal(4, std=1.0, seed=KEY.child(0)))
    np.testing.assert_array_equal(first, fastinit.normal(4, std=1.0, seed=fastinit.Key(0).child(0)))
    np.testing.assert_array_equal(last, fastinit.normal(4, std=1.0, seed=fastinit.Key(0).child(1)))


def test_threads_know_nothing_of_each_other() -> None:
    """Four blocks at the same time, and beside them threads without one, also such as were started within."""
    here = threading.Barrier(6)
    made: dict[int, list[Any]] = {}
    stacks = []

    def work(number: int) -> None:
        with init.takeover(seed=number) as taken:
            here.wait(30)
            made[number] = [nn.Linear(8, 8).weight for _ in range(20)]
            assert taken.drawn == 40

    def bystander() -> None:
        here.wait(30)
        for _ in range(20):
            nn.Linear(8, 8)
            stacks.append(_get_current_function_mode_stack())

    before = torch.get_rng_state()
    with init.takeover(seed=9) as mine:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        threads += [threading.Thread(target=bystander) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert mine.drawn == 0
    assert stacks == [[]] * 40
    assert not same(before, torch.get_rng_state())  # the bystanders drew by torch
    for number in range(4):
        with init.takeover(seed=number):
            assert all(same(w, nn.Linear(8, 8).weight) for w in made[number])


def test_what_is_left_to_torch_is_torchs_and_counted() -> None:
    calls: dict[str, Callable[[], Any]] = {
        "bernoulli_": lambda: torch.empty(50).bernoulli_(0.3),
        "exponential_": lambda: torch.empty(50).exponential_(),
        "randperm": lambda: torch.randperm(20),
        "randint": lambda: torch.randint(9, (9,)),
        "randn": lambda: torch.randn(5, dtype=torch.complex64),
        "normal": lambda: torch.normal(torch.zeros(5), torch.ones(5)),
        "rand": lambda: torch.rand(5, out=torch.empty(5)),
        "normal_": lambda: torch.empty(9, dtype=torch.complex64).normal_(),
        "uniform_": lambda: torch.empty(9).uniform_(0.0, 1.0, generator=torch.Generator().manual_seed(5)),
        "trunc": lambda: torch_init.trunc_normal_(torch.empty(9), generator=torch.Generator().manual_seed(5)),
    }
    for name, call in calls.items():
        torch.manual_seed(2)
        wanted = call()
        torch.manual_seed(2)
        with init.takeover(seed=0) as taken:
            found = call()
        assert same(found, wanted), name
        assert taken.drawn == 0, name
        assert taken.left == {name: 1} or (name == "trunc" and taken.left["normal_"] >= 1), name
    with init.takeover(seed=0) as taken:
        torch.randperm(3)
        torch.randn(3)
    assert repr(taken) == "<1 tensors drawn by fastinit, by torch: randperm 1>"


def test_meta_tensors_take_no_key() -> None:
    with init.takeover(seed=7) as taken:
        with torch.device("meta"):
            network()
            torch.randn(3)
        layer = nn.Linear(20, 10)
    assert (taken.drawn, dict(taken.left)) == (2, {})
    assert same(layer.weight, init.kaiming_uniform_(torch.empty(10, 20), a=5**0.5, seed=KEY.child(0)))


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.empty(3).normal_(0.0, -1.0),
        lambda: torch.empty(3).uniform_(1.0, 0.0),
        lambda: torch.empty(3).normal_("a"),
        lambda: torch.empty(3, dtype=torch.int32).normal_(),
        lambda: torch.randn(-1),
        lambda: torch.randn("a"),
        lambda: torch.zeros(1).expand(3).normal_(),
        lambda: nn.Parameter(torch.empty(3)).normal_(),
        lambda: torch_init.orthogonal_(torch.empty(3)),
        lambda: torch_init.xavier_normal_(torch.empty(3)),
        lambda: torch_init.kaiming_uniform_(torch.empty(3, 3), mode="x"),
    ],
)
def test_what_torch_refuses_it_refuses_in_its_own_words(call: Callable[[], Any]) -> None:
    with pytest.raises((RuntimeError, TypeError, ValueError, NotImplementedError)) as plain:
        call()
    with pytest.raises(type(plain.value)) as found, init.takeover(seed=0) as taken:
        call()
    assert str(found.value) == str(plain.value)
    assert taken.drawn == 0


def test_what_fastinit_refuses_torch_does() -> None:
    torch.manual_seed(0)
    wanted = torch.empty(50, dtype=torch.float16).normal_(0.0, 1e6)
    torch.manual_seed(0)
    with init.takeover(seed=0) as taken:
        found = torch.empty(50, dtype=torch.float16).normal_(0.0, 1e6)
    assert same(found, wanted)
    assert (taken.drawn, taken.left) == (0, {"normal_": 1})
    with pytest.warns(UserWarning, match="zero-element"), init.takeover(seed=0):
        torch_init.kaiming_uniform_(torch.empty(0, 3))


def test_autograd_sees_what_it_saw() -> None:
    x = torch.ones(3, requires_grad=True)
    with init.takeover(seed=0) as taken:
        y = (2 * x).normal_()
    y.sum().backward()
    assert same(x.grad, torch.zeros(3))
    assert taken.left == {"normal_": 1}
    p = nn.Parameter(torch.ones(3))
    z = (p * p).sum()
    with init.takeover(seed=0):
        torch_init.normal_(p)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_a_replacement_of_torchs_function_still_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loaders that must not overwrite what is loaded put functions of their own into torch.nn.init."""
    original = torch_init.normal_
    asked = []

    def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Any:
        asked.append(tensor)
        return tensor if getattr(tensor, "loaded", False) else original(tensor, mean=mean, std=std)

    monkeypatch.setattr(torch_init, "normal_", normal_)
    loaded = parameter()
    loaded.loaded = True
    with init.takeover(seed=7) as taken:
        fresh = torch_init.normal_(parameter(), std=0.1)
        also = original(parameter(), std=0.1)
        torch_init.normal_(loaded)
        original(loaded)
    assert (taken.drawn, dict(taken.left)) == (2, {})
    assert loaded.isnan().all()
    assert same(fresh, init.normal_(parameter(), std=0.1, seed=KEY.child(0)))
    assert same(also, init.normal_(parameter(), std=0.1, seed=KEY.child(1)))
    assert len(asked) >= 4


def test_beside_other_modes_and_compiled_functions() -> None:
    class Counting(TorchFunctionMode):
        seen = 0

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.seen += 1
            return func(*args, **(kwargs or {}))

    with init.takeover(seed=7), Counting() as above:
        first = torch.randn(4)
    with Counting() as below, init.takeover(seed=7):
        second = torch.randn(4)
    assert same(first, second)
    assert above.seen > 0
    assert below.seen > 0
    with init.takeover(seed=7):
        assert same(torch.compile(lambda x: x * 2 + 1, backend="eager")(torch.ones(3)), torch.full((3,), 3.0))


def test_copies_are_no_draws() -> None:
    layer = nn.Linear(3, 3)
    with init.takeover(seed=0) as taken:
        copied = copy.deepcopy(layer)
    assert taken.drawn == 0
    assert same(copied.weight, layer.weight)


@pytest.mark.slow
@pytest.mark.parametrize("library", ["transformers", "timm"])
def test_models_of_libraries_are_drawn_whole(library: str) -> None:
    package = pytest.importorskip(library, reason="it is not installed", exc_type=ImportError)

    def make() -> Any:
        if library == "timm":
            return package.create_model("vit_tiny_patch16_224")
        return package.GPT2LMHeadModel(package.GPT2Config(n_layer=2, n_embd=64, n_head=2, vocab_size=500))

    models = []
    for _ in range(2):
        with init.takeover(seed=7) as taken:
            models.append(make())
        assert taken.drawn > 10
        assert not taken.left
    for (name, a), b in zip(models[0].named_parameters(), models[1].parameters(), strict=True):
        assert same(a, b), name
    inner = "blocks.0.mlp.fc1.weight" if library == "timm" else "transformer.h.0.attn.c_attn.weight"
    assert abs(dict(models[0].named_parameters())[inner].std().item() / 0.02 - 1) < 0.05
