"""pypiserver, devpi and others as sources and destinations; pip and uv install what was copied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from tests.functional.copying.conftest import Copier, content, names
from tests.functional.server.serving import serve
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.peers import PASSWORD, USER, Peers
from tests.support.programs import Environment
from tests.support.server import PyPIServer

LOGIN = f"{quote(USER)}:{quote(PASSWORD, safe='')}@"
ROOT_LOGIN = f"root:{quote(PASSWORD, safe='')}@"


def with_login(url: str, login: str = LOGIN) -> str:
    """Return the URL with credentials in it."""
    return url.replace("://", f"://{login}")


def test_from_server_to_server_and_back(
    pile: Path,
    tmp_path: Path,
    peers: Peers,
    copy: Copier,
    fresh_venv: Callable[..., Environment],
) -> None:
    env = {
        "MICROREPO_DESTINATION_USERNAME": "root",
        "MICROREPO_DESTINATION_PASSWORD": PASSWORD,
    }
    with peers.pypiserver(tmp_path / "pypi") as first, peers.devpi(tmp_path / "devpi") as second:
        copy("--source", pile, "--destination", with_login(first), "--all")
        assert content(tmp_path / "pypi") == content(pile)
        words = ["--source", with_login(f"{first}simple/"), "--destination", second, "--all"]
        assert copy(*words, env=env).copied == 9
        again = copy(*words, env=env)
        assert (again.copied, again.totals.adopt) == (0, 9)
        back = copy("--source", f"{second}+simple/", "--destination", tmp_path / "back", "--all")
        assert back.copied == 9
        assert content(tmp_path / "back") == content(pile)
        venv = fresh_venv()
        venv.pip("install", "--index-url", with_login(f"{first}simple/"), "alpha==1.1")
        venv.uv("pip", "install", "--index-url", f"{second}+simple/", "large")
        shown = venv.run("-c", "import alpha, beta_two, large; print(alpha.__version__)").stdout
        assert shown.strip() == "1.1"


def test_other_content_at_real_servers(
    pile: Path, tmp_path: Path, files: list[BuiltFile], peers: Peers, copy: Copier
) -> None:
    changed = tmp_path / "changed"
    changed.mkdir()
    build_wheel("alpha", "1.0", payload_size=7).write_to(changed)
    for server, login in (
        (peers.pypiserver(tmp_path / "pypi"), LOGIN),
        (peers.devpi(tmp_path / "devpi"), ROOT_LOGIN),
    ):
        with server as url:
            to = ["--destination", with_login(url, login)]
            copy("--source", pile, *to, "alpha==1.0")
            report = copy("--source", changed, *to, "alpha", expect=3)
            assert [failure.what for failure in report.conflicts] == [files[0].filename]
            report = copy("--source", changed, *to, "alpha", "--replace", expect=3)
            assert [failure.what for failure in report.conflicts] == [files[0].filename]
    assert content(tmp_path / "pypi") == {files[0].filename: files[0].content}


def test_a_wrong_password_at_real_servers(
    pile: Path, tmp_path: Path, peers: Peers, copy: Copier, run_microrepo: Callable[..., object]
) -> None:
    for server in (peers.pypiserver(tmp_path / "pypi"), peers.devpi(tmp_path / "devpi")):
        with server as url:
            to = with_login(url, "root:wr0ng-one@")
            done = run_microrepo("copy", "--source", pile, "--destination", to, "--all")
            assert done.returncode == 1  # type: ignore[attr-defined]
            said = done.stdout + done.stderr  # type: ignore[attr-defined]
            assert "credentials" in said
            assert "wr0ng-one" not in said
    assert names(tmp_path / "pypi") == set()


def test_twine_and_we_take_turns(pile: Path, tmp_path: Path, peers: Peers, copy: Copier) -> None:
    wheels = sorted(pile.glob("alpha-1*.whl"))
    with peers.pypiserver(tmp_path / "pypi") as url:
        peers.twine(url, wheels[:1], tmp_path, username=USER, password=PASSWORD)
        report = copy("--source", pile, "--destination", with_login(url), "alpha==1.0", "large")
        assert (report.copied, report.totals.adopt) == (1, 1)
        peers.twine(url, wheels[1:], tmp_path, username=USER, password=PASSWORD)
        report = copy("--source", pile, "--destination", with_login(url), "--all")
        assert (report.copied, report.totals.adopt) == (6, 3)
    assert content(tmp_path / "pypi") == content(pile)


def test_a_source_that_announces_no_digests(
    tmp_path: Path, files: list[BuiltFile], peers: Peers, copy: Copier
) -> None:
    (tmp_path / "served" / "alpha").mkdir(parents=True)
    files[0].write_to(tmp_path / "served" / "alpha")
    with (
        peers.simple_repository(tmp_path / "served") as source,
        peers.pypiserver(tmp_path / "pypi", auth=False) as destination,
    ):
        words = ["--source", source, "--destination", destination, "alpha"]
        assert copy(*words, expect=3).rejected == {"no digest announced": 1}
        assert copy(*words, "--no-require-digests").copied == 1
        assert copy(*words, "--no-require-digests").totals.adopt == 1
    assert content(tmp_path / "pypi") == {files[0].filename: files[0].content}


def test_our_own_server_as_a_source_and_push(
    index: FakeIndex,
    pypi: PyPIServer,
    files: list[BuiltFile],
    tmp_path: Path,
    peers: Peers,
    copy: Copier,
    run_microrepo: Callable[..., object],
) -> None:
    for file in files[:2]:
        index.add(file.name, file)
    repository = tmp_path / "repo"
    flags = ["--repository", repository, "--source", pypi.url, "--no-dependencies"]
    run_microrepo("refresh", "--packages", "everything", "--versions", "all", *flags)
    expected = {file.filename: file.content for file in files[:2]}
    with serve(repository) as served:
        copy("--source", f"{served.url}simple/", "--destination", tmp_path / "out", "--all")
    assert content(tmp_path / "out") == expected
    with peers.pypiserver(tmp_path / "pypi") as url:
        push = [with_login(url), "--repository", repository]
        assert copy(*push, command="push").copied == 2
        assert copy(*push, command="push").totals.adopt == 2
        newer = build_wheel("gamma", "1.0")
        newer.write_to(repository)
        assert copy(push[0], "gamma", *push[1:], command="push").copied == 1
    assert content(tmp_path / "pypi") == expected | {newer.filename: newer.content}
