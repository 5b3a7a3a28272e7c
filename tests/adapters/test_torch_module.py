"""init_: names, ties, wrappers, parametrizations, buffers, padding, meta; and by_module, which gives the same."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

import fastinit
import fastinit.torch as init
from fastinit import Key, Rules

RULES = [(".*weight", "he_normal"), (".*bias", "zeros")]


def mlp() -> Any:
    return nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 4))


def bits(tensor: Any) -> np.ndarray:
    whole = tensor.detach().contiguous()
    return (whole.view(torch.uint16) if whole.dtype == torch.bfloat16 else whole).numpy()


def he(name: str, shape: tuple[int, ...], seed: Any = 0, **kwargs: Any) -> np.ndarray:
    return fastinit.he_normal(shape, in_axis=1, out_axis=0, seed=Key(seed).child(name), **kwargs)


class Tied(nn.Module):
    """A language model's embedding, tied to its head."""

    def __init__(self, padding: int | None = None) -> None:
        super().__init__()
        self.wte = nn.Embedding(30, 8, padding_idx=padding)
        self.body = nn.Linear(8, 8)
        self.head = nn.Linear(8, 30, bias=False)
        self.head.weight = self.wte.weight


def test_every_parameter_has_the_key_of_its_name() -> None:
    model = mlp()
    assert init.init_(model, RULES, seed=5) is model
    np.testing.assert_array_equal(bits(model[0].weight), he("0.weight", (16, 20), 5))
    np.testing.assert_array_equal(bits(model[2].weight), he("2.weight", (4, 16), 5))
    assert not model[0].bias.any()


def test_values_depend_on_no_other_module_and_no_threads() -> None:
    wanted = init.init_(mlp(), RULES, seed=5).state_dict()
    more = nn.ModuleDict({"0": nn.Linear(20, 16), "2": nn.Linear(16, 4), "3": nn.Linear(100, 100)})
    found = init.init_(more, Rules(RULES), seed=Key(5), threads=2).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_dtypes_are_the_tensors(dtype: str) -> None:
    model = mlp().to(getattr(torch, dtype))
    init.init_(model, [(".*weight", "he_normal"), (".*bias", "constant", {"value": 0.1})], seed=0)
    out = np.empty((16, 20), np.uint16) if dtype == "bfloat16" else None
    np.testing.assert_array_equal(bits(model[0].weight), he("0.weight", (16, 20), dtype=dtype, out=out))
    assert model[0].bias.dtype == getattr(torch, dtype)
    assert float(model[0].bias[0].detach()) == pytest.approx(0.1, rel=1e-2)


def test_layouts_keep_their_strides_and_get_the_same_values() -> None:
    def model() -> Any:
        return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3))

    rules = [(r"[02]\.weight", "he_normal"), (r"1\.weight", "ones"), (".*bias", "zeros")]
    plain = init.init_(model(), rules, seed=0)
    last = init.init_(model().to(memory_format=torch.channels_last), rules, seed=0)
    assert last[2].weight.is_contiguous(memory_format=torch.channels_last)
    for one, other in zip(plain.parameters(), last.parameters(), strict=True):
        np.testing.assert_array_equal(bits(one), bits(other))


def test_large_models_of_other_layouts_are_staged_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastinit.torch import _module

    sizes: list[int] = []
    original = _module.place
    monkeypatch.setattr(_module, "place", lambda tensor: (sizes.append(tensor.numel()), original(tensor))[1])
    monkeypatch.setattr(_module, "_STAGED_BYTES", 3000)
    model = nn.ParameterList([torch.empty(20, 10 + i).T for i in range(6)])
    init.init_(model, [(".*", "he_normal")], seed=0)
    assert len(sizes) == 6
    assert [len(group) for group in _module._groups(dict(enumerate(model)))] == [3, 2, 1]  # type: ignore[arg-type]
    for i, tensor in enumerate(model):
        np.testing.assert_array_equal(bits(tensor), he(str(i), (10 + i, 20)))


def test_every_version_rises() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Conv2d(2, 2, 3)).to(memory_format=torch.channels_last)
    before = [parameter._version for parameter in model.parameters()]
    x = torch.ones(2, 3, requires_grad=True)
    y = model[0](x).sum()
    init.init_(model, RULES, seed=0)
    assert all(p._version > v for p, v in zip(model.parameters(), before, strict=True))
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation"):
        y.backward()


# Names


