"""Health, metrics and the hook: what operators and their monitors learn of a repository."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.faults import SlowBody, Status
from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.repository import Repository, wait_until
from tests.support.server import PyPIServer

HOOK = """\
import json, os, sys
told = {key: value for key, value in os.environ.items() if key.startswith("MICROREPO_")}
told["report"] = json.load(open(told["MICROREPO_REPORT"]))
if "MICROREPO_ADDS" in told:
    told["adds"] = open(told["MICROREPO_ADDS"]).read().splitlines()
with open(sys.argv[1], "a") as file:
    file.write(json.dumps(told) + "\\n")
print("the hook says hello")
sys.exit(int(open(sys.argv[2]).read()))
"""


class Hook:
    """A hook that writes down what it was told, and ends as it is asked to."""

    def __init__(self, folder: Path) -> None:
        self._script = folder / "a hook.py"
        self._script.write_text(HOOK)
        self._told = folder / "told"
        self._code = folder / "code"
        self.end_with(0)

    def end_with(self, code: int) -> None:
        self._code.write_text(str(code))

    @property
    def words(self) -> list[str]:
        return [sys.executable, str(self._script), str(self._told), str(self._code)]

    def told(self) -> list[dict[str, Any]]:
        if not self._told.exists():
            return []
        return [json.loads(line) for line in self._told.read_text().splitlines()]


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    """A hook of its own."""
    return Hook(tmp_path)


@pytest.fixture
def filled(repo: Repository, index: FakeIndex) -> Repository:
    """A repository with two projects, refreshed once."""
    index.add("alpha", build_wheel("alpha", "1.0", payload_size=500))
    index.add("beta", build_wheel("beta", "1.0"))
    repo.refresh_all()
    return repo


def health_of(repo: Repository, *args: str, expect: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(repo.do("health", *args, "--json", expect=expect).stdout)
    return found


# --- health -------------------------------------------------------------------------------------------


def test_a_fresh_mirror_is_fine(filled: Repository) -> None:
    done = filled.do("health")
    assert done.stdout.startswith("fine: refreshed ")
    found = health_of(filled, expect=0)
    assert (found["projects"], found["files"], found["failing"]) == (2, 2, 0)
    assert (found["last_run"]["exit_code"], found["last_run"]["downloaded"]) == (0, 2)
    assert found["problems"] == []
    assert filled.do("health", "--quiet").stdout == ""


def test_age(filled: Repository) -> None:
    filled.change_state("UPDATE runs SET started_at = '2020-01-01T00:00:00.000000Z'")
    assert "began" in health_of(filled, expect=1)["problems"][0]
    assert health_of(filled, "--max-age", "99999d", expect=0)["age_s"] > 86_400
    # Another command does not make the mirror younger.
    filled.do("verify")
    health_of(filled, expect=1)
    filled.do("health", "--max-age", "soon", expect=2)


def test_failing_projects_are_named(filled: Repository, index: FakeIndex, pypi: PyPIServer) -> None:
    index.add("alpha", build_wheel("alpha", "2.0"))
    pypi.fault("/pypi/alpha/json", Status(503))
    filled.refresh_all("--retries", "0", expect=3)
    found = health_of(filled, expect=3)
    assert (found["failing"], found["failing_projects"][0]["name"]) == (1, "alpha")
    assert "503" in found["failing_projects"][0]["error"]
    # It is tried again at once, then later and later, and is well again after a success.
    filled.refresh_all("--retries", "0", expect=3)
    assert health_of(filled, expect=3)["waiting"] == 1
    pypi.clear_faults()
    filled.refresh_all("--force-check")
    assert health_of(filled, expect=0)["failing"] == 0


def test_a_failed_run_and_a_damaged_file(filled: Repository, pypi: PyPIServer) -> None:
    pypi.fault("/simple/", Status(500))
    filled.run("refresh", "--packages", "everything", "--retries", "0", *filled.flags(), expect=1)
    assert "failed" in health_of(filled, expect=1)["problems"][0]
    pypi.clear_faults()
    filled.refresh_all()
    (filled.path / "alpha-1.0-py3-none-any.whl").write_bytes(b"damaged")
    filled.do("verify", expect=3)
    found = health_of(filled, expect=3)
    assert found["damaged"] == 1
    assert any("verify --repair" in problem for problem in found["problems"])


def test_a_run_at_work_and_one_that_was_killed(
    filled: Repository, index: FakeIndex, pypi: PyPIServer
) -> None:
    slow = build_wheel("slow", "1.0", payload_size=2_000_000)
    index.add("slow", slow)
    pypi.fault(f"*/{slow.filename}", SlowBody(20_000))
    running = filled.start("--packages", "everything")
    wait_until(lambda: bool(filled.partials()))
    found = health_of(filled, expect=0)
    assert str(running.pid) in found["running"]
    running.kill()
    running.communicate(timeout=60)
    found = health_of(filled, expect=1)
    assert (found["running"], found["problems"]) == (
        None,
        ["the last run was killed before it finished"],
    )
    pypi.clear_faults()
    filled.refresh_all()
    health_of(filled, expect=0)


def test_a_place_without_a_repository(repo: Repository) -> None:
    assert "directory not found" in repo.do("health", expect=1).stderr


# --- metrics ------------------------------------------------------------------------------------------


def test_metrics(filled: Repository, tmp_path: Path) -> None:
    metrics = tmp_path / "collector" / "micro repo.prom"
    filled.refresh_all("--metrics-file", str(metrics))
    text = metrics.read_text()
    name = str(filled.path)
    assert f'microrepo_files{{repository="{name}"}} 2\n' in text
    assert f'microrepo_last_run_exit_code{{repository="{name}"}} 0\n' in text
    assert text.endswith("\n")
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(float(line.rpartition(" ")[2]) >= 0 for line in samples)
    assert [path.name for path in metrics.parent.iterdir()] == [metrics.name]
    printed = filled.do("health", "--prometheus").stdout
    assert f'microrepo_files{{repository="{name}"}} 2\n' in printed
    assert {line.split("{")[0] for line in printed.splitlines()} == {
        line.split("{")[0] for line in text.splitlines()
    }


# --- the hook -----------------------------------------------------------------------------------------


def run_with(repo: Repository, hook: Hook, *args: str, expect: int = 0, **how: Any) -> Any:
    words = ["--hook", json.dumps(hook.words), *args]
    return repo.refresh_all(*words, expect=expect, **how)


def test_a_hook_learns_of_the_run(
    repo: Repository, index: FakeIndex, hook: Hook, tmp_path: Path
) -> None:
    index.add("alpha", build_wheel("alpha", "1.0"))
    lists = tmp_path / "lists"
    secret = {"MICROREPO_DESTINATION_PASSWORD": "geheim", "MICROREPO_CONTACT": "me@example.org"}
    run_with(repo, hook, "--change-list", str(lists), env=secret)
    (told,) = hook.told()
    assert (told["MICROREPO_EXIT_CODE"], told["MICROREPO_RUN"]) == ("0", "1")
    assert (told["MICROREPO_OPERATION"], told["MICROREPO_REPOSITORY"]) == (
        "refresh",
        str(repo.path),
    )
    assert (told["report"]["downloaded"], told["report"]["run"]) == (1, 1)
    assert told["adds"] == ["alpha-1.0-py3-none-any.whl"]
    assert not secret.keys() & told.keys()
    # A dry run is no run, and one that found nothing still is.
    run_with(repo, hook, "--dry-run")
    assert len(hook.told()) == 1
    run_with(repo, hook)
    assert len(hook.told()) == 2


def test_what_a_hook_prints_stays_out_of_the_data(
    repo: Repository, index: FakeIndex, hook: Hook
) -> None:
    index.add("alpha", build_wheel("alpha", "1.0"))
    done = repo.run(
        "refresh", "--packages", "everything", "--json", "--hook", json.dumps(hook.words),
        *repo.flags(),
    )  # fmt: skip
    assert json.loads(done.stdout)["run"] == 1
    assert "the hook says hello" in done.stderr


def test_a_hook_that_fails_is_told_and_gets_its_list_again(
    repo: Repository, index: FakeIndex, hook: Hook, tmp_path: Path
) -> None:
    index.add("alpha", build_wheel("alpha", "1.0"))
    hook.end_with(7)
    lists = ("--change-list", str(tmp_path / "lists"))
    report = run_with(repo, hook, *lists, expect=3)
    assert [failure.what for failure in report.failed] == ["hook"]
    assert "exited with code 7" in report.failed[0].why
    assert health_of(repo, expect=3)["last_run"]["exit_code"] == 3
    index.add("beta", build_wheel("beta", "1.0"))
    hook.end_with(0)
    run_with(repo, hook, *lists)
    index.add("gamma", build_wheel("gamma", "1.0"))
    run_with(repo, hook, *lists)
    names = [f"{name}-1.0-py3-none-any.whl" for name in ("alpha", "beta", "gamma")]
    assert [told["adds"] for told in hook.told()] == [names[:1], names[:2], names[2:]]


def test_a_hook_follows_a_failed_run_too(repo: Repository, pypi: PyPIServer, hook: Hook) -> None:
    pypi.fault("/simple/", Status(500))
    words = ("--retries", "0", "--hook", json.dumps(hook.words))
    repo.run("refresh", "--packages", "everything", *words, *repo.flags(), expect=1)
    (told,) = hook.told()
    assert told["MICROREPO_EXIT_CODE"] == "1"
    assert "500" in told["report"]["failed"][0]["why"]


def test_a_hook_may_work_on_the_repository(filled: Repository) -> None:
    again = [sys.executable, "-m", "microrepo", "verify", "--repository", str(filled.path)]
    filled.refresh_all("--hook", json.dumps(again))
    assert len(filled.query("SELECT id FROM runs WHERE exit_code = 0")) == 3


def test_a_hook_that_hangs_is_ended(filled: Repository, tmp_path: Path) -> None:
    mark = tmp_path / "child"
    script = f"sleep 1000 & echo $! > {mark}; wait"
    words = ["sh", "-c", script]
    report = filled.refresh_all("--hook", json.dumps(words), "--hook-timeout-s", "0.5", expect=3)
    assert "was stopped after 0.5 s" in report.failed[0].why
    child = int(mark.read_text())
    wait_until(lambda: not _runs(child))


def test_ctrl_c_ends_a_hook(filled: Repository, tmp_path: Path) -> None:
    mark = tmp_path / "child"
    words = ["sh", "-c", f"echo $$ > {mark}; exec sleep 1000"]
    running = filled.start("--packages", "everything", "--hook", json.dumps(words))
    wait_until(lambda: mark.exists() and mark.read_text().endswith("\n"))
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode == 130
    assert not _runs(int(mark.read_text()))
    # The run itself had ended well.
    assert filled.query("SELECT exit_code FROM runs") == [(0,), (0,)]


def test_commands_that_cannot_be_run(filled: Repository) -> None:
    report = filled.refresh_all("--hook", "/nowhere/to/be/found x", expect=3)
    assert "cannot be run: No such file" in report.failed[0].why
    for words in ('[""]', "'unbalanced", '["a", 1]'):
        filled.run("refresh", "--hook", words, *filled.flags(), expect=2)


def _runs(process: int) -> bool:
    status = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True
    ).stdout
    return bool(status.strip()) and "Z" not in status and os.path.exists(f"/proc/{process}")
