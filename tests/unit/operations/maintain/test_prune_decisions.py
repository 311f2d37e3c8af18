"""What the stored records no longer select, and what a person names for deletion."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from microrepo.config.schema import Config
from microrepo.formats.requirements.requirement import parse_requirement
from microrepo.model import Cause, Digests, File, NormalizedName, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.maintain.delete import find_target
from microrepo.operations.maintain.prune import unwanted_because
from microrepo.publish.links import Links
from microrepo.selection.rules.policy import build_policy
from microrepo.state import FileRow, Owner, ProjectRow, pack

NOW = "2026-06-02T12:00:00.000000Z"
FOO = NormalizedName("foo")
NAMES = ("foo-1.0.tar.gz", "foo-2.0.tar.gz", "foo-2.1b1.tar.gz")


@pytest.fixture
def rows(holdings: Holdings) -> list[FileRow]:
    """The rows of three releases of a project, one of which was never downloaded."""
    files = tuple(File(name, "u", name[4:-7], "sdist", Digests("a" * 64), 4) for name in NAMES)
    rows = [
        FileRow(one.filename, FOO, one.version, "u", 4, one.digests, one.filename != NAMES[2])
        for one in files
    ]
    with holdings.state.transaction():
        holdings.state.save_projects([ProjectRow(FOO, "Foo")])
        holdings.state.save_documents([(FOO, pack(Project(FOO, "Foo", files=files)))])
        holdings.state.save_files(rows)
    return rows


@pytest.mark.parametrize(
    ("requested", "versions", "unwanted"),
    [
        (None, "all", {}),
        (["foo"], "all", {}),
        (["foo>=2"], "all", {NAMES[0]: Cause.NOT_REQUESTED}),
        (["bar"], "all", dict.fromkeys(NAMES, Cause.UNREQUESTED)),
    ],
)
def test_the_settings_decide_by_the_stored_records(
    holdings: Holdings,
    rows: list[FileRow],
    requested: list[str] | None,
    versions: str,
    unwanted: dict[str, Cause],
) -> None:
    config = Config(versions=versions, prereleases="allow")  # type: ignore[arg-type]
    wanted = None if requested is None else [parse_requirement(text) for text in requested]
    found = unwanted_because(holdings.state, rows, build_policy(config, wanted), NOW)
    assert {name: cause for name, cause in found.items() if cause} == unwanted


def test_a_file_of_a_person_stays(holdings: Holdings, rows: list[FileRow]) -> None:
    own = FileRow(
        "own-1.zip", NormalizedName("own"), "1", "", 4, Digests(), True, owner=Owner.PERSON
    )
    policy = build_policy(Config(), [parse_requirement("foo")])
    assert unwanted_because(holdings.state, [own], policy, NOW) == {"own-1.zip": None}


@pytest.mark.parametrize(
    ("text", "names", "entry"),
    [
        ("foo-1.0.tar.gz", NAMES[:1], r"^foo\-1\.0\.tar\.gz$"),
        ("foo-2.1b1.tar.gz", None, ""),
        ("Foo", NAMES[:2], "foo"),
        ("foo==1.0", NAMES[:1], "foo==1.0"),
        ("foo==1", NAMES[:1], "foo==1"),
        ("foo<2", NAMES[:1], "foo<2"),
        ("foo>2", None, ""),
        ("bar", None, ""),
    ],
)
def test_an_argument_names_files_that_are_held(
    holdings: Holdings, rows: list[FileRow], text: str, names: tuple[str, ...] | None, entry: str
) -> None:
    requirement = None if text.endswith(".gz") else Requirement(text)
    found = find_target(holdings, text, requirement)
    if names is None:
        assert found is None
    else:
        assert found is not None
        assert (tuple(row.filename for row in found.rows), found.entry) == (names, entry)


def test_an_index_holds_what_it_lists(holdings: Holdings, rows: list[FileRow]) -> None:
    index = Holdings(holdings.state, holdings.directory, Links(files=False))
    found = find_target(index, "foo>2", Requirement("foo>2"))
    assert found is not None
    assert [row.filename for row in found.rows] == [NAMES[2]]