def test_a_tied_parameter_has_its_first_name_once() -> None:
    model = init.init_(Tied(), RULES, seed=0)
    assert model.head.weight is model.wte.weight
    np.testing.assert_array_equal(bits(model.wte.weight), he("wte.weight", (30, 8)))
    with pytest.raises(ValueError, match=r"no name for the rule 'head\\\\.weight'"):
        init.init_(Tied(), [(r"head\.weight", "ones"), *RULES], seed=0)


def test_a_shared_module_has_its_first_name_once() -> None:
    layer = nn.Linear(4, 4)
    model = init.init_(nn.Sequential(layer, nn.ReLU(), layer), RULES, seed=0)
    np.testing.assert_array_equal(bits(model[2].weight), he("0.weight", (4, 4)))


def wrapped_by_checkpoint(model: Any) -> Any:
    from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

    return nn.Sequential(checkpoint_wrapper(model[0]), model[1], checkpoint_wrapper(model[2]))


@contextmanager
def one_process(tmp_path: Path) -> Iterator[None]:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.filterwarnings("ignore")  # torch.compile's own
@pytest.mark.parametrize(
    "wrap",
    [
        nn.DataParallel,
        torch.optim.swa_utils.AveragedModel,
        torch.compile,
        wrapped_by_checkpoint,
        lambda model: torch.compile(nn.DataParallel(model)),
    ],
)
def test_wrappers_change_no_name(wrap: Any) -> None:
    wanted = list(init.init_(mlp(), RULES, seed=0).parameters())
    found = list(init.init_(wrap(mlp()), RULES, seed=0).parameters())
    assert len(found) == 4
    assert all(torch.equal(*pair) for pair in zip(wanted, found, strict=True))


@pytest.mark.filterwarnings("ignore")
def test_distributed_wrappers_change_no_name(tmp_path: Path) -> None:
    wanted = list(init.init_(mlp(), RULES, seed=0).parameters())
    with one_process(tmp_path):
        found = list(init.init_(nn.parallel.DistributedDataParallel(mlp()), RULES, seed=0).parameters())
        assert all(torch.equal(*pair) for pair in zip(wanted, found, strict=True))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("original", [True, False])
def test_fsdp1_is_filled_when_it_shows_whole_parameters_alone(tmp_path: Path, original: bool) -> None:
    from torch.distributed.fsdp import FullyShardedDataParallel

    wanted = list(init.init_(mlp(), RULES, seed=0).parameters())
    with one_process(tmp_path):
        model = FullyShardedDataParallel(mlp(), use_orig_params=original, device_id=torch.device("cpu"))
        with pytest.raises(ValueError, match=r"must show whole parameters: .*Received: 'the module itself'"):
            init.init_(model, RULES, seed=0)
        if original:
            with FullyShardedDataParallel.summon_full_params(model):
                init.init_(model, RULES, seed=0)
                found = [parameter.clone() for parameter in model.parameters()]
            assert all(torch.equal(*pair) for pair in zip(wanted, found, strict=True))


def test_a_child_that_is_called_module_keeps_its_name() -> None:
    class Holder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.Linear(4, 3)

    model = init.init_(Holder(), RULES, seed=0)
    np.testing.assert_array_equal(bits(model.module.weight), he("module.weight", (3, 4)))


def test_two_tensors_of_one_name_are_refused() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3, 3))
            self._orig_mod = nn.Linear(3, 3)

    with pytest.raises(ValueError, match=r"Received: two tensors named 'weight'"):
        init.init_(Odd(), RULES, seed=0)


# Rules against names


def test_one_sentence_lists_all_that_does_not_fit_and_nothing_is_written() -> None:
    model = mlp()
    before = [(parameter.detach().clone(), parameter._version) for parameter in model.parameters()]
    with pytest.raises(ValueError, match=r"no rule for '0.bias', '2.bias'; no name for the rule 'x'"):
        init.init_(model, [(".*weight", "ones"), ("x", "zeros")], seed=0)
    with pytest.raises(ValueError, match=r"at least two axes|`in_axis` must name axes of a 1-D shape"):
        init.init_(model, [(".*weight", "ones"), (".*bias", "he_normal")], seed=0)
    with pytest.raises(TypeError, match=r"rules must be a list or a dict"):
        init.init_(model, 3, seed=0)
    with pytest.raises(TypeError, match=r"`module` must be a torch.nn.Module. Received: Tensor"):
        init.init_(torch.ones(3), RULES, seed=0)
    with pytest.raises(TypeError, match=r"`seed` must be"):
        init.init_(model, RULES, seed="x")
    with pytest.raises(ValueError, match=r"`threads` must be >= 1"):
        init.init_(model, RULES, seed=0, threads=0)
    for parameter, (values, version) in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter, values)
        assert parameter._version == version


