"""DTensors, rank by rank in one process: what each rank gets is its part of the one-process tensor.

torch's backend "fake" lets a process be any rank of any world, and sends nothing. Which part a rank has is torch's own
answer: distribute_tensor of the whole.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("torch.distributed.tensor", reason="this PyTorch has no DTensor")

import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.placement_types import _StridedShard
from torch.testing._internal.distributed.fake_pg import FakeStore

import fastinit
import fastinit.torch as init

R, S0, S1 = Replicate(), Shard(0), Shard(1)


def strided(dim: int, factor: int) -> Any:
    return _StridedShard(dim, split_factor=factor)


@contextmanager
def as_rank(rank: int, *mesh: int) -> Iterator[Any]:
    """Be one rank of a world that is one mesh."""
    dist.init_process_group("fake", store=FakeStore(), rank=rank, world_size=math.prod(mesh))
    try:
        # torch remembers what it has found out for equal meshes, and with it whose they were: the names differ.
        yield init_device_mesh(
            "cpu", mesh, mesh_dim_names=tuple([f"{axis} of rank {rank}" for axis in range(len(mesh))])
        )
    finally:
        dist.destroy_process_group()


def share(whole: Any, mesh: Any, placements: Any) -> Any:
    """A rank's part, in memory of its own, as torch divides."""
    return distribute_tensor(whole.clone(), mesh, placements, src_data_rank=None)


def garbage(whole: Any, mesh: Any, placements: Any) -> Any:
    return share(torch.full_like(whole, 77.0), mesh, placements)


def assert_same(tensor: Any, expected: Any) -> None:
    here, there = (part.to_local().contiguous() for part in (tensor, expected))
    assert here.shape == there.shape
    size = {2: torch.int16, 4: torch.int32, 8: torch.int64}[here.element_size()]
    assert torch.equal(here.view(size), there.view(size))


FILLS: dict[str, Callable[[Any], Any]] = {
    "normal": lambda t: init.normal_(t, std=0.5, seed=3),
    "uniform": lambda t: init.uniform_(t, -1.0, 1.0, seed=fastinit.Key(3).child("w")),
    "kaiming": lambda t: init.kaiming_normal_(t, seed=3),
    "glorot": lambda t: init.glorot_uniform_(t, seed=3),
    "trunc": lambda t: init.trunc_normal_(t, a=-1.0, b=1.0, seed=3),
    "orthogonal": lambda t: init.orthogonal_(t, seed=3),
    "sparse": lambda t: init.sparse_(t, 0.5, seed=3),
    "eye": lambda t: init.eye_(t),
    "t5": lambda t: init.t5_(t, 4, seed=3),
    "mup": lambda t: init.mup_(t, (3, 3), seed=3),
    "hadamard": lambda t: init.zero_hadamard_(t),
    "constant": lambda t: init.constant_(t, 0.25),
}
OF_ONE_AXIS = ["normal", "uniform", "trunc", "constant"]
OF_CONVOLUTIONS = ["normal", "kaiming", "orthogonal", "dirac", "delta", "hadamard"]
FILLS["dirac"] = lambda t: init.dirac_(t)
FILLS["delta"] = lambda t: init.delta_orthogonal_(t, seed=3)
DTYPES = (torch.float32, torch.bfloat16, torch.float64, torch.float16)

