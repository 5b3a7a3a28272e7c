"""A Dask array that is larger than memory: each block is drawn by the task that needs it, whatever the chunks.

    python examples/dask_array.py            sums an array of a million rows and columns' corner, and 134 M values
    python examples/dask_array.py --cluster  the same on the workers of a LocalCluster

Needs dask (pip install "fastinit[dask]"), and distributed for the cluster.
"""

import argparse

import fastinit.dask


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cluster", action="store_true", help="on two processes of a LocalCluster")
    parser.add_argument("--size", type=int, default=1 << 27, help="values to sum (default: %(default)s)")
    options = parser.parse_args()
    if options.cluster:
        from dask.distributed import Client

        with Client(n_workers=2, threads_per_worker=1):
            show(options.size)
    else:
        show(options.size)


def show(size: int) -> None:
    huge = fastinit.dask.array("normal", (10**6, 10**6), chunks=(5000, 5000), seed=0)
    print("a corner of 4 TB:", huge[:2, :2].compute().tolist())

    x = fastinit.dask.array("normal", size, chunks=1 << 22, seed=0, std=0.02)
    print("sum:", float(x.sum().compute()))
    again = fastinit.dask.array("normal", size, chunks=1 << 20, seed=0, std=0.02)
    print("the same values in other chunks:", bool((x[:1000] == again[:1000]).all().compute()))


if __name__ == "__main__":
    main()