def test_what_is_skipped_stays() -> None:
    model = mlp()
    before = model[0].weight.detach().clone()
    init.init_(model, RULES, seed=0, skip=r"0\.weight")
    assert torch.equal(model[0].weight, before)
    np.testing.assert_array_equal(bits(model[2].weight), he("2.weight", (4, 16)))
    init.init_(model, RULES, seed=0, skip=iter([r"2\..*"]))
    np.testing.assert_array_equal(bits(model[0].weight), he("0.weight", (16, 20)))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: nn.ParameterDict({"a": torch.ones(3, 4)[:, :1].expand(3, 4)}), "^'a': `tensor` must hold every"),
        (lambda: nn.Sequential(nn.Linear(3, 3), nn.LazyLinear(3)), r"^'1\.weight': `tensor` must have a shape"),
        (lambda: nn.ParameterDict({"a": torch.ones(2, 2, dtype=torch.complex64)}), "must be float32|must have dtype"),
    ],
)
def test_a_tensor_that_cannot_be_filled_is_named(make: Any, sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence):
        init.init_(make(), [(".*", "normal")], seed=0)


def test_complex_where_fastinit_has_it() -> None:
    model = nn.ParameterDict({"a": torch.ones(4, 3, dtype=torch.complex64)})
    init.init_(model, [("a", "orthogonal")], seed=0)
    wanted = fastinit.orthogonal((4, 3), column_axis=0, dtype="complex64", seed=Key(0).child("a"))
    np.testing.assert_array_equal(bits(model["a"]), wanted)


@pytest.mark.parametrize("layout", ["contiguous", "transposed"])
def test_wrong_arguments_of_a_later_tensor_leave_the_earlier_alone(layout: str) -> None:
    first, second = torch.ones(3, 4), torch.ones(5)
    model = nn.ParameterDict({"a": first, "b": second if layout == "contiguous" else torch.ones(10)[::2]})
    with pytest.raises((TypeError, ValueError), match=r"axes"):
        init.init_(model, [("a", "normal"), ("b", "orthogonal")], seed=0)
    assert (first == 1).all()


# Seeds


def test_torchs_default_generator_decides_without_a_seed() -> None:
    torch.manual_seed(3)
    first, second = init.init_(mlp(), RULES, seed=None), init.init_(mlp(), RULES, seed=None)
    torch.manual_seed(3)
    nn.Linear(20, 16), nn.Linear(16, 4)  # mlp() itself draws
    assert not torch.equal(first[0].weight, second[0].weight)
    models = []
    for seed in (torch.Generator().manual_seed(4), torch.Generator().manual_seed(4)):
        models.append(init.init_(mlp(), RULES, seed=seed))
    assert torch.equal(models[0][0].weight, models[1][0].weight)
    empty = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 4))
    torch.manual_seed(8)
    init.init_(empty, RULES, seed=None)
    torch.manual_seed(8)
    word = int(torch.empty((), dtype=torch.int64).random_(-(2**63), None)) % 2**64
    np.testing.assert_array_equal(bits(empty[0].weight), he("0.weight", (16, 20), word))


# Buffers


