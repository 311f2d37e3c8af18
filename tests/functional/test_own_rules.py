"""Rules of other distributions: the documented example, and what becomes of bad ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from microrepo.formats.toml import read_toml
from microrepo.operations.records.report import Report
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.programs import CHECKOUT
from tests.support.repository import Repository
from tests.support.server import PyPIServer

PAGE = (CHECKOUT / "docs" / "how-to" / "own-rules.md").read_text(encoding="utf-8")


def example(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def install(site: Path, version: str, code: str, points: dict[str, str]) -> dict[str, str]:
    """Lay a distribution out as an installer does; return the environment that finds it."""
    for old in site.glob("*.dist-info"):
        (old / "METADATA").unlink()
        (old / "entry_points.txt").unlink()
        old.rmdir()
    about = site / f"acme_rules-{version}.dist-info"
    about.mkdir(parents=True)
    (site / "acme_rules.py").write_text(code)
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: acme-rules\nVersion: {version}\n"
    )
    lines = "".join(f"{name} = {target}\n" for name, target in points.items())
    (about / "entry_points.txt").write_text(f"[microrepo.rules]\n{lines}")
    return {"PYTHONPATH": f"{CHECKOUT}:{site}", "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.fixture
def files(index: FakeIndex) -> list[BuiltFile]:
    """One project that nobody answers for, and two releases of one that somebody does."""
    built = [build_wheel("lost", "1.0"), build_wheel("kept", "1.0"), build_wheel("kept", "2.0")]
    for file, day in zip(built, ("2024-01-01", "2019-01-01", "2024-01-01"), strict=True):
        index.add(file.name, file, upload_time=f"{day}T00:00:00Z")
    index.projects["kept"].info = {"author_email": "a@b.example"}
    return built


@pytest.fixture
def refresh(repo: Repository) -> Callable[..., Report]:
    def run(env: dict[str, str], rules: str, *args: str) -> Report:
        return repo.refresh_all(*("--versions", "all", "--rules", rules, *args), env=env)

    return run


def test_the_documented_example(
    repo: Repository,
    pypi: PyPIServer,
    tmp_path: Path,
    files: list[BuiltFile],
    refresh: Callable[..., Report],
) -> None:
    toml: Any = read_toml(example("toml").encode())
    points = toml["project"]["entry-points"]["microrepo.rules"]
    env = install(tmp_path / "site", toml["project"]["version"], example("python"), points)
    repo.refresh_all("--versions", "all")
    pypi.reset()
    report = refresh(env, "maintained")
    assert report.rejected == {"third-party rule": 1}
    repo.holds(*files[1:])
    assert refresh(env, "maintained").projects == 0

    report = refresh(env, '{"maintained": {"since": "2020"}}')
    assert report.rejected == {"third-party rule": 2}
    repo.holds(files[2])
    said = repo.do(
        "explain", "kept", "--packages", "everything", "--versions", "all",
        "--rules", '{"maintained": {"since": "2020"}}', env=env,
    ).stdout  # fmt: skip
    assert "third-party rule (maintained: uploaded before 2020)" in said

    # Another version of the distribution has other answers, and documents are asked for never.
    env = install(
        tmp_path / "site",
        "1.1",
        example("python").replace('"no contact', 'None and "no contact'),
        points,
    )
    assert refresh(env, "maintained").projects == 2
    repo.holds(*files)
    assert pypi.count("/pypi/") == 0


def test_what_closures_choose_from(repo: Repository, index: FakeIndex, tmp_path: Path) -> None:
    app = build_wheel("app", "1.0", requires_dist=["lib"])
    libs = [build_wheel("lib", "1.0"), build_wheel("lib", "2.0")]
    for file in (app, *libs):
        index.add(file.name, file)
    code = """
class Old:
    api = 1
    def __init__(self, settings): pass
    def check(self, project, file):
        return "too new" if file.version == "2.0" else None
"""
    env = install(tmp_path / "site", "1.0", code, {"old": "acme_rules:Old"})
    repo.settings = tuple(flag for flag in repo.settings if flag != "--no-dependencies")
    repo.refresh("--packages", "app", "--rules", "old", env=env)
    repo.holds(app, libs[0])


BAD = """
class Base:
    api = 1
    def __init__(self, settings): self.settings = settings
    def check(self, project, file): return self.settings["missing"]
class Other(Base):
    api = 2
class Numbers(Base):
    def check(self, project, file): return 1
class Picky(Base):
    def __init__(self, settings): raise ValueError("days must be a number")
"""
POINTS = {
    "raises": "acme_rules:Base",
    "other": "acme_rules:Other",
    "numbers": "acme_rules:Numbers",
    "picky": "acme_rules:Picky",
    "gone": "acme_rules:Gone",
    "module": "nowhere:Rule",
}


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("nobody", 2, "$.rules.nobody: no installed distribution offers such a rule (gone, module"),
        ("other", 2, "other (acme-rules 1.0): uses protocol version 2, this microrepo 1"),
        (
            "picky",
            2,
            "picky (acme-rules 1.0): cannot be created: ValueError: days must be a number",
        ),
        ("gone", 2, "cannot be created: AttributeError"),
        ("module", 2, "cannot be created: ModuleNotFoundError"),
        (
            "raises",
            1,
            "rule raises (acme-rules 1.0) failed on kept, kept-2.0-py3-none-any.whl: Key",
        ),
        (
            "numbers",
            1,
            "numbers (acme-rules 1.0) failed on kept, kept-2.0-py3-none-any.whl: returned",
        ),
    ],
)
def test_bad_rules_are_named(
    repo: Repository,
    tmp_path: Path,
    files: list[BuiltFile],
    name: str,
    code: int,
    message: str,
) -> None:
    env = install(tmp_path / "site", "1.0", BAD, POINTS)
    ask = ("--packages", "lost,kept", "--rules", name)
    done = repo.run("refresh", *ask, *repo.flags(), env=env, expect=code)
    assert message in done.stderr
    repo.holds()
    assert repo.path.exists() is (code == 1)
    if code == 1:
        repo.refresh("--packages", "lost", env=env)
        repo.holds(files[0])
