"""The commands that look: list, stats, explain, config, schedule, help; their forms for machines."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.programs import CHECKOUT, MicrorepoRunner
from tests.support.repository import Repository
from tests.support.server import PyPIServer


@pytest.fixture
def filled(repo: Repository, index: FakeIndex, pypi: PyPIServer) -> list[BuiltFile]:
    """Three files of two projects, and others that the rules leave out."""
    kept = [
        build_wheel("alpha", "2.0", payload_size=500),
        build_sdist("alpha", "2.0"),
        build_wheel("beta", "1.0", platform_tag="manylinux_2_17_x86_64"),
    ]
    for file in kept:
        index.add(file.name, file)
    index.add("alpha", build_wheel("alpha", "1.0"))
    index.add("alpha", build_wheel("alpha", "3.0b1"))
    index.add("beta", build_wheel("beta", "1.1"), yanked="oops")
    index.add("beta", build_wheel("beta", "1.0", python_tag="cp27"))
    repo.refresh_all()
    pypi.close()
    return kept


def decoded(repo: Repository, command: str, *args: str) -> Any:
    return json.loads(repo.do(command, *args, "--json").stdout)


def test_list(repo: Repository, filled: list[BuiltFile]) -> None:
    names = sorted(file.filename for file in filled)
    assert repo.do("list").stdout.splitlines() == names
    assert repo.do("list", "Beta").stdout.splitlines() == [filled[2].filename]
    rows = decoded(repo, "list", "alpha")
    assert [(row["filename"], row["version"], row["size"]) for row in rows] == [
        (file.filename, "2.0", file.size) for file in filled[:2]
    ]
    assert rows[0]["digests"]["sha256"] == filled[0].sha256
    done = repo.do("list", "gamma", expect=1)
    assert "project 'gamma' not found" in done.stderr


def test_stats(repo: Repository, filled: list[BuiltFile]) -> None:
    found = decoded(repo, "stats")
    total = sum(file.size for file in filled)
    assert (found["projects"], found["files"], found["size_bytes"]) == (2, 3, total)
    assert found["by_type"]["sdist"] == {"files": 1, "size_bytes": filled[1].size}
    assert found["by_python"]["py3"]["files"] == 2
    assert found["by_platform"]["manylinux_2_17_x86_64"]["files"] == 1
    assert found["seen"]["package_types"] == {"bdist_wheel": 6, "sdist": 1}
    assert found["seen"]["python_versions"]["cp27"] == 1
    text = repo.do("stats").stdout
    assert text.startswith("2 projects, 3 files, ")
    assert "cp27 (1)" in text


def test_stats_as_csv(repo: Repository, filled: list[BuiltFile]) -> None:
    rows = list(csv.DictReader(io.StringIO(repo.do("stats", "--csv").stdout)))
    assert rows[0] == {
        "axis": "all",
        "value": "",
        "files": "3",
        "bytes": str(sum(file.size for file in filled)),
    }
    by_type = {row["value"]: row["files"] for row in rows if row["axis"] == "package type"}
    assert by_type == {"bdist_wheel": "2", "sdist": "1"}
    assert {"axis": "seen python_versions", "value": "cp27", "files": "1", "bytes": ""} in rows


def test_explain(repo: Repository, filled: list[BuiltFile]) -> None:
    text = repo.do("explain", "alpha").stdout
    assert f"kept  {filled[0].filename}: selected" in text
    assert "out   alpha-3.0b1-py3-none-any.whl: pre-release" in text
    assert "out   alpha-1.0-py3-none-any.whl: superseded" in text
    one = repo.do("explain", "beta-1.1-py3-none-any.whl").stdout
    assert "out   beta-1.1-py3-none-any.whl: yanked (oops)" in one
    assert filled[2].filename not in one
    old = repo.do("explain", "beta-1.0-cp27-none-any.whl").stdout
    assert "python version" in old
    decisions = decoded(repo, "explain", "beta")["decisions"]
    assert {d["file"]["filename"]: d["keep"] for d in decisions}[filled[2].filename] is True
    done = repo.do("explain", "gamma", expect=1)
    assert "no file or project matches 'gamma'" in done.stderr


@pytest.mark.parametrize("command", ["explain", "list"])
def test_unknown_names_do_not_hide_the_known_ones(
    repo: Repository, filled: list[BuiltFile], command: str
) -> None:
    done = repo.do(command, "nope", "alpha", "gamma", "beta", expect=3)
    for file in filled:
        assert file.filename in done.stdout
    assert [line.partition("error: ")[2].count("'") for line in done.stderr.splitlines()] == [2, 2]
    assert "'nope'" in done.stderr
    assert "'gamma'" in done.stderr
    assert len(json.loads(repo.do(command, "nope", "alpha", "beta", "--json", expect=3).stdout)) > 1
    assert repo.do(command, "nope", "--json", expect=1).stdout == ""


def test_history_of_an_unknown_project(repo: Repository, filled: list[BuiltFile]) -> None:
    assert filled[0].filename in repo.do("history", "Alpha").stdout
    assert "project 'alhpa' not found" in repo.do("history", "alhpa", expect=1).stderr


def test_explain_tells_what_is_not_there_yet(repo: Repository, filled: list[BuiltFile]) -> None:
    text = repo.do("explain", "alpha", "--versions", "all").stdout
    (line,) = [line for line in text.splitlines() if "alpha-1.0-py3" in line]
    assert line.startswith("  kept ")
    assert line.endswith(", not downloaded yet")


class TestConfig:
    """`microrepo config` tells what is in force, and why."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "my.json"
        path.write_text('{"repository": "files", "packages": ["alpha"], "versions": 2}')
        return path

    def test_shows_where_settings_come_from(
        self, run_microrepo: MicrorepoRunner, file: Path
    ) -> None:
        words = ("config", "--config", file, "--versions", "all", "--json")
        done = run_microrepo(*words, env={"MICROREPO_RETRIES": "7"})
        shown = json.loads(done.stdout)
        assert shown["repository"] == {"value": str(file.parent / "files"), "origin": str(file)}
        assert shown["versions"] == {"value": "all", "origin": "--versions"}
        assert shown["retries"] == {"value": 7, "origin": "MICROREPO_RETRIES"}
        assert shown["timeout_s"] == {"value": 30, "origin": "default"}
        text = run_microrepo("config", "--config", file).stdout
        assert f"config file: {file}" in text

    def test_is_found_by_variable_and_at_home(
        self, run_microrepo: MicrorepoRunner, file: Path
    ) -> None:
        done = run_microrepo("config", env={"MICROREPO_CONFIG": str(file)})
        assert f"config file: {file}" in done.stdout
        at_home = run_microrepo.home / ".microrepo"
        at_home.write_text("{}")
        assert f"config file: {at_home}" in run_microrepo("config").stdout

    def test_prints_schema_sample_and_keys(self, run_microrepo: MicrorepoRunner) -> None:
        schema = json.loads(run_microrepo("config", "--schema").stdout)
        assert schema["title"] == "microrepo configuration"
        sample = run_microrepo("config", "--sample").stdout
        assert sample == (CHECKOUT / "sample_config.json").read_text()
        assert "uploaded_before" in run_microrepo("config", "--keys").stdout

    def test_is_what_a_refresh_goes_by(
        self, repo: Repository, index: FakeIndex, pypi: PyPIServer, file: Path
    ) -> None:
        built = [build_wheel("alpha", f"1.{minor}") for minor in range(3)]
        for one in built:
            index.add("alpha", one)
        file.write_text(
            json.dumps(
                {
                    "repository": "files",
                    "packages": ["alpha"],
                    "versions": 2,
                    "source": pypi.url,
                    "min_free_space": 0,
                    "processes": 1,
                    "simple": False,
                    "server": False,
                }
            )
        )
        repo.run("--config", file)
        repo.path = file.parent / "files"
        repo.holds(*built[1:])
        repo.run("refresh", "--config", file, "--versions", "latest")
        repo.holds(built[2])


