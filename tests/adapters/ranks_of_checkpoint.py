"""What every rank of test_checkpoint_ranks.py does, given its number, the world's size and a folder."""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint import HuggingFaceStorageReader
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

import fastinit.checkpoint as checkpoint
import fastinit.torch as init

RULES = [
    ("0.weight", "normal", {"std": 0.5}),
    ("1.weight", "orthogonal"),
    (".*weight", "he_normal"),
    (".*bias", "uniform", {"low": -1.0, "high": 1.0}),
]


def make() -> Any:
    layers = nn.Embedding(27, 16, padding_idx=9), nn.Linear(16, 24), nn.Linear(24, 17)
    return nn.Sequential(*layers).to(torch.bfloat16)


def main(rank: int, world: int, folder: Path) -> None:
    dist.init_process_group(
        "gloo", f"file://{folder}/store", rank=rank, world_size=world, timeout=datetime.timedelta(seconds=200)
    )
    with torch.device("meta"):
        model = make()
    tensors = init.tensors_of(model)
    files = checkpoint.write(folder / "out", tensors, RULES, seed=3, max_shard_bytes=1000, part=(rank, world))
    mesh = init_device_mesh("cpu", (world,))
    for layer in (model[1], model[2]):
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh).to_empty(device="cpu")
    dist.barrier()  # until every file is there
    state = {name: tensor.detach().zero_() for name, tensor in model.state_dict().items()}
    dcp.load(state, storage_reader=HuggingFaceStorageReader(folder / "out"))
    wanted = init.init_(make(), RULES, seed=3).state_dict()
    found = {name: bool(torch.equal(tensor.full_tensor(), wanted[name])) for name, tensor in state.items()}
    (folder / f"{rank}.json").write_text(json.dumps({"files": len(files), "tensors": found}))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
