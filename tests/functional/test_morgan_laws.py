"""What the real Morgan mirrors with generated settings is what their translation mirrors."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from microrepo.formats.foreign.morgan_ini import translate_morgan
from tests.support.index import FakeIndex
from tests.support.mirrors import morgan_with
from tests.support.packages import build_sdist, build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.server import PyPIServer

_PYTHONS = ("3.9", "3.11", "3.12")
_MACHINES = {
    "linux": "os_name = posix\nsys_platform = linux\nplatform_system = Linux\n",
    "windows": "os_name = nt\nsys_platform = win32\nplatform_system = Windows\n",
    "macos": "os_name = posix\nsys_platform = darwin\nplatform_system = Darwin\n",
    "foreign": "os_name = posix\nsys_platform = freebsd14\nplatform_system = FreeBSD\n",
    "silent": "",
}
_PATTERNS = (
    *("", ".*", "win_amd64", "win32", "manylinux_2_28_x86_64", "manylinux2014_x86_64"),
    *("manylinux.*_x86_64", "manylinux.*x86_64|win_amd64", "musllinux_1_2_x86_64"),
    *("macosx_11_0_arm64", "macosx_.*_arm64", "(?i)WIN.*", "linux", "any"),
)
_REQUIREMENTS = (
    *("app = >=0", "app = >=1", "app = ==1.0", "app = [fast]>=1", "native = >=0"),
    *("native = <2", "pure = ==0.9", "Pure = >=0", "pinned = ==1.0", "young = >=0", "marked = >=0"),
)
# A difference needs a note on the option behind it, not one on the ways of the two programs.
_GENERAL = frozenset({"requirements", "env"})


@pytest.fixture
def filled(index: FakeIndex) -> FakeIndex:
    """Projects with files for several machines, and dependencies for some of them."""
    for version in ("1.0", "2.0"):
        for tag in (
            *("manylinux_2_28_x86_64", "manylinux_2_17_x86_64.manylinux2014_x86_64", "win_amd64"),
            *("macosx_11_0_arm64", "musllinux_1_2_x86_64", "win32"),
        ):
            for python in ("cp39", "cp311", "cp312"):
                wheel = build_wheel(
                    "native", version, python_tag=python, abi_tag=python, platform_tag=tag
                )
                index.add("native", wheel)
    index.add("native", build_sdist("native", "2.0"))
    for version in ("0.9", "1.0"):
        index.add("pure", build_wheel("pure", version))
    index.add("young", build_wheel("young", "1.0", requires_python=">=3.12"))
    index.add("young", build_wheel("young", "0.9"))
    index.add("pinned", build_wheel("pinned", "1.0", requires_dist=["pure==0.9"]))
    index.add("app", build_wheel("app", "1.0", requires_dist=["pure"]))
    fast = {"fast": ["native>=1"]}
    index.add("app", build_wheel("app", "2.0", requires_dist=["pure>=0.9"], extras=fast))
    markers = ("sys_platform == 'win32'", "python_version < '3.11'", "os_name == 'posix'")
    needs = [f"part{n}; {marker}" for n, marker in enumerate(markers)]
    index.add("marked", build_wheel("marked", "1.0", requires_dist=needs))
    for number in range(len(markers)):
        index.add(f"part{number}", build_wheel(f"part{number}", "1.0"))
    return index


@st.composite
def blocks(draw: st.DrawFn) -> str:
    """Environments of a configuration."""
    found = []
    for number in range(draw(st.integers(1, 2))):
        python = draw(st.sampled_from(_PYTHONS))
        machine = draw(st.sampled_from(("x86_64", "amd64", "AMD64", "arm64", "")))
        pattern = draw(st.sampled_from(_PATTERNS))
        found.append(
            f"[env.e{number}]\npython_version = {python}\npython_full_version = {python}.1\n"
            "platform_python_implementation = CPython\nimplementation_name = cpython\n"
            + draw(st.sampled_from(tuple(_MACHINES.values())))
            + (f"platform_machine = {machine}\n" if machine else "")
            + (f"platform_tag = {pattern}\n" if pattern else "")
        )
    return "\n".join(found)


requirements = st.lists(
    st.sampled_from(_REQUIREMENTS), min_size=1, max_size=3, unique_by=lambda line: line.split()[0]
)


def files_below(place: Path) -> set[str]:
    return {path.name for path in place.rglob("*") if path.name.endswith((".whl", ".tar.gz"))}


@given(environments=blocks(), wanted=requirements)
@profile(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_same_files_or_a_note(
    filled: FakeIndex,
    pypi: PyPIServer,
    run_microrepo: MicrorepoRunner,
    tmp_path: Path,
    environments: str,
    wanted: Sequence[str],
) -> None:
    assert filled.projects
    for name in ("old", "new"):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        (tmp_path / name).mkdir()
    text = environments + "\n[requirements]\n" + "\n".join(wanted) + "\n"
    done = morgan_with(tmp_path / "old", f"{pypi.url}/simple/", text)
    theirs = files_below(tmp_path / "old")
    settings = tmp_path / "new" / "morgan.ini"
    settings.write_text(text)
    written = tmp_path / "new" / "c.json"
    translated = run_microrepo("config", "--from-morgan", settings, "-o", written)
    if translated.returncode:
        assert "no environment can be translated" in translated.stderr
        return
    ran = run_microrepo(
        *("refresh", "--config", written, "--repository", tmp_path / "new/repo"),
        *("--source", pypi.url, "--min-free-space", "0"),
    )
    ours = files_below(tmp_path / "new/repo")
    notes = translate_morgan(text, "morgan.ini").notes
    named = [note for note in notes if note.about not in _GENERAL]
    assert ours == theirs or named or (done.returncode and ran.returncode == 3), (
        f"ours {sorted(ours)}\ntheirs {sorted(theirs)}\n{text}\n{done.stderr}\n{ran.stderr}"
    )
