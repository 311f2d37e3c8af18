"""Credentials of a source: every command finds them in the same places, however it is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer

SECRET = "pa55w0rd"
PLAIN = {"MICROREPO_SOURCE_USERNAME": "me", "MICROREPO_SOURCE_PASSWORD": SECRET}
NAMED = {"MICROREPO_SOURCE_IN_SIDE_USERNAME": "me", "MICROREPO_SOURCE_IN_SIDE_PASSWORD": SECRET}
COMMANDS = {
    "refresh": ["refresh"],
    "dry run": ["refresh", "--dry-run"],
    "add": ["add", "alpha"],
    "copy": ["copy", "alpha", "--destination", "{there}"],
    "mirror": ["mirror", "alpha", "1.0", "--dependencies", "--destination", "{there}"],
}


@pytest.fixture
def alpha(index: FakeIndex) -> BuiltFile:
    """The file to fetch."""
    built = build_wheel("alpha", "1.0")
    index.add("alpha", built)
    return built


@pytest.fixture
def closed(pypi: PyPIServer, alpha: BuiltFile) -> PyPIServer:
    """The server wants to know who asks."""
    pypi.switches.auth = ("me", SECRET)
    return pypi


def config_of(repo: Repository, server: PyPIServer, form: str) -> Path:
    """Write a config file that names the server as its source in one of the ways."""
    url = server.url + "/simple/"
    sources: dict[str, dict[str, object]] = {
        "source": {"source": url},
        "user": {"source": url.replace("//", "//me@")},
        "one entry": {"sources": [url]},
        "one name": {"sources": [{"url": url, "name": "in-side"}]},
    }
    path = repo.path.parent / "config.json"
    about = {"repository": str(repo.path), "packages": ["alpha"], "min_free_space": 0}
    path.write_text(json.dumps({**about, **sources[form], "retries": 0}))
    return path


def run(repo: Repository, config: Path, command: str, expect: int, **how: dict[str, str]) -> str:
    there = str(repo.path.parent / "there")
    words = [word.format(there=there) for word in COMMANDS[command]]
    done = repo.run(*words, "--config", config, expect=expect, **how)
    return done.stdout + done.stderr


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("form", "environ"),
    [
        ("source", PLAIN),
        ("user", {"MICROREPO_SOURCE_PASSWORD": SECRET}),
        ("one entry", PLAIN),
        ("one name", PLAIN),
        ("one name", NAMED),
    ],
)
def test_variables(
    repo: Repository, closed: PyPIServer, command: str, form: str, environ: dict[str, str]
) -> None:
    shown = run(repo, config_of(repo, closed, form), command, 0, env=environ)
    assert SECRET not in shown
    assert any("authorization" in request.headers for request in closed.requests)


@pytest.mark.parametrize("command", COMMANDS)
def test_without_credentials_the_places_are_named(
    repo: Repository, closed: PyPIServer, command: str
) -> None:
    shown = run(repo, config_of(repo, closed, "one name"), command, 1)
    flat = " ".join(shown.split())
    assert "HTTP 401 (credentials are missing or wrong)" in flat
    assert "MICROREPO_SOURCE_USERNAME" in flat


@pytest.mark.parametrize("command", ["copy", "mirror"])
def test_flags_are_for_one_source(repo: Repository, closed: PyPIServer, command: str) -> None:
    password = repo.path.parent / "password"
    password.write_text(SECRET)
    flags = ["--source-username", "me", "--source-password-file", str(password)]
    words = [word.format(there=repo.path.parent / "there") for word in COMMANDS[command]]
    repo.run(*words, *flags, "--config", config_of(repo, closed, "one name"))
    assert closed.count()
    several = json.dumps(["https://a.example/simple/", "https://b.example/simple/"])
    done = repo.run(*words, *flags, env={"MICROREPO_SOURCES": several}, expect=2)
    assert "name one with --source" in " ".join(done.stderr.split())


def test_a_file_behind_another_login(repo: Repository, index: FakeIndex, alpha: BuiltFile) -> None:
    with PyPIServer(index, auth=("other", "one")) as elsewhere, PyPIServer(index) as listing:
        path = index.file("alpha", alpha.filename).path
        index.change("alpha", "1.0", url=elsewhere.url + path)
        repo.source = listing.url
        report = repo.refresh("alpha", expect=3)
        assert "put those for 127.0.0.1 in netrc" in " ".join(one.why for one in report.failed)
