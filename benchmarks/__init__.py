"""bench_*.py for pytest; `python -m benchmarks.study` measures, `python -m benchmarks.report` draws and tabulates."""
