"""placeholder"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import numpy as np

from fastinit import Key, _kernels

ENDLESS = (1 << 62,)
CHUNK_WORDS = 1 << 20
CHILDREN = 64


def words(source: str) -> Iterator[np.ndarray]:
    plan = _kernels.Plan.words()
    if source == "words":
        chunk = np.empty(CHUNK_WORDS, np.uint32)
        for start in range(0, ENDLESS[0], CHUNK_WORDS):
            _kernels.fill(plan, chunk, 0, 0, ENDLESS, ((start, start + CHUNK_WORDS),))
            yield chunk
    keys = [Key(0).child(i) for i in range(CHILDREN)]
    count = CHUNK_WORDS // CHILDREN
    streams = np.empty((CHILDREN, count), np.uint32)
    for start in range(0, ENDLESS[0], count):
        for row, key in zip(streams, keys, strict=True):
            _kernels.fill(plan, row, key.key, key.stream, ENDLESS, ((start, start + count),))
        yield np.ascontiguousarray(streams.T)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stream", choices=("words", "children"), required=True)
    for chunk in words(parser.parse_args().stream):
        try:
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            break


main()
