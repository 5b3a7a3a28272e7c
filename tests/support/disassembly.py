"""What the compiled code of a library is made of: its instructions by source file, and which processors know them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

# What `objdump -t` tells of a file's name and of a function, and `objdump -d` of a function's beginning.
_FILE = re.compile(r"[0-9a-f]+ l +df \*ABS\*\t[0-9a-f]+ *(.*)")
_FUNCTION = re.compile(r"([0-9a-f]+) .{6}F \.text\S*\t[0-9a-f]+ +(?:\.hidden )?(\S+)")
_HEADING = re.compile(r"([0-9a-f]+) <(.*)>:")

# Numbers are all the same to an assembler that only has to know the instruction.
_TARGET = re.compile(r"\b[0-9a-f]+ <.*>$")
_NUMBER = re.compile(r"-?0x[0-9a-f]+")


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"there is no {name} (Debian: binutils)")
    return path


def _files(library: Path) -> dict[int, str]:
    """The source file of each function, by its address. A symbol's file is the one named last before it."""
    table = subprocess.check_output([_tool("objdump"), "-t", library], text=True).splitlines()
    found, file = {}, ""
    for line in table:
        if match := _FILE.fullmatch(line):
            file = match[1]
        elif match := _FUNCTION.fullmatch(line):
            found[int(match[1], 16)] = file
    return found


def instructions(library: Path) -> dict[str, dict[str, str]]:
    """For each source file its different instructions, without their numbers, and a function that has each.

    Of no file, "", are functions that other files call.
    """
    files = _files(library)
    if not any(files.values()):
        pytest.skip("this library does not say which file its functions are from")
    command = [_tool("objdump"), "-d", "-w", "--no-show-raw-insn", "-j", ".text", library]
    found: dict[str, dict[str, str]] = defaultdict(dict)
    function, here = "", found[""]
    for line in subprocess.check_output(command, text=True).splitlines():
        if match := _HEADING.fullmatch(line):
            function, here = match[2], found[files.get(int(match[1], 16), "")]
        elif line.startswith(" "):
            text = line.partition("\t")[2].partition("#")[0].strip()
            here.setdefault(_NUMBER.sub("0x10", _TARGET.sub("0x10", text)), function)
    return dict(found)


def unknown_to(processor: str, texts: list[str]) -> list[str]:
    """Those instructions that the GNU assembler does not know for a processor, named as its option -march does."""
    command = [_tool("as"), f"-march={processor}", "-o", "/dev/null", "-"]
    source = "".join(f"{text}\n" for text in texts)
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    lines = re.findall(r"^\{standard input\}:(\d+): Error: ", done.stderr, re.MULTILINE)
    assert bool(lines) == (done.returncode != 0), done.stderr[-500:]
    return [texts[int(line) - 1] for line in lines]
