"""Measure what fastinit.torch promises beside torch itself, each ratio in one run, and print the table.

    taskset -c 1 python benchmarks/study/promises_torch.py

takes about two minutes. One processor and one thread for both, the processor's time, the median of rounds in which
the two take turns. Results are checked before they are timed.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

import fastinit
import fastinit.torch as init

Job = Callable[[], Any]


class Block(nn.Module):
    """A block of GPT-2."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = nn.ModuleDict({"c_attn": nn.Linear(width, 3 * width), "c_proj": nn.Linear(width, width)})
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)})


class GPT2(nn.Module):
    """The parameters of GPT-2 small: 124 million, the head tied to the embedding."""

    def __init__(self, layers: int = 12, width: int = 768, words: int = 50257, places: int = 1024) -> None:
        super().__init__()
        self.wte = nn.Embedding(words, width)
        self.wpe = nn.Embedding(places, width)
        self.h = nn.ModuleList([Block(width) for _ in range(layers)])
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, words, bias=False)
        self.tie()

    def tie(self) -> None:
        self.lm_head.weight = self.wte.weight


class Llama(nn.Module):
    """The parameters of a Llama of 1.1 billion."""

    def __init__(self, layers: int = 22, width: int = 2048, inner: int = 5632, words: int = 32000) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(words, width)
        sizes = {"q_proj": (width, width), "k_proj": (256, width), "v_proj": (256, width), "o_proj": (width, width)}
        sizes |= {"gate_proj": (inner, width), "up_proj": (inner, width), "down_proj": (width, inner)}
        self.layers = nn.ModuleList(
            [
                nn.ModuleDict(
                    {name: nn.Linear(columns, rows, bias=False) for name, (rows, columns) in sizes.items()}
                    | {"input_layernorm": nn.RMSNorm(width), "post_attention_layernorm": nn.RMSNorm(width)}
                )
                for _ in range(layers)
            ]
        )
        self.norm = nn.RMSNorm(width)
        self.lm_head = nn.Linear(width, words, bias=False)


