"""What `python -m fastinit checkpoint` does: a model's initial weights as files, or the plan of them as a table."""

import math
import re
from pathlib import Path
from typing import Any, NamedTuple

from .._terminal import amount, table
from ..checkpoint import Plan, plan, tensors_of, write
from ..rules import Rules

_UNITS = {"": 1, "B": 1} | {
    f"{prefix}{suffix}B": base ** (power + 1)
    for suffix, base in (("", 1000), ("i", 1024))
    for power, prefix in enumerate("KMGT")
}


class Options(NamedTuple):
    """What was asked for on the command line."""

    out: str
    like: str | None
    config: str | None
    rules: str | None
    preset: str | None
    seed: int
    dtype: str | None
    shard_size: str
    part: str
    skip: list[str]
    layout: str
    overwrite: bool
    direct: bool
    threads: int | None
    dry_run: bool


def run(options: Options) -> None:
    """Write a part of a checkpoint, or print its plan.

    Raises
    ------
    TypeError, ValueError
        If what is asked for cannot be; nothing has been written then.
    ImportError
        If a configuration is given and there is no transformers or PyTorch.
    OSError
        If a file cannot be read or written.
    """
    number, of = parse_part(options.part)
    asked: dict[str, Any] = {
        "dtype": options.dtype,
        "max_shard_bytes": parse_size(options.shard_size),
        "part": (number, of),
        "skip": options.skip,
        "layout": options.layout,
    }
    rules = _rules(options)
    tensors = _tensors(options)
    planned = plan(tensors, rules, **asked)
    if options.dry_run:
        print(describe(planned, rules))
        return
    files = write(
        options.out,
        tensors,
        rules,
        seed=options.seed,
        overwrite=options.overwrite,
        direct=options.direct,
        threads=options.threads,
        **asked,
    )
    size = sum(file.stat().st_size for file in files)
    print(f"{_count(len(files), 'file')}, {amount(size)}, in {options.out}")


def parse_size(text: str) -> int:
    """The bytes of "5GB", "500 MB", "4GiB" or "1000000"."""
    found = re.fullmatch(r"(\d{1,18}(?:\.\d{1,6})?)\s*([KMGT]?i?B|)", text, re.IGNORECASE)
    unit = found[2].upper().replace("I", "i") if found else "?"
    size = float(found[1]) * _UNITS[unit] if found and unit in _UNITS else 0.0
    if size < 1:
        raise ValueError(f"--shard-size must be a size such as 5GB, 500MB or 4GiB. Received: {text}")
    return int(size)


def parse_part(text: str) -> tuple[int, int]:
    """(0, 4) of "0/4"."""
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    if not found or not int(found[1]) < int(found[2]):
        raise ValueError(f"--part must be i/n with 0 <= i < n, such as 0/4. Received: {text}")
    return int(found[1]), int(found[2])


def parse_preset(text: str) -> Rules:
    """The rules of "llama", or "gpt2:layers=12,bias=false" with options."""
    name, _, listed = text.partition(":")
    options: dict[str, Any] = {}
    for option in filter(None, listed.split(",")):
        key, equals, value = option.partition("=")
        if not equals:
            raise ValueError(f"a preset's options must be as in gpt2:layers=12,bias=false. Received: {text}")
        options[key.strip()] = _value(value.strip(), text)
    return Rules.preset(name, **options)


def _value(text: str, whole: str) -> bool | int | float:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise ValueError(f"a preset's option must be a number, true or false. Received: {whole}")


def _rules(options: Options) -> Rules:
    if options.preset is not None:
        return parse_preset(options.preset)
    assert options.rules is not None  # one of the two is required
    return Rules.load(options.rules)


def _tensors(options: Options) -> Any:
    if options.like is not None:
        return tensors_of(options.like)
    # With PyTorch behind it, and so only where it is asked for.
    from ..torch import tensors_of as tensors_of_config

    return tensors_of_config(Path(f"{options.config}"))


class _Row(NamedTuple):
    """Tensors that differ in their layer alone."""

    name: str
    rule: str
    shape: str


def describe(planned: Plan, rules: Rules) -> str:
    """The plan as a table: one row for the like tensors of all layers."""
    shards = {place.tensor.name: number for number, shard in enumerate(planned.shards, 1) for place in shard.places}
    rows: dict[_Row, list[str]] = {}
    for name, tensor in planned.tensors.items():
        row = _Row(_without_numbers(name), _rule(rules, name), f"{tensor.shape} {tensor.dtype}")
        rows.setdefault(row, []).append(name)
    bytes_of = {p.tensor.name: p.stop - p.start for shard in planned.shards for p in shard.places}
    lines = [["tensors", "rule", "shape", "std", "bytes", "shard"]]
    for row, names in rows.items():
        std = planned.std(names[0])
        where = sorted({shards[name] for name in names})
        lines.append(
            [
                f"{len(names)} x {row.name}" if len(names) > 1 else names[0],
                row.rule,
                row.shape,
                "-" if std is None else f"{std:.3g}",
                amount(sum(bytes_of[name] for name in names)),
                f"{where[0]}" if len(where) == 1 else f"{where[0]}-{where[-1]}",
            ]
        )
    size = sum(math.prod(tensor.shape) for tensor in planned.tensors.values())
    number, of = planned.part
    mine = amount(sum(shard.nbytes for shard in planned.mine))
    return (
        f"{table(lines)}\n\n{_count(len(planned.tensors), 'tensor')}, {size:,} values, {amount(planned.nbytes)} in "
        f"{_count(len(planned.shards), 'file')}; part {number}/{of}: {_count(len(planned.mine), 'file')}, {mine}"
    )


def _without_numbers(name: str) -> str:
    return ".".join("*" if part.isdecimal() else part for part in name.split("."))


def _rule(rules: Rules, name: str) -> str:
    rule = rules.match(name)
    assert rule is not None  # what is planned has one
    initializer = rule.initializer if isinstance(rule.initializer, str) else rule.initializer.__name__
    return " ".join([initializer, *(f"{key}={_short(value)}" for key, value in rule.kwargs.items())])


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
