"""`config --from-bandersnatch` and `--from-morgan`: the same files as the real programs select."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.mirrors import bandersnatch, morgan, under_packages
from tests.support.packages import build_egg, build_sdist, build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer

ENDINGS = (".whl", ".tar.gz", ".zip", ".egg")


def selected(directory: Path) -> set[str]:
    """Return the names of all distributions below a directory."""
    return {path.name for path in directory.rglob("*") if path.name.endswith(ENDINGS)}


@pytest.fixture
def filled(index: FakeIndex) -> FakeIndex:
    """Enough for each plugin to have something to leave out, and something to keep."""
    for version in ("1.0", "1.1", "2.0rc1", "2.0"):
        index.add("alpha", build_wheel("alpha", version, requires_python=">=3.6"))
        index.add("alpha", build_sdist("alpha", version))
    for tags in (("cp38", "cp38", "win_amd64"), ("cp312", "cp312", "macosx_11_0_arm64"),
                 ("cp312", "cp312", "manylinux2014_x86_64"), ("cp27", "cp27mu", "linux_x86_64"),
                 ("py2.py3", "none", "any")):  # fmt: skip
        built = build_wheel(
            "beta", "1.0", python_tag=tags[0], abi_tag=tags[1], platform_tag=tags[2]
        )
        index.add("beta", built)
    index.add("beta", build_egg("beta", "0.9", python_version="2.7"))
    index.add("Big.One", build_sdist("Big.One", "1.0", payload_size=60_000))
    index.add("gamma-nightly", build_wheel("gamma-nightly", "1.0", requires_python=">=3.13"))
    index.add("gamma-nightly", build_wheel("gamma-nightly", "0.9"), yanked="broken")
    under_packages(index)
    return index


PLUGINS = {
    "none": "",
    "names": """
[plugins]
enabled =
    blocklist_project
    blocklist_release
[blocklist]
packages =
    # a comment
    Gamma_Nightly
    alpha<1.1
""",
    "allow": """
[plugins]
enabled =
    allowlist_project
    allowlist_release
[allowlist]
packages =
    alpha>=1.1
    big-one
""",
    "patterns": """
[plugins]
enabled =
    regex_project
    regex_release
[filter_regex]
packages =
    .+-nightly$
releases =
    .+rc\\d$
""",
    "releases": """
[plugins]
enabled =
    latest_release
[latest_release]
keep = 2
""",
    "pre-releases": """
[plugins]
enabled =
    prerelease_release
""",
    "platforms": """
[plugins]
enabled =
    exclude_platform
[blocklist]
platforms = windows macos py2.7
""",
    "fields": """
[plugins]
enabled =
    regex_release_file_metadata
    version_range_release_file_metadata
    size_project_metadata
    versions_count_project_metadata
[regex_release_file_metadata]
any:release_file.packagetype =
    sdist
    bdist_wheel
[version_range_release_file_metadata]
any:release_file.requires_python = 3.9
[size_project_metadata]
max_package_size = 40K
[versions_count_project_metadata]
min_versions = 2
""",
    "requirements": """
[plugins]
enabled =
    project_requirements
    project_requirements_pinned
[allowlist]
requirements_path = {home}
requirements =
    pinned-*.txt
