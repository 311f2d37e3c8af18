"""`microrepo config`: settings and where they come from, the keys, a schema, a sample."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from microrepo.cli import main
from microrepo.config.declared_options import KEYS, options, sample


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> object:
    """``run(*arguments)``: exit code, standard output and standard error of one command."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for key in KEYS:
        monkeypatch.delenv(f"MICROREPO_{key.upper()}", raising=False)
    monkeypatch.delenv("MICROREPO_CONFIG", raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call


def test_keys_are_all_explained(run) -> None:
    code, out, err = run("config", "--keys")
    assert (code, err) == (0, "")
    for option in options():
        assert (
            f"{option.key} (default: {option.default_text or json.dumps(option.default)})\n" in out
        )
    assert " ".join(options()[0].help.split()) in " ".join(out.split())


def test_schema_is_json(run) -> None:
    code, out, err = run("config", "--schema")
    assert (code, err) == (0, "")
    assert json.loads(out)["title"] == "microrepo configuration"


def test_sample_is_the_sample(run) -> None:
    assert run("config", "--sample") == (0, sample().decode(), "")


def test_settings_with_their_origins(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".microrepo"
    path.write_text('{"versions": 2, "repository": "bär"}', encoding="utf-8")
    monkeypatch.setenv("MICROREPO_RETRIES", "7")
    code, out, _ = run("config", "--connections", "3")
    lines = {line.partition(" = ")[0]: line for line in out.splitlines()}
    assert code == 0
    assert out.startswith(f"config file: {path}\n")
    assert lines["versions"].split("  # ") == [lines["versions"][:60].ljust(60), str(path)]
    assert lines["repository"].startswith(f'repository = "{tmp_path}/bär"')
    assert lines["retries"].endswith("# MICROREPO_RETRIES")
    assert lines["connections"].endswith("# --connections")
    assert lines["timeout_s"].endswith("# default")


def test_settings_as_json(run) -> None:
    code, out, _ = run("config", "--json", "--connections", "3")
    assert code == 0
    assert json.loads(out)["connections"] == {"value": 3, "origin": "--connections"}
    assert tuple(json.loads(out)) == KEYS


def test_unknown_words_warn(run) -> None:
    code, _, err = run("config", "--extensions", "whl,conda", "--python-versions", "3.11")
    assert code == 0
    assert err == "microrepo: warning: extensions: 'conda' is not a known file extension\n"
    code, _, err = run("config", "--python-versions", "3.11,ip27")
    assert code == 2
    assert "'ip27' is not a Python version" in err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"versions": 2,}', "line 1 column"),
        ('{"version": 2}', "$.version: unknown key; did you mean 'versions'?"),
        ('{"packages": ["flask=1"]}', "'flask=1'"),
        ('{"exclude": ["a b"]}', "'a b'"),
    ],
)
def test_mistake_is_one_message(run, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / ".microrepo").write_text(text, encoding="utf-8")
    code, out, err = run("config")
    assert (code, out) == (2, "")
    assert err.startswith("microrepo: error: ")
    assert words in err
    assert err.count("\n") == 1


def test_named_file_that_is_not_there(run, tmp_path: Path) -> None:
    code, out, err = run("config", "--config", str(tmp_path / "c.json"))
    assert (code, out) == (2, "")
    assert "config file not found. Run `microrepo init` to write one." in err


def test_file_that_cannot_be_read_is_not_overwritten(run, tmp_path: Path) -> None:
    path = tmp_path / ".microrepo"
    path.write_text("{broken", encoding="utf-8")
    assert run("config")[0] == 2
    assert run("init", "--yes", "--packages", "flask")[0] == 2
    assert path.read_text(encoding="utf-8") == "{broken"
