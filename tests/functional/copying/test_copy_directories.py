"""Directory to directory, and index to directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.functional.copying.conftest import Copier, content, names
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.receiver import Receiver
from tests.support.server import PyPIServer
from tests.support.variants import variant_wheel, variants_index


def test_files_of_one_file_system_are_linked(pile: Path, tmp_path: Path, copy: Copier) -> None:
    copy("--source", pile, "--destination", tmp_path / "there", "--all")
    assert content(tmp_path / "there") == content(pile)
    for name in names(pile):
        assert (tmp_path / "there" / name).samefile(pile / name)
    assert not (tmp_path / "there" / ".microrepo").exists()


@pytest.mark.parametrize("flags", [[], ["--no-link"], ["--replace"]])
def test_what_a_symbolic_link_points_to_is_copied(
    flags: list[str], pile: Path, tmp_path: Path, copy: Copier
) -> None:
    source = tmp_path / "links"
    source.mkdir()
    for name in names(pile):
        (source / name).symlink_to(f"../pile/{name}")
    there = tmp_path / "deep" / "there"
    copy("--source", source, "--destination", there, "--all", *flags)
    assert not any(path.is_symlink() for path in there.iterdir())
    assert content(there) == content(pile)


def test_no_link_copies_with_times(pile: Path, tmp_path: Path, copy: Copier) -> None:
    copy("--source", f"file://{pile}", "--destination", tmp_path / "there", "--all", "--no-link")
    assert content(tmp_path / "there") == content(pile)
    for name in names(pile):
        ours, theirs = (pile / name).stat(), (tmp_path / "there" / name).stat()
        assert ours.st_ino != theirs.st_ino
        assert ours.st_mtime_ns == theirs.st_mtime_ns


@pytest.mark.parametrize("flags", [[], ["--no-link"], ["--no-verify"]])
def test_a_damaged_file_is_not_handed_on(
    flags: list[str], pile: Path, tmp_path: Path, run_microrepo: MicrorepoRunner
) -> None:
    """Neither its size nor its time tells; unread, it goes along, and is found there."""
    run_microrepo("index", "--repository", pile)
    damaged = pile / min(name for name in names(pile) if name.endswith(".whl"))
    status, body = damaged.stat(), damaged.read_bytes()
    damaged.write_bytes(bytes([body[0] ^ 1]) + body[1:])
    os.utime(damaged, ns=(status.st_atime_ns, status.st_mtime_ns))
    there = tmp_path / "there"
    copied = run_microrepo("copy", "--source", pile, "--destination", there, "--all", *flags)
    verified = run_microrepo("verify", "--repository", there)
    if "--no-verify" in flags:
        assert (copied.returncode, verified.returncode) == (0, 3)
        assert damaged.name in verified.stdout + verified.stderr
    else:
        assert (copied.returncode, verified.returncode) == (3, 0)
        assert damaged.name in copied.stdout + copied.stderr
        assert not (there / damaged.name).exists()
        assert "no recorded digest" not in verified.stdout


def test_a_second_copy_moves_nothing(pile: Path, tmp_path: Path, copy: Copier) -> None:
    for flags in ([], ["--no-link"]):
        there = tmp_path / f"there{len(flags)}"
        first = copy("--source", pile, "--destination", there, "--all", *flags)
        second = copy("--source", pile, "--destination", there, "--all", *flags)
        assert (first.copied, second.copied, second.totals.adopt) == (9, 0, 9)


def test_other_content_is_a_conflict_until_replaced(
    pile: Path, tmp_path: Path, files: list[BuiltFile], copy: Copier
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    same_size = bytes(len(files[0].content))
    (there / files[0].filename).write_bytes(same_size)
    (there / files[1].filename).write_bytes(b"shorter")
    report = copy("--source", pile, "--destination", there, "--all", expect=3)
    assert sorted(f.what for f in report.conflicts) == [files[0].filename, files[1].filename]
    assert (there / files[0].filename).read_bytes() == same_size
    report = copy("--source", pile, "--destination", there, "--all", "--replace")
    assert report.copied == 2
    assert content(there) == content(pile)


def test_replacing_a_link_leaves_the_other_end_alone(
    pile: Path, tmp_path: Path, files: list[BuiltFile], copy: Copier
) -> None:
    copy("--source", pile, "--destination", tmp_path / "there", "alpha==1.0")
    other = tmp_path / "other"
    other.mkdir()
    changed = build_wheel("alpha", "1.0", payload_size=10)
    changed.write_to(other)
    copy("--source", other, "--destination", tmp_path / "there", "alpha", "--replace")
    assert content(tmp_path / "there") == {changed.filename: changed.content}
    assert (pile / files[0].filename).read_bytes() == files[0].content


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["alpha<1.1"], {"alpha-1.0-py3-none-any.whl"}),
        (["alpha>1.0,<2.0.dev0"], {"alpha-1.1-py3-none-any.whl", "alpha-1.1.tar.gz"}),
        (["beta_two"], {"beta_two-2.0.zip", "beta_two-2.0-py3-none-any.whl"}),
        (
            ["alpha", "--latest"],
            {"alpha-1.1-py3-none-any.whl", "alpha-1.1.tar.gz"},
        ),
        (["alpha", "--latest", "--prereleases"], {"alpha-2.0b1-py3-none-any.whl"}),
        (
            ["--all", "-e", "alpha>1.0", "-e", "large", "--exclude", "beta-two"],
            {"alpha-1.0-py3-none-any.whl", "legacy-0.3-py2.7.egg", "old_style-0.1.tar.bz2"},
        ),
    ],
)
def test_what_is_copied(
    words: list[str], expected: set[str], pile: Path, tmp_path: Path, copy: Copier
) -> None:
    copy("--source", pile, "--destination", tmp_path / "there", *words)
    assert names(tmp_path / "there") == expected


def test_pins_of_a_buildout(pile: Path, tmp_path: Path, copy: Copier) -> None:
    (tmp_path / "buildout.cfg").write_text(
        "[buildout]\nversions = pins\n[pins]\nalpha = 1.0\nBeta.Two = 2.0\nabsent =\n"
    )
    flags = ["--from-versions-file", "buildout.cfg", "--package-types", "bdist_wheel"]
    copy("--source", pile, "--destination", tmp_path / "there", *flags)
    assert names(tmp_path / "there") == {
        "alpha-1.0-py3-none-any.whl",
        "beta_two-2.0-py3-none-any.whl",
    }


@pytest.mark.parametrize("way", ["url", "environment", "netrc"])
def test_pins_from_a_server_that_wants_a_password(
    way: str, pile: Path, tmp_path: Path, copy: Copier, run_microrepo: MicrorepoRunner
) -> None:
    def pins(handler: Any) -> bool:
        handler.answer(200, b"[versions]\nalpha = 1.1\n")
        return True

    env = {}
    with Receiver() as server:
        server.auth = ("user", "pass:word")
        server.detours["/pins.cfg"] = pins
        url = f"{server.url}pins.cfg"
        words: list[str | Path] = ["--source", pile, "--destination", tmp_path / "there"]
        words.append("--from-versions-file")
        done = run_microrepo("copy", *words, url)
        assert done.returncode == 1
        assert "HTTP 401" in done.stderr
        if way == "url":
            url = url.replace("://", "://user:pass%3Aword@")
        elif way == "netrc":
            netrc = run_microrepo.home / ".netrc"
            netrc.write_text("machine 127.0.0.1 login user password pass:word\n")
        else:
            env = {"MICROREPO_VERSIONS_USERNAME": "user"}
            env["MICROREPO_VERSIONS_PASSWORD"] = "pass:word"
        copy(*words, url, env=env)
    assert names(tmp_path / "there") == {"alpha-1.1-py3-none-any.whl", "alpha-1.1.tar.gz"}


def test_dry_run_changes_nothing(pile: Path, tmp_path: Path, copy: Copier) -> None:
    report = copy("--source", pile, "--destination", tmp_path / "there", "--all", "--dry-run")
    assert (report.copied, len(report.plan)) == (0, 9)
    assert not (tmp_path / "there").exists()


def test_index_to_directory(
    index: FakeIndex, pypi: PyPIServer, files: list[BuiltFile], tmp_path: Path, copy: Copier
) -> None:
    for file in files:
        index.add(file.name, file, upload_time="2023-05-06T07:08:09.123456Z")
    index.add("gone", build_wheel("gone", "1.0"), yanked="broken")
    there = tmp_path / "there"
    for source in (pypi.url, pypi.simple_url):
        report = copy("--source", source, "--destination", there, "--all")
        assert report.rejected == {"yanked": 1}
        assert content(there) == {file.filename: file.content for file in files}
    assert (there / files[0].filename).stat().st_mtime_ns == 1683356889_123456000


def test_a_source_without_digests_is_refused_until_allowed(
    index: FakeIndex, pypi: PyPIServer, tmp_path: Path, copy: Copier
) -> None:
    plain = build_wheel("plain", "1.0")
    index.add("plain", plain, digests=False)
    words = ["--source", pypi.simple_url, "--destination", tmp_path / "there", "plain"]
    assert copy(*words, expect=3).rejected == {"no digest announced": 1}
    assert copy(*words, "--no-require-digests").copied == 1
    assert copy(*words, "--no-require-digests").totals.adopt == 1
    other = build_wheel("plain", "1.0", metadata_lines=["Keywords: x"])
    (tmp_path / "there" / plain.filename).write_bytes(other.content)
    assert copy(*words, "--no-require-digests", expect=3).conflicts


def test_what_is_missing_is_said(pile: Path, tmp_path: Path, copy: Copier) -> None:
    report = copy("--source", pile, "--destination", tmp_path / "there", "nothing", expect=3)
    assert report.missing == ("nothing",)


@pytest.mark.parametrize(
    "words",
    [
        ["--source", "SAME", "--destination", "SAME", "--all"],
        ["--source", "SAME", "--destination", "there"],
        ["--source", "SAME", "--destination", "there", "--all", "alpha"],
        ["--source", "SAME", "--destination", "ftp://x.example/", "--all"],
        ["--source", "SAME", "--destination", "http://[::1", "--all"],
        ["--source", "SAME", "--destination", "https://x.example:99999/legacy/", "--all"],
        ["--source", "SAME", "--destination", "https:/x.example", "--all"],
        ["--source", "SAME", "--destination", "there", "all"],
        ["--source", "SAME", "--destination", "there", "alpha @ https://x.example/alpha-1.0.zip"],
        ["--source", "SAME", "--destination", "pypi", "--all"],
        ["--source", "", "--destination", "there", "--all"],
        ["--source", "SAME", "--destination", "there", "--from-versions-file", "absent"],
    ],
)
def test_what_cannot_be_meant(words: list[str], pile: Path, run_microrepo: MicrorepoRunner) -> None:
    done = run_microrepo("copy", *[str(pile) if word == "SAME" else word for word in words])
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("microrepo: error: ")
    assert not (run_microrepo.directory / "pypi").exists()


def test_a_copy_that_cannot_begin_leaves_nothing(
    tmp_path: Path, run_microrepo: MicrorepoRunner
) -> None:
    words: list[str | Path] = ["--source", tmp_path / "absent"]
    words += ["--destination", tmp_path / "there", "--all"]
    assert run_microrepo("copy", *words).returncode == 1
    assert not (tmp_path / "there").exists()
    (tmp_path / "there").mkdir()
    assert run_microrepo("copy", *words).returncode == 1
    assert list((tmp_path / "there").iterdir()) == []


def test_a_damaged_sdist_goes_to_a_directory_as_it_is(tmp_path: Path, copy: Copier) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "odd-1.0.tar.gz").write_bytes(b"not an archive")
    build_sdist("fine", "1.0").write_to(source)
    assert copy("--source", source, "--destination", tmp_path / "there", "--all").copied == 2


def test_a_source_that_does_not_answer_is_a_failure(copy: Copier, tmp_path: Path) -> None:
    """As for a refresh: nothing was learnt, so nothing is missing either."""
    to = ("--destination", tmp_path / "there", "--retries", "0")
    report = copy("--source", "http://127.0.0.1:9/simple/", *to, "alpha", "beta", expect=1)
    assert len(report.failed) == 2


def test_variant_wheels_and_what_explains_them(
    tmp_path: Path, copy: Copier, receiver: Receiver
) -> None:
    """It changes under its name, but a copy replaces nothing by itself; an index makes its own."""
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    wheel = variant_wheel("foo", "1.0", "null")
    wheel.write_to(source)
    labels = variants_index("foo", "1.0", "null").write_to(source)
    copy("--source", source, "--destination", target, "--all")
    assert content(target) == content(source)
    labels.unlink()  # it is linked, not copied
    variants_index("foo", "1.0", "null", "x86_64_v3").write_to(source)
    report = copy("--source", source, "--destination", target, "--all", expect=3)
    assert [one.what for one in report.conflicts] == [labels.name]
    copy("--source", source, "--destination", target, "--all", "--replace")
    assert content(target) == content(source)
    copy("--source", source, "--destination", receiver.upload_url, "--all")
    assert receiver.digests() == {wheel.filename: wheel.sha256}
