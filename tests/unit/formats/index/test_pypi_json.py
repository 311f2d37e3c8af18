"""Documents of PyPI's JSON API: what is taken, what costs a file, what costs the document."""

from __future__ import annotations

import json
from typing import Any

import pytest

from microrepo.errors import MalformedResponse
from microrepo.formats.index.pypi_json import Parsed, parse_document
from microrepo.model import Digests, File, Vulnerability

SHA256 = "0123456789abcdef" * 4
BLAKE2B = "fedcba9876543210" * 4
MD5 = "0123456789abcdef" * 2
URL = "https://files.example/foo-1.0.tar.gz"


def entry(**changes: Any) -> dict[str, Any]:
    """One file entry as PyPI writes it."""
    values = {
        "filename": "foo-1.0.tar.gz",
        "url": URL,
        "packagetype": "sdist",
        "python_version": "source",
        "size": 10,
        "digests": {"sha256": SHA256, "blake2b_256": BLAKE2B, "md5": MD5},
        "md5_digest": MD5,
        "requires_python": ">=3.8",
        "upload_time": "2024-05-31T12:34:56",
        "upload_time_iso_8601": "2024-05-31T12:34:56.123456Z",
        "yanked": False,
        "yanked_reason": None,
        "comment_text": "",
        "has_sig": False,
        "downloads": -1,
    }
    return {**values, **changes}


def document(*entries: object, **changes: Any) -> dict[str, Any]:
    """One document with the given entries in release 1.0."""
    values = {
        "info": {"name": "Foo", "version": "1.0", "summary": "A thing"},
        "last_serial": 42,
        "releases": {"1.0": list(entries)},
        "urls": list(entries),
        "vulnerabilities": [],
    }
    return {**values, **changes}


def parse(value: object, name: str = "foo", **about: Any) -> Parsed:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return parse_document(body, name, **about)


def the_file(value: object) -> File:
    (file,) = parse(value).project.files
    return file


def test_a_whole_entry() -> None:
    assert the_file(document(entry())) == File(
        filename="foo-1.0.tar.gz",
        url=URL,
        version="1.0",
        package_type="sdist",
        digests=Digests(SHA256, BLAKE2B, MD5),
        size=10,
        requires_python=">=3.8",
        upload_time="2024-05-31T12:34:56.123456Z",
        python_version="source",
    )


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        pytest.param({"requires_python": ""}, "requires_python", None, id="empty requires_python"),
        pytest.param({"requires_python": None}, "requires_python", None, id="no requires_python"),
        pytest.param({"requires_python": ">=3.6.*"}, "requires_python", ">=3.6.*", id="as is"),
        pytest.param({"size": None}, "size", None, id="no size"),
        pytest.param({"size": 0}, "size", 0, id="size of zero"),
        pytest.param({"digests": None}, "digests", Digests(md5=MD5), id="digests are null"),
        pytest.param({"digests": {}}, "digests", Digests(md5=MD5), id="md5 where it once stood"),
        pytest.param(
            {"digests": {}, "md5_digest": None}, "digests", Digests(), id="no digest at all"
        ),
        pytest.param(
            {"digests": {"sha256": SHA256.upper(), "sha3": "x"}, "md5_digest": None},
            "digests",
            Digests(sha256=SHA256),
            id="upper case and unknown digests",
        ),
        pytest.param(
            {"digests": {"sha256": "../../x"}}, "digests", Digests(md5=MD5), id="a digest is none"
        ),
        pytest.param(
            {"upload_time_iso_8601": None},
            "upload_time",
            "2024-05-31T12:34:56.000000Z",
            id="old time alone",
        ),
        pytest.param(
            {"upload_time_iso_8601": "soon", "upload_time": None},
            "upload_time",
            None,
            id="unreadable time",
        ),
        pytest.param(
            {"packagetype": None, "filename": "foo-1.0-py3-none-any.whl"},
            "package_type",
            "bdist_wheel",
            id="type from the name",
        ),
        pytest.param(
            {"packagetype": "bdist_future"}, "package_type", "bdist_future", id="type of tomorrow"
        ),
        pytest.param(
            {"packagetype": None, "filename": "foo-1.0.xyz"},
            "package_type",
            "unknown",
            id="type unknown",
        ),
        pytest.param({"yanked": True, "yanked_reason": "bad"}, "yanked_reason", "bad", id="yanked"),
        pytest.param({"core-metadata": True}, "core_metadata", True, id="metadata, no digest"),
        pytest.param(
            {"core-metadata": {"sha256": SHA256}}, "core_metadata_sha256", SHA256, id="metadata"
        ),
        pytest.param({"core-metadata": False}, "core_metadata", False, id="no metadata"),
        pytest.param(
            {"filename": "包-1.0.tar.gz"}, "filename", "包-1.0.tar.gz", id="Unicode in a name"
        ),
        pytest.param(
            {"filename": "../../etc/x"}, "filename", "../../etc/x", id="names are for selection"
        ),
        pytest.param({"unheard_of": [1, {"a": None}]}, "size", 10, id="unknown key"),
    ],
)
def test_values_of_an_entry(changes: dict[str, Any], field: str, expected: object) -> None:
    assert getattr(the_file(document(entry(**changes))), field) == expected


