"""Lock files as text: what is written is read back by TOML, whatever the names are."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from microrepo.formats.requirements.pylock import parse_pylock, render_lock
from microrepo.formats.toml import read_toml

A64 = "a" * 64
FILE: dict[str, Any] = {"size": 5, "hashes": {"sha256": A64}}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def _lock(packages: Sequence[Package], goals: Sequence[str] = ("run.py",)) -> Pylock:
    return Pylock(
        lock_version=Version("1.0"),
        environments=[Marker("sys_platform == 'linux'")],
        requires_python=SpecifierSet(">=3.9"),
        created_by="microrepo",
        packages=packages,
        tool={"microrepo": {"environment": "linux", "goals": list(goals)}},
    )


def _package(name: str, version: str, **more: Any) -> Package:
    sdist = PackageSdist(path=f"../repo/{name}-{version}.tar.gz", **FILE)
    return Package(
        name=canonicalize_name(name), version=Version(version), **{"sdist": sdist, **more}
    )


def test_nothing_to_install_is_a_lock_too():
    """Of a script that needs nothing, say."""
    assert read_toml(render_lock(_lock([]))) == {
        "lock-version": "1.0",
        "environments": ['sys_platform == "linux"'],
        "requires-python": ">=3.9",
        "created-by": "microrepo",
        "packages": [],
        "tool": {"microrepo": {"environment": "linux", "goals": ["run.py"]}},
    }


@given(texts, st.lists(texts, max_size=3))
def test_any_text_comes_back(path, goals):
    """Quotes, control characters and all."""
    wheels = [PackageWheel(path=path, **FILE)]
    needs = [{"name": "b"}, {"name": "c"}]
    package = _package("a", "1.0", wheels=wheels, dependencies=needs)
    table: Any = read_toml(render_lock(_lock([package], goals)))
    (found,) = table["packages"]
    assert found["wheels"] == [{"path": path, **FILE}]
    assert found["sdist"]["path"] == "../repo/a-1.0.tar.gz"
    assert found["dependencies"] == needs
    assert table["tool"]["microrepo"]["goals"] == goals


def test_reading_back():
    """Pins with digests and the Pythons; what came from a URL leads there again."""
    url = f"https://files.example/b-2.tar.gz#sha256={A64}"
    packages = (_package("a", "1.0"), _package("b", "2", tool={"microrepo": {"url": url}}))
    found = parse_pylock(render_lock(_lock(packages)), "pylock.toml")
    assert [str(one) for one in found.requirements] == ["a==1.0", f"b @ {url}"]
    assert [one.hashes for one in found.requirements] == [(f"sha256:{A64}",)] * 2
    assert found.requires_python == ">=3.9"
