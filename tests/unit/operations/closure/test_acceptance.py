"""What installers refuse of a chosen file: its content, its digests, where nothing vouches for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from microrepo.formats.requirements.requirement import parse_requirement
from microrepo.model import Digests, NormalizedName
from microrepo.operations.closure.acceptance import Acceptance
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.goal_records import Goal
from microrepo.selection.resolver.resolution_records import Pin, Resolution
from microrepo.state.monitoring import DAMAGED_MTIME_NS
from tests.support.odd_wheels import odd_wheel
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf

FOO = NormalizedName("foo")
WHEEL = build_wheel("foo", "1.0")


def chosen(shelf: Shelf, *requirements: str, requires_hashes: bool = False) -> Resolution:
    file = shelf.files["foo"][WHEEL.filename]
    pin = Pin(FOO, "1.0", (), (file,), file.filename, False, False, ())
    parsed = tuple(parse_requirement(one.partition(" --hash=")[0]) for one in requirements)
    hashes = tuple(one.partition(" --hash=")[2] for one in requirements)
    parsed = tuple(
        msgspec.structs.replace(one, hashes=(digest,) if digest else ())
        for one, digest in zip(parsed, hashes, strict=True)
    )
    goal = Goal("foo", parsed, requires_hashes=requires_hashes)
    return Resolution(goal, "linux", (pin,))


def faults(shelf: Shelf, found: Resolution, linux: Environment) -> list[str]:
    return list(Acceptance(shelf.state, shelf.directory).faults(found, linux))


def test_a_sound_answer_has_no_fault(shelf: Shelf, linux: Environment) -> None:
    shelf.hold(WHEEL)
    assert faults(shelf, chosen(shelf, "foo"), linux) == []


@pytest.mark.parametrize(("fault", "word"), [("no wheel", "WHEEL"), ("no record", "RECORD")])
def test_a_wheel_that_installers_refuse(
    shelf: Shelf, linux: Environment, fault: str, word: str
) -> None:
    """Whatever its digest, which the index announced so."""
    broken = replace(WHEEL, content=odd_wheel(WHEEL.filename, fault=fault))
    shelf.hold(broken)
    (text,) = faults(shelf, chosen(shelf, "foo"), linux)
    assert text.startswith(WHEEL.filename)
    assert word in text


@pytest.mark.parametrize(
    ("requirements", "word"),
    [
        ([f"foo --hash=sha256:{WHEEL.sha256}"], ""),
        ([f"foo --hash=md5:{WHEEL.md5}"], "md5"),
        ([f"foo --hash=sha256:{'0' * 64}"], "--hash"),
        ([f"bar --hash=sha256:{'0' * 64}", "foo"], "--hash"),
    ],
)
def test_digests_that_are_asked_for(
    shelf: Shelf, linux: Environment, requirements: list[str], word: str
) -> None:
    shelf.hold(WHEEL)
    found = faults(shelf, chosen(shelf, *requirements), linux)
    assert [word in text for text in found] == ([True] if word else [])


def test_digests_that_all_must_have(shelf: Shelf, linux: Environment) -> None:
    shelf.hold(WHEEL)
    (text,) = faults(shelf, chosen(shelf, "foo", requires_hashes=True), linux)
    assert "--hash" in text


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({}, ""),
        ({"mtime_ns": 0}, ""),
        ({"mtime_ns": 0, "digests": Digests("0" * 64)}, "sha256"),
        ({"mtime_ns": DAMAGED_MTIME_NS}, "verify"),
        ({"size": 1}, "verify"),
        ({"digests": Digests()}, ""),
    ],
)
def test_content_that_was_not_held_against_a_digest(
    shelf: Shelf, linux: Environment, row: dict[str, Any], word: str
) -> None:
    """It is, before it counts as sound."""
    shelf.hold(WHEEL)
    (held,) = shelf.state.files()
    shelf.save([msgspec.structs.replace(held, **row)])
    found = faults(shelf, chosen(shelf, "foo"), linux)
    assert [word in text for text in found] == ([True] if word else [])


def test_damage_where_nothing_tells_a_digest(shelf: Shelf, linux: Environment) -> None:
    large = build_wheel("foo", "1.0", payload_size=1000)
    at = large.content.index(b"payload.bin") + 100
    content = large.content[:at] + bytes([large.content[at] ^ 1]) + large.content[at + 1 :]
    shelf.hold(replace(large, content=content), digests=Digests())
    (text,) = faults(shelf, chosen(shelf, "foo"), linux)
    assert "payload.bin is damaged" in text
