"""Provenance objects from the web and from directories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from microrepo.formats.bounds import PROVENANCE
from microrepo.model import TrustedPublisher
from microrepo.transfer.documents.provenance_fetch import fetch_provenance
from microrepo.transfer.download.partial_file import Place
from microrepo.transfer.tasks import FetchProvenance
from tests.support.attestations import provenance_of
from tests.support.packages import build_wheel
from tests.unit.transfer.download.conftest import NearServer, Reply

WHEEL = build_wheel("foo", "1.0")
BODY = provenance_of(WHEEL)
ACME = TrustedPublisher("GitHub", "acme/tool", "release.yml")


@pytest.fixture
def server() -> NearServer:
    return NearServer()


def ask(url: str, **more: bool) -> FetchProvenance:
    return FetchProvenance(WHEEL.filename, url, WHEEL.sha256, **more)


def test_an_object_is_read_from_the_web(server: NearServer, place: Place) -> None:
    server.answer = lambda _url, _headers: Reply(200, BODY)
    outcome = fetch_provenance(server, ask("https://i.example/p"), place)
    assert (outcome.error, outcome.fetched_bytes) == ("", len(BODY))
    assert outcome.evidence is not None
    assert outcome.evidence.publishers == (ACME,)
    (headers,) = [headers for _, headers in server.asked]
    assert headers["Accept"].startswith("application/vnd.pypi.integrity.v1+json")


def test_an_object_is_read_from_a_directory(
    server: NearServer, place: Place, tmp_path: Path
) -> None:
    path = tmp_path / "foo.provenance"
    path.write_bytes(BODY)
    outcome = fetch_provenance(server, ask(path.as_uri()), place)
    assert outcome.evidence is not None
    assert server.asked == []


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(404), "do not exist"),
        (Reply(503), "answers HTTP 503"),
        (Reply(200, b"<html>"), "not a provenance object"),
        (Reply(200, b" " * (PROVENANCE.size_bytes + 1)), "larger than 1 MB"),
        (Reply(200, provenance_of(build_wheel("foo", "2.0"))), "about another file"),
    ],
)
def test_failures_are_outcomes(server: NearServer, place: Place, reply: Reply, words: str) -> None:
    server.answer = lambda _url, _headers: reply
    outcome = fetch_provenance(server, ask("https://i.example/p"), place)
    assert outcome.evidence is None
    assert words in outcome.error


@pytest.mark.parametrize("kind", ["missing", "fifo", "large"])
def test_a_path_that_cannot_be_read_is_an_outcome(
    server: NearServer, place: Place, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "foo.provenance"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "large":
        path.write_bytes(b" " * (PROVENANCE.size_bytes + 1))
    assert fetch_provenance(server, ask(path.as_uri()), place).error


def test_a_staged_object_is_put_beside_its_file_without_another_request(
    server: NearServer, place: Place
) -> None:
    server.answer = lambda _url, _headers: Reply(200, BODY)
    staged = fetch_provenance(server, ask("https://i.example/p", stage=True), place)
    wheel = WHEEL.write_to(Path(place.directory))
    kept = fetch_provenance(server, ask("https://i.example/p", keep=True), place)
    assert len(server.asked) == 1
    assert (kept.evidence, kept.fetched_bytes) == (staged.evidence, 0)
    beside = wheel.with_name(f"{wheel.name}.provenance")
    assert beside.read_bytes() == BODY
    assert beside.stat().st_mtime_ns == wheel.stat().st_mtime_ns


def test_a_damaged_staged_object_is_not_kept(server: NearServer, place: Place) -> None:
    wheel = WHEEL.write_to(Path(place.directory))
    Path(place.partial, f"{WHEEL.sha256}.provenance").write_bytes(b"half")
    outcome = fetch_provenance(server, ask("https://i.example/p", keep=True), place)
    assert outcome.error
    assert not wheel.with_name(f"{wheel.name}.provenance").exists()


def test_an_object_without_its_file_is_an_outcome(server: NearServer, place: Place) -> None:
    server.answer = lambda _url, _headers: Reply(200, BODY)
    outcome = fetch_provenance(server, ask("https://i.example/p", keep=True), place)
    assert "cannot be kept" in outcome.error
