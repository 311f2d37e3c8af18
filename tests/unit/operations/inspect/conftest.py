"""A repository whose state knows two projects."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.config.load import load
from microrepo.config.schema import Config
from microrepo.model import Cause, Digests, File, NormalizedName, Project
from microrepo.state import FileRow, HistoryRow, ProjectRow, RunTotals, open_state, pack

_FILES = {
    "foo-bar": (
        ("foo_bar-2.0-py3-none-any.whl", "2.0", "bdist_wheel", None),
        ("foo_bar-1.0-cp311-cp311-win32.win_amd64.whl", "1.0", "bdist_wheel", "cp311"),
        ("foo-bar-2.0.tar.gz", "2.0", "sdist", "source"),
    ),
    "old": (
        ("old-1.0-py2.7.egg", "1.0", "bdist_egg", "2.7"),
        ("old-1.0.exe", "1.0", "bdist_wininst", None),
    ),
}
_PRESENT = ("foo_bar-2.0-py3-none-any.whl", "foo-bar-2.0.tar.gz", "old-1.0-py2.7.egg")

_RUNS = {"refresh": RunTotals(downloaded=1), "delete": RunTotals(deleted=1)}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Settings of a repository whose state knows two projects."""
    control = tmp_path / ".microrepo"
    control.mkdir()
    state, _ = open_state(control / "state.db")
    with state.transaction():
        for name, listed in _FILES.items():
            project = NormalizedName(name)
            files = tuple(
                File(filename, "https://f.example/x", version, kind, Digests("a" * 64), 10,
                     python_version=label)
                for filename, version, kind, label in listed
            )  # fmt: skip
            state.save_projects(
                [ProjectRow(project, name.title(), checked_at="2026-05-01T00:00:00.000000Z")]
            )
            state.save_documents([(name, pack(Project(project, name.title(), files=files)))])
            state.save_files(
                FileRow(f.filename, project, f.version, f.url, 10, f.digests, present=True)
                for f in files
                if f.filename in _PRESENT
            )
        for number, (command, totals) in enumerate(_RUNS.items(), 1):
            assert state.start_run(f"2026-05-0{number}T00:00:00.000000Z", command) == number
            state.end_run(number, f"2026-05-0{number}T00:01:00.000000Z", 0, "{}", totals)
        state.add_history(
            [
                HistoryRow(1, "foo-bar", "a", "add", Cause.SELECTED),
                HistoryRow(2, "old", "b", "delete", Cause.BY_COMMAND),
            ]
        )
    state.close()
    flags = {"repository": str(tmp_path), "python_versions": "all", "dependencies": False}
    return load(None, flags, {}).config
