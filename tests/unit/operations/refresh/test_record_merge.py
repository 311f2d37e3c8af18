"""What a stored record knows that a new answer does not."""

from __future__ import annotations

import msgspec
import pytest

from microrepo.model import (
    PROVENANCE_FACTS,
    Digests,
    Evidence,
    File,
    NormalizedName,
    Project,
    TrustedPublisher,
    Vulnerability,
)
from microrepo.operations.refresh.upstream.record_merge import (
    as_kept,
    facts_of,
    with_first_seen,
    with_known_values,
    without_unread_evidence,
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


EARLIER, NOW = "2026-06-01T00:00:00.000000Z", "2026-06-02T00:00:00.000000Z"


def first_seen(new: File | None, known: File | None = None) -> str | None:
    document = pack(project(new)) if new is not None else None
    stored = pack(project(known)) if known is not None else None
    found = with_first_seen(document, stored, NOW)
    return unpack(found).files[0].seen_at if found is not None else None


def test_when_files_without_upload_times_were_first_seen() -> None:
    seen = msgspec.structs.replace(wheel(), seen_at=EARLIER)
    assert first_seen(wheel()) == NOW
    assert first_seen(wheel(), seen) == EARLIER
    assert first_seen(wheel(), wheel()) == NOW
    assert first_seen(wheel("b" * 64), seen) == NOW  # other content is another file
    assert first_seen(msgspec.structs.replace(wheel(), upload_time=EARLIER), seen) is None
    assert first_seen(None, seen) is None
    assert first_seen(seen) == EARLIER


def test_first_sight_of_damaged_records() -> None:
    new = pack(project(wheel()))
    assert with_first_seen(new, b"\xff", NOW) == new
    assert with_first_seen(b"\xff", b"\xff", NOW) == b"\xff"


def test_a_damaged_record_tells_nothing() -> None:
    new = pack(project(wheel()))
    assert as_kept(new, b"\xff", keeps_advisories=True) == new
    assert with_known_values(new, b"\xff") == new
    assert facts_of(b"\xff") == PROVENANCE_FACTS
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


# --- provenance ---------------------------------------------------------------------------------------

ACME = Evidence("d" * 64, (TrustedPublisher("GitHub", "acme/foo"),))
PROVENANCE = "https://i.example/p"


def attested(digest: str = "a" * 64, url: str | None = PROVENANCE, **more: object) -> File:
    return msgspec.structs.replace(wheel(digest), provenance=url, **more)


def merged(new: Project, known: Project) -> Project:
    return unpack(as_kept(pack(new), pack(known), keeps_advisories=False, keeps_provenance=True))


def test_what_attestations_contain_stays_known_of_the_same_content() -> None:
    known = project(attested(evidence=ACME), silent=False)
    assert merged(project(attested(), silent=False), known) == known
    other = merged(project(attested("b" * 64), silent=False), known)
    assert other.files[0].evidence is None
    moved = merged(project(attested(url="https://i.example/q"), silent=False), known)
    assert moved.files[0].evidence is None


def test_a_source_that_says_nothing_about_attestations_changes_nothing() -> None:
    known = project(attested(evidence=ACME), silent=False)
    silent = project(wheel(), silent=False, silent_on_provenance=True)
    assert merged(silent, known).files == known.files
    told = project(wheel(), silent=False)
    assert merged(told, known).files == (wheel(),)


def test_attested_files_that_are_no_longer_listed_are_remembered() -> None:
    gone = msgspec.structs.replace(attested("b" * 64, evidence=ACME), filename="foo-0.zip")
    known = project(attested(evidence=ACME), gone, wheel("c" * 64), silent=False)
    first = merged(project(attested(), silent=False), known)
    assert first.withdrawn == (gone,)
    again = merged(project(attested(), silent=False), first)
    assert again == first
    back = merged(project(attested(), gone, silent=False), first)
    assert back.withdrawn == ()


def test_without_the_setting_nothing_is_remembered() -> None:
    new, known = pack(project(attested(), silent=False)), pack(project(attested(evidence=ACME)))
    assert as_kept(new, known, keeps_advisories=False) == new
    assert as_kept(new, b"\xff", keeps_advisories=False, keeps_provenance=True) == new


def test_provenance_that_could_not_be_read_is_unknown_again() -> None:
    unread = Evidence(problem="answers HTTP 500")
    found = without_unread_evidence(project(attested(evidence=unread), attested(evidence=ACME)))
    assert [one.evidence for one in found.files] == [None, ACME]
    read = project(attested(evidence=ACME))
    assert without_unread_evidence(read) is read
