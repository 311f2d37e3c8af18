"""Sources that others serve: nginx over our tree, nginx over plain folders, devpi with a login."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import microrepo
from tests.functional.copying.conftest import Copier, content
from tests.functional.copying.test_real_servers import ROOT_LOGIN, with_login
from tests.support.index import FakeIndex
from tests.support.nginx import NGINX, nginx_over
from tests.support.packages import BuiltFile
from tests.support.peers import PASSWORD, USER, Peers
from tests.support.programs import Environment, MicrorepoRunner
from tests.support.repository import PLAIN, Repository
from tests.support.server import PyPIServer

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
# What a person has who shows folders to a browser, behind a password.
FOLDERS = """\
server {
    listen 127.0.0.1:{port}; root {root}; autoindex on;
    auth_basic "files"; auth_basic_user_file {root}/../htpasswd;
}
"""


@needs_nginx
def test_nginx_over_our_tree(
    index: FakeIndex,
    pypi: PyPIServer,
    files: list[BuiltFile],
    run_microrepo: MicrorepoRunner,
    tmp_path: Path,
    peers: Peers,
    copy: Copier,
    fresh_venv: Callable[..., Environment],
) -> None:
    for file in files:
        index.add(file.name, file)
    settings = [flag for flag in PLAIN if flag != "--no-simple"]
    repo = Repository(tmp_path / "repo", pypi.url, run_microrepo, settings)
    kinds = ["--package-types", "all", "--extensions", "all", "--versions", "all", "--prereleases"]
    repo.refresh_all(*kinds, "--python-versions", "all")
    with (
        nginx_over(repo.path, tmp_path / "nginx") as nginx,
        peers.pypiserver(tmp_path / "served", auth=False) as url,
    ):
        source = ["--source", f"{nginx.url}simple/"]
        there = tmp_path / "there"
        assert copy(*source, "--destination", there, "--all").copied == len(files)
        assert copy(*source, "--destination", there, "--all").totals.adopt == len(files)
        assert copy(*source, "--destination", url, "--all").copied == len(files)
        fresh_venv().pip("install", "--index-url", f"{url}simple/", "alpha==1.1")
    expected = {file.filename: file.content for file in files}
    assert content(there) == expected
    assert content(tmp_path / "served") == expected


@needs_nginx
def test_folders_behind_a_password(files: list[BuiltFile], tmp_path: Path, copy: Copier) -> None:
    """An index of bare links: no digests, no list of projects but the folders."""
    for file in files:
        folder = tmp_path / "root" / "simple" / file.name.lower().replace(".", "-")
        folder.mkdir(parents=True, exist_ok=True)
        file.write_to(folder)
    (tmp_path / "htpasswd").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    there = tmp_path / "there"
    login = ["--source-username", USER, "--source-password-file", tmp_path / "password"]
    with nginx_over(tmp_path / "root", tmp_path / "nginx", FOLDERS) as nginx:
        words = ["--source", f"{nginx.url}simple/", "--destination", there, "--no-require-digests"]
        assert copy(*words, "--all", *login).copied == len(files)
        assert copy(*words, "--all", *login).totals.adopt == len(files)
    assert content(there) == {file.filename: file.content for file in files}


def test_devpi_with_a_login_on_both_sides(
    pile: Path, tmp_path: Path, peers: Peers, copy: Copier
) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    env = {"MICROREPO_DESTINATION_USERNAME": USER, "MICROREPO_DESTINATION_PASSWORD": PASSWORD}
    login = ["--source-username", "root", "--source-password-file", tmp_path / "password"]
    with peers.devpi(tmp_path / "devpi") as first, peers.pypiserver(tmp_path / "served") as second:
        copy("--source", pile, "--destination", with_login(first, ROOT_LOGIN), "--all")
        words = ["--source", f"{first}+simple/", "--destination", second, "--all"]
        assert copy(*words, *login, env=env).copied == len(content(pile))
        again = copy(*words, *login, env=env)
        assert (again.copied, again.totals.adopt) == (0, len(content(pile)))
        wheel = pile / "alpha-1.0-py3-none-any.whl"
        for url, known in ((first, ("root", PASSWORD)), (second, (USER, PASSWORD))):
            with microrepo.Repository.open(url, known) as repository:
                assert repository.register(wheel).status == "uploaded"
                assert repository.upload(wheel).status == "present"
                assert repository.releases("alpha") == ["1.0", "1.1", "2.0b1"]
    assert content(tmp_path / "served") == content(pile)
