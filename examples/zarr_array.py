"""A Zarr array on disk that is larger than memory, filled chunk by chunk: by one process, or by many at once.

    python examples/zarr_array.py out.zarr

Needs zarr 3. Noise cannot be compressed, and the default compressor takes many times as long as the drawing, so the
array has none. zarr-python has no bfloat16.
"""

import argparse
import itertools

import zarr

import fastinit


def fill(array: zarr.Array, key: fastinit.Key, worker: int = 0, of: int = 1) -> None:
    """Fill a worker's share of the chunks. No two write the same chunk, so none waits for another."""
    corners = itertools.product(*(range(0, n, c) for n, c in zip(array.shape, array.chunks, strict=True)))
    for number, corner in enumerate(corners):
        if number % of == worker:
            ends = zip(corner, array.chunks, array.shape, strict=True)
            block = tuple(slice(start, min(start + size, n)) for start, size, n in ends)
            array[block] = fastinit.he_normal(array.shape, seed=key, index=block, dtype=array.dtype)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("store", help="the directory of the array")
    parser.add_argument("--shape", type=int, nargs=2, default=(16384, 8192))
    parser.add_argument("--chunks", type=int, nargs=2, default=(2048, 2048))
    options = parser.parse_args()
    array = zarr.create_array(
        options.store, shape=tuple(options.shape), chunks=tuple(options.chunks), dtype="float32", compressors=None
    )
    fill(array, fastinit.Key(0).child("kernel"))
    print(array.shape, array.chunks, array.dtype, "in", options.store)


if __name__ == "__main__":
    main()
