"""The examples of docstrings and of all pages run, and say what is true; the reference lists every public name."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
from pathlib import Path

import pytest

import fastinit
from fastinit.initializers._engine import registry

PACKAGE = Path(fastinit.__file__).parent
# Their examples run where their framework is: tests/adapters.
ADAPTERS = ("convert", "dask", "jax", "keras", "torch")
FACES = (*ADAPTERS, "checkpoint")  # whose names the reference lists under their own module


def modules_with_examples() -> list[str]:
    """Every module of the package whose docstrings show something."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in ADAPTERS and ">>> " in path.read_text():
            found.append(".".join(("fastinit", *parts)).removesuffix(".__init__"))
    return found


ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", modules_with_examples())
def test_docstring_examples(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried > 0
    assert failed == 0


# Pages whose examples need a framework; tests/adapters runs them.
PAGES_OF_ADAPTERS = {
    "coming-from-jax.md",
    "coming-from-keras.md",
    "coming-from-pytorch.md",
    "many-hosts.md",
    "trained-policy.md",
    "checkpoints.md",
    "evolution-strategies.md",
    "many-ranks.md",
    "see-it-in-torch.md",
}
PAGES = sorted(
    path
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if "```python\n" in path.read_text() and path.name not in PAGES_OF_ADAPTERS
)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_examples_of_pages(path: Path) -> None:
    failed, tried = doctest.testfile(str(path), module_relative=False)
    assert tried > 0
    assert failed == 0


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_blocks_of_pages_are_examples(path: Path) -> None:
    """Each block of Python is one that runs, but for the frameworks' blocks in the README: their guides run those."""
    blocks = re.findall(r"```python\n(.*?)```", path.read_text(), flags=re.DOTALL)
    others = [block for block in blocks if not block.startswith(">>> ")]
    assert all(path.name == "README.md" and "import fastinit." in block for block in others)


def test_every_public_name_has_its_place_in_the_reference() -> None:
    pages = [path.read_text() for path in (ROOT / "docs/reference").glob("*.md")]
    if not pages:
        pytest.skip("the docs are not here")
    listed: dict[str, set[str]] = {}
    for page in pages:
        module = ""
        for line in page.splitlines():
            if found := re.fullmatch(r"\.\. currentmodule:: (\S+)", line):
                module = found[1]
            elif found := re.fullmatch(r"   (\w+)", line):
                listed.setdefault(module, set()).add(found[1])
    for module, also in (("fastinit", {"convert", "schemes", "__version__"}), ("fastinit.schemes", set())):
        assert {*importlib.import_module(module).__all__} - also == listed[module]
    for name in FACES:
        tree = ast.parse((PACKAGE / name / "__init__.py").read_text())
        (names,) = [
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        ]
        # Of names with an underscore at the end, PyTorch's old ones without it are not shown.
        assert {name for name in names if f"{name}_" not in names} == listed[f"fastinit.{name}"]


def test_the_first_page_names_every_initializer() -> None:
    path = ROOT / "docs/index.md"
    if not path.exists():
        pytest.skip("the docs are not here")
    text = path.read_text()
    for name in registry:
        function = getattr(fastinit, name)
        if "by another name" not in function.__doc__:
            assert f"`{name}" in text, name
