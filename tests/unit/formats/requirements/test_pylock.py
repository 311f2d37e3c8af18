"""Lock files as text: what is written is read back by TOML, whatever the names are."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from microrepo.formats.requirements.pylock import Lock, LockedFile, LockedPackage, render_lock
from microrepo.formats.requirements.requirement_files import parse_pylock
from microrepo.formats.toml import read_toml

A64 = "a" * 64
FILE = LockedFile("../repo/a-1.0.tar.gz", 5, A64)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def test_nothing_to_install_is_a_lock_too():
    """Of a script that needs nothing, say."""
    table = read_toml(render_lock(Lock("", "", "linux", ("run.py",), ())))
    assert table == {
        "lock-version": "1.0",
        "created-by": "microrepo",
        "packages": [],
        "tool": {"microrepo": {"environment": "linux", "goals": ["run.py"]}},
    }


@given(texts, texts, st.lists(texts, max_size=3))
def test_any_text_comes_back(path, marker, goals):
    """Quotes, control characters and all."""
    file = LockedFile(path, 7, A64)
    package = LockedPackage("a", "1.0", ">=3.8", ("b", "c"), (file, FILE), FILE)
    lock = Lock(marker or "m", ">=3.9", "linux", tuple(goals), (package,))
    table: Any = read_toml(render_lock(lock))
    (found,) = table["packages"]
    assert found["wheels"][0] == {"path": path, "size": 7, "hashes": {"sha256": A64}}
    assert found["sdist"]["path"] == FILE.path
    assert found["dependencies"] == [{"name": "b"}, {"name": "c"}]
    assert (table["environments"], table["tool"]["microrepo"]["goals"]) == ([marker or "m"], goals)


def test_reading_back():
    """Pins with digests and the Pythons; what came from a URL leads there again."""
    url = f"https://files.example/b-2.tar.gz#sha256={A64}"
    packages = (
        LockedPackage("a", "1.0", sdist=FILE),
        LockedPackage("b", "2", sdist=FILE, url=url),
    )
    found = parse_pylock(render_lock(Lock("", ">=3.9", "x", (), packages)), "pylock.toml")
    assert found.requirements == ("a==1.0", f"b @ {url}")
    assert found.hashes == (("a", (f"sha256:{A64}",)), ("b", (f"sha256:{A64}",)))
    assert found.requires_python == ">=3.9"