class Masked(nn.Module):
    """Attention with a causal mask that is called "bias", as GPT-2's."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.Linear(4, 4)
        self.register_buffer("bias", torch.tril(torch.ones(4, 4)))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64), persistent=False)


def test_a_rule_of_parameters_may_match_no_buffer() -> None:
    model = Masked()
    with pytest.raises(ValueError, match=r"must match no buffer: .* Received: 'bias' by '\.\*bias'"):
        init.init_(model, RULES, seed=0)
    assert torch.equal(model.bias, torch.tril(torch.ones(4, 4)))
    init.init_(model, RULES, seed=0, skip="bias")
    assert torch.equal(model.bias, torch.tril(torch.ones(4, 4)))


def test_buffers_with_a_rule_of_their_own_are_filled_and_others_left_alone() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    model[1].running_mean.fill_(7.0)
    model[1].running_var.fill_(7.0)
    rules = [(r"0\.weight", "he_normal"), (r"1\.weight", "ones"), (".*bias", "zeros"), (".*running_var", "ones")]
    init.init_(model, rules, seed=0)
    assert (model[1].running_mean == 7.0).all()
    assert (model[1].running_var == 1.0).all()


def test_strict_buffers_names_every_buffer_without_a_rule() -> None:
    model = nn.Sequential(nn.BatchNorm1d(4))
    rules = [(r"0\.weight", "ones"), (".*bias", "zeros")]
    with pytest.raises(ValueError, match=r"no rule for '0.running_mean', '0.running_var', '0.num_batches_tracked'"):
        init.init_(model, rules, seed=0, strict_buffers=True)
    rules += [(".*mean", "zeros"), (".*var", "ones")]
    init.init_(model, rules, seed=0, strict_buffers=True, skip=".*num_batches_tracked")
    with pytest.raises(TypeError, match=r"'0\.num_batches_tracked': `tensor` must have dtype .* torch.int64"):
        init.init_(model, [*rules, (".*tracked", "zeros")], seed=0)


def test_an_embeddings_padding_stays_zero() -> None:
    for padding, row in ((0, 0), (-1, 29), (4, 4)):
        model = init.init_(Tied(padding), RULES, seed=0)
        wanted = he("wte.weight", (30, 8)).copy()
        wanted[row] = 0
        np.testing.assert_array_equal(bits(model.wte.weight), wanted)
    bag = nn.Sequential(nn.EmbeddingBag(10, 4, padding_idx=2))
    init.init_(bag, [(".*", "normal")], seed=0)
    assert not bag[0].weight[2].any()
    assert bag[0].weight[1].any()


def test_an_embeddings_padding_stays_zero_where_a_head_has_the_first_name() -> None:
    model = nn.ModuleDict({"head": nn.Linear(8, 30, bias=False), "wte": nn.Embedding(30, 8, padding_idx=3)})
    model["wte"].weight = model["head"].weight
    init.init_(model, [(".*", "normal")], seed=0)
    assert not model["wte"].weight[3].any()


# Meta


def test_from_meta() -> None:
    with torch.device("meta"):
        model = mlp()
    with pytest.raises(
        ValueError, match=r"to_empty\(device='cpu'\).*Received: meta or fake tensors '0.weight', '0.bias'"
    ):
        init.init_(model, RULES, seed=0)
    model.to_empty(device="cpu")
    init.init_(model, RULES, seed=0)
    np.testing.assert_array_equal(bits(model[0].weight), he("0.weight", (16, 20)))


def test_to_empty_unties_and_the_names_say_so() -> None:
    with torch.device("meta"):
        model = Tied()
    model.to_empty(device="cpu")
    assert model.head.weight is not model.wte.weight
    rules = [
        (r"wte\.weight", "normal"),
        *[(rf"body{pattern[2:]}", f) for pattern, f in ((r".*\.weight", "he_normal"), (r".*\.bias", "zeros"))],
    ]
    with pytest.raises(ValueError, match=r"no rule for 'head.weight'"):
        init.init_(model, rules, seed=0)
    model.head.weight = model.wte.weight
    init.init_(model, rules, seed=0)


def test_a_meta_buffer_is_an_error_unless_it_is_skipped() -> None:
    model = Masked()
    model.bias = model.bias.to("meta")
    rules = [(r"attn\.weight", "ones"), (r"attn\.bias", "zeros")]
    with pytest.raises(ValueError, match=r"meta or fake tensors 'bias'"):
        init.init_(model, rules, seed=0)
    init.init_(model, rules, seed=0, skip="bias")
    assert (model.attn.weight == 1).all()


# Parametrized tensors


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weight_norm_is_filled_through_what_it_is_computed_from(dtype: Any) -> None:
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(6, 5))).to(dtype)
    init.init_(model, RULES, seed=0)
    wanted = he("0.weight", (5, 6), dtype=str(dtype).removeprefix("torch."))
    np.testing.assert_allclose(model[0].weight.detach().numpy(), wanted, rtol=1e-5)
    parts = model[0].parametrizations.weight
    np.testing.assert_array_equal(parts.original1.detach().numpy(), wanted)
    np.testing.assert_allclose(parts.original0.detach().numpy()[:, 0], np.linalg.norm(wanted, axis=1), rtol=1e-5)
    assert isinstance(parts.original0, nn.Parameter)
    assert not model[0].bias.any()


def test_spectral_norm_keeps_its_buffers_and_takes_the_weight() -> None:
    model = nn.Sequential(parametrizations.spectral_norm(nn.Linear(6, 5)))
    init.init_(model, RULES, seed=0)
    np.testing.assert_array_equal(model[0].parametrizations.weight.original.detach().numpy(), he("0.weight", (5, 6)))


def test_an_orthogonal_parametrization_takes_an_orthogonal_weight() -> None:
    model = nn.Sequential(parametrizations.orthogonal(nn.Linear(6, 6)), nn.Linear(6, 6))
    rules = [(r"0\.weight", "orthogonal"), (r"1\.weight", "normal"), (".*bias", "ones")]
    init.init_(model, rules, seed=0)
    wanted = fastinit.orthogonal((6, 6), column_axis=0, seed=Key(0).child("0.weight"))
    np.testing.assert_allclose(model[0].weight.detach().numpy(), wanted, atol=1e-5)


def test_a_parametrization_that_cannot_be_assigned_is_refused_before_anything_is_written() -> None:
    fixed = parametrizations.orthogonal(nn.Linear(6, 6), orthogonal_map="cayley", use_trivialization=False)
    model = nn.Sequential(nn.Linear(6, 6), parametrizations.orthogonal(nn.Linear(6, 6)), fixed)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ValueError, match=r"^'2\.weight': It is not possible to assign"):
        init.init_(model, [(".*weight", "orthogonal"), (".*bias", "ones")], seed=0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


class Doubled(nn.Module):
    def forward(self, x: Any) -> Any:
        return 2 * x


class Scaled(nn.Module):
    """A parametrization with a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Any) -> Any:
        return self.scale * x

    def right_inverse(self, y: Any) -> Any:
        return y