@pytest.mark.parametrize("kind", ["systemd-user", "systemd-system", "crontab", "cron.d"])
def test_schedule_prints(run_microrepo: MicrorepoRunner, tmp_path: Path, kind: str) -> None:
    config = tmp_path / "my.json"
    config.write_text('{"repository": "files", "packages": ["alpha"]}')
    done = run_microrepo("schedule", "--config", config, "--kind", kind, "--every", "04:30")
    assert done.returncode == 0, done.stderr
    assert str(config) in done.stdout
    assert "microrepo" in done.stdout
    wanted = "30 4 * * *" if kind.startswith("cron") else "OnCalendar="
    assert wanted in done.stdout
    assert not (tmp_path / "files").exists()


@pytest.mark.parametrize(
    "command",
    ["refresh", "init", "config", "verify", "prune", "list", "stats", "explain", "schedule"],
)
def test_every_command_has_help(run_microrepo: MicrorepoRunner, command: str) -> None:
    done = run_microrepo(command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: microrepo {command}")
    assert command in run_microrepo("--help").stdout


def test_all_three_ways_to_start_it(run_microrepo: MicrorepoRunner) -> None:
    version = run_microrepo("--version").stdout
    launched = subprocess.run(
        [run_microrepo.python, CHECKOUT / "microrepo.py", "--version"],
        env=run_microrepo.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert launched.stdout == version
    assert version.startswith("microrepo ")


def test_a_reader_that_has_enough_is_no_error(repo: Repository, filled: list[BuiltFile]) -> None:
    words = repo.program.command("list", "--repository", repo.path)
    script = '"$@" 2>"$ERR" | true; echo "${PIPESTATUS[0]}"'
    err = repo.path.parent / "err"
    done = subprocess.run(
        ["bash", "-c", script, "bash", *words],
        env=repo.program.environment({"ERR": str(err)}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) in {0, 1}
    assert err.read_text() == ""


def test_a_log_file_is_written(repo: Repository, index: FakeIndex, tmp_path: Path) -> None:
    index.add("alpha", build_wheel("alpha", "1.0"), size=1)
    log = tmp_path / "log"
    repo.run("refresh", "alpha", *repo.flags(), "--log-file", log, expect=3)
    assert log.exists()


def test_output_without_a_terminal_has_no_bars(repo: Repository, index: FakeIndex) -> None:
    index.add("alpha", build_wheel("alpha", "1.0", payload_size=100_000))
    done = repo.run("refresh", "alpha", *repo.flags())
    assert "\r" not in done.stdout + done.stderr
