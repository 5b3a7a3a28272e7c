"""What decides a tensor's numbers: a seed, a torch.Generator, or torch's own default generator."""

from __future__ import annotations

import threading
from typing import Any

import torch

_MASK = (1 << 64) - 1


def key_of(seed: Any, generator: Any = None) -> Any:
    """What fastinit takes as a seed; a generator, or torch's own if none is given, is advanced."""
    if generator is not None:
        if seed is not None:
            raise TypeError("only one of `seed` and `generator` must be given. Received: both")
        if not isinstance(generator, torch.Generator):
            raise TypeError(f"`generator` must be a torch.Generator. Received: {generator!r}")
        return drawn_from(generator)
    if seed is None:
        return drawn_from(torch.default_generator)
    if type(seed) is int:
        return seed
    if isinstance(seed, torch.Generator):
        return drawn_from(seed)
    if isinstance(seed, torch.Tensor):
        raise TypeError(f"`seed` must be an int, a fastinit.Key or a torch.Generator. Received: {seed!r}, a tensor")
    return seed


class _Word(threading.local):
    """Memory for a word, each thread's own, and its bits as Python sees them: new memory for each word, or asking the
    tensor for its value, would take as long as drawing it."""

    def __init__(self) -> None:
        with torch.inference_mode(False):
            self.tensor = torch.zeros((), dtype=torch.int64, device="cpu")
        self.bits = memoryview(self.tensor.numpy().reshape(1).view("u8"))


_WORD = _Word()


def drawn_from(generator: torch.Generator) -> int:
    """One word of 64 bits, which is how far the generator advances."""
    # From the least integer to no end: all 64 bits are random.
    if generator.device.type == "cpu":
        _WORD.tensor.random_(-(2**63), None, generator=generator)
        return _WORD.bits[0]
    word = _WORD.tensor.to(generator.device).random_(-(2**63), None, generator=generator)
    return int(word.item()) & _MASK
