"""Manifests: their form, their ids, what is refused, and differences."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microrepo.standalone.importer.manifest import (
    ManifestChange,
    ManifestError,
    ManifestReader,
    compare_manifests,
    head_line,
    write_manifest,
)
from microrepo.standalone.importer.manifest_entries import (
    ManifestFile,
    ManifestProject,
    entry_line,
    is_safe_part,
)

Entry = ManifestProject | ManifestFile


def file(name: str, content: str = "a", project: str = "six", **facts: str | bool) -> ManifestFile:
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    return ManifestFile(project, name, "1", len(content), sha256, **facts)  # type: ignore[arg-type]


PROJECT = ManifestProject("six", "Six", 7)
WHEEL = file("six-1-py3-none-any.whl", yanked="broken", requires_python=">=3")


def read(content: bytes) -> list[Entry]:
    return list(ManifestReader(io.BytesIO(content).readline).entries())


def test_a_written_manifest_is_read_back_with_its_id() -> None:
    out = io.BytesIO()
    written = write_manifest(out.write, [PROJECT, WHEEL], name="monthly")
    reader = ManifestReader(io.BytesIO(out.getvalue()).readline)
    assert reader.facts["name"] == "monthly"
    assert list(reader.entries()) == [PROJECT, WHEEL]
    assert reader.summary() == written
    assert written[1:] == (1, 1, 1)


def test_the_id_depends_on_the_entries_alone() -> None:
    def id_of(entries: Sequence[Entry], **facts: object) -> str:
        return write_manifest(io.BytesIO().write, entries, **facts).snapshot

    assert id_of([PROJECT, WHEEL], name="a") == id_of([PROJECT, WHEEL], created="b")
    assert id_of([PROJECT, WHEEL]) != id_of([PROJECT, WHEEL._replace(yanked=True)])
    assert id_of([]) == hashlib.sha256().hexdigest()


def line(**changes: object) -> bytes:
    """Return the line of the wheel with other values; None leaves a key out."""
    values = {**json.loads(entry_line(WHEEL)), **changes}
    kept = {key: value for key, value in values.items() if value is not None}
    return json.dumps(kept, sort_keys=True, separators=(",", ":")).encode() + b"\n"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (line(file="../six-1.tar.gz"), "distribution"),
        (line(file="a/six-1.tar.gz"), "distribution"),
        (line(file="a\\six-1.tar.gz"), "distribution"),
        (line(file="c:six-1.tar.gz"), "distribution"),
        (line(file=".six-1.tar.gz"), "distribution"),
        (line(file="six-1.tar.gz\n"), "distribution"),
        (line(file="server.py"), "distribution"),
        (line(file=None), "name"),
        (line(sha256="A" * 64), "SHA-256"),
        (line(sha256=None), "sha256"),
        (line(size=-1), "range"),
        (line(size=True), "type"),
        (line(size=1 << 64), "range"),
        (line(size="1"), "type"),
        (line(yanked=1), "type"),
        (line(project="Six"), "normalized"),
        (line(project="toml"), "precedes its project"),
        (line() + line(), "twice"),
        (line(file="six-2.tar.gz") + line(file="six-1.tar.gz"), "out of order"),
        (line(yanked=None), ""),
        (line()[:-1], "cut off"),
        (line(requires_python="x" * (1 << 16)), "too long"),
        (b"[]\n", "object"),
        (b"\xff\n", "JSON"),
        (b"[" * 60_000 + b"\n", "JSON"),
        (line().replace(b',"sha256"', b', "sha256"'), "canonical"),
        (line().replace(b'{"file"', b'{"file":"a","file"'), "canonical"),
    ],
)
def test_a_malformed_entry_is_refused_with_its_line(lines: bytes, reason: str) -> None:
    manifest = head_line() + entry_line(PROJECT) + lines
    if not reason:
        assert len(read(manifest)) == 2
        return
    with pytest.raises(ManifestError, match=r"line \d+: ") as caught:
        read(manifest)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("head", [b"", b"{}\n", head_line().replace(b":1", b":2"), b"\0" * 99])
def test_what_is_not_a_manifest_of_this_format_is_refused(head: bytes) -> None:
    with pytest.raises(ManifestError):
        ManifestReader(io.BytesIO(head).readline)


def test_unknown_keys_are_ignored() -> None:
    entries = read(head_line(later=1) + entry_line(PROJECT) + line(zz_later=[1]))
    assert entries == [PROJECT, WHEEL]


def test_differences_name_what_changed() -> None:
    old: list[Entry] = [PROJECT, file("six-1.tar.gz"), file("six-2.tar.gz"), file("six-3.tar.gz")]
    new: list[Entry] = [
        PROJECT._replace(serial=8),
        file("six-1.tar.gz", "b"),
        file("six-3.tar.gz", yanked=True),
    ]
    new.append(file("six-4.tar.gz"))
    changes = list(compare_manifests(old, new))
    assert [change.kind for change in changes] == ["facts", "replaced", "removed", "facts", "added"]
    assert changes[-1] == ManifestChange("added", None, new[-1])
    assert list(compare_manifests(old, old)) == []


names = st.sampled_from([f"six-{number}.tar.gz" for number in range(6)])
contents = st.dictionaries(names, st.sampled_from("abc"))


def manifest_of(side: dict[str, str]) -> list[Entry]:
    return [PROJECT, *(file(name, text) for name, text in sorted(side.items()))]


@given(contents, contents)
def test_differences_lead_from_one_manifest_to_the_other(
    before: dict[str, str], after: dict[str, str]
) -> None:
    old, new = manifest_of(before), manifest_of(after)
    result = {entry.order: entry for entry in old}
    for change in compare_manifests(old, new):
        if change.new is None:
            assert change.old is not None
            del result[change.old.order]
        else:
            result[change.new.order] = change.new
    assert sorted(result.values(), key=lambda entry: entry.order) == new


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", " a", "a ", "a.", "-a", "a\0", "é" * 200]
)
def test_names_that_lead_elsewhere_are_not_safe(name: str) -> None:
    assert not is_safe_part(name)