""",
}


@pytest.mark.parametrize("plugins", PLUGINS)
def test_what_bandersnatch_selects(
    repo: Repository, pypi: PyPIServer, filled: FakeIndex, tmp_path: Path, plugins: str
) -> None:
    home = tmp_path / "old"
    home.mkdir()
    (home / "pinned-1.txt").write_text("# a comment\nalpha==1.1\nbig_one\n")
    bandersnatch(home, pypi.url, more=PLUGINS[plugins].format(home=home))
    wanted = selected(home / "mirror")
    assert wanted
    assert plugins == "none" or len(wanted) < len(filled.files_by_path())
    config = tmp_path / "config.json"
    repo.run("config", "--from-bandersnatch", home / "conf", "-o", config)
    values = json.loads(config.read_text())
    assert values["repository"] == str(home / "mirror")
    values |= {"repository": str(repo.path), "min_free_space": 0, "simple": False, "server": False}
    config.write_text(json.dumps(values))
    repo.run("refresh", "--config", config, "--processes", "2")
    assert selected(repo.path) == wanted


def test_what_morgan_selects(
    repo: Repository, pypi: PyPIServer, filled: FakeIndex, tmp_path: Path
) -> None:
    """The newest release of each, as wheel and sdist."""
    home = tmp_path / "old"
    morgan(home, pypi.simple_url, ["alpha", "Big.One"])
    config = tmp_path / "config.json"
    repo.run("config", "--from-morgan", home / "index" / "morgan.ini", "-o", config)
    repo.run("refresh", "--config", config, *repo.flags()[:4], "--min-free-space", "0")
    wanted = selected(home / "index")
    assert wanted == {"alpha-2.0-py3-none-any.whl", "alpha-2.0.tar.gz", "big_one-1.0.tar.gz"}
    assert selected(repo.path) == wanted


@pytest.mark.parametrize(
    "machine",
    [
        "sys_platform = linux\nplatform_machine = x86_64\nplatform_tag = manylinux_2_17_x86_64",
        "sys_platform = linux\nplatform_machine = x86_64\nplatform_tag = manylinux2014_x86_64",
        "sys_platform = win32\nplatform_machine = AMD64\nos_name = nt\nplatform_tag = win_amd64",
        "sys_platform = linux\nplatform_machine = x86_64",
        "sys_platform = darwin\nplatform_machine = arm64\nplatform_tag = .*",
    ],
)
def test_what_morgan_selects_for_a_platform(
    repo: Repository, pypi: PyPIServer, index: FakeIndex, tmp_path: Path, machine: str
) -> None:
    linux = "manylinux_2_17_x86_64.manylinux2014_x86_64"
    for platform in (linux, "win_amd64", "win32", "macosx_11_0_arm64"):
        built = build_wheel(
            "num", "1.0", python_tag="cp311", abi_tag="cp311", platform_tag=platform
        )
        index.add("num", built)
    home = tmp_path / "old"
    morgan(home, pypi.simple_url, ["num"], machine)
    config = tmp_path / "config.json"
    done = repo.run("config", "--from-morgan", home / "index" / "morgan.ini", "-o", config)
    repo.run("refresh", "--config", config, *repo.flags()[:4], "--min-free-space", "0")
    named = "env.here.platform_tag" in done.stderr or "env.here.sys_platform" in done.stderr
    assert selected(repo.path) == selected(home / "index") or named
    assert named is ("= .*" in machine)
    assert len(selected(repo.path)) == 1


def test_output_that_is_there_stays(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("[mirror]\ndirectory = /srv/pypi\n")
    (tmp_path / "mine.json").write_text("mine")
    words = ("config", "--from-bandersnatch", tmp_path / "conf")
    repo.run(*words, "-o", tmp_path / "mine.json", expect=2)
    assert (tmp_path / "mine.json").read_text() == "mine"
    done = repo.run(*words)
    assert json.loads(done.stdout)["repository"] == "/srv/pypi"
    assert "note: mirror.directory: " in done.stderr
    assert repo.run(*words, "--quiet").stderr == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from-bandersnatch", "missing"], "missing: cannot be read"),
        (["--from-bandersnatch", "broken"], "broken: is not a file of that kind"),
        (["--from-morgan", "broken"], "broken: is not a file of that kind"),
        (["--from-morgan", "other"], "not a configuration of Morgan"),
        (["--from-bandersnatch", "other"], "has no [mirror]"),
        (["--from-bandersnatch", "latin"], "cannot be read"),
        (["--from-bandersnatch", "other", "--from-morgan", "other"], "one file at a time"),
        (["-o", "somewhere"], "--output requires"),
    ],
)
def test_what_cannot_be_translated(
    repo: Repository, tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "broken").write_text("directory = 1\n[mirror\n")
    (tmp_path / "other").write_text("[server]\nport = 1\n")
    (tmp_path / "latin").write_bytes(b"[mirror]\ndirectory = /\xe4\n")
    done = repo.run("config", *words, expect=2, cwd=tmp_path)
    assert said in done.stderr
    assert done.stdout == ""
