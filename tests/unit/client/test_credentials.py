"""Where credentials come from, and in which order."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from microrepo.client.credentials import Given, Surroundings, find_login
from microrepo.errors import ConfigError

URL = "https://index.example/legacy/"


def around(tmp_path: Path, **about: object) -> Surroundings:
    environ = about.pop("environ", {})
    values = {"environ": environ, "prefix": "X", "pypirc": tmp_path / "pypirc", "keyring": ()}
    return Surroundings(**{**values, **about})  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def no_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def test_nobody_in_particular(tmp_path: Path) -> None:
    assert find_login(URL, Given(), around(tmp_path)) is None


def test_the_url_says_it_all(tmp_path: Path) -> None:
    url = "https://me%40here:p%3Aw@index.example/legacy/"
    assert find_login(url, Given(), around(tmp_path)) == ("me@here", "p:w")


def test_the_command_line_comes_first(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("from file\nnot this\n")
    given = Given("flag", str(tmp_path / "pw"))
    environ = {"X_USERNAME": "variable", "X_PASSWORD": "variable"}
    found = find_login("https://me:pw@index.example/", given, around(tmp_path, environ=environ))
    assert found == ("flag", "from file")


def test_the_environment(tmp_path: Path) -> None:
    environ = {"X_USERNAME": "variable", "X_PASSWORD": "secret"}
    assert find_login(URL, Given(), around(tmp_path, environ=environ)) == ("variable", "secret")


def test_pypirc_by_url_and_user(tmp_path: Path) -> None:
    (tmp_path / "pypirc").write_text(
        "[other]\nrepository = https://other.example/\nusername = no\npassword = no\n"
        "[mine]\nrepository = https://index.example/legacy\nusername = me\npassword = 50%off\n"
    )
    assert find_login(URL, Given(), around(tmp_path)) == ("me", "50%off")
    with pytest.raises(ConfigError, match="no password for user 'you'"):
        find_login(URL, Given("you"), around(tmp_path))


def test_a_broken_pypirc_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "pypirc").write_text("password secret without a section\n")
    with pytest.raises(ConfigError) as caught:
        find_login(URL, Given(), around(tmp_path))
    assert "secret" not in str(caught.value)


def test_netrc(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine index.example login me password pw\n")
    (tmp_path / "netrc").chmod(0o600)
    assert find_login(URL, Given(), around(tmp_path)) == ("me", "pw")


def test_the_keyrings_command_by_url_then_host(tmp_path: Path) -> None:
    program = tmp_path / "keyring"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n[ "$2" = index.example ] && echo kept\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    found = find_login(URL, Given("me"), around(tmp_path, keyring=(str(program),)))
    assert found == ("me", "kept")
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == [f"get {URL} me", "get index.example me"]


def test_a_person_is_asked_last(tmp_path: Path) -> None:
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return "typed"

    absent = around(tmp_path, keyring=(str(tmp_path / "absent"),), ask=ask)
    assert find_login("https://me@index.example/", Given(), absent) == ("me", "typed")
    assert questions == ["Password of me at https://index.example/: "]


def test_a_password_file_that_cannot_be_read(tmp_path: Path) -> None:
    for name, text in (("absent", None), ("empty", "")):
        if text is not None:
            (tmp_path / name).write_text(text)
        with pytest.raises(ConfigError, match="password"):
            find_login(URL, Given("me", str(tmp_path / name)), around(tmp_path))
