"""Targets of a closure: from settings to environments, and nothing guessed."""

from __future__ import annotations

import pytest

from microrepo.errors import ConfigError
from microrepo.selection.environments.environment_block import Block
from microrepo.selection.environments.targets import (
    Words,
    named_environments,
    target_environments,
)

HOST: Block = {
    "implementation_name": "cpython",
    "implementation_version": "3.11.7",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "6",
    "platform_system": "Linux",
    "platform_version": "1",
    "python_full_version": "3.11.7",
    "python_version": "3.11",
    "sys_platform": "linux",
    "debug": False,
    "ext_suffix": ".cpython-311-x86_64-linux-gnu.so",
    "free_threaded": False,
    "glibc": "2.36",
    "platform": "linux-x86_64",
}


def names(
    python_versions: Words = None,
    platforms: Words = "all",
    environments: list[str] | None = None,
    excluded: tuple[str, ...] = (),
) -> list[str]:
    found = target_environments(environments or [], python_versions, platforms, excluded, HOST)
    return [environment.name for environment in found]


@pytest.mark.parametrize(
    ("pythons", "platforms", "expected"),
    [
        (None, "all", ["cp311-linux_x86_64"]),
        (["py3", "any"], "all", ["cp311-linux_x86_64"]),
        (["3.12", "pp310", "3.13t"], ["any"], [f"{p}-linux_x86_64" for p in ("cp312", "pp310", "cp313t")]),
        (["3.12"], ["any", "win_amd64"], ["cp312-win_amd64"]),
        (["3.12"], ["manylinux*_x86_64"], ["cp312-linux_x86_64"]),
        (["3.12"], ["linux", "win_amd64"], ["cp312-linux_x86_64", "cp312-win_amd64"]),
        (["3.12"], ["manylinux*_aarch64"], ["cp312-manylinux_2_28_aarch64"]),
        (["3.12"], ["manylinux_2_17_aarch64"], ["cp312-manylinux_2_17_aarch64"]),
        (["3.12"], ["manylinux2014_ppc64le"], ["cp312-manylinux2014_ppc64le"]),
        (["3.12"], ["musllinux*_aarch64"], ["cp312-musllinux_1_2_aarch64"]),
        (["3.12"], ["macosx_11_0_arm64"], ["cp312-macosx_11_0_arm64"]),
        (["3.12"], ["macosx_*_universal2"], ["cp312-macosx_14_0_arm64", "cp312-macosx_14_0_x86_64"]),
        (["3.11", "3.12"], ["win*"], ["cp311-win_amd64", "cp312-win_amd64", "cp311-win_arm64",
                                      "cp312-win_arm64", "cp311-win32", "cp312-win32"]),
    ],
)  # fmt: skip
def test_pythons_times_platforms(pythons: Words, platforms: Words, expected: list[str]) -> None:
    """The running machine where its own platform is meant, a usual one elsewhere."""
    assert names(pythons, platforms) == expected


def test_the_running_python_is_taken_whole() -> None:
    """With its patch release; others are known by their line only."""
    here, other = target_environments([], ["3.11", "3.12"], "all", (), HOST)
    assert (here.python, other.python) == ("3.11.7", "3.12.0")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"python_versions": "all"}, "names no Python"),
        ({"python_versions": ["3.9.18"]}, "write only 3.9"),
        ({"python_versions": ["pypy3.10"]}, "write only pp3.10"),
        ({"python_versions": ["cp312-win_amd64"]}, "in `environments`"),
        ({"python_versions": ["3.110"]}, "write 3.12"),
        ({"python_versions": ["3.99"]}, "write 3.12"),
        ({"environments": ["cp311-linux_x86_64"]}, "did you mean 'cp311-manylinux_2_28_x86_64'"),
        ({"platforms": ["win64"]}, "did you mean 'win_amd64'"),
        ({"excluded": ("win64",)}, "did you mean 'win_amd64'"),
        ({"python_versions": ["2.7"]}, "cannot be resolved for Python 2.7"),
        ({"python_versions": ["3.12", "2.7"]}, "cannot be resolved for Python 2.7"),
        ({"platforms": ["freebsd_14_0_release_amd64"]}, "no environment is known"),
        ({"environments": ["cp312-win_amd46"]}, "did you mean 'cp312-win_amd64'"),
        ({"environments": ["3.12"]}, "is not a preset"),
        ({"environments": ["cp312-manylinux_2_28_amd64"]}, "is not a preset"),
        ({"environments": ["cp399-win_amd64"]}, "is not a preset"),
        (
            {"environments": ["cp312-win_amd64"], "platforms": ["manylinux*_x86_64"]},
            "allows no wheel for the environment cp312-win_amd64",
        ),
        (
            {"environments": ["cp312-win_amd64"], "excluded": ("win32", "win_*")},
            "excludes all wheels for the environment",
        ),
        ({"python_versions": ["3.12"], "excluded": ("linux",)}, "excludes all wheels"),
        (
            {"environments": ["cp312-win_amd64"], "python_versions": ["3.10"]},
            "lacks 3.12, the Python of the environment cp312-win_amd64",
        ),
        ({"environments": ["pp310-win_amd64"], "python_versions": ["3.10"]}, "lacks 3.10"),
    ],
)
def test_what_names_nothing_or_contradicts_itself(settings: dict[str, object], words: str) -> None:
    """It is an error, never another target."""
    with pytest.raises(ConfigError, match=words):
        names(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("pythons", ["all", ["3.11"], ["py3"], ["3.9", "3.12"]])
def test_named_environments_decide_beside_pythons_that_agree(pythons: Words) -> None:
    """The running Python is the default, so a list of it says nothing."""
    assert names(pythons, environments=["cp312-win_amd64"]) == ["cp312-win_amd64"]


def test_names_of_environments_go_before_presets() -> None:
    """A name that is neither is refused."""
    (known,) = target_environments([], ["3.12"], "all", (), HOST)
    found = named_environments(["cp312-linux_x86_64", "cp313-win_amd64"], [known])
    assert [one.name for one in found] == ["cp312-linux_x86_64", "cp313-win_amd64"]
    assert found[0] is known
    with pytest.raises(ConfigError, match="is not a preset"):
        named_environments(["nowhere"], [known])
