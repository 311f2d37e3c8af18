"""What a copy records of the files that it put into a directory."""

from __future__ import annotations

from pathlib import Path

import msgspec

from microrepo.model import Action, ActionKind, Cause, Digests, File, Outcome
from microrepo.operations.copy.copied_files import CopiedFiles
from microrepo.repositories.directory_contents import state_claims
from microrepo.state import read_state
from microrepo.stores.flat_directory import FlatDirectory
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf

FOO = build_wheel("foo", "1.0")
DIGESTS = Digests(sha256=FOO.sha256)


def arrived(digests: Digests) -> tuple[Action, Outcome]:
    file = File(FOO.filename, "file:///there", "1.0", "bdist_wheel", requires_python=">=3")
    action = Action(ActionKind.DOWNLOAD, FOO.filename, "foo", Cause.SELECTED, file)
    return action, Outcome(FOO.filename, ok=True, size_bytes=FOO.size, mtime_ns=1, digests=digests)


def test_digests_are_claims_that_were_never_compared(tmp_path: Path) -> None:
    directory = FlatDirectory(tmp_path)
    directory.prepare()
    CopiedFiles(directory).record([arrived(DIGESTS)])
    state = read_state(directory.state_file)
    claim = state_claims(state)[FOO.filename]
    state.close()
    assert (claim.digests, claim.size, claim.mtime_ns, claim.project) == (
        DIGESTS,
        FOO.size,
        0,
        "foo",
    )
    assert claim.file is not None
    assert (claim.file.url, claim.file.requires_python) == ("", ">=3")


def test_without_digests_there_is_no_state(tmp_path: Path) -> None:
    directory = FlatDirectory(tmp_path)
    CopiedFiles(directory).record([arrived(Digests())])
    assert not directory.state_file.exists()


def test_what_a_refresh_keeps_stays_as_it_is_recorded(shelf: Shelf) -> None:
    shelf.hold(FOO)
    (before,) = shelf.state.files()
    other = msgspec.structs.replace(DIGESTS, sha256="0" * 64)
    CopiedFiles(FlatDirectory(shelf.path)).record([arrived(other)])
    assert list(shelf.state.files()) == [before]
    assert shelf.state.publication.found(None) == []
