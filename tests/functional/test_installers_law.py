"""The law of `check`: what it says installs, pip and uv install offline; what it denies, one refuses.

Indexes are made of odd wheels and sdists and of odder requirements. `check` sees all of it, in a
bare directory or in a mirror that takes everything, so that what it says is put to the test and not
what a refresh chose.
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
from hypothesis import HealthCheck, currently_in_test_context, event, example, given, settings
from hypothesis import strategies as st

from microrepo import refresh
from microrepo.config.load import load
from microrepo.operations.closure.check import CheckReport, check
from microrepo.operations.run.goals import EVERYTHING_REQUESTED, read_requests
from tests.support.odd_wheels import DAMAGES, FAULTS, odd_wheel
from tests.support.packages import build_sdist
from tests.support.pip_forks import ForkingPip
from tests.support.programs import Environment, clean_environment
from tests.support.tools import tool

_HERE = f"cp{sys.version_info.major}{sys.version_info.minor}"
_TAGS = ("py3-none-any", "py2.py3-none-any", f"{_HERE}-none-any", "cp27-none-any", "py3-none-win32")
_VERSIONS = ("1.0", "2.0", "2.0rc1", "3.0.post1")
_SOUND = ("",) * (4 * len({**FAULTS, **DAMAGES}))
_LAW = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


class _File(msgspec.Struct, frozen=True):
    filename: str
    requires: tuple[str, ...]
    python: str
    fault: str

    @property
    def content(self) -> bytes:
        if self.filename.endswith(".whl"):
            return odd_wheel(self.filename, self.requires, self.python, self.fault, "x")
        name, _, version = self.filename.removesuffix(".tar.gz").rpartition("-")
        sdist = build_sdist(
            name,
            version,
            requires_dist=self.requires,
            requires_python=self.python or None,
            metadata_lines=["Provides-Extra: x"],
        )
        return DAMAGES[self.fault](sdist.content) if self.fault else sdist.content


_SPECIFIERS = ("", "", "", "", "", ">=2", "<2", "==2.0rc1", "==2.*", "!=2.0", "~=2.0", ">=9")
_MARKERS = ("", "", "; extra == 'x'", "; sys_platform == 'win32'", "; python_version > '3'")
_PYTHONS = ("", "", "", "", "", ">=3.8", "<3", ">=99", ">=3.6.*", "junk")


@st.composite
def _requirements(draw: st.DrawFn, names: str = "abc") -> str:
    name = f"zz-{draw(st.sampled_from(names))}"
    extra = draw(st.sampled_from(["", "", "", "[x]", "[nope]"]))
    return f"{name}{extra}{draw(st.sampled_from(_SPECIFIERS))}"


@st.composite
def _files(draw: st.DrawFn) -> _File:
    name, version = draw(st.sampled_from("abc")), draw(st.sampled_from(_VERSIONS))
    requires = tuple(
        text + draw(st.sampled_from(_MARKERS))
        for text in draw(st.lists(_requirements(), max_size=2))
    )
    python = draw(st.sampled_from(_PYTHONS))
    if not draw(st.integers(0, 9)):
        fault = draw(st.sampled_from(("", "", "", "", *DAMAGES)))
        return _File(f"zz_{name}-{version}.tar.gz", requires, python, fault)
    build = draw(st.sampled_from(["", "", "", "-1", "-2x"]))
    tag = draw(st.sampled_from((*_TAGS[:3], *_TAGS[:3], *_TAGS)))
    fault = draw(st.sampled_from((*_SOUND, *FAULTS, *DAMAGES)))
    return _File(f"zz_{name}-{version}{build}-{tag}.whl", requires, python, fault)


@st.composite
def _requirement_files(draw: st.DrawFn, files: list[_File]) -> str:
    lines = draw(st.lists(_requirements(), min_size=1, max_size=2, unique=True))
    option = draw(
        st.sampled_from(["", "", "--pre", "--only-binary :all:", "-c limits.txt", "hash"])
    )
    if option != "hash" or not files:
        return "\n".join([option if option != "hash" else "", *lines]) + "\n"
    file = draw(st.sampled_from(files))
    project, version = file.filename.removesuffix(".tar.gz").split("-")[:2]
    algorithm = draw(st.sampled_from(["sha256", "sha512", "sha3_256", "md5"]))
    right = draw(st.booleans())
    digest = hashlib.new(algorithm, file.content if right else b"other").hexdigest()
    return f"{project}=={version} --hash={algorithm}:{digest}\n"


@st.composite
def _examples(draw: st.DrawFn) -> tuple[list[_File], str, bool]:
    """Return the files of an index, a requirements file, and whether a mirror is between."""
    files = draw(st.lists(_files(), max_size=9, unique_by=lambda file: file.filename))
    return files, draw(_requirement_files(files)), draw(st.integers(0, 3)) == 3


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


def _checked(repository: Path, requirements: Path) -> CheckReport:
    requests = read_requests([f"-r {requirements}"], requirements.parent)
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


def _uv(directory: Path, requirements: Path, target: Path) -> tuple[int, str] | None:
    beside = shutil.which("uv", path=str(Path(sys.executable).parent))
    program = beside or shutil.which("uv")
    if program is None or "sha3_256" in requirements.read_text():
        return None  # an algorithm that only pip knows
    done = subprocess.run(
        [
            *(program, "pip", "install", "--no-cache", "--target", target),
            *("--python", sys.executable, "--no-index", "--find-links", directory),
            *(["--prerelease", "allow"] if "--pre\n" in requirements.read_text() else []),
            *("-r", requirements),
        ],
        env=clean_environment(target.parent, {"UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def _note(text: str) -> None:
    if currently_in_test_context():
        event(text)


def _law(pip: ForkingPip, files: list[_File], text: str, *, mirrored: bool) -> None:
    with TemporaryDirectory() as name:
        top = Path(name)
        repository = index = top / "index"
        index.mkdir()
        for file in files:
            (index / file.filename).write_bytes(file.content)
        requirements = top / "requirements.txt"
        requirements.write_text(text)
        (top / "limits.txt").write_text("zz-a<3\nzz-b!=2.0\n")
        if mirrored:
            repository = top / "repository"
            _mirrored(index, repository)
        report = _checked(repository, requirements)
        by_uv = _uv(repository, requirements, top / "by-uv")
        said = f"{text}\n{files}\n{report}\nuv: {by_uv}"
        if by_uv is not None and by_uv[0]:
            _note(f"closed: {report.closed}, uv refuses")
            assert not report.closed, said
            return
        by_pip = pip(
            *("install", "--no-index", "--no-compile", "--find-links", repository),
            *("--target", top / "by-pip", "-r", requirements),
        )
        _note(f"closed: {report.closed}, uv: {by_uv and by_uv[0]}, pip: {by_pip[0]}")
        said += f"\npip: {by_pip}"
        if report.closed:
            assert by_pip[0] == 0, said
        elif by_uv is not None:
            assert by_pip[0], said


def _broken_beside(sdist_python: str, fault: str) -> tuple[list[_File], str, bool]:
    files = [_File("zz_a-1.0.tar.gz", (), sdist_python, "")]
    if fault:
        files.append(_File("zz_a-1.0-py3-none-any.whl", (), "", fault))
    return files, "zz-a\n", False


def _undigested_dependency() -> tuple[list[_File], str, bool]:
    dependent = _File("zz_a-1.0-py3-none-any.whl", ("zz-b",), "", "")
    line = f"zz-a==1.0 --hash=sha256:{hashlib.sha256(dependent.content).hexdigest()}\n"
    return [dependent, _File("zz_b-1.0-py3-none-any.whl", (), "", "")], line, False


def _two_builds() -> tuple[list[_File], str, bool]:
    later = _File("zz_a-1.0-2x-py3-none-any.whl", ("zz-b",), "", "")
    return [_File("zz_a-1.0-1-py3-none-any.whl", (), "", ""), later], "zz-a\n", False


@pytest.mark.soak
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("fault", [*FAULTS, *DAMAGES])
def test_a_broken_release_above_a_sound_one(
    forking_pip: ForkingPip, fault: str, *, mirrored: bool
) -> None:
    newer = _File("zz_a-2.0-py3-none-any.whl", (), "", fault)
    older = _File("zz_a-1.0-py3-none-any.whl", (), "", "")
    _law(forking_pip, [newer, older], "zz-a\n", mirrored=mirrored)


@settings(_LAW, max_examples=15, derandomize=True)
@given(law_case=_examples())
@example(law_case=_broken_beside("", "blank first line"))
@example(law_case=_broken_beside("", "not utf-8"))
@example(law_case=_broken_beside("junk", ""))
@example(law_case=_undigested_dependency())
@example(law_case=_two_builds())
def test_what_check_says_is_what_installers_do(
    forking_pip: ForkingPip, law_case: tuple[list[_File], str, bool]
) -> None:
    files, text, mirrored = law_case
    _law(forking_pip, files, text, mirrored=mirrored)


@pytest.mark.soak
@settings(_LAW, max_examples=int(os.environ.get("MICROREPO_LAW_EXAMPLES", "2000")))
@given(law_case=_examples())
def test_what_check_says_is_what_installers_do_at_length(
    forking_pip: ForkingPip, law_case: tuple[list[_File], str, bool]
) -> None:
    files, text, mirrored = law_case
    _law(forking_pip, files, text, mirrored=mirrored)
