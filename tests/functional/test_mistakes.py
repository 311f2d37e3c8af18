"""What people get wrong: each mistake is one clear message, never a traceback, never a hang."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.programs import CHECKOUT, Completed, MicrorepoRunner


def one_message(done: Completed, code: int) -> str:
    """Assert that a program ended with one message and nothing else; return it."""
    assert "Traceback" not in done.stderr
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert done.stderr.startswith("microrepo: error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


OLD_README = """\
{
    "processes": 10,
    "repository": "/srv/microrepo",
    "package_types": ["bdist_egg", "bdist_wheel", "sdist"]
    "extensions": ["bz2", "egg", "gz", "tgz", "whl", "zip"],
    "python_versions": ["3.11", "any", "cp311", "py2.py3", "py3", "source"],
}
"""
BROKEN = {
    "nothing": ("", "line 1 column 1"),
    "a comma is missing": (OLD_README, "line 5 column 5"),
    "a comma too many": (OLD_README.replace('"sdist"]', '"sdist"],'), "remove the comma before"),
    "single quotes": ("{'processes': 1}", "double quotes"),
    "a list": ("[]", "must be a JSON object"),
    "an unknown key": ('{"procceses": 2}', "did you mean 'processes'"),
    "a wrong type": ('{"processes": "two"}', "$.processes"),
    "a wrong number": ('{"processes": 0}', "$.processes"),
    "a wrong item": ('{"platforms": ["any", 5]}', "$.platforms[1]"),
    "a wrong word": ('{"resolve": "guess"}', "$.resolve"),
    "a wrong size": ('{"max_file_size": "big"}', "$.max_file_size"),
    "a wrong share": ('{"max_deletes": "150 %"}', "$.max_deletes"),
    "a wrong date": ('{"uploaded_before": "yesterday"}', "$.uploaded_before"),
    "a word for a list": ('{"packages": "flask"}', '["flask"]'),
    "an empty word": ('{"packages": ["flask", " "]}', "$.packages[1]"),
    "zero versions": ('{"versions": 0}', "versions"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_config(run_microrepo: MicrorepoRunner, tmp_path: Path, name: str) -> None:
    text, expected = BROKEN[name]
    config = tmp_path / "my.json"
    config.write_text(text)
    message = one_message(run_microrepo("config", "--config", config), 2)
    assert str(config) in message
    assert expected in message
    assert config.read_text() == text


def test_the_keys_of_old_read_me_files_work(run_microrepo: MicrorepoRunner, tmp_path: Path) -> None:
    config = tmp_path / "my.json"
    config.write_text(OLD_README.replace('"sdist"]', '"sdist"],').replace("],\n}", "]\n}"))
    done = run_microrepo("config", "--config", config, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["extensions"]["value"][0] == "bz2"


def test_a_config_that_is_no_text(run_microrepo: MicrorepoRunner, tmp_path: Path) -> None:
    config = tmp_path / "my.json"
    config.write_bytes(b"\xff\xfe\x00{")
    assert "cannot be read" in one_message(run_microrepo("config", "--config", config), 2)
    assert "config file not found" in one_message(
        run_microrepo("config", "--config", tmp_path / "none.json"), 2
    )
    assert str(tmp_path) in one_message(run_microrepo("config", "--config", tmp_path), 2)


@pytest.mark.parametrize(
    ("variable", "value"), [("PROCESSES", "many"), ("VERSIONS", "-1"), ("PACKAGE_TYPES", "[5]")]
)
def test_a_wrong_variable(run_microrepo: MicrorepoRunner, variable: str, value: str) -> None:
    done = run_microrepo("config", env={f"MICROREPO_{variable}": value})
    assert variable.lower() in one_message(done, 2)


@pytest.mark.parametrize(
    "requirement",
    ["", " ", "foo==", "foo bar", "foo>=1,,<2", "../foo", "foo[", "-r", "==1.0"],
)
def test_a_requirement_that_is_none(
    run_microrepo: MicrorepoRunner, tmp_path: Path, requirement: str
) -> None:
    config = tmp_path / "my.json"
    config.write_text(
        json.dumps({"packages": [requirement], "repository": "r", "source": "http://127.0.0.1:9"})
    )
    one_message(run_microrepo("refresh", "--config", config), 2)
    assert not (tmp_path / "r").exists()


def test_requirements_files(run_microrepo: MicrorepoRunner, tmp_path: Path) -> None:
    words = ("refresh", "--repository", tmp_path / "r", "--source", "http://127.0.0.1:9")
    message = one_message(run_microrepo(*words, "-r", "missing.txt"), 2)
    assert "missing.txt" in message
    (tmp_path / "bad.txt").write_text("good\nno good at all\n")
    message = one_message(run_microrepo(*words, "-r", "bad.txt"), 2)
    assert "no good at all" in message


@pytest.mark.parametrize(
    "source", ["pipy", "", "ftp://x.example/", "https://", "http://[::1", "C:\\x"]
)
def test_a_source_that_is_none(run_microrepo: MicrorepoRunner, tmp_path: Path, source: str) -> None:
    done = run_microrepo("refresh", "a", "--repository", tmp_path / "r", "--source", source)
    assert "$.source" in one_message(done, 2)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("marker", [".git", "setup.py"])
def test_places_that_cannot_be_meant(
    run_microrepo: MicrorepoRunner, tmp_path: Path, marker: str
) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / marker).write_text("")
    words = ("refresh", "a", "--source", "http://127.0.0.1:9", "--repository")
    assert "source checkout" in one_message(run_microrepo(*words, checkout), 1)
    assert "cannot be a repository" in one_message(run_microrepo(*words, "/"), 1)
    run_microrepo.home.mkdir(exist_ok=True)
    assert "cannot be a repository" in one_message(run_microrepo(*words, "~"), 1)
    assert not (run_microrepo.home / ".microrepo").exists()


class TestNobodyToAsk:
    """Without a terminal there are no questions, and no waiting for answers."""

    def test_a_first_run(self, run_microrepo: MicrorepoRunner) -> None:
        for words in ([], ["refresh"], ["init"]):
            message = one_message(run_microrepo(*words, stdin=""), 2)
            assert "init --yes" in message or "terminal" in message
            assert not (run_microrepo.home / ".microrepo").exists()

    def test_init_wants_to_know_what(self, run_microrepo: MicrorepoRunner) -> None:
        assert "--everything" in one_message(run_microrepo("init", "--yes"), 2)

    def test_init_with_flags(self, run_microrepo: MicrorepoRunner, tmp_path: Path) -> None:
        repository = tmp_path / "files"
        words = ("init", "--yes", "--packages", "flask", "--repository", repository)
        done = run_microrepo(*words)
        assert done.returncode == 0, done.stderr
        written = json.loads((run_microrepo.home / ".microrepo").read_text())
        assert written["packages"] == ["flask"]
        assert written["repository"] == str(repository)
        assert "already exists" in one_message(run_microrepo(*words), 2)

    def test_a_refresh_that_names_nothing(
        self, run_microrepo: MicrorepoRunner, tmp_path: Path
    ) -> None:
        config = tmp_path / "my.json"
        config.write_text('{"repository": "files"}')
        message = one_message(run_microrepo("refresh", "--config", config), 2)
        assert "nothing to mirror" in message


@pytest.mark.parametrize(
    "words",
    [
        ["refesh"],
        ["refresh", "--no-such-flag"],
        ["refresh", "--processes", "two"],
        ["explain"],
        ["schedule", "--kind", "at"],
        ["verify", "surplus"],
        ["--conf", "x"],
    ],
)
def test_a_wrong_command_line(run_microrepo: MicrorepoRunner, words: list[str]) -> None:
    done = run_microrepo(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("microrepo: error: ")
    assert done.stderr.splitlines()[-1].startswith("For help: microrepo")


def test_a_schedule_of_nothing(run_microrepo: MicrorepoRunner, tmp_path: Path) -> None:
    assert "microrepo init" in one_message(run_microrepo("schedule"), 2)
    config = tmp_path / "my.json"
    config.write_text('{"packages": ["a"]}')
    words = ("schedule", "--config", config, "--every")
    one_message(run_microrepo(*words, "sometimes"), 2)


def test_a_log_file_that_cannot_be_written(run_microrepo: MicrorepoRunner, tmp_path: Path) -> None:
    done = run_microrepo("config", "--log-file", tmp_path)
    assert str(tmp_path) in one_message(done, 2)


def test_debug_shows_the_traceback(run_microrepo: MicrorepoRunner, tmp_path: Path) -> None:
    done = run_microrepo("config", "--config", tmp_path / "none.json", "--debug")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["setup.py", "install"], "python3 -m pip install ."),
        (["setup.py", "-q", "develop"], "python3 -m pip install ."),
        (["microrepo.py", "--version"], ".venv/bin/pip install ."),
    ],
)
def test_a_checkout_says_how_to_install(words: list[str], advice: str) -> None:
    # -S hides the installed packages.
    done = subprocess.run(
        [sys.executable, "-S", "-E", *words], cwd=CHECKOUT, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert advice in done.stderr
    assert done.stderr.count("\n") == 1
