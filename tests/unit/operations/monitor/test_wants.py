"""Wants: recorded by hand, by checks and from logs; gone when the repository has the files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from microrepo.errors import ConfigError, RepositoryError
from microrepo.operations.monitor.wants import (
    WantOrigin,
    add_wants,
    list_wants,
    read_wants,
    record_check,
    remove_wants,
    wants_text,
)
from tests.support.packages import build_wheel


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    path.mkdir()
    wheel = build_wheel("six", "1.0")
    (path / wheel.filename).write_bytes(wheel.content)
    return path


def line(target: str, client: str = "pip/24.0", status: int = 404, day: int = 9) -> str:
    moment = f"{day:02}/May/2026:12:00:00 +0000"
    return f'10.0.0.1 - - [{moment}] "GET {target} HTTP/1.1" {status} 10 "-" "{client}"\n'


def named(repository: Path, *logs: str) -> list[str]:
    return [want.requirement for want in list_wants(str(repository), logs).wants]


def test_wants_are_recorded_until_they_are_removed(repository: Path) -> None:
    add_wants(str(repository), ["Torch>=2", "six>=2", "numpy"], WantOrigin.PERSON)
    add_wants(str(repository), ["numpy"], WantOrigin.CHECK)
    found = list_wants(str(repository))
    assert named(repository) == ["numpy", "six>=2", "torch>=2"]
    assert (found.wants[0].count, found.wants[0].origin) == (2, WantOrigin.PERSON)
    assert remove_wants(str(repository), ["torch", "flask"]) == ["flask"]
    assert named(repository) == ["numpy", "six>=2"]


def test_what_is_held_is_not_wanted(repository: Path) -> None:
    add_wants(str(repository), ["six", "six==1.0", "six==3"], WantOrigin.PERSON)
    assert named(repository) == ["six==3"]


def test_installers_that_found_nothing(repository: Path, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(
        line("/simple/flask/")
        + line("/simple/Flask/", day=12)
        + line("/mirror/simple/jinja2/")
        + line("/numpy-1.26.0-cp311-cp311-win_amd64.whl", "uv/0.5")
        + line("/numpy-1.26.0-cp311-cp311-win_amd64.whl.metadata", "uv/0.5")
        + line("/simple/six/")
        + line("/simple/admin.php/", "Mozilla/5.0")
        + line("/simple/%2e%2e/")
        + line("/simple/served/", status=200)
        + "nonsense\n"
    )
    found = list_wants(str(repository), [str(log)])
    assert [(w.requirement, w.count, w.last) for w in found.wants] == [
        ("flask", 2, "2026-05-12"),
        ("jinja2", 1, "2026-05-09"),
        ("numpy==1.26.0", 2, "2026-05-09"),
    ]


def test_checks_add_and_settle(repository: Path) -> None:
    record_check(str(repository), ["six"], ["flask>=3"])
    assert named(repository) == ["flask>=3"]
    record_check(str(repository), ["flask>=3"], [])
    assert named(repository) == []


def test_the_list_is_a_requirements_file(repository: Path, tmp_path: Path) -> None:
    add_wants(str(repository), ["torch>=2", "numpy"], WantOrigin.PERSON)
    path = tmp_path / "wants.txt"
    path.write_text(wants_text(list_wants(str(repository))))
    assert read_wants(path) == ["numpy", "torch>=2"]


@pytest.mark.parametrize("content", ["", "# nothing\n", "-r other.txt\n", "numpy 1.26\n"])
def test_other_files_are_not_wants(tmp_path: Path, content: str) -> None:
    (tmp_path / "wants.txt").write_text(content)
    with pytest.raises(ConfigError):
        read_wants(tmp_path / "wants.txt")


@pytest.mark.parametrize("text", ["", "numpy 1.26", "../x", "-r file"])
def test_what_is_not_a_requirement_is_refused(repository: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="not a requirement"):
        add_wants(str(repository), [text], WantOrigin.PERSON)


def test_a_damaged_list_is_named(repository: Path) -> None:
    add_wants(str(repository), ["numpy"], WantOrigin.PERSON)
    (repository / ".microrepo" / "wants.json").write_text("{")
    with pytest.raises(RepositoryError, match="delete the file"):
        list_wants(str(repository))


def test_a_missing_repository_is_named(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="not found"):
        add_wants(str(tmp_path / "none"), ["numpy"], WantOrigin.PERSON)


@pytest.mark.parametrize("text", ["a b c", "six\x1b[31m", "x" * 5000, "six @"])
def test_a_list_with_something_else_than_requirements_is_named(repository: Path, text: str) -> None:
    add_wants(str(repository), ["six>=2"], WantOrigin.PERSON)
    path = repository / ".microrepo" / "wants.json"
    wants = [{"requirement": text, "origin": "log", "count": 1, "last": "2026-01-01"}]
    path.write_text(json.dumps(wants))
    for _ in range(2):
        with pytest.raises(RepositoryError, match=r"wants\.json: cannot be read") as caught:
            list_wants(str(repository))
        assert len(str(caught.value)) < 600
        with pytest.raises(RepositoryError, match=r"wants\.json"):
            add_wants(str(repository), ["flask"], WantOrigin.PERSON)
    path.unlink()
    add_wants(str(repository), ["flask"], WantOrigin.PERSON)
    assert named(repository) == ["flask"]


def test_a_file_of_wants_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "wants.txt"
    path.write_text("foo  # once\n" * 300_000)
    assert read_wants(path) == ["foo"]
    path.write_text("\n".join(f"foo{number}" for number in range(100_001)))
    with pytest.raises(ConfigError, match="more than 100,000"):
        read_wants(path)
    path.write_bytes(b"#" * (17 << 20))
    with pytest.raises(ConfigError, match="too large"):
        read_wants(path)
    path.write_text("foo;" + "(" * 100_000)
    with pytest.raises(ConfigError, match="not a requirement") as caught:
        read_wants(path)
    assert len(str(caught.value)) < 600
