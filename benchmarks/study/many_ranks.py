"""Measure what a rank pays to fill its share of GPT-2 small, and print the table of docs/guide/many-ranks.md.

    taskset -c 1 python benchmarks/study/many_ranks.py

takes half a minute. One process is each rank of each world in turn, by torch's backend "fake". Processor time, one
thread, medians of rounds in which the layouts take turns. Shares are compared with the whole before they are timed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Replicate, Shard, distribute_tensor
from torch.distributed.tensor.placement_types import _StridedShard
from torch.testing._internal.distributed.fake_pg import FakeStore

import fastinit.torch as init

sys.path.insert(0, os.path.dirname(__file__))

from promises_torch import GPT2

RULES = [(".*", "normal", {"std": 0.02})]
LAYOUTS = {
    "one process": ((1,), (Replicate(),)),
    "FSDP2 on 8": ((8,), (Shard(0),)),
    "FSDP2 on 64": ((64,), (Shard(0),)),
    "FSDP2 on 8, over tensor parallelism on 8": ((8, 8), (_StridedShard(0, split_factor=8), Shard(0))),
}


def share(layout: str) -> nn.Module:
    """What one rank holds of GPT-2 small."""
    shape, placements = LAYOUTS[layout]
    with torch.device("meta"):
        model = GPT2()
    if layout == "one process":
        return model.to_empty(device="cpu")
    mesh = init_device_mesh("cpu", shape, mesh_dim_names=tuple([f"{layout} {axis}" for axis in range(len(shape))]))
    for module in model.modules():
        for name, tensor in list(module.named_parameters(recurse=False)):
            whole = torch.zeros(()).expand(tensor.shape)
            part = distribute_tensor(whole, mesh, placements, src_data_rank=None)
            module.register_parameter(name, nn.Parameter(part))
    model.tie()
    return model


def check(whole: nn.Module, model: nn.Module, layout: str) -> None:
    _, placements = LAYOUTS[layout]
    expected = dict(whole.named_parameters())
    for name, part in model.named_parameters():
        there = distribute_tensor(expected[name].detach(), part.device_mesh, placements, src_data_rank=None)
        if not torch.equal(part.to_local(), there.to_local()):
            raise AssertionError(f"{layout}: {name} differs")


def seconds(model: nn.Module) -> float:
    before = time.process_time()
    init.init_(model, RULES, seed=0, threads=1)
    return time.process_time() - before


def main(rounds: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in LAYOUTS}
    models: dict[str, Any] = {"one process": share("one process")}
    seconds(models["one process"])
    for name, (shape, _) in LAYOUTS.items():
        if name != "one process":
            world = 1
            for size in shape:
                world *= size
            dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=world)
            models[name] = share(name)
            seconds(models[name])
            check(models["one process"], models[name], name)
            dist.destroy_process_group()
    for _ in range(rounds):
        for name, model in models.items():
            times[name].append(seconds(model))
    print("| rank 0 of | `init_` of GPT-2 small, one thread | of one process |")
    print("|---|---|---|")
    alone = statistics.median(times["one process"])
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"| {name} | {median * 1e3:.1f} ms | {median / alone:.1%} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    main(parser.parse_args().rounds)
