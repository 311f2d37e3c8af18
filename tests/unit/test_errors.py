"""The error tree: each class travels between processes and reads well."""

from __future__ import annotations

import importlib
import pickle
import pkgutil
import re
from collections.abc import Iterator

import pytest

import microrepo
from microrepo import errors
from microrepo.errors import MicrorepoError

# Classes that take a certain number of arguments; the others take any.
ARGUMENTS: dict[str, tuple[object, ...]] = {
    "ProjectNotFound": ("foo", "index.example"),
    "StalePage": ("foo", 5, 4),
    "DigestMismatch": ("foo.whl", "sha256", "aa", "bb"),
    "SizeMismatch": ("foo.whl", 10, 9),
    "Locked": ("/srv/python", "process 1"),
    "UnknownSchema": ("/srv/python/state.db", 9, 1),
}


def load_all_modules() -> None:
    """Import everything, so that no class of the tree is overlooked."""
    for module in pkgutil.walk_packages(microrepo.__path__, "microrepo."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def tree_below(kind: type[MicrorepoError]) -> Iterator[type[MicrorepoError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from tree_below(child)


load_all_modules()
CLASSES = sorted(set(tree_below(MicrorepoError)), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_error_survives_the_way_between_processes(kind: type[MicrorepoError]) -> None:
    error = kind(*ARGUMENTS.get(kind.__name__, ("foo", "words")))
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is kind
    assert arrived.args == error.args
    assert str(arrived) == str(error) != ""


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_error_names_what_it_is_about(kind: type[MicrorepoError]) -> None:
    arguments = ARGUMENTS.get(kind.__name__, ("foo", "words"))
    assert str(arguments[0]) in str(kind(*arguments))


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_arguments_reach_the_base_class_unchanged(kind: type[MicrorepoError]) -> None:
    assert kind.__init__ is Exception.__init__


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.MicrorepoError, 1),
        (errors.ConfigError, 2),
        (errors.SourceError, 1),
        (errors.TransferError, 1),
        (errors.RepositoryError, 1),
        (errors.Locked, 4),
        (errors.PlanRefused, 1),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_exit_code(kind: type[MicrorepoError], code: int) -> None:
    assert kind.exit_code == code


def test_drawn_tree_is_the_real_one() -> None:
    here = {kind for kind in CLASSES if kind.__module__ == "microrepo.errors"}
    expected = {kind.__name__: kind.__mro__[1].__name__ for kind in here}
    drawn: dict[str, str] = {"MicrorepoError": "Exception"}
    parents: list[str] = ["MicrorepoError"]
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"    ((?:[│ ]   )*)[├└]── (\w+)", line)
        if match:
            depth = len(match[1]) // 4 + 1
            drawn[match[2]] = parents[depth - 1]
            parents[depth:] = [match[2]]
    assert drawn == expected


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(errors.StalePage("foo", 5, 4), "at serial 4, the index announced 5", id="old"),
        pytest.param(
            errors.SizeMismatch("f.whl", 10, 9),
            "received 9 bytes, the source announced 10",
            id="size",
        ),
        pytest.param(
            errors.DigestMismatch("f.whl", "sha256", "aa", "bb"),
            "sha256 is bb, the source announced aa",
            id="digest",
        ),
        pytest.param(errors.Locked("/r", ""), "/r: locked by another run", id="locked"),
        pytest.param(errors.Locked("/r", "process 7"), "(process 7)", id="locked by someone"),
        pytest.param(
            errors.UnknownSchema("/s", 9, 1),
            "newer microrepo (schema 9, this one supports 1)",
            id="db",
        ),
        pytest.param(errors.Unavailable("url", "no answer"), "url: no answer", id="two parts"),
    ],
)
def test_text(error: MicrorepoError, words: str) -> None:
    assert words in str(error)
