"""Lines of many entries: the same bytes as those of one at a time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from microrepo.operations.snapshot.manifest_lines import entry_lines
from microrepo.standalone.importer.manifest_entries import (
    ManifestFile,
    ManifestProject,
    entry_line,
)

PLAIN = st.text("abc-._ 12", max_size=5)
TEXTS = (
    PLAIN | st.text(max_size=5) | st.sampled_from(['"', "\\", "\x7f", "\x00", "/", "<&>", "\u2028"])
)
PROJECTS = st.builds(
    ManifestProject, TEXTS, TEXTS, st.none() | st.integers(0, 2**63 - 1), TEXTS, TEXTS
)
FILES = st.builds(
    ManifestFile,
    *(TEXTS, TEXTS, TEXTS, st.integers(0, 2**63 - 1), TEXTS, TEXTS, TEXTS),
    st.booleans() | TEXTS,
    *(TEXTS, TEXTS),
)


@given(st.lists(PROJECTS | FILES, max_size=4))
def test_lines_of_many_are_those_of_each(entries: list[ManifestProject | ManifestFile]) -> None:
    assert entry_lines(entries) == b"".join(map(entry_line, entries))


@given(st.sampled_from(["active", "archived", ""]), st.none() | st.just(0))
def test_defaults_are_left_out(status: str, serial: int | None) -> None:
    project = ManifestProject("a", "A", serial, status)
    file = ManifestFile("a", "a-1.tar.gz", "1", 0, "0" * 64)
    assert entry_lines([project, file]) == entry_line(project) + entry_line(file)
    assert (b"serial" in entry_lines([project])) == (serial is not None)
