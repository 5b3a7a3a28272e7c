"""What decides a tensor's numbers: a seed, a torch.Generator, or torch's own default generator."""

from __future__ import annotations

from typing import Any

import torch

from .. import Key

_MASK = (1 << 64) - 1


def key_of(seed: Any, generator: Any = None) -> Key:
    """The key that `seed` and `generator` name; a generator, or torch's own if both are None, is advanced."""
    if generator is not None:
        if seed is not None:
            raise TypeError("only one of `seed` and `generator` must be given. Received: both")
        if not isinstance(generator, torch.Generator):
            raise TypeError(f"`generator` must be a torch.Generator. Received: {generator!r}")
        return drawn_from(generator)
    if seed is None:
        return drawn_from(torch.default_generator)
    if isinstance(seed, torch.Generator):
        return drawn_from(seed)
    if isinstance(seed, torch.Tensor):
        raise TypeError(f"`seed` must be an int, a fastinit.Key or a torch.Generator. Received: {seed!r}, a tensor")
    return Key(seed)


def drawn_from(generator: torch.Generator) -> Key:
    """Two words of 64 bits, which is how far the generator advances."""
    words = torch.empty(2, dtype=torch.int64, device=generator.device)
    # From the least integer to no end: all 64 bits are random.
    word, stream = words.random_(-(2**63), None, generator=generator).tolist()
    return Key.from_words(word & _MASK, stream & _MASK)
