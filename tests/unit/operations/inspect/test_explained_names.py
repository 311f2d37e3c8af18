"""What names, releases and globs stand for."""

from __future__ import annotations

import pytest

from microrepo.operations.inspect.explained_names import find_named
from tests.support.packages import build_sdist, build_wheel
from tests.support.shelf import Shelf


@pytest.fixture(autouse=True)
def files(shelf: Shelf) -> None:
    built = [build_wheel("Foo.Bar", version) for version in ("1.0", "2.0", "3.0rc1")]
    for one in (*built, build_sdist("foo", "1.0"), build_wheel("zed", "1.0")):
        shelf.hold(one)


def found(shelf: Shelf, *targets: str) -> dict[str, list[str]]:
    return {
        named.project.name: [f.version for f in named.project.files if named.includes(f)]
        for named in find_named(shelf.state, targets)[0]
    }


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["foo_bar"], {"foo-bar": ["1.0", "2.0", "3.0rc1"]}),
        (["Foo.Bar<2"], {"foo-bar": ["1.0"]}),
        (["foo-bar>2"], {"foo-bar": ["3.0rc1"]}),
        (["foo_bar-2.0-py3-none-any.whl"], {"foo-bar": ["2.0"]}),
        (["foo*"], {"foo": ["1.0"], "foo-bar": ["1.0", "2.0", "3.0rc1"]}),
        (["*.tar.gz"], {"foo": ["1.0"]}),
        (["zed", "foo-bar==1.0", "foo-bar==2.0"], {"zed": ["1.0"], "foo-bar": ["1.0", "2.0"]}),
        (["foo-bar==1.0", "foo-bar"], {"foo-bar": ["1.0", "2.0", "3.0rc1"]}),
    ],
)
def test_names(shelf: Shelf, targets: list[str], expected: dict[str, list[str]]) -> None:
    assert found(shelf, *targets) == expected


def test_a_file_that_was_left_out_has_no_row(shelf: Shelf) -> None:
    name = "foo_bar-2.0-py3-none-any.whl"
    with shelf.state.transaction():
        shelf.state.delete_files([name])
    assert found(shelf, name) == {"foo-bar": ["2.0"]}


@pytest.mark.parametrize("target", ["nothing", "zed==9", "zed[x", "[a-z]?nothing*", "a b"])
def test_names_that_stand_for_nothing(shelf: Shelf, target: str) -> None:
    named, unknown = find_named(shelf.state, ["zed", target, target])
    assert [one.project.name for one in named] == ["zed"]
    (one,) = unknown
    assert one.target == target
    assert one.versions == (("1.0",) if target == "zed==9" else ())  # what there is instead