@pytest.mark.parametrize(
    "odd",
    [
        {"size": -1},
        {"size": "10"},
        {"size": 1.5},
        {"yanked": None},
        {"yanked": []},
        {"digests": []},
        {"digests": {"sha256": 5}},
        {"requires_python": 3.6},
        {"upload_time_iso_8601": 1577836800},
        {"core-metadata": {"sha256": None}},
        {"packagetype": 1},
        {"python_version": {}},
        {"yanked_reason": 3},
    ],
    ids=str,
)
def test_an_optional_value_of_an_odd_type_is_unknown(odd: dict[str, Any]) -> None:
    project = parse(document(entry(**odd), GOOD)).project
    assert [file.filename for file in project.files] == ["foo-1.0.tar.gz", GOOD["filename"]]
    assert project.rejected == ()


GOOD = entry(filename="foo-1.0-py3-none-any.whl", packagetype="bdist_wheel")


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(entry(size=2**64 - 1), id="size beyond 63 bits"),
        pytest.param(entry(size=10**30), id="size beyond 64 bits"),
        pytest.param(entry(filename=None), id="no name"),
        pytest.param(entry(filename=3), id="name is a number"),
        pytest.param({"url": URL}, id="name missing"),
        pytest.param({"filename": "foo-1.0.tar.gz"}, id="URL missing"),
        pytest.param(entry(url="file:///etc/passwd"), id="local file"),
        pytest.param(entry(url="ftp://files.example/x"), id="ftp"),
        pytest.param(entry(url="javascript:alert(1)"), id="script"),
        pytest.param(entry(url=""), id="empty URL"),
        pytest.param(
            entry(digests={"sha256": "short"}, md5_digest=None), id="an unreadable digest, no other"
        ),
        pytest.param(None, id="null"),
        pytest.param([], id="a list"),
        pytest.param("foo-1.0.tar.gz", id="text"),
    ],
)
def test_malformed_entry_costs_that_file_alone(bad: object) -> None:
    project = parse(document(bad, GOOD)).project
    assert [file.filename for file in project.files] == [GOOD["filename"]]
    assert len(project.rejected) == 1
    assert project.serial == 42
    assert project.info.summary == "A thing"


def test_malformed_entry_costs_neither_status_nor_advisories() -> None:
    project = parse(
        document(
            None,
            **{
                "project-status": {"status": "quarantined", "reason": "malware"},
                "vulnerabilities": [{"id": "V-1"}],
            },
        )
    ).project
    assert (project.status, project.status_reason) == ("quarantined", "malware")
    assert project.vulnerabilities == (Vulnerability("V-1"),)


def test_malformed_release_costs_that_release_alone() -> None:
    project = parse(document(releases={"0.9": None, "0.8": {}, "1.0": [GOOD]})).project
    assert [file.version for file in project.files] == ["1.0"]
    assert len(project.rejected) == 2


@pytest.mark.parametrize(
    ("info", "summary"),
    [
        pytest.param({"name": "Foo", "summary": "A", "keywords": 3}, "A", id="one wrong value"),
        pytest.param({"name": "Foo", "summary": ["A"]}, None, id="the value itself is wrong"),
        pytest.param({"name": 5, "summary": "A"}, "A", id="name is a number"),
    ],
)
def test_wrong_value_about_the_project_costs_that_value_alone(
    info: dict[str, object], summary: str | None
) -> None:
    project = parse(document(entry(), info=info)).project
    assert (project.info.summary, len(project.files)) == (summary, 1)