ONE = [(R,), (S0,), (S1,), (strided(0, 2),), (strided(0, 3),), (strided(1, 2),)]
TWO = [first + second for first, second in itertools.product(ONE, ONE)]
FSDP_OVER_TP = [(strided(0, 2), S0), (S0, S1), (S1, S0), (strided(1, 2), S1), (S0, R), (R, S0)]
THREE = [
    (R, S0, S1),
    (S0, S1, R),
    (R, strided(0, 2), S0),
    (S1, strided(0, 2), S0),
    (S0, S1, S0),
    (S1, R, S1),
    (S0, S0, S0),
    (S1, S0, S1),
]
LAYOUTS = [
    ((2,), ONE, (7, 5)),
    ((4,), ONE, (12, 10)),
    ((4,), ONE, (3, 9)),  # empty shards
    ((4,), [(S0,), (strided(0, 2),), (R,)], (5,)),
    ((4,), [(S0,), (S1,), (Shard(2),), (strided(2, 2),)], (8, 6, 3)),
    ((2, 2), TWO, (13, 11)),
    ((2, 2), TWO, (1, 9)),
    ((4, 2), FSDP_OVER_TP, (25, 9)),
    ((2, 3), FSDP_OVER_TP, (25, 9)),
    ((2, 2, 2), THREE, (13, 11)),
    ((2, 2, 2), [(strided(0, 4), S0, S0), (strided(0, 4), strided(0, 2), S0)], (16, 3)),
]