def test_a_parametrization_without_an_inverse_is_refused() -> None:
    model = mlp()
    parametrize.register_parametrization(model[2], "weight", Doubled())
    before = [parameter.detach().clone() for parameter in model.parameters()]
    with pytest.raises(ValueError, match=r"^'2\.weight': .*right_inverse.*Received: Doubled"):
        init.init_(model, RULES, seed=0)
    assert all(torch.equal(*pair) for pair in zip(model.parameters(), before, strict=True))
    init.init_(model, RULES, seed=0, skip=r"2\.weight")


def test_parameters_and_buffers_that_parametrize_others_have_names() -> None:
    model = nn.Sequential(nn.Linear(3, 3))
    parametrize.register_parametrization(model[0], "weight", Scaled())
    with pytest.raises(ValueError, match=r"no rule for '0\.parametrizations\.weight\.0\.scale'"):
        init.init_(model, RULES, seed=0)
    init.init_(model, [*RULES, (".*scale", "ones")], seed=0)
    np.testing.assert_array_equal(bits(model[0].weight), he("0.weight", (3, 3)))


def test_pruned_weights_are_filled_under_the_name_that_pruning_gives() -> None:
    model = mlp()
    prune.l1_unstructured(model[0], "weight", amount=0.5)
    with pytest.raises(ValueError, match=r"no rule for '0.weight_orig'"):
        init.init_(model, RULES, seed=0)
    init.init_(model, [*RULES, (".*weight_orig", "ones")], seed=0)
    model(torch.ones(1, 20))
    assert torch.equal(model[0].weight, model[0].weight_mask)


@pytest.mark.filterwarnings("ignore")
def test_the_old_weight_norm_is_filled_under_its_own_names() -> None:
    model = nn.Sequential(nn.utils.weight_norm(nn.Linear(4, 3)))
    with pytest.raises(ValueError, match=r"no rule for '0.weight_g', '0.weight_v'"):
        init.init_(model, [(".*bias", "zeros")], seed=0)
    init.init_(model, [(".*bias", "zeros"), (".*_g", "ones"), (".*_v", "he_normal")], seed=0)
    norms = torch.linalg.vector_norm(model(torch.eye(4)).T, dim=1)
    torch.testing.assert_close(norms, torch.ones(3))


def test_a_parametrized_embedding_keeps_its_padding() -> None:
    model = nn.Sequential(nn.Embedding(5, 3, padding_idx=1))
    parametrize.register_parametrization(model[0], "weight", Scaled())
    init.init_(model, [(".*scale", "ones"), (".*", "normal")], seed=0)
    assert not model[0].weight[1].any()
    assert model[0].weight[0].any()


# Module by module


