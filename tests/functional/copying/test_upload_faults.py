"""An index that answers as indexes do, on good days and bad ones."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.functional.copying.conftest import Copier, content
from tests.support import receiver as faults
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.peers import Peers
from tests.support.programs import MicrorepoRunner
from tests.support.receiver import Receiver
from tests.support.server import PyPIServer

SECRET = "s3cr3t/with:odd@signs"


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """A directory with one distribution."""
    directory = tmp_path / "one"
    directory.mkdir()
    build_wheel("single", "1.0").write_to(directory)
    return directory


def test_everything_arrives_as_it_is(
    pile: Path, files: list[BuiltFile], receiver: Receiver, copy: Copier
) -> None:
    report = copy("--source", pile, "--destination", receiver.upload_url, "--all")
    assert report.copied == 9
    assert receiver.digests() == {file.filename: file.sha256 for file in files}


def test_a_second_copy_sends_nothing_and_reads_each_page_once(
    pile: Path, receiver: Receiver, copy: Copier
) -> None:
    words = ["--source", pile, "--destination", receiver.upload_url, "--all"]
    copy(*words)
    sent = len(receiver.forms)
    receiver.reads.clear()
    assert copy(*words).totals.adopt == 9
    assert len(receiver.forms) == sent == 9
    projects = ["alpha", "beta-two", "large", "legacy", "old-style"]
    assert dict(receiver.reads) == {"/simple/": 1} | {f"/simple/{p}/": 1 for p in projects}


def test_the_form_is_the_one_that_twine_sends(
    files: list[BuiltFile], tmp_path: Path, peers: Peers, copy: Copier
) -> None:
    usual = [f for f in files if f.filename.endswith((".whl", ".gz"))]
    (tmp_path / "usual").mkdir()
    paths = [file.write_to(tmp_path / "usual") for file in usual]
    with Receiver() as theirs, Receiver() as ours:
        peers.twine(theirs.upload_url, paths, tmp_path, username="u", password="p")
        copy("--source", tmp_path / "usual", "--destination", ours.upload_url, "--all")
        by_name = {form["content"][0]: form for form in ours.forms}
        for form in theirs.forms:
            expected = {key: values for key, values in form.items() if values != [""]}
            expected.pop("comment", None)
            assert by_name[form["content"][0]] == expected


@pytest.mark.parametrize("code", [400, 403, 409])
def test_who_lost_a_race_against_the_same_content_has_won(
    code: int, one: Path, receiver: Receiver, copy: Copier
) -> None:
    receiver.faults.append(faults.raced(code))
    report = copy("--source", one, "--destination", receiver.upload_url, "--all")
    assert (report.copied, report.already) == (0, 1)


@pytest.mark.parametrize("code", [400, 403, 409])
def test_who_lost_a_race_against_other_content_says_so(
    code: int, one: Path, receiver: Receiver, copy: Copier
) -> None:
    receiver.faults.append(faults.raced(code, b"other"))
    report = copy("--source", one, "--destination", receiver.upload_url, "--all", expect=3)
    assert [failure.what for failure in report.conflicts] == ["single-1.0-py3-none-any.whl"]
    assert receiver.files["single"] == {"single-1.0-py3-none-any.whl": b"other"}


@pytest.mark.parametrize("algorithm", ["md5", None])
def test_digests_of_another_kind_or_none(
    algorithm: str | None, index: FakeIndex, pypi: PyPIServer, copy: Copier
) -> None:
    file = build_wheel("single", "1.0")
    index.add("single", file)
    with Receiver(algorithm=algorithm) as receiver:
        words = ["--source", pypi.simple_url, "--destination", receiver.upload_url, "single"]
        assert copy(*words).copied == 1
        assert copy(*words).totals.adopt == 1
        receiver.files["single"][file.filename] = bytes(file.size)
        assert copy(*words, expect=3).conflicts
        assert len(receiver.forms) == 1


@pytest.mark.parametrize("code", [429, 500, 502, 503])
def test_a_server_in_trouble_is_asked_again(
    code: int, one: Path, receiver: Receiver, copy: Copier
) -> None:
    receiver.faults += [faults.status(code, Retry_After="0"), faults.status(code)]
    report = copy("--source", one, "--destination", receiver.upload_url, "--all")
    assert (report.copied, len(receiver.forms)) == (1, 3)


def test_a_server_in_lasting_trouble(one: Path, receiver: Receiver, copy: Copier) -> None:
    receiver.faults += [faults.status(503, b"<h1>Sorry</h1>")] * 2
    words = ["--source", one, "--destination", receiver.upload_url, "--all", "--retries", "1"]
    report = copy(*words, expect=3)
    assert "HTTP 503" in report.failed[0].why
    assert "Sorry" in report.failed[0].why


@pytest.mark.parametrize("keep", [True, False])
def test_an_answer_that_never_comes(
    keep: bool, one: Path, receiver: Receiver, copy: Copier
) -> None:
    receiver.faults.append(faults.silent(keep=keep, seconds=3))
    words = ["--source", one, "--destination", receiver.upload_url, "--all", "--timeout-s", "1"]
    report = copy(*words)
    assert (report.copied, len(receiver.forms)) == (1, 1 if keep else 2)


@pytest.mark.parametrize("seconds", [0.0, 6.0])
def test_a_server_that_takes_half_of_an_upload(
    seconds: float, tmp_path: Path, receiver: Receiver, copy: Copier
) -> None:
    """It closes the connection in the middle, or reads no further until time is out."""
    large = build_wheel("large", "1.0", payload_size=9_000_000)
    (tmp_path / "one").mkdir()
    large.write_to(tmp_path / "one")
    receiver.stalls.append((500_000, seconds))
    words = ["--source", tmp_path / "one", "--destination", receiver.upload_url, "--all"]
    assert copy(*words, "--timeout-s", "3").copied == 1
    assert not receiver.stalls
    assert receiver.digests() == {large.filename: large.sha256}


@pytest.mark.parametrize("keep", [True, False])
def test_a_connection_that_breaks(keep: bool, one: Path, receiver: Receiver, copy: Copier) -> None:
    receiver.faults.append(faults.dropped(keep=keep))
    report = copy("--source", one, "--destination", receiver.upload_url, "--all")
    assert (report.copied, len(receiver.forms)) == (1, 1 if keep else 2)


@pytest.mark.parametrize(
    ("code", "words"),
    [(400, b"Invalid value for version"), (413, b"too large"), (308, b"moved")],
)
def test_a_refusal_is_told_in_the_servers_words(
    code: int, words: bytes, one: Path, receiver: Receiver, copy: Copier
) -> None:
    where = "http://user:pw@elsewhere.example/legacy/"
    receiver.faults.append(faults.status(code, words, Location=where))
    report = copy("--source", one, "--destination", receiver.upload_url, "--all", expect=3)
    expected = "http://elsewhere.example/legacy/" if code == 308 else words.decode()
    assert expected in report.failed[0].why
    assert "pw@" not in report.failed[0].why
    assert len(receiver.forms) == 1


def test_a_wrong_password_is_found_out_once_and_told_to_nobody(
    pile: Path,
    receiver: Receiver,
    run_microrepo: MicrorepoRunner,
    tmp_path: Path,
) -> None:
    receiver.auth = ("user", "right")
    (tmp_path / "password").write_text(SECRET + "\n")
    words: list[str | Path] = [
        "copy",
        "--source",
        pile,
        "--destination",
        receiver.upload_url,
        "--all",
        "--debug",
    ]
    words += ["--destination-username", "user", "--log-file", tmp_path / "log"]
    done = run_microrepo(*words, "--destination-password-file", tmp_path / "password")
    assert done.returncode == 1
    assert "HTTP 403" in done.stderr
    said = done.stdout + done.stderr + (tmp_path / "log").read_text()
    assert SECRET not in said
    assert receiver.forms == []


def test_a_password_that_only_uploads_need(
    pile: Path, receiver: Receiver, run_microrepo: MicrorepoRunner
) -> None:
    def refuse(_r: object, handler: object, *_: object) -> bool:
        handler.answer(403, f"no user with {SECRET}".encode())  # type: ignore[attr-defined]
        return True

    receiver.faults += [refuse] * 20
    words: list[str | Path] = [
        "copy",
        "--source",
        pile,
        "--destination",
        receiver.upload_url,
        "--all",
    ]
    env = {
        "MICROREPO_DESTINATION_USERNAME": "user",
        "MICROREPO_DESTINATION_PASSWORD": SECRET,
    }
    done = run_microrepo(*words, env=env)
    assert done.returncode == 1
    assert f"refused: {receiver.upload_url} refuses these credentials" in done.stdout
    assert SECRET not in done.stdout + done.stderr
    assert len(receiver.forms) == 1


def test_a_user_without_a_password_anywhere(
    one: Path, receiver: Receiver, run_microrepo: MicrorepoRunner
) -> None:
    words: list[str | Path] = [
        "copy",
        "--source",
        one,
        "--destination",
        receiver.upload_url,
        "--all",
    ]
    done = run_microrepo(*words, "--destination-username", "user")
    assert done.returncode == 2
    assert "no password for user 'user'" in done.stderr


def test_replace_sends_over_other_content(one: Path, receiver: Receiver, copy: Copier) -> None:
    name = "single-1.0-py3-none-any.whl"
    receiver.take("single", name, b"other")

    def overwrite(receiver: Receiver, handler: object, _p: str, name: str, sent: bytes) -> bool:
        receiver.files["single"][name] = sent
        handler.answer(200, b"ok")  # type: ignore[attr-defined]
        return True

    words = ["--source", one, "--destination", receiver.upload_url, "--all"]
    assert copy(*words, expect=3).conflicts
    assert receiver.forms == []
    receiver.faults.append(overwrite)
    assert copy(*words, "--replace").copied == 1
    assert receiver.files["single"] == content(one)


def test_a_destination_that_sends_elsewhere_has_nothing(
    one: Path, pypi: PyPIServer, index: FakeIndex, receiver: Receiver, copy: Copier
) -> None:
    """As pypiserver does with its fallback: the other index's files are not the destination's."""
    index.add("single", build_wheel("single", "1.0"))

    def redirect(handler: object) -> bool:
        handler.answer(303, b"", Location=f"{pypi.simple_url}single/")  # type: ignore[attr-defined]
        return True

    receiver.detours["/simple/single/"] = redirect
    report = copy("--source", one, "--destination", receiver.upload_url, "--all")
    assert report.copied == 1
    assert pypi.count() == 0


def test_a_server_that_dies_and_comes_back(
    tmp_path: Path, run_microrepo: MicrorepoRunner, copy: Copier
) -> None:
    source = tmp_path / "many"
    source.mkdir()
    built = [build_wheel(f"p{n}", "1.0", payload_size=500) for n in range(60)]
    for file in built:
        file.write_to(source)
    with Receiver() as first:
        first.latency_s = 0.02
        port = first.port
        words: list[str | Path] = ["--source", source]
        words += ["--destination", first.upload_url, "--all", "--retries", "0"]
        stopper = threading.Thread(target=_stop_after, args=(first, 20))
        stopper.start()
        run_microrepo("copy", *words, "--json")
        stopper.join()
        arrived = {project: dict(held) for project, held in first.files.items()}
    assert 0 < len(arrived) < 60
    with Receiver(port) as second:
        second.files.update(arrived)
        report = copy(*words)
        assert report.copied + report.totals.adopt == 60
        assert report.copied < 60
        assert second.digests() == {file.filename: file.sha256 for file in built}


def _stop_after(receiver: Receiver, count: int) -> None:
    while len(receiver.forms) < count:
        threading.Event().wait(0.005)
    receiver.die()
