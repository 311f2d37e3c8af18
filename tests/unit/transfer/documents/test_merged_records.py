"""Records of one project at several sources, merged."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from microrepo.model import Digests, File, Info, NormalizedName, Project
from microrepo.transfer.documents.merged_records import merge_records

TORCH = NormalizedName("torch")


def file(version: str, digest: str = "a", **more: Any) -> File:
    name = f"torch-{version}-py3-none-any.whl"
    digests = Digests(sha256=digest * 64) if digest else Digests()
    return File(name, f"https://index.example/{name}", version, "bdist_wheel", digests, **more)


def project(*files: File, **more: Any) -> Project:
    versions = tuple(dict.fromkeys(one.version for one in files))
    return Project(TORCH, "Torch", files=files, versions=versions, **more)


@pytest.mark.parametrize(
    ("first", "second", "is_conflict"),
    [
        pytest.param(file("1", "a"), file("1", "a"), False, id="same digest"),
        pytest.param(file("1", "a"), file("1", "b"), True, id="other digest"),
        pytest.param(file("1", ""), file("1", "b"), False, id="nothing to compare"),
        pytest.param(file("1", "", size=1), file("1", "b", size=2), True, id="other size"),
        pytest.param(file("1", "a", size=1), file("1", "a", size=2), False, id="digests decide"),
    ],
)
def test_of_one_name_the_first_source_counts(
    first: File, second: File, *, is_conflict: bool
) -> None:
    merged = merge_records([("a", project(first)), ("b", project(second))])
    assert merged.files == (msgspec.structs.replace(first, source="a"),)
    expected = f"{first.filename}: b has other content under this name than a, which is used"
    assert merged.rejected == ((expected,) if is_conflict else ())


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("active", "active"), "active"),
        (("active", "quarantined"), "quarantined"),
        (("archived", "active"), "archived"),
        (("deprecated", "archived"), "deprecated"),
    ],
)
def test_the_most_severe_status_counts(statuses: tuple[str, str], expected: str) -> None:
    found = [
        (text, project(status=text, status_reason=f"why {text}", silent_on_status=number > 0))
        for number, text in enumerate(statuses)
    ]
    merged = merge_records(found)
    assert (merged.status, merged.status_reason) == (expected, f"why {expected}")
    assert not merged.silent_on_status


def test_what_one_source_does_not_tell_is_open() -> None:
    told = project(file("1"), facts=2)
    silent = project(file("2"), facts=1, silent_on_python=True, silent_on_provenance=True)
    merged = merge_records([("a", told), ("b", silent)])
    assert (merged.facts, merged.silent_on_python, merged.silent_on_provenance) == (1, True, True)


def test_the_first_source_with_a_description_describes() -> None:
    page, document = project(file("1")), project(file("2"), info=Info(version="2", summary="x"))
    merged = merge_records([("a", page), ("b", document)])
    assert merged.info.summary == "x"
    assert [one.version for one in merged.files] == ["1", "2"]