def test_by_module_gives_what_init_gives() -> None:
    wanted = init.init_(Tied(3), RULES, seed=0).state_dict()
    model = Tied(3)
    model.apply(init.by_module(model, RULES, seed=0))
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in model.state_dict().items())

    class Styled(Tied):
        """As Hugging Face's models do it."""

        def __init__(self) -> None:
            super().__init__(3)
            self._init_weights = init.by_module(self, RULES, seed=0)
            for part in reversed(list(self.modules())):
                self._init_weights(part)

    assert all(torch.equal(tensor, wanted[name]) for name, tensor in Styled().state_dict().items())


def test_by_module_may_be_made_on_meta_and_sees_a_tie_that_broke() -> None:
    with torch.device("meta"):
        model = Tied()
    fill = init.by_module(model, RULES, seed=0)
    with pytest.raises(ValueError, match=r"meta or fake tensors 'wte.weight'"):
        fill(model.wte)
    model.to_empty(device="cpu")
    fill(model.wte)
    with pytest.raises(ValueError, match=r"tied again.*Received: 'head.weight', which was 'wte.weight'"):
        fill(model.head)
    model.head.weight = model.wte.weight
    fill(model.head)
    np.testing.assert_array_equal(bits(model.head.weight), he("wte.weight", (30, 8)))


def test_by_module_refuses_a_stranger() -> None:
    model = mlp()
    fill = init.by_module(model, RULES, seed=0)
    fill(model)
    fill(model[1])
    for stranger in (nn.Linear(3, 3), nn.ReLU()):
        with pytest.raises(ValueError, match=r"one of those that have been named"):
            fill(stranger)


def test_rules_that_come_from_a_file(tmp_path: Path) -> None:
    Rules(RULES).dump(tmp_path / "rules.json")
    model = init.init_(mlp(), Rules.load(tmp_path / "rules.json"), seed=0)
    np.testing.assert_array_equal(bits(model[0].weight), he("0.weight", (16, 20)))


def test_fixed_layouts_are_turned() -> None:
    model = nn.Sequential(nn.Conv2d(6, 8, 3), nn.Conv2d(8, 8, 3), nn.Linear(5, 7), nn.Linear(7, 7))
    init.init_(
        model,
        [
            (r"0\.weight", "delta_orthogonal"),
            (r"1\.weight", "dirac"),
            (r"2\.weight", "sparse", {"sparsity": 0.4}),
            (r"3\.weight", "identity"),
            (".*bias", "zeros"),
        ],
        seed=0,
    )
    x = torch.randn(2, 8, 5, 5)
    torch.testing.assert_close(model[1](x), x[:, :, 1:-1, 1:-1])
    assert ((model[2].weight == 0).sum(1) == 2).all()
    wanted = fastinit.delta_orthogonal((3, 3, 6, 8), seed=Key(0).child("0.weight")).transpose(3, 2, 0, 1)
    np.testing.assert_array_equal(bits(model[0].weight), wanted)


def test_a_callable_of_the_users_is_an_initializer() -> None:
    def ramp(shape: Any, *, seed: Any, scale: float) -> np.ndarray:
        return scale * np.arange(np.prod(shape), dtype=np.float32).reshape(shape)

    model = init.init_(
        nn.ParameterDict({"a": torch.ones(2, 3), "b": torch.ones(3, 2).T}), [(".", ramp, {"scale": 2.0})], seed=0
    )
    assert model["a"].tolist() == model["b"].tolist() == [[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]]
    half = init.init_(
        nn.ParameterDict({"a": torch.ones(2, 3, dtype=torch.bfloat16)}), [(".", ramp, {"scale": 0.1})], seed=0
    )
    assert torch.equal(half["a"], (torch.tensor(0.1) * torch.arange(6.0).reshape(2, 3)).bfloat16())


def test_no_warning_comes_from_any_of_this() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        init.init_(mlp(), RULES, seed=0)


def test_a_generator_of_numpys_is_asked_once() -> None:
    """Also where some tensors are drawn beside their own memory."""
    model = nn.ModuleDict({"a": nn.Linear(4, 3), "b": nn.Linear(3, 2)})
    model["b"].weight = nn.Parameter(torch.zeros(3, 2).t())
    init.init_(model, RULES, seed=np.random.default_rng(5))
    key = Key(np.random.default_rng(5))
    np.testing.assert_array_equal(bits(model["a"].weight), he("a.weight", (3, 4), key))
    np.testing.assert_array_equal(bits(model["b"].weight), he("b.weight", (2, 3), key))
