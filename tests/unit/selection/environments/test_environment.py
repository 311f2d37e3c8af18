"""Environments are made from what a Python says of itself, never from this machine."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging import tags

from microrepo.errors import ConfigError
from microrepo.model import File
from microrepo.selection.environments.environment_block import MARKERS, environment_from_block
from microrepo.selection.environments.presets import (
    environment_from_listed_python,
    environment_from_preset,
    parse_environments,
    parse_python,
)
from microrepo.standalone import describe_python
from tests.support.interpreters import python_interpreters

SCRIPT = Path(describe_python.__file__)
TAGS_OF_PIP = """
import importlib, json, sys
for name in ("packaging.tags", "pip._vendor.packaging.tags"):
    try:
        tags = importlib.import_module(name)
    except ImportError:
        continue
    print(json.dumps([str(tag) for tag in tags.sys_tags()]))
    break
"""


@pytest.mark.parametrize("release", sorted(python_interpreters()), ids=str)
def test_script_runs_everywhere_and_its_block_gives_pips_tags(release):
    """Under each Python found, the computed tags are the ones that its own pip computes."""
    python = python_interpreters()[release]
    done = subprocess.run(
        [python, "-I", SCRIPT, "--name", "x"], capture_output=True, text=True, check=True
    )
    environment = environment_from_block("x", json.loads(done.stdout)["x"])
    assert environment.markers["python_version"] == "{}.{}".format(*release)
    asked = subprocess.run(
        [python, "-I", "-W", "ignore", "-c", TAGS_OF_PIP],
        capture_output=True,
        text=True,
        check=True,
    )
    if not asked.stdout:
        pytest.skip("this Python has neither pip nor packaging")
    # Where plain linux tags stand in the order has changed between versions of packaging, and
    # one tag was added since.
    known = json.loads(asked.stdout)
    younger = {"cp{}{}-none-any".format(*release)} - set(known)
    assert set(environment.tags) - younger == set(known)
    ours = [tag for tag in environment.tags if tag not in younger]
    plain = "-linux_"
    assert [t for t in ours if plain not in t] == [t for t in known if plain not in t]


def test_tags_of_the_running_python_in_order():
    """Against the very library that is used here, order included."""
    block = describe_python.describe()
    environment = environment_from_block("here", block)
    ours = [tag for tag in environment.tags if "-linux_" not in tag]
    assert ours == [str(tag) for tag in tags.sys_tags() if "-linux_" not in str(tag)]
    assert set(environment.tags) == {str(tag) for tag in tags.sys_tags()}


def test_markers_of_the_running_python():
    """The script agrees with the library on all eleven markers."""
    from packaging.markers import default_environment

    ours = environment_from_block("here", describe_python.describe()).markers
    theirs = default_environment()
    assert ours == {key: theirs[key] for key in MARKERS}  # type: ignore[literal-required]


def test_script_prints_a_table_under_a_name():
    """The default name tells Python and platform."""
    block = json.loads(describe_python.render())
    (name,) = block
    assert name.startswith(f"cp{sys.version_info[0]}{sys.version_info[1]}-")
    assert parse_environments(block)[0].name == name
    assert describe_python.main(["--name", "mine"]) == 0


@pytest.mark.parametrize("key", [*MARKERS, "platform", "free_threaded"])
def test_a_missing_key_is_named(key):
    """Nothing is filled from the host."""
    block = describe_python.describe()
    del block[key]
    with pytest.raises(ConfigError) as caught:
        environment_from_block("cluster", block)
    assert f"$.environments.cluster.{key}" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"colour": "red"}, "colour"),
        ({"os_name": 7}, "os_name"),
        ({"python_full_version": "three"}, "python_full_version"),
        ({"python_version": "3.1"}, "python_version"),
        ({"glibc": None, "musl": None, "platform": "linux-x86_64"}, "glibc"),
        ({"glibc": "new", "platform": "linux-x86_64"}, "glibc"),
        ({"platform": "macosx-14.0-arm64", "macos": None}, "macos"),
        ({"free_threaded": "no"}, "free_threaded"),
        ({"implementation_name": "pypy", "ext_suffix": "so"}, "ext_suffix"),
        ({"implementation_name": "pypy", "ext_suffix": None}, "ext_suffix"),
    ],
)
def test_a_wrong_value_is_named(change, key):
    """The path of the value stands in the message."""
    with pytest.raises(ConfigError) as caught:
        environment_from_block("cluster", {**describe_python.describe(), **change})
    assert f"$.environments.cluster.{key}" in str(caught.value)


@pytest.mark.parametrize(
    ("preset", "markers", "first", "last", "among"),
    [
        (
            "cp312-manylinux_2_28_x86_64",
            ("posix", "linux", "Linux", "x86_64", "CPython", "3.12", "3.12.0"),
            "cp312-cp312-linux_x86_64",
            "py30-none-any",
            "cp38-abi3-manylinux1_x86_64",
        ),
        (
            "cp311-win_amd64",
            ("nt", "win32", "Windows", "AMD64", "CPython", "3.11", "3.11.0"),
            "cp311-cp311-win_amd64",
            "py30-none-any",
            "py3-none-win_amd64",
        ),
        (
            "cp313-macosx_14_0_arm64",
            ("posix", "darwin", "Darwin", "arm64", "CPython", "3.13", "3.13.0"),
            "cp313-cp313-macosx_14_0_arm64",
            "py30-none-any",
            "cp39-abi3-macosx_11_0_universal2",
        ),
        (
            "cp310-musllinux_1_2_aarch64",
            ("posix", "linux", "Linux", "aarch64", "CPython", "3.10", "3.10.0"),
            "cp310-cp310-linux_aarch64",
            "py30-none-any",
            "cp310-cp310-musllinux_1_0_aarch64",
        ),
        (
            "pp310-manylinux2014_x86_64",
            ("posix", "linux", "Linux", "x86_64", "PyPy", "3.10", "3.10.0"),
            "pp310-pypy310_pp73-linux_x86_64",
            "py30-none-any",
            "pp310-pypy310_pp73-manylinux2014_x86_64",
        ),
        (
            "cp313t-manylinux_2_28_x86_64",
            ("posix", "linux", "Linux", "x86_64", "CPython", "3.13", "3.13.0"),
            "cp313-cp313t-linux_x86_64",
            "py30-none-any",
            "cp313-none-any",
        ),
        (
            "3.12.7-win32",
            ("nt", "win32", "Windows", "x86", "CPython", "3.12", "3.12.7"),
            "cp312-cp312-win32",
            "py30-none-any",
            "cp312-abi3-win32",
        ),
    ],
)
def test_presets(preset, markers, first, last, among):
    """Short names give all eleven markers and the tags."""
    found = environment_from_preset("target", preset)
    keys = ["os_name", "sys_platform", "platform_system", "platform_machine"]
    keys += ["platform_python_implementation", "python_version", "python_full_version"]
    assert tuple(found.markers[key] for key in keys) == markers
    assert set(found.markers) == set(MARKERS)
    assert (found.tags[0], found.tags[-1]) == (first, last)
    assert among in found.tags


_IPHONE = list(tags.ios_platforms((13, 2), "arm64_iphoneos"))
_SIMULATOR = list(tags.ios_platforms((12, 0), "x86_64_iphonesimulator"))
_ANDROID = list(tags.android_platforms(24, "arm64_v8a"))
_MAC = list(tags.mac_platforms((14, 0), "arm64"))


@pytest.mark.parametrize(
    ("preset", "python", "abi", "platforms"),
    [
        ("cp314-ios_13_2_arm64_iphoneos", (3, 14), "cp314", _IPHONE),
        ("cp313-ios_12_0_x86_64_iphonesimulator", (3, 13), "cp313", _SIMULATOR),
        ("cp314-android_24_arm64_v8a", (3, 14), "cp314", _ANDROID),
        ("cp313-pyemscripten_2025_0_wasm32", (3, 13), "cp313", ["pyemscripten_2025_0_wasm32"]),
        ("cp313-pyodide_2025_0_wasm32", (3, 13), "cp313", ["pyodide_2025_0_wasm32"]),
        ("cp312-macosx_14_0_arm64", (3, 12), "cp312", _MAC),
        ("cp315t-macosx_14_0_arm64", (3, 15), "cp315t", _MAC),
        ("cp314t-win_arm64", (3, 14), "cp314t", ["win_arm64"]),
        ("cp311-win32", (3, 11), "cp311", ["win32"]),
        (
            "cp312-musllinux_1_2_riscv64",
            (3, 12),
            "cp312",
            ["linux_riscv64", *(f"musllinux_1_{minor}_riscv64" for minor in (2, 1, 0))],
        ),
        (
            "cp312-manylinux_2_31_riscv64",
            (3, 12),
            "cp312",
            [
                "linux_riscv64",
                *(f"manylinux_2_{minor}_riscv64" for minor in range(31, 17, -1)),
                *("manylinux_2_17_riscv64", "manylinux2014_riscv64"),
            ],
        ),
    ],
)
def test_tags_of_presets_are_those_of_packaging(preset, python, abi, platforms):
    """In the same order, since the best file decides about dependencies."""
    own = tags.cpython_tags(python, [abi], platforms)
    common = tags.compatible_tags(python, f"cp{python[0]}{python[1]}", platforms)
    expected = list(dict.fromkeys(map(str, (*own, *common))))
    assert list(environment_from_preset("x", preset).tags) == expected


@pytest.mark.parametrize(
    ("preset", "markers"),
    [
        ("cp314-ios_13_0_arm64_iphoneos", ("posix", "ios", "iOS", "arm64")),
        ("cp314-android_24_arm64_v8a", ("posix", "android", "Android", "aarch64")),
        ("cp313-pyemscripten_2025_0_wasm32", ("posix", "emscripten", "Emscripten", "wasm32")),
    ],
)
def test_markers_of_other_systems(preset, markers):
    found = environment_from_preset("x", preset).markers
    keys = ("os_name", "sys_platform", "platform_system", "platform_machine")
    assert tuple(found[key] for key in keys) == markers


def test_floors_of_manylinux():
    """glibc goes down to 2.5 on x86 and to 2.17 elsewhere, with the aliases."""
    x86 = environment_from_preset("x", "cp312-manylinux_2_17_x86_64").tags
    arm = environment_from_preset("x", "cp312-manylinux_2_17_aarch64").tags
    assert "cp312-cp312-manylinux_2_5_x86_64" in x86
    assert "cp312-cp312-manylinux_2_4_x86_64" not in x86
    assert "cp312-cp312-manylinux_2_18_x86_64" not in x86
    assert {f"cp312-cp312-manylinux{n}_x86_64" for n in ("1", "2010", "2014")} <= set(x86)
    assert "cp312-cp312-manylinux_2_17_aarch64" in arm
    assert "cp312-cp312-manylinux_2_16_aarch64" not in arm
    assert not any("musllinux" in tag for tag in x86)


def test_free_threaded_python_takes_no_abi3():
    """A free-threaded build has another ABI."""
    found = environment_from_preset("x", "cp313t-win_amd64")
    assert not any("-abi3-" in tag for tag in found.tags)
    assert "cp313-cp313-win_amd64" not in found.tags


@pytest.mark.parametrize(
    "preset",
    [
        *("", "cp312", "cp27-win_amd64", "cp312-plan9", "cp312-macosx_14_0_ppc", "jy27-win32"),
        *("x-y-z", "cp39t-win_amd64", "pp313t-win32", "cp3\u0661\u0661-win32", "cp311-win_amd6"),
        *("cp314-ios_11_0_arm64_iphoneos", "cp314-ios_13_0_x86_64_iphoneos"),
        *("cp314-android_15_x86", "cp314-android_24_mips", "cp313-pyemscripten_2025_wasm32"),
        *("cp312-manylinux_2_\u0662\u0668_x86_64", "3.011-win32"),
    ],
)
def test_unknown_presets(preset):
    """The message lists the known forms."""
    with pytest.raises(ConfigError, match=r"\$\.environments\.x.*known forms"):
        environment_from_preset("x", preset)


@pytest.mark.parametrize(
    ("preset", "near"),
    [
        ("3.9.18", "'3.9.18-manylinux_2_28_x86_64'"),
        (">=3.9", "'cp39-manylinux_2_28_x86_64'"),
        ("win_amd64", "'cp312-win_amd64'"),
        ("cp311-win64", "'cp311-win_amd64'"),
        ("linux", "'cp312-manylinux_2_28_x86_64'"),
    ],
)
def test_what_comes_near_a_preset_is_suggested(preset, near):
    """A Python without a platform, or a platform without a Python, is completed."""
    with pytest.raises(ConfigError, match=f"did you mean {near}"):
        environment_from_preset("x", preset)


def test_config_forms():
    """A table of names, or a plain list of presets."""
    named = parse_environments({"a": "cp312-win_amd64", "b": describe_python.describe()})
    assert [found.name for found in named] == ["a", "b"]
    assert parse_environments(["cp312-win_amd64"])[0].name == "cp312-win_amd64"
    with pytest.raises(ConfigError, match=r"\$\.environments\.a"):
        parse_environments({"a": 3})


def test_listed_python_on_a_given_platform():
    """The listed Python comes on the platform that the caller describes."""
    host = {**describe_python.describe(), "platform": "linux-aarch64", "glibc": "2.31"}
    host.update(platform_machine="aarch64", python_version="3.9", python_full_version="3.9.7")
    other = environment_from_listed_python("cp312", host)
    assert other.name == "cp312-linux_aarch64"
    assert other.python == "3.12.0"
    assert "cp312-cp312-manylinux_2_31_aarch64" in other.tags
    same = environment_from_listed_python("3.9", host)
    assert same.python == "3.9.7"
    with pytest.raises(ConfigError):
        environment_from_listed_python("snake", host)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("3.11", "cp311"),
        ("cp39", "cp39"),
        ("pp310", "pp310"),
        ("cp313t", "cp313t"),
        ("3.13t", "cp313t"),
    ],
)
def test_python_names(text, short):
    """All the ways to write a Python."""
    found = parse_python(text)
    assert found is not None
    assert found.short == short


def _file(filename: str, **fields: Any) -> File:
    kind = "bdist_wheel" if filename.endswith(".whl") else "sdist"
    return File(
        filename=filename,
        url="",
        version="1.0",
        package_type=fields.pop("package_type", kind),
        **fields,
    )


def test_supports_orders_files():
    """The more specific wheel first, sources last, the rest not at all."""
    here = environment_from_preset("x", "cp312-manylinux_2_28_x86_64")
    order = [
        "a-1.0-cp312-cp312-manylinux_2_28_x86_64.whl",
        "a-1.0-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "a-1.0-cp310-abi3-manylinux_2_17_x86_64.whl",
        "a-1.0-py2.py3-none-any.whl",
        "a-1.0.tar.gz",
        "a-1.0.zip",
    ]
    ranks = [here.supports(_file(name)) for name in order]
    assert None not in ranks
    assert ranks == sorted(ranks, key=lambda rank: (rank is None, rank))
    assert len(set(ranks)) == len(ranks)
    for name in ("a-1.0-cp313-abi3-manylinux_2_17_x86_64.whl", "a-1.0-py2-none-any.whl"):
        assert here.supports(_file(name)) is None
    assert here.supports(_file("a-1.0-py3.12.egg", package_type="bdist_egg")) is None


@pytest.mark.parametrize(
    ("text", "admitted"),
    [
        (None, True),
        ("", True),
        (">=3.12", True),
        (">=3.12.1", False),
        (">=3.6.*", True),
        ("rubbish", True),
    ],
)
def test_requires_python(text, admitted):
    """The announced Requires-Python counts, unreadable ones admit all."""
    here = environment_from_preset("x", "cp312-win_amd64")
    assert (
        here.supports(_file("a-1.0-py3-none-any.whl", requires_python=text)) is not None
    ) == admitted
