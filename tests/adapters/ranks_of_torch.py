"""What every rank of test_torch_ranks.py does: a rank's number, the world's size and a folder are its arguments."""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from adapters.one_model import CHECKSUM, SEED, TENSORS, checksum
from adapters.one_model import RULES as ONE_MODELS_RULES
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, FullyShardedDataParallel, fully_shard
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module
from torch.distributed.tensor.placement_types import _StridedShard

import fastinit.torch as init

RULES = [
    ("embedding.weight", "normal", {"std": 0.5}),
    ("up.weight", "orthogonal"),
    (".*weight", "he_normal"),
    (".*bias", "uniform", {"low": -1.0, "high": 1.0}),
]


class Net(nn.Module):
    """Two layers that can be divided by 8, as tensor parallelism wants, between two that cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(26, 16, padding_idx=9)
        self.up = nn.Linear(16, 24)
        self.down = nn.Linear(24, 16)
        self.head = nn.Linear(16, 13, bias=False)

    def forward(self, words: Any) -> Any:
        return self.head(self.down(self.up(self.embedding(words)).relu()))


def whole(**to: Any) -> dict[str, Any]:
    return dict(init.init_(Net().to(**to), RULES, seed=3).state_dict())


def on_meta(**to: Any) -> Any:
    with torch.device("meta"):
        return Net().to(**to)


def fully_sharded(net: Any, mesh: Any, **options: Any) -> Any:
    for part in (net.up, net.down):
        fully_shard(part, mesh=mesh, **options)
    return fully_shard(net, mesh=mesh, **options)


def tensor_parallel(net: Any, mesh: Any) -> Any:
    return parallelize_module(net, mesh, {"up": ColwiseParallel(), "down": RowwiseParallel()})


def same(state: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Of whole tensors; `full_tensor` knows nothing of fastinit's idea of blocks."""
    assert sorted(state) == sorted(expected)
    gathered = {name: t.full_tensor() if isinstance(t, DTensor) else t for name, t in state.items()}
    return all(torch.equal(gathered[name], expected[name]) for name in expected)


