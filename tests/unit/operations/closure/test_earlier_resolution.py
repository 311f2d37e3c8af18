"""A resolution of an earlier run: what it follows from, and when it is not to be used again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from microrepo.config.schema import Config, MetadataRule
from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.model import NormalizedName, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.closure.earlier_resolution import (
    EarlierResolution,
    facts_digest,
    inputs_digest,
    read_earlier,
    record_digest,
    save_resolution,
    settled_rows,
)
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.operations.run.run_rules import Rules
from microrepo.repositories.protocol import SourceSettings
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.facts import Candidates, Facts, UrlFile
from microrepo.selection.resolver.resolution_records import Pin, Resolution
from microrepo.selection.rules.policy import build_policy
from microrepo.state import FileRow, ProjectRow, pack
from microrepo.transfer.download.remote_metadata import pack_metadata
from tests.support.closure_world import goal
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf
from tests.support.upstream import file_of
from tests.unit.operations.conftest import NOW

FOO = NormalizedName("foo")
FILE = file_of(build_wheel("foo", "1.0"))
METADATA = CoreMetadata("foo", "1.0")
PROJECT = Project(FOO, "Foo", files=(FILE,))
RECORD = Record(PROJECT, ProjectRow(FOO, "Foo"), None, None)
GOAL = goal("foo", ["foo"])
PIN = Pin(FOO, "1.0", (), (FILE,), FILE.filename, False, False, ())
FOUND = Resolution(GOAL, "linux", (PIN,))
SOURCE = SourceSettings("simple", "https://i.example/", name="i.example")


def digest(config: Config, environment: Environment, **changes: Any) -> str | None:
    rules = changes.pop("rules", None)
    inputs: dict[str, Any] = {
        "goals": (GOAL,),
        "sources": (SOURCE,),
        "environments": (environment,),
    }
    inputs.update({name: changes.pop(name) for name in list(changes) if name in inputs})
    config = msgspec.structs.replace(config, **changes)
    policy = build_policy(config, None)
    rules = rules or Rules(policy, policy.fingerprint())
    return inputs_digest(config, rules, inputs["goals"], inputs["environments"], inputs["sources"])


@pytest.mark.parametrize(
    "change",
    [
        {"resolve": "latest"},
        {"prereleases": True},
        {"exclude": ["x"]},
        {"files": False},
        {"goals": (goal("bar", ["bar"]),)},
        {"goals": (goal("foo", ["foo"], ["bar<2"]),)},
        {"environments": ()},
        {"sources": (msgspec.structs.replace(SOURCE, simple_root="https://j.example/"),)},
    ],
)
def test_whatever_it_follows_from_changes_the_digest(
    config: Config, linux: Environment, change: dict[str, Any]
) -> None:
    before = digest(config, linux)
    assert before is not None
    assert digest(config, linux) == before
    assert digest(config, linux, **change) not in {before, None}


@pytest.mark.parametrize(
    "change",
    [
        {"min_age_days": 3},
        {"metadata": {"license": MetadataRule(any=["MIT"])}},
        {"vulnerabilities": "report"},
        {"build_requirements": True},
        {"allow_urls": True},
        {"lock": "locks"},
        {"goals": (goal("foo", ["foo @ https://f.example/foo-1.0.tar.gz"]),)},
        {"goals": (goal("foo", ["foo"], ["b @ https://f.example/b-1.0.tar.gz"]),)},
    ],
)
def test_what_looks_at_more_than_records_is_solved_each_time(
    config: Config, linux: Environment, change: dict[str, Any]
) -> None:
    assert digest(config, linux, **change) is None


def test_a_forced_check_is_solved(config: Config, linux: Environment) -> None:
    policy = build_policy(config, None)
    assert digest(config, linux, rules=Rules(policy, policy.fingerprint(), credulous=True)) is None


# --- the facts --------------------------------------------------------------------------------------


@pytest.fixture
def known(shelf: Shelf) -> Shelf:
    with shelf.state.transaction():
        shelf.state.save_documents([(FOO, pack(PROJECT))])
        shelf.state.save_metadata([(FILE.filename, "sha256:x", pack_metadata(METADATA))])
    return shelf


def facts(**more: Any) -> Facts:
    return Facts({FOO: Candidates((FILE,))}, {FILE.filename: METADATA}, **more)


def save(shelf: Shelf, known_facts: Facts, *resolutions: Resolution) -> EarlierResolution | None:
    save_resolution(shelf.state, "inputs", [RECORD], known_facts, resolutions or (FOUND,))
    return read_earlier(shelf.state, "inputs")


def test_it_is_kept_with_the_digest_of_its_facts(known: Shelf) -> None:
    found = save(known, facts())
    expected = facts_digest(known.state, [FOO], [FILE.filename])
    assert expected is not None
    assert found == EarlierResolution("inputs", expected, (FOO,), (FILE.filename,), (FOUND,), {})
    assert read_earlier(known.state, "other inputs") is None


def test_other_records_and_other_metadata_have_another_digest(known: Shelf) -> None:
    first = facts_digest(known.state, [FOO], [FILE.filename])
    with known.state.transaction():
        known.state.save_documents([(FOO, pack(msgspec.structs.replace(PROJECT, serial=2)))])
    second = facts_digest(known.state, [FOO], [FILE.filename])
    with known.state.transaction():
        changed = pack_metadata(CoreMetadata("foo", "1.0", ("bar",)))
        known.state.save_metadata([(FILE.filename, "sha256:x", changed)])
    assert len({first, second, facts_digest(known.state, [FOO], [FILE.filename])}) == 3
    assert facts_digest(known.state, [FOO, NormalizedName("bar")], []) is None
    assert facts_digest(known.state, [FOO], ["bar-1.0.tar.gz"]) is None


@pytest.mark.parametrize(
    "unfit",
    [
        Facts({FOO: Candidates((FILE,)), NormalizedName("bar"): None}, {FILE.filename: METADATA}),
        Facts({FOO: Candidates((FILE,))}, {FILE.filename: "cannot be read"}),
        facts(urls={"https://f.example/x": UrlFile(FILE, METADATA)}),
        Facts({FOO: Candidates((FILE,))}, {"unstored-1.0.tar.gz": METADATA}),
    ],
)
def test_facts_that_are_not_all_in_the_state_are_not_kept(known: Shelf, unfit: Facts) -> None:
    save(known, facts())
    assert save(known, unfit) is None


def test_a_record_that_the_state_has_not_is_not_kept(known: Shelf) -> None:
    with known.state.transaction():
        known.state.save_documents([(FOO, pack(msgspec.structs.replace(PROJECT, serial=2)))])
    assert save(known, facts()) is None


def test_a_record_that_nothing_was_chosen_of_is_kept_as_a_digest(known: Shelf) -> None:
    bar = Project(NormalizedName("bar"), "Bar")
    other = Record(bar, ProjectRow(bar.name, "Bar"), pack(bar), None)
    both = Facts({FOO: Candidates((FILE,)), bar.name: Candidates(())}, {FILE.filename: METADATA})
    save_resolution(known.state, "inputs", [RECORD, other], both, (FOUND,))
    found = read_earlier(known.state, "inputs")
    assert found is not None
    assert found.unstored == {"bar": record_digest(pack(bar))}
    assert found.facts == facts_digest(known.state, [FOO], [FILE.filename])


# --- projects that are as the earlier run left them --------------------------------------------------

RULES = Rules(build_policy(Config(), None), "base")


@pytest.mark.parametrize(
    ("row", "file", "expected"),
    [
        ({}, {}, True),
        ({"complete": False}, {}, False),
        ({"doubted_at": NOW}, {}, False),
        ({"policy": "other"}, {}, False),
        ({"reconsider_at": NOW}, {}, False),
        ({}, {"mtime_ns": 1}, False),
        ({}, {"filename": "foo-2.0.tar.gz"}, False),
        ({}, {"present": False}, False),
    ],
)
def test_a_settled_project(
    holdings: Holdings, row: dict[str, Any], file: dict[str, Any], expected: bool
) -> None:
    holdings.directory.file(FILE.filename).write_bytes(b"four")
    disk = holdings.directory.stat(FILE.filename)
    assert disk is not None
    held = FileRow(FILE.filename, FOO, "1.0", "u", 4, FILE.digests, True, disk.mtime_ns)
    known = ProjectRow(FOO, "Foo", complete=True, policy=RULES.fingerprint(FOO))
    with holdings.state.transaction():
        holdings.state.save_projects([msgspec.structs.replace(known, **row)])
        holdings.state.save_files([msgspec.structs.replace(held, **file)])
    earlier = EarlierResolution("", "", (FOO,), (), (), {FOO: (FILE.filename,)})
    found = settled_rows(holdings, RULES, earlier, NOW)
    assert [one.checked_at for one in found] == ([NOW] if expected else [])


def test_a_record_of_something_else_says_nothing(known: Shelf) -> None:
    with known.state.transaction():
        known.state.set_meta("resolution", '{"not": "one"}')
    assert read_earlier(known.state, "inputs") is None
