"""Whole checkpoints, written straight to disk: a few megabytes of memory, and as many hosts as there are.

    import fastinit.checkpoint as checkpoint
    tensors = checkpoint.tensors_of("model.safetensors")  # its header alone; or {name: (shape, dtype)}
    checkpoint.write("out", tensors, fastinit.Rules.preset("llama"), seed=0)

The files are those of Hugging Face, safetensors, and what the safetensors library would write for the same tensors,
byte for byte. The tensor named "a.b.c" holds what `fastinit.initialize`, `fastinit.torch.init_` and
`fastinit.jax.initialize` make of its name, shape, dtype and rule.
"""

from ._plan import Plan, Shard, plan
from ._sources import tensors_of
from ._tensors import Tensor
from ._write import write

__all__ = ["Plan", "Shard", "Tensor", "plan", "tensors_of", "write"]