def medians(ours: Job, theirs: Job, rounds: int, calls: int = 1) -> tuple[float, float]:
    """Processor seconds of a call of each."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for job, found in list(zip((ours, theirs), times, strict=True))[:: -1 if number % 2 else 1]:
            start = time.process_time()
            for _ in range(calls):
                job()
            found.append((time.process_time() - start) / calls)
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


def gpt2_from_meta() -> GPT2:
    with torch.device("meta"):
        model = GPT2()
    model.to_empty(device="cpu")
    model.tie()
    init.init_(model, fastinit.Rules.preset("gpt2", layers=12), seed=0, threads=1)
    return model


def gpt2_taken_over() -> GPT2:
    with init.takeover(seed=0, threads=1) as taken:
        model = GPT2()
    assert not taken.left
    return model


def refill(model: GPT2, fill: Callable[[Any], Any]) -> Job:
    weights = [parameter for parameter in model.parameters() if parameter.ndim == 2]
    return lambda: [fill(weight) for weight in weights]


def rows() -> list[tuple[str, float, float, float]]:
    """What, at least how many times faster, seconds of ours, seconds of torch's."""
    model = gpt2_from_meta()
    assert abs(model.wte.weight.std().item() / 0.02 - 1) < 0.01
    found = [("GPT-2 small: meta, to_empty, init_ / torch's constructor", 4.0, *medians(gpt2_from_meta, GPT2, 7))]
    found.append(("GPT-2 small: torch's constructor under takeover() / alone", 4.0, *medians(gpt2_taken_over, GPT2, 7)))
    pairs: list[tuple[str, float, Job, Job, int, int]] = [
        (
            "refill GPT-2 small, normal",
            4.0,
            refill(model, lambda w: init.normal_(w, 0.0, 0.02, threads=1)),
            refill(model, lambda w: nn.init.normal_(w, 0.0, 0.02)),
            7,
            1,
        ),
        (
            "refill GPT-2 small, truncated at 3 std",
            20.0,
            refill(model, lambda w: init.trunc_normal_(w, 0.0, 0.02, -0.06, 0.06, threads=1)),
            refill(model, lambda w: nn.init.trunc_normal_(w, 0.0, 0.02, -0.06, 0.06)),
            3,
            1,
        ),
        (
            "refill GPT-2 small, kaiming_uniform",
            5.0,
            refill(model, lambda w: init.kaiming_uniform_(w, math.sqrt(5), threads=1)),
            refill(model, lambda w: nn.init.kaiming_uniform_(w, math.sqrt(5))),
            7,
            1,
        ),
    ]
    square, small = torch.empty(1024, 1024), nn.Parameter(torch.empty(64, 64))
    small_bf16 = nn.Parameter(torch.empty(64, 64, dtype=torch.bfloat16))
    pairs += [
        (
            "orthogonal_, 1024 x 1024",
            4.5,
            lambda: init.orthogonal_(square, threads=1),
            lambda: nn.init.orthogonal_(square),
            7,
            1,
        ),
        (
            "kaiming_normal_, 64 x 64, seed=0",
            1.0,
            lambda: init.kaiming_normal_(small, seed=0),
            lambda: nn.init.kaiming_normal_(small),
            301,
            100,
        ),
        (
            "kaiming_normal_, 64 x 64, torch's generator",
            1.0,
            lambda: init.kaiming_normal_(small),
            lambda: nn.init.kaiming_normal_(small),
            301,
            100,
        ),
        (
            "kaiming_uniform_, 64 x 64, torch's generator",
            1.0,
            lambda: init.kaiming_uniform_(small),
            lambda: nn.init.kaiming_uniform_(small),
            301,
            100,
        ),
        (
            "kaiming_normal_, 64 x 64, bfloat16, torch's generator",
            1.0,
            lambda: init.kaiming_normal_(small_bf16),
            lambda: nn.init.kaiming_normal_(small_bf16),
            301,
            100,
        ),
    ]
    for what, least, ours, theirs, rounds, calls in pairs:
        ours(), theirs()
        found.append((what, least, *medians(ours, theirs, rounds, calls)))
    return found


def peak_beyond_a_llama() -> float:
    """Megabytes that the process took beyond what the parameters take, at its peak."""
    with torch.device("meta"):
        model = Llama().to(torch.bfloat16)
    init.init_(nn.Sequential(nn.Linear(2, 2)), [(".*", "normal")], seed=0)  # what is loaded once
    before = memory("VmRSS")
    model.to_empty(device="cpu")
    init.init_(model, fastinit.Rules.preset("llama"), seed=0, threads=1)
    size = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters()) / 2**20
    return memory("VmHWM") - before - size


def memory(what: str) -> float:
    """What Linux says of this process, in megabytes."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{what}:"))
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--llama", action="store_true", help="only the memory of a Llama, in this process")
    if parser.parse_args().llama:
        print(f"{peak_beyond_a_llama():.1f}")
        return
    torch.set_num_threads(1)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"torch {torch.__version__}, fastinit {fastinit.__version__}, {fastinit.isa()}, {cores} core(s)\n")
    print("| what | at least | measured | fastinit | torch |\n|---|---|---|---|---|")
    for what, least, ours, theirs in rows():
        unit, scale = ("µs", 1e6) if theirs < 1e-3 else ("ms", 1e3)
        print(
            f"| {what} | {least:g}x | {theirs / ours:.2f}x | {ours * scale:.1f} {unit} | {theirs * scale:.1f} {unit} |"
        )
    beyond = subprocess.run(
        [sys.executable, __file__, "--llama"], check=True, capture_output=True, text=True
    ).stdout.strip()
    print(f"\nA Llama of 1.1 billion parameters in bfloat16: {beyond} MB beyond the model at the peak (at most 64).")


if __name__ == "__main__":
    main()
