"""A .npy file that is larger than memory, drawn where it lies: `np.load(path, mmap_mode="r")` reads it.

python examples/memmap_array.py out.npy
"""

import argparse
import os

import numpy as np

import fastinit


def create(path: str, shape: tuple[int, ...], dtype: str = "float32") -> np.memmap:
    """A new array in a file that has all of its room: where a disk is full, this is an error and nothing else."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.dtype(dtype), shape=shape)
    if hasattr(os, "posix_fallocate"):
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
    return array


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("path")
    parser.add_argument("--shape", type=int, nargs="+", default=(16384, 8192))
    options = parser.parse_args()
    array = create(options.path, tuple(options.shape))
    fastinit.he_normal(array.shape, seed=fastinit.Key(0).child("kernel"), out=array)
    array.flush()
    print(array.shape, array.dtype, "in", options.path)


if __name__ == "__main__":
    main()
