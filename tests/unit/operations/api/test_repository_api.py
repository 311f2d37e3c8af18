"""A repository as an object of the library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.errors import ConfigError, ProjectNotFound
from microrepo.operations.api.repository_api import Repository
from tests.support.packages import build_sdist, build_wheel
from tests.support.receiver import Receiver

BUILT = [
    build_wheel("foo", "1.0"),
    build_wheel("foo", "1.10"),
    build_sdist("foo", "1.9"),
    build_wheel("foo", "2.0rc1"),
    build_wheel("bar", "1.0"),
]


@pytest.fixture
def repository(config: Config, source: Path) -> Iterator[Repository]:
    for built in BUILT:
        built.write_to(source)
    with Repository.open(source, config=config) as repository:
        yield repository


def test_projects_and_releases(repository: Repository) -> None:
    assert repository.projects() == ["bar", "foo"]
    assert repository.releases("Foo") == ["1.0", "1.9", "1.10", "2.0rc1"]
    with pytest.raises(ProjectNotFound):
        repository.releases("nothing")


@pytest.mark.parametrize(
    ("requirement", "how", "versions"),
    [
        ("foo", {}, ["1.0", "1.9", "1.10", "2.0rc1"]),
        ("foo<1.10", {}, ["1.0", "1.9"]),
        ("foo", {"latest": True}, ["1.10"]),
        ("foo>=2.0rc1", {"latest": True}, ["2.0rc1"]),
        ("foo", {"exclude": ["foo==1.9"]}, ["1.0", "1.10", "2.0rc1"]),
        ("nothing", {}, []),
    ],
)
def test_distributions(
    repository: Repository, requirement: str, how: dict[str, object], versions: list[str]
) -> None:
    found = repository.distributions(requirement, **how)  # type: ignore[arg-type]
    assert [one.version for one in found] == versions


def test_what_is_not_a_requirement(repository: Repository) -> None:
    with pytest.raises(ConfigError):
        list(repository.distributions("not a requirement"))


def test_an_upload_by_its_path(repository: Repository, tmp_path: Path, source: Path) -> None:
    more = build_wheel("more", "1.0").write_to(tmp_path)
    assert repository.upload(more).status == "uploaded"
    assert (source / more.name).exists()


def test_an_upload_form_tells_where_its_list_is(config: Config) -> None:
    with (
        Receiver() as server,
        Repository.open(server.upload_url, index=server.simple_url, config=config) as repository,
    ):
        server.take("foo", BUILT[0].filename, BUILT[0].content)
        assert repository.releases("foo") == ["1.0"]
