"""pip, the oldest and the newest, and uv install by all five ways from a refreshed repository.

The ways: the flat directory, the links page, the index at a `file://` address, `server.py`, nginx.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.functional.clients.ways import OVER_HTTP, WAYS, Client, Way, new_client, way_to
from tests.support.index import FakeIndex
from tests.support.interpreters import python_interpreters
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.programs import Environment, MicrorepoRunner, make_environment
from tests.support.repository import wait_until
from tests.support.server import PyPIServer
from tests.support.tools import tool

HURT = build_wheel("hurt", "1.0")
# An archive that is good in itself, so that its digest alone gives it away.
FORGED = build_wheel("hurt", "1.0", files={"hurt/__init__.py": b"stolen = True\n"})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ways")


def _fill(index: FakeIndex) -> None:
    index.add("foo-bar", build_wheel("Foo.Bar", "0.9", requires_dist=["dep"]))
    index.add("foo-bar", build_wheel("Foo.Bar", "1.0"), yanked="it broke")
    newer = build_wheel("Foo.Bar", "2.0", requires_python=">=3.99")
    index.add("foo-bar", newer)
    foreign = build_wheel(
        "Foo.Bar", "3.0", python_tag="cp27", abi_tag="cp27mu", platform_tag="win32"
    )
    index.add("foo-bar", foreign)
    for version in ("1.0", "1.5"):
        index.add("dep", build_wheel("dep", version))
    index.add("clash", build_wheel("clash", "1.0", requires_dist=["dep<1.5"], payload_size=90_000))
    index.add("only-source", build_sdist("only-source", "1.0"))
    index.add("hurt", HURT)


@pytest.fixture(scope="module")
def repositories(home: Path) -> tuple[Path, Path]:
    """The repository with everything, and the one that a refresh makes by default.

    A file of each is forged afterwards, and PyPI is gone: nothing may need it any more.
    """
    index, runner = FakeIndex(), MicrorepoRunner(home)
    _fill(index)
    whole, usual = home / "whole répo", home / "usual"
    everything = ("--packages", "everything", "--versions", "all", "--python-versions", "all")
    with PyPIServer(index) as pypi:
        for path, more in ((whole, ["--yanked"]), (usual, [])):
            flags = ("--repository", path, "--source", pypi.url, "--min-free-space", "0")
            done = runner("refresh", *flags, *everything, *more)
            assert done.returncode == 0, done.stderr
    for path in (whole, usual):
        FORGED.write_to(path)
    return whole, usual


@pytest.fixture(scope="module")
def environments(home: Path, shared_environment: Environment) -> dict[str, Environment]:
    """Environments that were made so far, by client; they are slow to make."""
    return {"uv": shared_environment}


@pytest.fixture(params=["oldest-pip", "newest-pip", "uv"])
def client(
    request: pytest.FixtureRequest,
    environments: dict[str, Environment],
    home: Path,
    tmp_path: Path,
) -> Client:
    """A client with an empty cache."""
    name = str(request.param)
    if name not in environments:
        environments[name] = _pip(name, home)
    made = environments[name]
    place = tmp_path / "client"
    place.mkdir()
    fresh = Environment(place, (str(made.python), "-m", "pip"))
    return new_client(fresh, tmp_path, is_uv=name == "uv")


def _pip(name: str, home: Path) -> Environment:
    if name == "newest-pip":
        python = tool("newest-pip", ["pip"]) / "python"
        return Environment(python.parent.parent, (str(python), "-m", "pip"))
    oldest = next(iter(python_interpreters().values()))
    return make_environment(home / name, python=oldest)


@pytest.fixture(scope="module")
def opened(home: Path, repositories: tuple[Path, Path]) -> Iterator[dict[str, Way]]:
    """All five ways to the whole repository, and those by `--find-links` to the usual one."""
    whole, usual = repositories
    with ExitStack() as stack:
        ways = {name: stack.enter_context(way_to(whole, name, home / "nginx")) for name in WAYS}
        for name in ("flat", "links"):
            ways[f"usual-{name}"] = stack.enter_context(way_to(usual, name, home))
        yield ways


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, opened: dict[str, Way]) -> Way:
    return opened[request.param]


@pytest.fixture(params=[name for name in WAYS if name != "flat"])
def page(request: pytest.FixtureRequest, opened: dict[str, Way]) -> Way:
    """The ways that lead over a page; a bare directory can neither yank nor name a digest."""
    return opened[request.param]


def test_the_release_that_fits_is_installed(client: Client, page: Way) -> None:
    """Neither the wheel for another Python, nor the release for a later one, nor the yanked one."""
    if client.is_uv and page.find_links:
        pytest.skip("uv overlooks yank marks on links pages")
    assert client.install(page, "foo-bar").releases == {"foo-bar": "0.9", "dep": "1.5"}


@pytest.mark.parametrize("name", ["flat", "links"])
def test_what_a_usual_refresh_keeps_needs_no_marks(
    client: Client, opened: dict[str, Way], name: str
) -> None:
    """Yanked files are left out, because not every client would see them marked."""
    way = opened[f"usual-{name}"]
    assert client.install(way, "foo-bar").releases == {"foo-bar": "0.9", "dep": "1.5"}
    assert client.install(way, "foo-bar==1.0", check=False).done.returncode != 0


def test_a_yanked_release_is_installed_when_pinned(client: Client, way: Way) -> None:
    """Together with a source distribution, which is built."""
    result = client.install(way, "foo-bar==1.0", "only-source")
    assert result.releases == {"foo-bar": "1.0", "only-source": "1.0"}


def test_what_is_for_other_pythons_alone_is_refused(client: Client, way: Way) -> None:
    result = client.install(way, "foo-bar>=2", check=False)
    assert result.done.returncode != 0
    assert result.releases == {}
    assert "foo-bar" in result.text.lower() or "foo_bar" in result.text.lower()


def test_a_damaged_file_is_refused_by_the_digest_of_the_page(client: Client, page: Way) -> None:
    result = client.install(page, "hurt", check=False)
    assert result.done.returncode != 0
    assert "hash" in result.text.lower()
    assert result.releases == {}


def test_in_a_flat_directory_the_digest_of_a_requirement_refuses_a_damaged_file(
    client: Client, opened: dict[str, Way], tmp_path: Path
) -> None:
    """The one protection there."""
    listed = tmp_path / "requirements.txt"
    listed.write_text(f"hurt==1.0 --hash=sha256:{HURT.sha256}\n")
    arguments = ("--require-hashes", "-r", str(listed))
    result = client.install(opened["flat"], *arguments, check=False)
    assert result.done.returncode != 0
    assert "hash" in result.text.lower()
    assert result.releases == {}


@pytest.mark.parametrize("client", ["newest-pip", "uv"], indirect=True)
@pytest.mark.parametrize("name", OVER_HTTP)
def test_metadata_is_fetched_instead_of_wheels(
    client: Client, opened: dict[str, Way], name: str
) -> None:
    """A conflict costs a page and a small file for each project, and no wheel; from pip 23 on."""
    way = opened[name]
    before = len(way.requests())
    result = client.install(way, "clash", "dep==1.5", check=False)
    assert result.done.returncode != 0
    wheel = "GET /clash-1.0-py3-none-any.whl"
    wait_until(lambda: wheel + ".metadata" in way.requests()[before:])
    asked = way.requests()[before:]
    assert [line for line in asked if line.endswith(".whl")] == []
    assert len(asked) <= 4


@pytest.mark.parametrize("client", ["newest-pip", "uv"], indirect=True)
@pytest.mark.parametrize("name", WAYS)
def test_a_release_added_later_is_seen_by_the_second_run(
    client: Client, name: str, tmp_path: Path, run_microrepo: MicrorepoRunner
) -> None:
    """With the cache of the first run, over a directory that was filled by hand and indexed."""
    repository = tmp_path / "by hand"
    repository.mkdir()
    _put(run_microrepo, repository, build_wheel("dep", "1.0"))
    with way_to(repository, name, tmp_path / "nginx") as way:
        assert client.install(way, "dep").releases == {"dep": "1.0"}
        _put(run_microrepo, repository, build_wheel("dep", "1.1"))
        assert client.install(way, "dep").releases == {"dep": "1.1"}


def _put(run_microrepo: MicrorepoRunner, repository: Path, file: BuiltFile) -> None:
    file.write_to(repository)
    done = run_microrepo("index", "--repository", repository)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("client", ["newest-pip", "uv"], indirect=True)
@pytest.mark.parametrize("name", [way for way in WAYS if way not in OVER_HTTP])
def test_a_repository_that_moved_and_can_only_be_read_serves_as_well(
    client: Client, repositories: tuple[Path, Path], tmp_path: Path, name: str
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(repositories[1], moved)
    for path in (moved, moved / "simple"):
        path.chmod(0o555)
    with way_to(moved, name, tmp_path) as way:
        assert client.install(way, "foo-bar").releases == {"foo-bar": "0.9", "dep": "1.5"}
