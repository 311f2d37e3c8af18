"""The commands of docs/how-to/migrate.md, run one after the other on real trees."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.mirrors import bandersnatch, minirepo, morgan, old_bandersnatch, under_packages
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.programs import CHECKOUT
from tests.support.repository import Repository, built_files
from tests.support.server import PyPIServer

PAGE = (CHECKOUT / "docs" / "how-to" / "migrate.md").read_text(encoding="utf-8")


@pytest.fixture
def filled(index: FakeIndex) -> FakeIndex:
    index.add("alpha", build_wheel("alpha", "1.0"))
    index.add("alpha", build_sdist("alpha", "1.0"))
    index.add("beta", build_wheel("beta", "2.0"))
    under_packages(index)
    return index


def commands_of(title: str) -> list[str]:
    """Return the lines of shell under a heading."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert lines
    return lines


def follow(repo: Repository, pypi: PyPIServer, title: str, root: Path) -> list[str]:
    """Run the commands under a heading, with `root` instead of the file system's; return output."""
    home = repo.program.home
    said = []
    pypi.reset()
    for line in commands_of(title):
        words = [
            re.sub(r"^(/etc|/srv)", rf"{root}\1", word).replace("~", str(home))
            for word in shlex.split(line)
        ]
        if words[0] == "cp":
            shutil.copy(words[1], words[2])
            continue
        assert words[0] == "microrepo"
        env = {"MICROREPO_MIN_FREE_SPACE": "0", "MICROREPO_PROCESSES": "2"}
        if "bandersnatch.conf" not in line:
            env["MICROREPO_SOURCE"] = pypi.url
        said.append(repo.run(*words[1:], env=env).stdout)
    return said


def hold(directory: Path, files: list[BuiltFile]) -> None:
    assert {file.filename for file in files} <= {path.name for path in directory.iterdir()}


def nothing_was_fetched(pypi: PyPIServer) -> None:
    paths = [*pypi.paths("/packages/"), *pypi.paths("/files/")]
    assert [path for path in paths if not path.endswith(".metadata")] == []


def test_bandersnatch(
    repo: Repository, pypi: PyPIServer, filled: FakeIndex, tmp_path: Path
) -> None:
    bandersnatch(tmp_path / "b", pypi.url)
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "srv").mkdir()
    (tmp_path / "b" / "mirror").rename(root / "srv" / "pypi")
    conf = (tmp_path / "b" / "conf").read_text()
    conf = conf.replace(str(tmp_path / "b" / "mirror"), str(root / "srv" / "pypi"))
    (root / "etc" / "bandersnatch.conf").write_text(conf)
    follow(repo, pypi, "bandersnatch", root)
    nothing_was_fetched(pypi)
    hold(root / "srv" / "pypi", built_files(filled))
    assert (root / "srv" / "pypi" / "web" / "simple" / "alpha" / "index.html").is_file()


def test_bandersnatch_1(
    repo: Repository, pypi: PyPIServer, filled: FakeIndex, tmp_path: Path
) -> None:
    old_bandersnatch(tmp_path / "srv" / "old", filled)
    *_, planned = follow(repo, pypi, "bandersnatch 1.x and pep381client", tmp_path)
    assert "to download" not in planned
    assert "up to date  3 files" in planned
    hold(tmp_path / "srv" / "microrepo", built_files(filled))


def test_morgan(repo: Repository, pypi: PyPIServer, filled: FakeIndex, tmp_path: Path) -> None:
    morgan(tmp_path / "srv", pypi.simple_url, ["alpha", "beta"])
    (tmp_path / "srv" / "index").rename(tmp_path / "srv" / "morgan")
    follow(repo, pypi, "Morgan", tmp_path)
    nothing_was_fetched(pypi)
    hold(tmp_path / "srv" / "microrepo", built_files(filled))


def test_minirepo(repo: Repository, pypi: PyPIServer, filled: FakeIndex, tmp_path: Path) -> None:
    minirepo(tmp_path / "srv" / "minirepo", filled, pypi.url, built_files(filled))
    repo.program.home.mkdir(exist_ok=True)
    (repo.program.home / ".minirepo").write_text(
        '{"repository": "/nowhere", "processes": 2, "python_versions": ["py3", "any", "source"],'
        ' "package_types": ["bdist_wheel", "sdist"], "extensions": ["whl", "gz"],'
        ' "platforms": ["any"]}'
    )
    *_, planned = follow(repo, pypi, "minirepo, microrepo of 2015", tmp_path)
    assert "to download" not in planned
    assert "up to date  3 files" in planned
    assert "delete" not in planned.partition("repository")[0]


def test_directories(repo: Repository, pypi: PyPIServer, filled: FakeIndex, tmp_path: Path) -> None:
    wheels, devpi = tmp_path / "srv" / "wheels", tmp_path / "srv" / "devpi" / "+files"
    wheels.mkdir(parents=True)
    for file in built_files(filled):
        file.write_to(wheels)
        place = devpi / "root" / "dev" / "+f" / file.sha256[:3] / file.sha256[3:16]
        place.mkdir(parents=True)
        file.write_to(place)
    said = follow(repo, pypi, "pip download, pypiserver, any directory", tmp_path)
    assert said[1].split() == sorted(file.filename for file in built_files(filled))
    hold(tmp_path / "srv" / "microrepo", built_files(filled))
    nothing_was_fetched(pypi)
