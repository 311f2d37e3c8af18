"""What a stored record knows that a new answer does not."""

from __future__ import annotations

import msgspec
import pytest

from microrepo.model import FACTS, Digests, File, NormalizedName, Project, Vulnerability
from microrepo.operations.refresh.upstream.record_merge import (
    as_kept,
    facts_of,
    with_known_values,
)
from microrepo.state import pack, unpack

FOO = NormalizedName("foo")


def project(*files: File, silent: bool = True, **more: object) -> Project:
    return Project(FOO, "Foo", files=files, silent_on_python=silent, **more)  # type: ignore[arg-type]


def wheel(
    digest: str | None = "a" * 64, python: str | None = None, url: str = "u", size: int = 5
) -> File:
    digests = Digests(digest)
    return File("foo-1-py3-none-any.whl", url, "1", "bdist_wheel", digests, size,
                requires_python=python)  # fmt: skip


@pytest.mark.parametrize(
    ("new", "known", "python"),
    [
        pytest.param(wheel(), wheel(python=">=3.9"), ">=3.9", id="same digest"),
        pytest.param(wheel(url="v"), wheel(python=">=3.9"), ">=3.9", id="moved"),
        pytest.param(wheel("b" * 64), wheel(python=">=3.9"), None, id="other content"),
        pytest.param(wheel(None), wheel(None, ">=3.9"), ">=3.9", id="no digest, same place"),
        pytest.param(wheel(None, url="v"), wheel(None, ">=3.9"), None, id="no digest, moved"),
        pytest.param(wheel(None, size=6), wheel(None, ">=3.9"), None, id="no digest, other size"),
        pytest.param(wheel(python=">=3.8"), wheel(python=">=3.9"), ">=3.8", id="announced"),
    ],
)
def test_requires_python_stays_known_of_the_same_content(
    new: File, known: File, python: str | None
) -> None:
    found = unpack(with_known_values(pack(project(new)), pack(project(known))))
    assert [file.requires_python for file in found.files] == [python]


def test_a_source_that_announces_it_is_believed() -> None:
    new = pack(project(wheel(), silent=False))
    assert with_known_values(new, pack(project(wheel(python=">=3.9")))) == new


def test_advisories_alone_are_no_news() -> None:
    told = {"1": (Vulnerability("CVE-1"),)}
    stored = pack(project(wheel(), advisories=told, advised_at="2026-06-01T00:00:00.000000Z"))
    assert as_kept(pack(project(wheel())), stored, keeps_advisories=True) == stored
    changed = pack(project(wheel("b" * 64)))
    assert as_kept(changed, stored, keeps_advisories=True) == changed


def test_a_damaged_record_tells_nothing() -> None:
    new = pack(project(wheel()))
    assert as_kept(new, b"\xff", keeps_advisories=True) == new
    assert with_known_values(new, b"\xff") == new
    assert facts_of(b"\xff") == FACTS
    assert facts_of(new) == 0


def test_a_status_that_could_not_be_asked_for_stays_as_it_was() -> None:
    # On Python 3.10, msgspec does not recognise an empty tuple as a default.
    known = msgspec.structs.replace(project(wheel()), status="archived", status_reason="moved")
    new = msgspec.structs.replace(project(wheel()), silent_on_status=True)
    found = unpack(with_known_values(pack(new), pack(known)))
    assert (found.status, found.status_reason, len(found.files)) == ("archived", "moved", 1)
    same = msgspec.structs.replace(
        known, status="active", status_reason=None, silent_on_status=True
    )
    assert with_known_values(pack(same), pack(known)) == pack(known)
    told = pack(msgspec.structs.replace(new, silent_on_status=False))
    assert unpack(with_known_values(told, pack(known))).status == "active"
