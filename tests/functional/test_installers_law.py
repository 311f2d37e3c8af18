"""The law of `check`: what it says installs, pip and uv install offline; what it denies, one refuses.

Indexes are made of odd wheels and sdists and of odder requirements. `check` sees all of it, in a
bare directory or in a mirror that takes everything, so that what it says is put to the test and not
what a refresh chose. A wheel that uv takes from a directory, and not from a server, does not count
as one that installs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, currently_in_test_context, event, example, given, settings

from microrepo import refresh
from microrepo.config.load import load
from microrepo.errors import ConfigError, MalformedResponse
from microrepo.operations.closure.check import CheckReport, check
from microrepo.operations.run.goals import EVERYTHING_REQUESTED, read_requests
from tests.support.installer_cases import (
    LawCase,
    OddFile,
    Supply,
    law_cases,
    serving,
    write_pages,
)
from tests.support.odd_archives import ODD_ARCHIVES
from tests.support.odd_wheels import DAMAGES, FAULTS
from tests.support.pip_forks import ForkingPip
from tests.support.programs import Environment, clean_environment
from tests.support.tools import tool

_LAW = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def forking_pip(request: pytest.FixtureRequest) -> Iterator[ForkingPip]:
    if request.config.getoption("-m") == "soak":
        # Older ones do not take pre-releases where nothing else matches a specifier.
        environment = Environment(tool("newest-pip", ["pip"]).parent, ())
    else:
        environment = request.getfixturevalue("shared_environment")
    pip = ForkingPip(environment)
    yield pip
    pip.stop()


def _checked(repository: Path, requirements: Path) -> CheckReport | str:
    """Return what `check` says, or why it refuses the requirements file."""
    try:
        requests = read_requests([f"-r {requirements}"], requirements.parent)
    except ConfigError as error:
        return str(error)
    return check(load(None, {"repository": str(repository)}, {}).config, requests)


def _mirrored(index: Path, repository: Path) -> None:
    everything = {
        "repository": str(repository),
        "source": str(index),
        "min_free_space": 0,
        "processes": 1,
        "retries": 0,
        "server": False,
        "simple": False,
        "packages": "everything",
        "python_versions": "all",
        "versions": "all",
        "prereleases": True,
        "max_deletes": "100%",
    }
    refresh(load(None, everything, {}).config, EVERYTHING_REQUESTED)


def _uv(where: Sequence[str], requirements: Path, target: Path) -> tuple[int, str] | None:
    beside = shutil.which("uv", path=str(Path(sys.executable).parent))
    program = beside or shutil.which("uv")
    if program is None:
        return None
    done = subprocess.run(
        [
            *(program, "pip", "install", "--no-cache", "--target", target),
            *("--python", sys.executable, *where),
            *(["--prerelease", "allow"] if "--pre\n" in requirements.read_text() else []),
            *("-r", requirements),
        ],
        env=clean_environment(target.parent, {"UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def _installed(target: Path) -> set[str]:
    return {path.name.lower() for path in target.glob("*.dist-info")}


def _note(text: str) -> None:
    if currently_in_test_context():
        event(text)


def _law(pip: ForkingPip, case: LawCase) -> None:
    with TemporaryDirectory() as name:
        top = Path(name)
        repository = index = top / "index"
        index.mkdir()
        for file in case.files:
            (index / file.filename).write_bytes(file.content)
        requirements = top / "requirements.txt"
        requirements.write_text(case.text)
        (top / "limits.txt").write_text(case.limits)
        (top / "more.txt").write_text("zz-b\n")
        where: tuple[str, ...] = ("--no-index", "--find-links", str(repository))
        if case.supply == "mirror":
            repository = top / "repository"
            where = ("--no-index", "--find-links", str(repository))
            try:
                _mirrored(index, repository)
            except MalformedResponse:  # an empty source is not believed
                return
        elif case.supply == "pages":
            write_pages(index, case.files)
            where = ("--index-url", (index / "simple").as_uri())
        report = _checked(repository, requirements)
        closed = isinstance(report, CheckReport) and report.closed
        by_uv = _uv(where, requirements, top / "by-uv")
        said = f"{case.text}\n{case.limits}\n{case.supply}\n{case.files}\n{report}\nuv: {by_uv}"
        if by_uv is not None and by_uv[0]:
            _note(f"closed: {closed}, uv refuses")
            assert not closed, said
            return
        target = ("--no-compile", "--target", top / "by-pip", "-r", requirements)
        by_pip = pip("install", *where, *target)
        _note(f"closed: {closed}, uv: {by_uv and by_uv[0]}, pip: {by_pip[0]}")
        said += f"\npip: {by_pip}"
        if closed:
            assert by_pip[0] == 0, said
        elif not list((top / "by-pip").glob("*.dist-info")) and by_pip[0] == 0:
            _note("nothing is asked for here, which `check` does not call installed")
        elif by_pip[0] == 0 and _installed(top / "by-pip") != _installed(top / "by-uv"):
            _note("pip and uv choose otherwise, and `check` wants the choice of each to suit both")
        elif by_pip[0] == 0 and by_uv is not None and not case.is_doubtful:
            with serving(index, case.files) as url:
                served = _uv(("--index-url", url), requirements, top / "by-uv-served")
            assert served is not None
            if not served[0] and _installed(top / "by-uv-served") != _installed(top / "by-pip"):
                _note("pip and uv choose otherwise from a server, as above")
                return
            assert served[0], f"{said}\nuv, served: {served}"


def _broken_beside(sdist_python: str, fault: str) -> LawCase:
    files = [OddFile("zz_a-1.0.tar.gz", (), sdist_python)]
    if fault:
        files.append(OddFile("zz_a-1.0-py3-none-any.whl", fault=fault))
    return LawCase(tuple(files), "zz-a\n")


def _undigested_dependency() -> LawCase:
    dependent = OddFile("zz_a-1.0-py3-none-any.whl", ("zz-b",))
    line = f"zz-a==1.0 --hash=sha256:{hashlib.sha256(dependent.content).hexdigest()}\n"
    return LawCase((dependent, OddFile("zz_b-1.0-py3-none-any.whl")), line)


def _for_others(*requires: str) -> LawCase:
    foreign = OddFile("zz_a-1.0-py3-none-win32.whl", requires)
    return LawCase((OddFile("zz_a-1.0.tar.gz"), foreign), "zz-a\n")


def _at_odds_with_itself() -> LawCase:
    final = OddFile("zz_a-1.0-py3-none-any.whl", ("zz-a[x]>=2.0.dev0",))
    return LawCase((final, OddFile("zz_a-2.0rc1-py3-none-any.whl")), "zz-a[x]\n")


def _two_builds() -> LawCase:
    later = OddFile("zz_a-1.0-2x-py3-none-any.whl", ("zz-b",))
    return LawCase((OddFile("zz_a-1.0-1-py3-none-any.whl"), later), "zz-a\n")


@pytest.mark.soak
@pytest.mark.parametrize("supply", ["directory", "mirror", "pages"])
@pytest.mark.parametrize("fault", [*FAULTS, *DAMAGES, *ODD_ARCHIVES])
def test_a_broken_release_above_a_sound_one(
    forking_pip: ForkingPip, fault: str, supply: Supply
) -> None:
    newer = OddFile("zz_a-2.0-py3-none-any.whl", fault=fault)
    older = OddFile("zz_a-1.0-py3-none-any.whl")
    _law(forking_pip, LawCase((newer, older), "zz-a\n", supply=supply))


@pytest.mark.soak
@pytest.mark.parametrize("fault", [*FAULTS, *DAMAGES, *ODD_ARCHIVES])
def test_a_broken_wheel_alone(forking_pip: ForkingPip, fault: str) -> None:
    _law(forking_pip, LawCase((OddFile("zz_a-2.0-py3-none-any.whl", fault=fault),), "zz-a\n"))


@settings(_LAW, max_examples=15, derandomize=True)
@given(law_case=law_cases())
@example(law_case=_broken_beside("", "blank first line"))
@example(law_case=_broken_beside("", "not utf-8"))
@example(law_case=_broken_beside("junk", ""))
@example(law_case=_undigested_dependency())
@example(law_case=_two_builds())
@example(law_case=_for_others("zz-b"))
@example(law_case=_for_others())
@example(law_case=_at_odds_with_itself())
def test_what_check_says_is_what_installers_do(forking_pip: ForkingPip, law_case: LawCase) -> None:
    _law(forking_pip, law_case)


@pytest.mark.soak
@settings(_LAW, max_examples=int(os.environ.get("MICROREPO_LAW_EXAMPLES", "2000")))
@given(law_case=law_cases())
def test_what_check_says_is_what_installers_do_at_length(
    forking_pip: ForkingPip, law_case: LawCase
) -> None:
    _law(forking_pip, law_case)
