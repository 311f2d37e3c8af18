"""Real pip and uv through the server, over a bare directory and over static pages."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.functional.server.conftest import put, write_tree
from tests.functional.server.serving import Served, serve, wait_until
from tests.support.interpreters import python_interpreters
from tests.support.packages import build_sdist, build_wheel
from tests.support.programs import Completed, Environment

MakeEnvironment = Callable[..., Environment]


@pytest.fixture(params=["bare", "tree"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """A repository with a yanked-when-static 1.0 of foo-bar, and what needs it."""
    directory = tmp_path / "repository"
    directory.mkdir()
    good = build_wheel("foo-bar", "0.9", requires_dist=["dep"])
    newer = build_wheel("foo-bar", "1.0")
    future = build_wheel("foo-bar", "3.0", requires_python=">=3.99")
    foreign = build_wheel(
        "foo-bar", "2.0", python_tag="cp27", abi_tag="cp27mu", platform_tag="win32"
    )
    dependency = build_wheel("dep", "1.5")
    put(directory, good, newer, future, foreign, dependency)
    put(directory, build_sdist("only-source", "1.0"))
    for wheel in (good, newer, dependency):
        (directory / (wheel.filename + ".metadata")).write_bytes(wheel.metadata or b"")
    if request.param == "tree":
        write_tree(directory)
    with serve(directory) as running:
        yield running


def _pip(environment: Environment, index: Served, *arguments: str, check: bool = True) -> Completed:
    base = ("install", "--no-cache-dir", "--index-url", index.url + "simple/")
    return environment.pip(*base, *arguments, check=check)


def _uv(environment: Environment, index: Served, *arguments: str, check: bool = True) -> Completed:
    base = ("pip", "install", "--default-index", index.url + "simple/")
    return environment.uv(*base, *arguments, check=check)


CLIENTS = pytest.mark.parametrize("install", [_pip, _uv], ids=["pip", "uv"])


def _version(environment: Environment, name: str) -> str:
    code = f"from importlib.metadata import version; print(version({name!r}))"
    return environment.run("-c", code).stdout.strip()


def _is_tree(index: Served) -> bool:
    return index.ask("/simple/foo-bar/index.v1_json").status == 200


@CLIENTS
def test_installs_the_right_release(
    index: Served, fresh_venv: MakeEnvironment, install: Callable[..., Completed]
) -> None:
    """Not the one for another Python, nor for a later one, nor the yanked one."""
    environment = fresh_venv()
    install(environment, index, "foo-bar")
    assert _version(environment, "foo-bar") == ("0.9" if _is_tree(index) else "1.0")


@CLIENTS
def test_a_yanked_release_is_there_when_pinned(
    index: Served, fresh_venv: MakeEnvironment, install: Callable[..., Completed]
) -> None:
    environment = fresh_venv()
    install(environment, index, "foo-bar==1.0")
    assert _version(environment, "foo-bar") == "1.0"


@CLIENTS
def test_metadata_is_fetched_instead_of_wheels(
    index: Served, fresh_venv: MakeEnvironment, install: Callable[..., Completed]
) -> None:
    """A conflict is found by metadata alone."""
    result = install(fresh_venv(), index, "foo-bar==0.9", "dep<1", check=False)
    assert result.returncode != 0
    wheel = "GET /foo_bar-0.9-py3-none-any.whl"
    wait_until(lambda: f"{wheel}.metadata HTTP/1.1" in index.log.getvalue())
    assert f"{wheel} HTTP/1.1" not in index.log.getvalue()
    assert "/simple/dep/" in index.log.getvalue()


@CLIENTS
def test_a_damaged_file_is_refused(
    index: Served, fresh_venv: MakeEnvironment, install: Callable[..., Completed]
) -> None:
    """The page names the digest of what was there before."""
    if not _is_tree(index):
        pytest.skip("a scan names the digest of what is there")
    path = index.directory / "dep-1.5-py3-none-any.whl"
    path.write_bytes(build_wheel("dep", "1.5", files={"dep/__init__.py": b"evil = 1\n"}).content)
    result = install(fresh_venv(), index, "dep", check=False)
    assert result.returncode != 0
    assert "hash" in result.stderr.lower()


@CLIENTS
def test_a_source_distribution_is_built(
    index: Served, fresh_venv: MakeEnvironment, install: Callable[..., Completed]
) -> None:
    environment = fresh_venv()
    install(environment, index, "only-source")
    assert _version(environment, "only-source") == "1.0"


@CLIENTS
def test_a_release_added_later_is_seen(
    index: Served, fresh_venv: MakeEnvironment, install: Callable[..., Completed]
) -> None:
    environment = fresh_venv()
    install(environment, index, "dep")
    directory = index.directory
    put(directory, build_wheel("dep", "1.6"))
    if _is_tree(index):
        for path in sorted((directory / "simple").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (directory / "simple").rmdir()
        write_tree(directory)
    install(environment, index, "--upgrade", "dep")
    assert _version(environment, "dep") == "1.6"


@CLIENTS
def test_the_links_page_serves_find_links(
    index: Served, fresh_venv: MakeEnvironment, install: Callable[..., Completed]
) -> None:
    environment = fresh_venv()
    links = ("--no-index", "--find-links", index.url + "simple/links.html", "foo-bar==0.9")
    environment.pip("install", *links) if install is _pip else environment.uv(
        "pip", "install", *links
    )
    assert _version(environment, "dep") == "1.5"


def test_uv_reads_only_the_end_of_a_wheel_without_sidecar(
    index: Served, fresh_venv: MakeEnvironment
) -> None:
    """A conflict is found by ranges of the wheel."""
    directory = index.directory
    put(directory, build_wheel("heavy", "1", requires_dist=["dep<1"], payload_size=2_000_000))
    _uv(fresh_venv(), index, "heavy", "dep>1", check=False)
    wait_until(lambda: "heavy-1-py3" in index.log.getvalue())
    lines = [line for line in index.log.getvalue().splitlines() if '"GET /heavy-1-py3' in line]
    assert lines
    assert all('HTTP/1.1" 206 ' in line for line in lines)


def test_every_pip_that_is_here(index: Served, fresh_venv: MakeEnvironment) -> None:
    """The pip that each interpreter of this machine carries, the oldest ones included."""
    if not _is_tree(index):
        pytest.skip("the same renderer; one of the two is enough for something so slow")
    for release, python in python_interpreters().items():
        if release[:2] == sys.version_info[:2]:
            continue
        environment = fresh_venv(python=python)
        _pip(environment, index, "dep")
        assert environment.run("-c", "import dep; print(dep.__version__)").stdout.strip() == "1.5"
