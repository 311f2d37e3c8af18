"""Measures of the source tree: sizes of modules, classes and folders; one name, one meaning."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "microrepo"
MODULE_LINES = 300
CLASS_LINES = 150
FOLDER_MODULES = 12
# What may be larger, and why.
DECLARATION = "declares every option once, with its help"
LARGER_MODULES = {
    "config/schema.py": DECLARATION,
}
LARGER_CLASSES = {
    "Config": DECLARATION,
}
# Modules of these rooms with more statements than this have unit tests of their own.
TESTED_ROOMS = ("operations", "transfer")
UNTESTED_STATEMENTS = 15
PROCESSES = "is made of processes: tests/functional/test_pool.py"
WITHOUT_UNIT_TESTS = {
    "transfer/pool/process_keeper.py": PROCESSES,
    "transfer/pool/worker_pool.py": PROCESSES,
    "transfer/pool/worker_process.py": PROCESSES,
}
# Entry points have one name everywhere.
SPECIAL = {"__init__", "__main__", "main"}


@cache
def modules() -> dict[str, ast.Module]:
    """Return the tree of each module by its path in the package."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def classes() -> Iterator[tuple[str, ast.ClassDef]]:
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield path, node


def travels_alone(path: str) -> bool:
    """Return whether a module is part of the programs that import nothing of the rest."""
    return path.startswith("standalone/")


def test_modules_are_short() -> None:
    lines = {path: len((PACKAGE / path).read_text("utf-8").splitlines()) for path in modules()}
    too_long = {path: count for path, count in lines.items() if count > MODULE_LINES}
    assert too_long.keys() <= LARGER_MODULES.keys(), too_long


def test_classes_are_short() -> None:
    lines = {node.name: (node.end_lineno or 0) - node.lineno + 1 for _, node in classes()}
    too_long = {name: count for name, count in lines.items() if count > CLASS_LINES}
    assert too_long.keys() <= LARGER_CLASSES.keys(), too_long


def test_folders_are_small() -> None:
    members: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        if Path(path).stem not in SPECIAL:
            members[Path(path).parent.as_posix()].append(Path(path).name)
    crowded = {name: found for name, found in members.items() if len(found) > FOLDER_MODULES}
    assert not crowded


@pytest.mark.parametrize("kind", ["module", "class"])
def test_no_name_is_used_twice(kind: str) -> None:
    places: dict[str, list[str]] = defaultdict(list)
    if kind == "module":
        for path in modules():
            if Path(path).stem not in SPECIAL:
                places[Path(path).stem].append(path)
    else:
        for path, node in classes():
            if not travels_alone(path):
                places[node.name].append(path)
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert len(places) > 100
    assert not twice


def count_statements(tree: ast.Module) -> int:
    """Return how many statements a module has, without imports and docstrings."""
    return sum(
        isinstance(node, ast.stmt)
        and not isinstance(node, (ast.Import, ast.ImportFrom))
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in ast.walk(tree)
    )


def test_modules_have_unit_tests_of_their_own() -> None:
    tests = {path.stem for path in Path(__file__).parent.rglob("test_*.py")}
    large = {
        path
        for path, tree in modules().items()
        if path.startswith(TESTED_ROOMS) and count_statements(tree) > UNTESTED_STATEMENTS
    }
    assert len(large) > 50
    untested = {path for path in large if f"test_{Path(path).stem}" not in tests}
    assert untested == set(WITHOUT_UNIT_TESTS)
