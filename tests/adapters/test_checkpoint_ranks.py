"""Each of two ranks writes its part of a checkpoint, and PyTorch's distributed reader loads it into FSDP2."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("safetensors", reason="safetensors is not installed")
pytest.importorskip("torch.distributed.tensor", reason="this PyTorch has no DTensor")
if not hasattr(pytest.importorskip("torch.distributed.checkpoint"), "HuggingFaceStorageReader"):
    pytest.skip("this PyTorch has no HuggingFaceStorageReader", allow_module_level=True)

from support.ranks import run_ranks

PROGRAM = Path(__file__).with_name("ranks_of_checkpoint.py")
NAMES = ["0.weight", "1.bias", "1.weight", "2.bias", "2.weight"]


def test_two_ranks_write_and_load(tmp_path: Path) -> None:
    found = run_ranks(PROGRAM, 2, tmp_path)
    assert [sorted(rank["tensors"].items()) for rank in found] == [[(name, True) for name in NAMES]] * 2
    assert sum(rank["files"] for rank in found) == len([*(tmp_path / "out").iterdir()])
    assert all(rank["files"] >= 2 for rank in found)
