"""The law of `check`: what it says installs, pip and uv install offline; what it denies, one refuses.

Indexes are made of odd wheels and odder requirements; a mirror takes all of it, as lenient as it is,
so that what `check` says of the files is put to the test and not what a refresh chose.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from microrepo import refresh
from microrepo.config.load import load
from microrepo.operations.closure.check import CheckReport, check
from microrepo.operations.run.goals import EVERYTHING_REQUESTED, read_requests
from tests.support.odd_wheels import DAMAGES, FAULTS, odd_wheel
from tests.support.pip_forks import ForkingPip
from tests.support.programs import Environment, clean_environment
from tests.support.tools import tool

_HERE = f"cp{sys.version_info.major}{sys.version_info.minor}"
_TAGS = ("py3-none-any", "py2.py3-none-any", f"{_HERE}-none-any", "cp27-none-any", "py3-none-win32")
_VERSIONS = ("1.0", "2.0", "2.0rc1", "3.0.post1")
_FAULTS = ("", "", "", "", *FAULTS, *DAMAGES)
_LAW = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


class _Wheel(msgspec.Struct, frozen=True):
    filename: str
    requires: tuple[str, ...]
    python: str
    fault: str


@st.composite
def _requirements(draw: st.DrawFn, names: str = "abc") -> str:
    name = f"zz-{draw(st.sampled_from(names))}"
    extra = draw(st.sampled_from(["", "", "", "[x]", "[nope]"]))
    versions = draw(
        st.sampled_from(["", "", "", ">=2", "<2", "==2.0rc1", "==2.*", "!=2.0", "~=2.0", ">=9"])
    )
    return f"{name}{extra}{versions}"


@st.composite
def _wheels(draw: st.DrawFn) -> _Wheel:
    name, version = draw(st.sampled_from("abc")), draw(st.sampled_from(_VERSIONS))
    build = draw(st.sampled_from(["", "", "", "-1", "-2x"]))
    tag = draw(st.sampled_from((*_TAGS[:3], *_TAGS)))
    requires = []
    for text in draw(st.lists(_requirements(), max_size=2)):
        marker = draw(
            st.sampled_from(
                ["", "", "; extra == 'x'", "; sys_platform == 'win32'", "; python_version > '3'"]
            )
        )
        requires.append(text + marker)
    python = draw(st.sampled_from(["", "", "", ">=3.8", "<3", ">=99", ">=3.6.*", "junk"]))
    fault = draw(st.sampled_from(_FAULTS))
    return _Wheel(f"zz_{name}-{version}{build}-{tag}.whl", tuple(requires), python, fault)


@st.composite
def _requirement_files(draw: st.DrawFn, wheels: list[_Wheel]) -> str:
    lines = draw(st.lists(_requirements(), min_size=1, max_size=2, unique=True))
    option = draw(
        st.sampled_from(["", "", "--pre", "--only-binary :all:", "-c limits.txt", "hash"])
    )
    if option != "hash" or not wheels:
        return "\n".join([option if option != "hash" else "", *lines]) + "\n"
    wheel = draw(st.sampled_from(wheels))
    project, version = wheel.filename.split("-")[:2]
    algorithm = draw(st.sampled_from(["sha256", "sha512", "sha3_256", "md5"]))
    right = draw(st.booleans())
    digest = hashlib.new(algorithm, _content(wheel) if right else b"other").hexdigest()
    return f"{project}=={version} --hash={algorithm}:{digest}\n"


def _content(wheel: _Wheel) -> bytes:
    return odd_wheel(wheel.filename, wheel.requires, wheel.python, wheel.fault, "x")


@pytest.fixture(scope="module")
def forking_pip(
    shared_environment: Environment, request: pytest.FixtureRequest
) -> Iterator[ForkingPip]:
    environment = shared_environment
    if request.config.getoption("-m") == "soak":
        # Older ones do not take pre-releases where nothing else matches a specifier.
        environment = Environment(tool("newest-pip", ["pip"]).parent, ())
    pip = ForkingPip(environment)
    yield pip
    pip.stop()


def _checked(index: Path, repository: Path, requirements: Path) -> CheckReport:
    common = {
        "repository": str(repository),
        "source": str(index),
        "min_free_space": 0,
        "processes": 1,
        "retries": 0,
        "server": False,
        "simple": False,
    }
    everything = {
        **common,
        "packages": "everything",
        "python_versions": "all",
        "versions": "all",
        "prereleases": True,
        "max_deletes": "100%",
    }
    refresh(load(None, everything, {}).config, EVERYTHING_REQUESTED)
    requests = read_requests([f"-r {requirements}"], requirements.parent)
    return check(load(None, common, {}).config, requests)


def _uv(directory: Path, requirements: Path, target: Path) -> tuple[int, str] | None:
    beside = shutil.which("uv", path=str(Path(sys.executable).parent))
    program = beside or shutil.which("uv")
    if program is None:
        return None
    done = subprocess.run(
        [
            *(program, "pip", "install", "--no-cache", "--target", target),
            *("--python", sys.executable, "--no-index", "--find-links", directory),
            *("-r", requirements),
        ],
        env=clean_environment(target.parent, {"UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def _law(pip: ForkingPip, wheels: list[_Wheel], text: str) -> None:
    with TemporaryDirectory() as name:
        top = Path(name)
        index, repository = top / "index", top / "repository"
        index.mkdir()
        for wheel in wheels:
            (index / wheel.filename).write_bytes(_content(wheel))
        requirements = top / "requirements.txt"
        requirements.write_text(text)
        (top / "limits.txt").write_text("zz-a<3\nzz-b!=2.0\n")
        report = _checked(index, repository, requirements)
        by_pip = pip(
            *("install", "--no-index", "--no-compile", "--find-links", repository),
            *("--target", top / "by-pip", "-r", requirements),
        )
        by_uv = _uv(repository, requirements, top / "by-uv")
        event(f"closed: {report.closed}, pip: {by_pip[0]}, uv: {by_uv[0] if by_uv else 'missing'}")
        said = f"{text}\n{wheels}\n{report}\npip: {by_pip}\nuv: {by_uv}"
        if report.closed:
            assert by_pip[0] == 0, said
            assert by_uv is None or by_uv[0] == 0, said
        elif by_uv is not None:
            assert by_pip[0] or by_uv[0], said


_EXAMPLES = st.lists(_wheels(), max_size=6, unique_by=lambda wheel: wheel.filename).flatmap(
    lambda wheels: st.tuples(st.just(wheels), _requirement_files(wheels))
)


@settings(_LAW, max_examples=15, derandomize=True)
@given(example=_EXAMPLES)
def test_what_check_says_is_what_installers_do(
    forking_pip: ForkingPip, example: tuple[list[_Wheel], str]
) -> None:
    _law(forking_pip, *example)


@pytest.mark.soak
@settings(_LAW, max_examples=int(os.environ.get("MICROREPO_LAW_EXAMPLES", "2000")))
@given(example=_EXAMPLES)
def test_what_check_says_is_what_installers_do_at_length(
    forking_pip: ForkingPip, example: tuple[list[_Wheel], str]
) -> None:
    _law(forking_pip, *example)