def test_every_rank_of_every_layout_has_its_part_of_the_whole() -> None:
    wholes: dict[Any, Any] = {}
    done = 0
    for shape, layouts, size in LAYOUTS:
        names = OF_ONE_AXIS if len(size) == 1 else OF_CONVOLUTIONS if len(size) == 3 else [*FILLS][:12]
        for rank in range(math.prod(shape)):
            with as_rank(rank, *shape) as mesh:
                for layout in layouts:
                    # Every initializer and dtype meets every mesh and every layout of it, in turns.
                    name, dtype = names[done % len(names)], DTYPES[done // 3 % 4]
                    if (name, dtype, size) not in wholes:
                        wholes[name, dtype, size] = FILLS[name](torch.empty(size, dtype=dtype))
                    whole = wholes[name, dtype, size]
                    tensor = garbage(whole, mesh, layout)
                    assert FILLS[name](tensor) is tensor
                    assert_same(tensor, share(whole, mesh, layout))
                    done += 1
    assert done >= 500


@pytest.mark.parametrize("name", [*FILLS])
def test_every_initializer_in_strange_layouts(name: str) -> None:
    size = (8, 6, 3) if name in ("dirac", "delta") else (12, 10)
    whole = FILLS[name](torch.empty(size))
    for rank in range(4):
        with as_rank(rank, 2, 2) as mesh:
            for layout in [(S0, S1), (strided(0, 3), S0), (S1, strided(1, 2)), (strided(0, 2), strided(1, 3))]:
                assert_same(FILLS[name](garbage(whole, mesh, layout)), share(whole, mesh, layout))


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_complex_matrices(dtype: Any) -> None:
    whole = init.orthogonal_(torch.empty(6, 4, dtype=dtype), seed=1)
    for rank in range(2):
        with as_rank(rank, 2) as mesh:
            tensor = init.orthogonal_(share(torch.zeros_like(whole), mesh, [S0]), seed=1)
            assert torch.equal(tensor.to_local(), share(whole, mesh, [S0]).to_local())


def test_scalars_and_empty_tensors() -> None:
    for size in [(), (0,), (0, 4), (4, 0)]:
        whole = init.normal_(torch.empty(size), seed=1)
        with as_rank(1, 2) as mesh:
            for layout in [R, *[Shard(axis) for axis in range(len(size))]]:
                assert_same(init.normal_(garbage(whole, mesh, [layout]), seed=1), share(whole, mesh, [layout]))


def test_a_rank_outside_the_mesh_has_nothing_to_fill() -> None:
    dist.init_process_group("fake", store=FakeStore(), rank=3, world_size=4)
    try:
        mesh = DeviceMesh("cpu", [0, 1])
        tensor = distribute_tensor(torch.ones(4, 4), mesh, [S0], src_data_rank=None)
        assert init.normal_(tensor, seed=0) is tensor
        before = torch.get_rng_state()
        init.normal_(tensor)  # draws its word as all do, and takes part in no broadcast
        assert not torch.equal(torch.get_rng_state(), before)
        with pytest.raises(ValueError, match="`std`"):
            init.normal_(tensor, std=-1.0, seed=0)
    finally:
        dist.destroy_process_group()


def test_meshes_of_ranks_in_another_order() -> None:
    whole = init.normal_(torch.empty(8, 3), seed=1)
    for rank in range(4):
        dist.init_process_group("fake", store=FakeStore(), rank=rank, world_size=4)
        try:
            mesh = DeviceMesh("cpu", [[3, 1], [0, 2]])
            for layout in [(S0, S0), (strided(0, 2), S0)]:
                assert_same(init.normal_(garbage(whole, mesh, layout), seed=1), share(whole, mesh, layout))
        finally:
            dist.destroy_process_group()


def fsdp_over_tp(whole: Any, mesh: Any) -> tuple[Any, Any]:
    """What fully_shard leaves of a parameter that tensor parallelism has sharded: its rows, and the DTensor of it."""
    dp, tp = mesh.get_coordinate()
    rows = whole
    for parts, which in ((mesh.size(1), tp), (mesh.size(0), dp)):
        chunks = rows.chunk(parts)
        rows = chunks[which] if which < len(chunks) else rows[:0]
    layout = (strided(0, mesh.size(1)), S0)
    empty = torch.full_like(rows, 77.0)
    tensor = DTensor.from_local(empty, mesh, layout, run_check=False, shape=whole.shape, stride=whole.stride())
    return rows, tensor


@pytest.mark.parametrize("mesh", [(2, 2), (3, 2), (4, 2), (2, 4)])
def test_uneven_shards_of_fsdp_over_tensor_parallelism(mesh: tuple[int, int]) -> None:
    """There what FSDP2 holds is not always what the placements say."""
    differ = 0
    for rank in range(math.prod(mesh)):
        with as_rank(rank, *mesh) as device_mesh:
            for n in range(1, 40):
                whole = init.normal_(torch.empty(n, 2), seed=1)
                rows, tensor = fsdp_over_tp(whole, device_mesh)
                described = share(whole, device_mesh, tensor.placements).to_local()
                differ += not torch.equal(described, rows)
                init.normal_(tensor, seed=1)
                assert torch.equal(tensor.to_local(), rows)
                assert_same(
                    init.normal_(garbage(whole, device_mesh, tensor.placements), seed=1),
                    share(whole, device_mesh, tensor.placements),
                )
    assert (differ > 0) == (mesh in [(3, 2), (4, 2)])


@pytest.mark.parametrize(("rank", "count", "described"), [(6, 6280, 6281), (7, 6282, 6281)])
def test_gpt2s_vocabulary_on_four_times_two_ranks(rank: int, count: int, described: int) -> None:
    whole = init.normal_(torch.empty(50257, 2), seed=1)
    with as_rank(rank, 4, 2) as mesh:
        rows, tensor = fsdp_over_tp(whole, mesh)
        assert len(rows) == count
        assert len(share(whole, mesh, tensor.placements).to_local()) == described
        assert torch.equal(init.normal_(tensor, seed=1).to_local(), rows)


def test_nothing_is_guessed() -> None:
    """Uneven over three mesh axes, the same length may be two different parts."""
    whole = torch.arange(5.0)
    layout = (strided(0, 4), S0, S0)
    with as_rank(2, 2, 2, 2) as mesh:
        tensor = share(whole, mesh, layout)
        before = tensor.to_local().clone()
        with pytest.raises(ValueError, match="three mesh axes"):
            init.normal_(tensor, seed=0)
        assert torch.equal(tensor.to_local(), before)


def test_a_shard_that_its_placements_do_not_describe() -> None:
    with as_rank(0, 2) as mesh:
        tensor = DTensor.from_local(torch.zeros(3, 2), mesh, [S0], run_check=False, shape=(8, 2), stride=(2, 1))
        with pytest.raises(ValueError, match=r"the shard that its placements describe.*3 of 8 on axis 0"):
            init.normal_(tensor, seed=0)
        assert not tensor.to_local().any()


def test_partial_is_refused() -> None:
    with as_rank(0, 2, 2) as mesh:
        tensor = DTensor.from_local(torch.ones(3, 2), mesh, [S0, Partial()], run_check=False)
        with pytest.raises(ValueError, match="must not be Partial"):
            init.normal_(tensor, seed=0)
        with pytest.raises(ValueError, match="must not be Partial"):
            init.constant_(tensor, 3.0)
        with pytest.raises(ValueError, match="'weight': `tensor` must not be Partial"):
            init.init_(holding(weight=tensor), [("weight", "normal")], seed=0)
        assert bool((tensor.to_local() == 1).all())


@pytest.mark.parametrize("dtype", [torch.int64, torch.float8_e4m3fn])
def test_dtypes_are_refused(dtype: Any) -> None:
    with as_rank(0, 2) as mesh:
        tensor = share(torch.zeros(4, 4).to(dtype), mesh, [S0])
        with pytest.raises(TypeError, match="must have dtype"):
            init.normal_(tensor, seed=0)


def test_meta_tensors_are_passed_over_and_refused_by_init_() -> None:
    with as_rank(0, 2) as mesh:
        tensor = share(torch.empty(4, 4, device="meta"), mesh, [S0])
        assert init.normal_(tensor, seed=0) is tensor
        with pytest.raises(ValueError, match="`std`"):
            init.normal_(tensor, std=-1.0, seed=0)
        with pytest.raises(ValueError, match=r"to_empty.*'weight'"):
            init.init_(holding(weight=tensor), [("weight", "normal")], seed=0)


def test_array_shows_the_memory_of_a_rank() -> None:
    with as_rank(0, 2) as mesh:
        tensor = share(torch.zeros(4, 4), mesh, [S0])
        with pytest.raises(TypeError, match="fill the tensors that it wraps"):
            init.array(tensor)
        assert init.array(tensor.to_local()).shape == (2, 4)


def test_strides_of_a_shard_do_not_matter() -> None:
    whole = init.normal_(torch.empty(10, 6), seed=1)
    with as_rank(1, 2) as mesh:
        tensor = share(torch.zeros(6, 10), mesh, [S0]).t()  # sharded on axis 1, its rows apart
        assert not tensor.to_local().is_contiguous()
        init.normal_(tensor, seed=1)
        assert torch.equal(tensor.to_local(), share(whole, mesh, [S1]).to_local())


def test_a_backward_pass_through_old_values_fails() -> None:
    with as_rank(0, 2) as mesh:
        for use in (lambda p: (p * p).sum().to_local(), lambda p: (p.to_local() ** 2).sum()):
            weight = nn.Parameter(share(torch.ones(4, 4), mesh, [S0]))
            loss = use(weight)
            init.normal_(weight, seed=0)
            with pytest.raises(RuntimeError, match=r"modified (by an )?inplace"):
                loss.backward()
            loss = use(weight)
            init.init_(holding(weight=weight), [("weight", "normal")], seed=0)
            with pytest.raises(RuntimeError, match=r"modified (by an )?inplace"):
                loss.backward()


def test_wrong_arguments_leave_a_tensor_alone_on_every_rank() -> None:
    for rank in range(4):
        with as_rank(rank, 4) as mesh:
            tensor = share(torch.ones(2, 4), mesh, [S0])  # empty on two of them
            for wrong in (
                lambda t: init.normal_(t, std=-1.0, seed=0),
                lambda t: init.orthogonal_(t, gain=math.inf, seed=0),
                lambda t: init.siren_(t, omega=0.0, seed=0),
            ):
                with pytest.raises(ValueError, match="must be"):
                    wrong(tensor)
            assert bool((tensor.to_local() == 1).all())


def test_a_seed_of_numbers_leaves_torchs_generator_alone() -> None:
    with as_rank(1, 2) as mesh:
        before = torch.get_rng_state()
        for seed in (0, np.int64(3), fastinit.Key(5), np.random.SeedSequence(1)):
            init.normal_(share(torch.zeros(4, 4), mesh, [S0]), seed=seed)
        init.zeros_(share(torch.zeros(4, 4), mesh, [S0]))
        assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("seed", [0, fastinit.Key(5), np.random.SeedSequence(1)])
def test_nothing_is_sent_with_a_seed(seed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = listen(monkeypatch)
    with as_rank(1, 2, 2) as mesh:
        for layout in [(S0, S1), (strided(0, 2), S0), (S0, strided(0, 3))]:
            init.normal_(share(torch.zeros(7, 4), mesh, layout), seed=seed)
            init.init_(holding(weight=share(torch.zeros(7, 4), mesh, layout)), [("weight", "normal")], seed=seed)
    assert sent == []


@pytest.mark.parametrize("kind", ["none", "torch", "generator=", "numpy", "bits"])
def test_a_seed_that_each_rank_draws_is_sent(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = listen(monkeypatch)
    numpy = np.random.default_rng(0)
    seeds: dict[str, Any] = {
        "none": {},
        "torch": {"seed": torch.Generator().manual_seed(0)},
        "generator=": {"generator": torch.Generator().manual_seed(0)},
        "numpy": {"seed": numpy},
        "bits": {"seed": numpy.bit_generator},
    }
    with as_rank(3, 2, 2) as mesh:
        init.normal_(share(torch.zeros(4, 4), mesh, [S0, R]), **seeds[kind])
    # Rank 3 is (1, 1): along the first axis it hears rank 1, along the second rank 2, which has heard rank 0.
    assert sent == [1, 2]


def listen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sent: list[int] = []
    own = dist.broadcast

    def broadcast(tensor: Any, src: int, group: Any) -> None:
        sent.append(src)
        own(tensor, src=src, group=group)

    monkeypatch.setattr(dist, "broadcast", broadcast)
    return sent


def holding(**tensors: Any) -> Any:
    module = nn.Module()
    for name, tensor in tensors.items():
        module.register_parameter(name, tensor if isinstance(tensor, nn.Parameter) else nn.Parameter(tensor))
    return module


def test_one_broadcast_for_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = listen(monkeypatch)
    with as_rank(3, 2, 2) as mesh:
        rows = init_rows(mesh)
        model = holding(
            a=share(torch.zeros(4), rows, [S0]), b=share(torch.zeros(4, 4), mesh, [S0, S1]), c=torch.ones(3)
        )
        init.init_(model, [(".*", "normal")], seed=None)
        assert sent == [1, 2]  # of the mesh that has the ranks of both
        sent.clear()
        fill = init.by_module(model, [(".*", "normal")], seed=None)
        fill(model)
        fill(model)
        assert sent == [1, 2]


def init_rows(mesh: Any) -> Any:
    """The mesh of this rank's first axis."""
    column = mesh.get_coordinate()[1]
    return DeviceMesh("cpu", mesh.mesh[:, column])


def test_what_is_skipped_has_no_say() -> None:
    with as_rank(3, 2, 2) as mesh:
        down, across = init_rows(mesh), DeviceMesh("cpu", mesh.mesh[mesh.get_coordinate()[0]])
        model = holding(a=share(torch.zeros(4), down, [S0]), b=share(torch.zeros(4), across, [S0]))
        init.init_(model, [("a", "normal")], seed=None, skip="b")
        assert model.a.to_local().all()
        assert not model.b.to_local().any()


def test_meshes_that_do_not_contain_each_other_need_a_seed() -> None:
    with as_rank(3, 2, 2) as mesh:
        down, across = init_rows(mesh), DeviceMesh("cpu", mesh.mesh[mesh.get_coordinate()[0]])
        model = holding(a=share(torch.zeros(4), down, [S0]), b=share(torch.zeros(4), across, [S0]))
        with pytest.raises(ValueError, match=r"a seed must be given.*meshes of ranks"):
            init.init_(model, [(".*", "normal")], seed=None)
        assert not any(tensor.to_local().any() for tensor in model.parameters())
        init.init_(model, [(".*", "normal")], seed=0)
        assert all(tensor.to_local().all() for tensor in model.parameters())


def test_init_fills_blocks_padding_and_ties() -> None:
    whole = embedding(torch.zeros(11, 4))
    rules = [(".*", "normal")]
    init.init_(whole, rules, seed=2)
    for rank in range(4):
        with as_rank(rank, 2, 2) as mesh:
            for layout in [(S0, S0), (S1, S0), (strided(0, 3), R), (S0, strided(0, 2))]:
                model = embedding(garbage(whole.inside.weight.detach(), mesh, layout))
                init.init_(model, rules, seed=2)
                assert_same(model.inside.weight, share(whole.inside.weight.detach(), mesh, layout))
                assert model.head.weight is model.inside.weight


def embedding(weight: Any) -> Any:
    """An embedding with padding whose weight's first name is another module's."""
    model = nn.Module()
    model.head = nn.Module()
    model.head.weight = nn.Parameter(weight)
    model.inside = nn.Embedding(11, 4, padding_idx=7)
    model.inside.weight = model.head.weight
    return model


RULES = [
    ("matrix", "orthogonal"),
    ("diagonal", "identity"),
    ("kernel", "dirac"),
    ("holes", "sparse", {"sparsity": 0.5}),
    ("bits", "he_normal"),
    ("own", lambda shape, seed: fastinit.normal(shape, seed=seed) + np.arange(shape[-1])),
    ("buffer", "ones"),
]


def various() -> Any:
    model = holding(
        matrix=torch.zeros(10, 6),
        diagonal=torch.zeros(7, 9),
        kernel=torch.zeros(4, 6, 3),
        holes=torch.zeros(12, 5),
        bits=torch.zeros(9, 8, dtype=torch.bfloat16),
        own=torch.zeros(6, 7),
    )
    model.register_buffer("buffer", torch.zeros(5, 2))
    return model


def test_rules_of_every_kind_in_one_hand_off() -> None:
    whole = init.init_(various(), RULES, seed=2).state_dict()
    for rank in range(4):
        with as_rank(rank, 2, 2) as mesh:
            for layout in [(S0, S1), (strided(0, 2), strided(1, 2)), (S1, strided(1, 2)), (R, S0)]:
                model = various()
                for name, tensor in model.named_parameters():
                    setattr(model, name, nn.Parameter(garbage(tensor.detach(), mesh, layout)))
                model.buffer = garbage(model.buffer, mesh, layout)
                init.init_(model, RULES, seed=2)
                for name, tensor in model.state_dict().items():
                    assert_same(tensor, share(whole[name], mesh, layout))


def test_an_own_initializer_must_return_what_it_was_asked_for() -> None:
    with as_rank(0, 2) as mesh:
        model = holding(weight=share(torch.zeros(4, 4), mesh, [S0]))
        with pytest.raises(ValueError, match=r"'weight'.*\(4, 4\). Received: \(2, 4\)"):
            init.init_(model, [("weight", lambda shape, seed: np.ones((2, 4)))], seed=0)
        assert not model.weight.to_local().any()


def test_parametrized_weights_are_refused() -> None:
    with as_rank(0, 2) as mesh:
        linear = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4, bias=False))
        for name, tensor in [*linear.parametrizations.weight.named_parameters()]:
            setattr(linear.parametrizations.weight, name, nn.Parameter(share(tensor.detach(), mesh, [R])))
        with pytest.raises(ValueError, match="'weight': a parametrized tensor must be whole"):
            init.init_(linear, [("weight", "normal")], seed=0)
