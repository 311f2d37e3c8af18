"""Wheels put together of an older one: as far as that is cheaper, and never more."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.transfer.download.wheel_template import assemble
from tests.support.archives import payload
from tests.support.packages import BuiltFile, build_wheel
from tests.unit.transfer.download.conftest import NearServer, Reply

SHARED = payload("shared", 300_000)


def wheel(version: str, **more: bytes) -> BuiltFile:
    files = {"foo/__init__.py": version.encode(), "foo/shared.bin": SHARED}
    return build_wheel("foo", version, files={**files, **more})


OLD, NEW = wheel("1.0"), wheel("2.0", **{"foo/new.bin": payload("new", 50_000)})


def run(server: NearServer, template: bytes, path: Path) -> tuple[bytes, int]:
    (path / OLD.filename).write_bytes(template)
    pieces: list[bytes] = []
    counted: list[int] = []
    reused = assemble(
        server,
        "https://f.example/new",
        NEW.size,
        path / OLD.filename,
        pieces.append,
        counted.append,
    )
    assert sum(counted) == sum(map(len, pieces))
    return b"".join(pieces), reused


def test_shared_members_come_from_the_template(server: NearServer, tmp_path: Path) -> None:
    server.serve(NEW.content)
    content, reused = run(server, OLD.content, tmp_path)
    assert content == NEW.content
    assert reused >= 300_000


@pytest.mark.parametrize(
    "template", [build_wheel("foo", "1.0").content, b"not an archive", b""], ids=len
)
def test_a_template_that_shares_nothing_gives_nothing(
    server: NearServer, tmp_path: Path, template: bytes
) -> None:
    server.serve(NEW.content)
    assert run(server, template, tmp_path) == (b"", 0)


def test_a_server_without_ranges_gives_nothing(server: NearServer, tmp_path: Path) -> None:
    server.serve(NEW.content, ranges=False)
    assert run(server, OLD.content, tmp_path) == (b"", 0)


def test_a_line_that_breaks_leaves_a_good_beginning(server: NearServer, tmp_path: Path) -> None:
    server.serve(NEW.content)
    whole = server.answer
    server.answer = lambda url, headers: (
        whole(url, headers) if len(server.asked) < 2 else Reply(503)
    )
    content, _ = run(server, OLD.content, tmp_path)
    assert NEW.content.startswith(content)


def test_a_template_that_is_gone(server: NearServer, tmp_path: Path) -> None:
    taken: list[bytes] = []
    found = assemble(server, "u", NEW.size, tmp_path / "nothing", taken.append, lambda _: None)
    assert (found, taken) == (0, [])
