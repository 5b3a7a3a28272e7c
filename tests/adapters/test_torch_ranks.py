"""Real processes that talk through gloo: FSDP2, tensor parallelism, both, checkpoints and drawn seeds."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("torch.distributed.tensor", reason="this PyTorch has no DTensor")

from support.ranks import environment, run_ranks

PROGRAM = Path(__file__).with_name("ranks_of_torch.py")
NAMES = [
    "fully_sharded",
    "fully_sharded_in_bfloat16",
    "fully_sharded_on_the_second_axis",
    "fully_sharded_and_offloaded",
    "tensor_parallel",
    "fully_sharded_over_tensor_parallel",
    "hybrid",
    "flat_parameters_shown_whole",
    "module_by_module",
    "once_more_after_a_forward_pass",
    "a_step_of_training",
    "drawn_seeds",
    "drawn_seeds_of_generators",
    "a_drawn_seed_for_a_module",
    "unchanged_code",
    "saved_and_loaded",
    "one_model",
    "gpt2s_vocabulary",
]


@pytest.mark.parametrize("world", [2, pytest.param(4, marks=pytest.mark.slow), pytest.param(8, marks=pytest.mark.slow)])
def test_many_ranks_have_the_weights_of_one(world: int, tmp_path: Path) -> None:
    found = run_ranks(PROGRAM, world, tmp_path, seconds=600)
    assert found == [dict.fromkeys(NAMES, True)] * world


def test_the_program_of_the_page(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs/guide/many-ranks.md"
    if not page.exists():
        pytest.skip("the docs are not here")
    program = tmp_path / "many_ranks.py"
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    program.write_text("\n".join(blocks))
    run = "from torch.distributed.run import main; main()"
    command = [sys.executable, "-c", run, "--standalone", "--nproc-per-node", "2", str(program)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the same weights on 2 ranks\n"