class Checks:
    """Every method is one check, which all ranks do together, and returns what must be true."""

    def __init__(self, rank: int, world: int, folder: Path) -> None:
        self.rank, self.world, self.folder = rank, world, folder
        self.line = init_device_mesh("cpu", (world,), mesh_dim_names=("dp",))
        self.plane = init_device_mesh("cpu", (world // 2, 2), mesh_dim_names=("dp", "tp"))

    def fully_sharded(self) -> bool:
        net = fully_sharded(on_meta(), self.line).to_empty(device="cpu")
        return same(init.init_(net, RULES, seed=3).state_dict(), whole())

    def fully_sharded_in_bfloat16(self) -> bool:
        net = fully_sharded(on_meta(dtype=torch.bfloat16), self.line).to_empty(device="cpu")
        return same(init.init_(net, RULES, seed=3).state_dict(), whole(dtype=torch.bfloat16))

    def fully_sharded_on_the_second_axis(self) -> bool:
        net = fully_sharded(
            on_meta(), self.line, shard_placement_fn=lambda p: Shard(1) if p.ndim == 2 and p.shape[1] % 8 == 0 else None
        )
        net.to_empty(device="cpu")
        return same(init.init_(net, RULES, seed=3).state_dict(), whole())

    def fully_sharded_and_offloaded(self) -> bool:
        policy = CPUOffloadPolicy(pin_memory=False)
        net = fully_sharded(on_meta(), self.line, offload_policy=policy).to_empty(device="cpu")
        return same(init.init_(net, RULES, seed=3).state_dict(), whole())

    def tensor_parallel(self) -> bool:
        net = tensor_parallel(on_meta(), self.line).to_empty(device="cpu")
        return same(init.init_(net, RULES, seed=3).state_dict(), whole())

    def fully_sharded_over_tensor_parallel(self) -> bool:
        net = tensor_parallel(on_meta(), self.plane["tp"])
        net = fully_sharded(net, self.plane["dp"]).to_empty(device="cpu")
        return same(init.init_(net, RULES, seed=3).state_dict(), whole())

    def hybrid(self) -> bool:
        mesh = init_device_mesh("cpu", (2, self.world // 2), mesh_dim_names=("replicate", "shard"))
        net = fully_sharded(on_meta(), mesh).to_empty(device="cpu")
        return same(init.init_(net, RULES, seed=3).state_dict(), whole())

    def flat_parameters_shown_whole(self) -> bool:
        """FSDP1, which frees what it has gathered."""
        net = FullyShardedDataParallel(Net(), use_orig_params=True, device_id=torch.device("cpu"))
        with FullyShardedDataParallel.summon_full_params(net):
            init.init_(net, RULES, seed=3)
        with FullyShardedDataParallel.summon_full_params(net):
            found = {name: tensor.detach().clone() for name, tensor in net.module.named_parameters()}
        return same(found, whole())

    def module_by_module(self) -> bool:
        net = on_meta()
        fill = init.by_module(net, RULES, seed=3)  # names are known before anything is sharded
        fully_sharded(net, self.line).to_empty(device="cpu").apply(fill)
        return same(net.state_dict(), whole())

    def once_more_after_a_forward_pass(self) -> bool:
        """Then the root shows whole parameters, which it throws away."""
        net = fully_sharded(Net(), self.line)
        net(torch.arange(5))
        assert not isinstance(net.head.weight, DTensor)
        return same(init.init_(net, RULES, seed=3).state_dict(), whole())

    def a_step_of_training(self) -> bool:
        """The same as in one process, but for the order of sums."""
        nets = [init.init_(net, RULES, seed=3) for net in (fully_sharded(Net(), self.line), Net())]
        for net in nets:
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
            net(torch.arange(8)).square().mean().backward()
            optimizer.step()
        states = [net.state_dict() for net in nets]
        return all(torch.allclose(t.full_tensor(), states[1][name], atol=1e-5) for name, t in states[0].items())

    def drawn_seeds(self) -> bool:
        """Ranks that were seeded differently agree, and on what one process draws."""
        torch.manual_seed(self.rank + 10)
        shards = [init.normal_(distribute_tensor(torch.zeros(13, 5), self.line, [Shard(0)]))]
        shards.append(init.kaiming_uniform_(distribute_tensor(torch.zeros(13, 6), self.plane, [Shard(1), Shard(0)])))
        shards.append(init.orthogonal_(distribute_tensor(torch.zeros(13, 6), self.plane, [Replicate(), Replicate()])))
        torch.manual_seed(10)
        alone = [init.normal_(torch.zeros(13, 5)), init.kaiming_uniform_(torch.zeros(13, 6))]
        alone.append(init.orthogonal_(torch.zeros(13, 6)))
        return all(torch.equal(shard.full_tensor(), one) for shard, one in zip(shards, alone, strict=True))

    def drawn_seeds_of_generators(self) -> bool:
        shards, alone = [], []
        for make in (lambda seed: torch.Generator().manual_seed(seed), np.random.default_rng):
            shard = distribute_tensor(torch.zeros(13, 5), self.line, [Shard(0)])
            shards.append(init.normal_(shard, seed=make(self.rank + 10)))
            alone.append(init.normal_(torch.zeros(13, 5), seed=make(10)))
        return all(torch.equal(shard.full_tensor(), one) for shard, one in zip(shards, alone, strict=True))

    def a_drawn_seed_for_a_module(self) -> bool:
        net = tensor_parallel(on_meta(), self.plane["tp"])
        net = fully_sharded(net, self.plane["dp"]).to_empty(device="cpu")  # on meshes of one and of two axes
        torch.manual_seed(self.rank + 10)
        drawn = init.init_(net, RULES, seed=None)
        local = {name: tensor.to_local().clone() for name, tensor in drawn.state_dict().items()}
        init.init_(net, RULES, seed=torch.Generator().manual_seed(10))
        again = {name: tensor.to_local() for name, tensor in net.state_dict().items()}
        torch.manual_seed(10)
        word = int(torch.zeros((), dtype=torch.int64).random_(-(2**63), None).item()) % 2**64
        init.init_(net, RULES, seed=word)
        by_word = {name: tensor.to_local() for name, tensor in net.state_dict().items()}
        return all(torch.equal(t, again[name]) and torch.equal(t, by_word[name]) for name, t in local.items())

    def unchanged_code(self) -> bool:
        """reset_parameters of one's own, with torch.nn.init exchanged, on ranks that were seeded differently."""

        def reset(net: Any) -> dict[str, Any]:
            init.normal_(net.embedding.weight, std=0.02)
            for layer in (net.up, net.down):
                init.trunc_normal_(layer.weight, std=0.02, a=-0.04, b=0.04)
                init.zeros_(layer.bias)
            init.xavier_uniform_(net.head.weight)
            return dict(net.state_dict())

        net, alone = fully_sharded(on_meta(), self.line).to_empty(device="cpu"), Net()
        torch.manual_seed(self.rank + 10)
        shards = reset(net)
        torch.manual_seed(10)
        return same(shards, reset(alone))

    def saved_and_loaded(self) -> bool:
        """By torch.distributed.checkpoint: into another layout, and into one process."""
        net = init.init_(fully_sharded(on_meta(), self.line).to_empty(device="cpu"), RULES, seed=3)
        dcp.save(net.state_dict(), checkpoint_id=str(self.folder / "dcp"))
        other = tensor_parallel(Net(), self.plane["tp"])
        state = other.state_dict()
        dcp.load(state, checkpoint_id=str(self.folder / "dcp"))
        alone = Net().state_dict()
        dcp.load(alone, checkpoint_id=str(self.folder / "dcp"), no_dist=True)
        return same(state, whole()) and all(torch.equal(alone[name], t) for name, t in whole().items())

    def one_model(self) -> bool:
        """The checksum that NumPy and JAX have, whatever the layout."""
        layouts = [
            (self.line, (Shard(0),)),
            (self.plane, (Replicate(), Shard(0))),
            (self.plane, (Shard(0), Shard(0))),
            (self.plane, (_StridedShard(0, split_factor=2), Shard(0))),
        ]
        found = []
        for mesh, layout in layouts:
            model = nn.Module()
            for name, (shape, dtype) in TENSORS.items():
                tensor = distribute_tensor(torch.empty(shape, dtype=getattr(torch, dtype)), mesh, layout)
                *path, last = name.split(".")
                owner = model
                for part in path:
                    if not hasattr(owner, part):
                        owner.add_module(part, nn.Module())
                    owner = getattr(owner, part)
                owner.register_parameter(last, nn.Parameter(tensor))
            init.init_(model, ONE_MODELS_RULES, seed=SEED)
            tensors = {name: parameter.detach().full_tensor() for name, parameter in model.named_parameters()}
            bits = {name: t.view(torch.uint16) if t.dtype == torch.bfloat16 else t for name, t in tensors.items()}
            found.append(checksum({name: t.numpy() for name, t in bits.items()}))
        return found == [CHECKSUM] * len(layouts)

    def gpt2s_vocabulary(self) -> bool:
        """On four times two ranks the last two hold other rows than torch says; the model must know none of it."""
        vocabulary, width = 50257, 4
        head = nn.Linear(width, vocabulary, bias=False, device="meta")
        parallel = parallelize_module(head, self.plane["tp"], ColwiseParallel(output_layouts=Replicate()))
        parallel = fully_shard(parallel, mesh=self.plane["dp"]).to_empty(device="cpu")
        init.init_(parallel, [("weight", "normal")], seed=3)
        alone = init.init_(nn.Linear(width, vocabulary, bias=False), [("weight", "normal")], seed=3)
        with torch.no_grad():
            return bool(torch.equal(parallel(torch.eye(width)), alone(torch.eye(width))))


def main(rank: int, world: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder / 'rendezvous'}",
        rank=rank,
        world_size=world,
        timeout=datetime.timedelta(seconds=60),
    )
    checks = Checks(rank, world, folder)
    done = {}
    for name, function in vars(Checks).items():
        if not name.startswith("_"):
            done[name] = function(checks)
    (folder / f"{rank}.json").write_text(json.dumps(done))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