@pytest.mark.parametrize(
    ("changes", "has_files"),
    [
        pytest.param({"releases": {}}, True, id="no release"),
        pytest.param({"releases": None}, False, id="releases are null"),
        pytest.param({"releases": {"1.0": []}}, True, id="a release without files"),
    ],
)
def test_documents_without_files(changes: dict[str, Any], has_files: bool) -> None:
    parsed = parse(document(**changes))
    assert (parsed.project.files, parsed.has_files) == ((), has_files)


def test_missing_releases_are_told_from_none() -> None:
    value = document()
    del value["releases"]
    assert parse(value).has_files is False


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>Service Unavailable</html>", id="HTML"),
        pytest.param(b'{"info": {"name": "foo"}, "releases": {', id="truncated"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b"{}", id="no keys"),
        pytest.param(b'{"info": null}', id="info is null"),
        pytest.param(b'{"info": []}', id="info is a list"),
        pytest.param(b'{"info": {"name": "foo"}, "releases": []}', id="releases are a list"),
        pytest.param(b'{"info": {"name": "f\xff"}}', id="no UTF-8"),
        pytest.param(b'{"info": {"name": "foo"}, "x": ' + b"[" * 200_000, id="deeply nested"),
        pytest.param(b'{"info": {"name": "foo"}} {"info"', id="something behind it"),
        pytest.param(b'{"message": "Not Found"}', id="a message"),
    ],
)
def test_no_document(body: bytes) -> None:
    with pytest.raises(MalformedResponse, match="foo"):
        parse(body)


@pytest.mark.parametrize(
    ("asked", "displayed"),
    [("foo", "Foo"), ("foo-bar", "Foo.Bar"), ("foo-bar", "foo__BAR"), ("Foo_Bar", "foo-bar")],
)
def test_other_spellings_of_the_project(asked: str, displayed: str) -> None:
    project = parse(document(info={"name": displayed}), asked).project
    assert (project.name, project.display_name) == (asked.lower().replace("_", "-"), displayed)


def test_document_of_another_project_is_refused() -> None:
    with pytest.raises(MalformedResponse, match="another project, 'Bar'"):
        parse(document(entry(), info={"name": "Bar"}))


@pytest.mark.parametrize(
    ("header", "body", "expected"),
    [
        pytest.param(7, 5, 7, id="the header goes first"),
        pytest.param(None, 5, 5, id="the body's"),
        pytest.param(None, None, None, id="none is unknown"),
        pytest.param(None, -1, None, id="negative is unknown"),
        pytest.param(None, 2**64 - 1, None, id="absurd is unknown"),
        pytest.param(None, "5", None, id="text is unknown"),
    ],
)
def test_serial(header: int | None, body: object, expected: int | None) -> None:
    project = parse(document(entry(), last_serial=body), header_serial=header).project
    assert project.serial == expected


def test_link_relative_to_the_document() -> None:
    value = document(entry(url="../../files/foo-1.0.tar.gz#sha256=x"))
    project = parse(value, base_url="https://m.example/pypi/foo/json").project
    assert project.files[0].url == "https://m.example/files/foo-1.0.tar.gz#sha256=x"


def test_relative_link_without_a_base_costs_the_file() -> None:
    assert parse(document(entry(url="foo-1.0.tar.gz"))).project.files == ()


def test_releases_keep_their_order_and_their_names() -> None:
    project = parse(document(releases={"2.0": [], "1.0": [entry()], "dev": []})).project
    assert project.versions == ("2.0", "1.0", "dev")


def test_withdrawn_advisories_are_not_kept() -> None:
    listed = [
        {"id": "V-1", "aliases": ["CVE-1"], "fixed_in": ["1.1"], "withdrawn": None, "extra": 1},
        {"id": "V-2", "withdrawn": "2024-01-01T00:00:00Z"},
    ]
    found = parse(document(vulnerabilities=listed)).project.vulnerabilities
    assert found == (Vulnerability("V-1", ("CVE-1",), None, ("1.1",)),)


def test_license_text_is_cut_to_one_line() -> None:
    text = "MIT License" + "x" * 500 + "\nPermission is hereby granted"
    info = parse(document(info={"name": "foo", "license": text})).project.info
    assert info.license == text[:200]
