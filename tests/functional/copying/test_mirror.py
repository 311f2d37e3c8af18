"""`microrepo mirror`: one release, whole, with what it needs, its marks and its redirects."""

from __future__ import annotations

import json
import re
import signal
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from distlib.wheel import Wheel
from filelock import FileLock

from microrepo.operations.mirror.mirror_records import MirrorReport
from tests.functional.copying.conftest import content, names
from tests.functional.server.serving import serve
from tests.support.archives import payload
from tests.support.faults import Delay
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.peers import PASSWORD, USER, Peers
from tests.support.programs import (
    CHECKOUT,
    Environment,
    MicrorepoRunner,
    clean_environment,
    run_program,
)
from tests.support.receiver import Receiver
from tests.support.repository import wait_until
from tests.support.server import PyPIServer

FAST = ("--processes", "1", "--connections", "4", "--min-free-space", "0")
LOGIN = f"{quote(USER)}:{quote(PASSWORD, safe='')}@"
Mirror = Callable[..., MirrorReport]


@pytest.fixture
def mirror(run_microrepo: MicrorepoRunner) -> Mirror:
    """``mirror(*args, expect=0)``: run `microrepo mirror` and return its report."""

    def run(*args: str | Path, expect: int = 0, **how: object) -> MirrorReport:
        done = run_microrepo("mirror", *args, *FAST, "--json", **how)  # type: ignore[arg-type]
        said = f"{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, said
        assert done.returncode == expect, said
        return msgspec.json.decode(done.stdout, type=MirrorReport)

    return run


def statuses(report: MirrorReport) -> dict[str, str]:
    """Return what became of each release."""
    return {f"{one.name} {one.version}": one.status for one in report.releases}


@pytest.fixture
def app(index: FakeIndex) -> list[BuiltFile]:
    """A release that needs others, one of them on new Pythons alone, and an older release of it."""
    built = [
        build_wheel("app", "1.0"),
        build_wheel("app", "2.0", requires_dist=["Lib.One>=1", 'newer; python_version>="3.12"']),
        build_sdist("app", "2.0", requires_dist=["Lib.One>=1"]),
        build_wheel("Lib.One", "1.0", requires_dist=["deep"]),
        build_wheel("Lib.One", "0.9"),
        build_wheel("deep", "3"),
        build_wheel("newer", "1"),
        build_wheel("unrelated", "1"),
    ]
    for file in built:
        index.add(file.name, file)
    return built


def test_one_release_and_nothing_else(
    app: list[BuiltFile], pypi: PyPIServer, tmp_path: Path, mirror: Mirror
) -> None:
    to = ["--source", pypi.url, "--destination", tmp_path / "there"]
    planned = mirror("app", "2.0", *to, "--dry-run")
    assert (planned.releases[0].status, planned.releases[0].copied) == ("planned", 2)
    assert not (tmp_path / "there").exists()
    report = mirror("App", "2.0.0", *to)
    assert statuses(report) == {"App 2.0.0": "copied"}
    assert content(tmp_path / "there") == {f.filename: f.content for f in app[1:3]}
    assert not (tmp_path / "there" / "simple").exists()
    again = mirror("app", "2.0", *to)
    assert (again.releases[0].status, again.releases[0].already) == ("present", 2)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["app", "7"], 1, "release not found at http"),
        (["nothing", "1"], 1, "project not found at http"),
        (["app", ">=2"], 2, "is not a version"),
        (["app>1", "2"], 2, "is not a project name"),
        (["app", "2.0", "-e", "cp312-win_amd64"], 2, "requires --dependencies"),
        (["app", "2.0", "--dependencies", "-e", "cp312-nowhere"], 2, "is not a preset"),
        (["app", "2.0", "--label", "good"], 2, "--label requires --tags"),
        (["app", "2.0", "--package-types", "bdist_egg"], 1, "no file kept"),
        (["app", "2.0", "--template-version", "0.1"], 1, "no app 0.1"),
    ],
)
def test_what_cannot_be_meant(
    words: list[str],
    code: int,
    said: str,
    app: list[BuiltFile],
    pypi: PyPIServer,
    tmp_path: Path,
    run_microrepo: MicrorepoRunner,
) -> None:
    to: list[str | Path] = ["--source", pypi.url, "--destination", tmp_path / "there", *FAST]
    done = run_microrepo("mirror", *words, *to)
    assert done.returncode == code
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "there").exists() or names(tmp_path / "there") == set()


def test_one_writer_at_a_time(
    app: list[BuiltFile], pypi: PyPIServer, tmp_path: Path, run_microrepo: MicrorepoRunner
) -> None:
    there = tmp_path / "there"
    (there / ".microrepo").mkdir(parents=True)
    to: list[str | Path] = ["--source", pypi.url, "--destination", there, *FAST]
    with FileLock(there / ".microrepo" / "lock"):
        done = run_microrepo("mirror", "app", "2.0", *to)
        assert done.returncode == 4
        assert "another run" in done.stderr
        assert run_microrepo("mirror", "app", "2.0", *to, "--dry-run").returncode == 0
    assert names(there) == set()
    assert run_microrepo("mirror", "app", "2.0", *to).returncode == 0


def test_other_content_keeps_all_of_a_release_away(
    app: list[BuiltFile], pypi: PyPIServer, tmp_path: Path, mirror: Mirror
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (there / app[1].filename).write_bytes(bytes(app[1].size))
    report = mirror("app", "2.0", "--source", pypi.url, "--destination", there, expect=1)
    assert report.releases[0].status == "refused"
    assert app[1].filename in report.releases[0].words
    assert names(there) == {app[1].filename}


def test_with_dependencies_for_two_environments(
    app: list[BuiltFile],
    pypi: PyPIServer,
    tmp_path: Path,
    mirror: Mirror,
    fresh_venv: Callable[..., Environment],
) -> None:
    there = tmp_path / "there"
    both = ["-e", "cp311-manylinux_2_28_x86_64", "-e", "cp312-win_amd64"]
    to = ["--source", pypi.url, "--destination", there, "--dependencies"]
    older = mirror("app", "2.0", *to, *both[:2])
    assert set(statuses(older)) == {"deep 3", "lib-one 1.0", "app 2.0"}
    report = mirror("app", "2.0", *to, *both)
    assert statuses(report) == {
        "deep 3": "present",
        "lib-one 1.0": "present",
        "newer 1": "copied",
        "app 2.0": "present",
    }
    assert report.releases[-1].name == "app"
    wanted = [f for f in app if (f.name, f.version) in _CLOSURE]
    assert content(there) == {f.filename: f.content for f in wanted}
    venv = fresh_venv()
    venv.pip("install", "--no-index", "--find-links", there, "app")
    venv.uv("pip", "uninstall", "app", "lib.one", "deep")
    venv.uv("pip", "install", "--no-index", "--find-links", there, "app")
    assert venv.run("-c", "import app, lib_one, deep; print(app.__version__)").stdout == "2.0\n"


_CLOSURE = {("app", "2.0"), ("Lib.One", "1.0"), ("deep", "3"), ("newer", "1")}


def test_what_is_missing_is_named(
    index: FakeIndex, pypi: PyPIServer, tmp_path: Path, mirror: Mirror
) -> None:
    for file in (
        build_wheel("app", "1", requires_dist=["here", "absent", "old<1"]),
        build_wheel("here", "1"),
        build_wheel("old", "2"),
    ):
        index.add(file.name, file)
    to = ["--source", pypi.url, "--destination", tmp_path / "there", "--dependencies"]
    report = mirror("app", "1", *to, expect=3)
    assert "absent" in report.missing or "absent" in str(report.failed)
    assert statuses(report) == {"here 1": "copied", "app 1": "copied"}


def test_a_directory_is_a_source_too(
    app: list[BuiltFile], tmp_path: Path, mirror: Mirror, run_microrepo: MicrorepoRunner
) -> None:
    pile = tmp_path / "pile"
    pile.mkdir()
    for file in app:
        file.write_to(pile)
    cache = tmp_path / "hashes.json"
    to = ["--source", pile, "--destination", tmp_path / "there", "--dependencies"]
    here = ["-e", "cp312-manylinux_2_28_x86_64"]
    report = mirror("app", "2.0", *to, *here)
    assert content(tmp_path / "there") == {
        f.filename: f.content for f in app if (f.name, f.version) in _CLOSURE
    }
    for name in names(tmp_path / "there"):
        assert (tmp_path / "there" / name).samefile(pile / name)
    # Copies, which are compared by content; what was read once is remembered.
    other = tmp_path / "other"
    other.mkdir()
    for name in names(tmp_path / "there"):
        (other / name).write_bytes((pile / name).read_bytes())
    again: list[str | Path] = ["--source", pile, "--destination", other, "--hash-cache-file", cache]
    report = mirror("app", "2.0", *again)
    assert statuses(report) == {"app 2.0": "present"}
    known = json.loads(cache.read_text())["files"]
    assert {Path(name).name for name in known} == {f.filename for f in app[1:3]}
    assert len(known) == 4
    # Believed: the cache is what the second run goes by.
    for entry in known.values():
        entry["sha256"] = "0" * 64 if entry["sha256"] == app[1].sha256 else entry["sha256"]
    cache.write_text(json.dumps({"format": 1, "files": known}))
    lying = {n: e for n, e in known.items() if Path(n).parent == pile}
    for entry in lying.values():
        entry["sha256"] = "1" * 64
    cache.write_text(json.dumps({"format": 1, "files": known}))
    assert mirror("app", "2.0", *again, expect=1).releases[0].status == "refused"
    cache.write_text("no cache at all")
    done = run_microrepo("mirror", "app", "2.0", *again, *FAST)
    assert (done.returncode, "is not a hash cache" in done.stderr) == (2, True)
    assert cache.read_text() == "no cache at all"


@pytest.fixture
def linked(index: FakeIndex) -> list[BuiltFile]:
    """A release that requires others by URL: one whose URL tells a version, and one without."""
    urls = [
        "plain>=1",
        "lib @ https://user:s3cret@files.example/a/lib-1.4-py3-none-any.whl#sha256=00",
        'tool[fast] @ git+https://code.example/tool@main ; python_version >= "3.8"',
    ]
    built = [
        build_wheel("linked", "1.0", requires_dist=urls, payload_size=5000, summary="Größe"),
        build_wheel("plain", "1"),
        build_wheel("lib", "1.4"),
        build_wheel("lib", "2.0"),
        build_wheel("tool", "3", extras={"fast": ["plain"]}),
    ]
    for file in built:
        index.add(file.name, file)
    return built


def test_redirected_dependencies(
    linked: list[BuiltFile],
    pypi: PyPIServer,
    tmp_path: Path,
    mirror: Mirror,
    fresh_venv: Callable[..., Environment],
) -> None:
    there = tmp_path / "there"
    to = ["--source", pypi.url, "--destination", there, "--redirect-dependencies"]
    planned = mirror("linked", "1.0", *to, "--dry-run")
    assert len(planned.releases[0].redirected) == 2
    assert not there.exists()
    report = mirror("linked", "1.0", *to, "--dependencies")
    assert set(statuses(report)) == {"lib 1.4", "plain 1", "tool 3", "linked 1.0"}
    assert "s3cret" not in str(report)
    path = there / linked[0].filename
    wheel = Wheel(str(path))
    wheel.verify()  # its RECORD
    sidecar = there / f"{path.name}.metadata"
    with zipfile.ZipFile(path) as new:
        assert new.testzip() is None
        metadata = new.read("linked-1.0.dist-info/METADATA")
        note = json.loads(new.read("linked-1.0.dist-info/microrepo-redirect.json"))
        assert new.read("linked/payload.bin") in linked[0].content
    assert sidecar.read_bytes() == metadata
    lines = metadata.decode().splitlines()
    assert [line for line in lines if line.startswith("Requires-Dist")] == [
        "Requires-Dist: plain>=1",
        "Requires-Dist: lib==1.4",
        'Requires-Dist: tool[fast] ; python_version >= "3.8"',
    ]
    assert "Summary: Größe" in lines
    assert note["sha256"] == linked[0].sha256
    assert note["requirements"][0]["was"].startswith("lib @ https://files.example/a/lib-1.4")
    again = mirror("linked", "1.0", *to)
    assert statuses(again) == {"linked 1.0": "present"}
    venv = fresh_venv()
    venv.pip("install", "--no-index", "--find-links", there, "linked")
    code = "import importlib.metadata as m; print(m.version('lib'), m.version('tool'))"
    assert venv.run("-c", code).stdout == "1.4 3\n"
    venv.pip("check")
    with serve(there) as served:
        venv.uv("pip", "uninstall", "linked", "lib", "plain", "tool")
        venv.uv("pip", "install", "--index-url", f"{served.url}simple/", "linked")


def test_redirected_copies_go_to_an_index_once(
    linked: list[BuiltFile], pypi: PyPIServer, receiver: Receiver, mirror: Mirror
) -> None:
    to = ["--source", pypi.url, "--destination", receiver.url, "--redirect-dependencies"]
    assert mirror("linked", "1.0", *to).releases[0].status == "copied"
    assert receiver.forms[0]["requires_dist"][1] == "lib==1.4"
    assert receiver.forms[0]["sha256_digest"] == list(receiver.digests().values())
    assert receiver.digests()[linked[0].filename] != linked[0].sha256
    assert mirror("linked", "1.0", *to).releases[0].status == "present"
    assert len(receiver.forms) == 1
    # Where nothing is to be redirected, files stay as they are.
    mirror("tool", "3", *to)
    assert receiver.digests()[linked[4].filename] == linked[4].sha256
    # The original is other content than the copy that stands there.
    report = mirror("linked", "1.0", *to[:4], expect=1)
    assert report.releases[0].status == "refused"


def test_secrets_are_told_to_nobody(
    app: list[BuiltFile],
    pypi: PyPIServer,
    receiver: Receiver,
    tmp_path: Path,
    run_microrepo: MicrorepoRunner,
) -> None:
    receiver.auth = ("me", "right-one")
    url = receiver.url.replace("://", "://me:{}@")
    flags: list[str | Path] = [
        "--source",
        pypi.url,
        "--log-file",
        tmp_path / "log",
        "--debug",
        *FAST,
    ]
    for password, code in (("wr0ng-one", 1), ("right-one", 0)):
        for form in ((), ("--json",)):
            to: list[str | Path] = ["--destination", url.format(password), *flags, *form]
            done = run_microrepo("mirror", "app", "2.0", "--dependencies", *to)
            said = done.stdout + done.stderr + (tmp_path / "log").read_text()
            assert done.returncode == code, said
            assert password not in said
    (tmp_path / "secret").write_text("right-one\n")
    to = ["--destination", receiver.url, *flags, "--destination-username", "me"]
    to += ["--destination-password-file", tmp_path / "secret"]
    done = run_microrepo("mirror", "app", "2.0", *to)
    assert (done.returncode, "present" in done.stdout) == (0, True)
    (tmp_path / "secret").unlink()
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "log"]
    assert not [path for path in left if b"right-one" in path.read_bytes()]


@pytest.fixture
def marked(index: FakeIndex) -> list[BuiltFile]:
    """A yanked release of an archived project, and a sound one."""
    built = [build_wheel("marked", "1.0"), build_sdist("marked", "1.0"), build_wheel("marked", "2")]
    for file in built[:2]:
        index.add("Marked", file, yanked="deletes your files")
    index.add("Marked", built[2])
    index.set_status("marked", "archived")
    return built


def test_marks_go_along_to_a_directory_and_on_from_there(
    marked: list[BuiltFile], index: FakeIndex, pypi: PyPIServer, tmp_path: Path, mirror: Mirror
) -> None:
    there, further = tmp_path / "there", tmp_path / "further"
    pypi_serial = index.projects["marked"].serial
    mirror("marked", "1.0", "--source", pypi.url, "--destination", there)
    assert not (there / "simple").exists()
    report = mirror("marked", "1.0", "--source", pypi.url, "--destination", there,
                    "--tags", "--label", "last good")  # fmt: skip
    said = " ".join(report.releases[0].marks)
    assert "yanked (deletes your files)" in said
    assert "archived" in said
    assert "label last good" in said
    mirror("marked", "1.0", "--source", there, "--destination", further, "--tags")
    record = json.loads((further / ".microrepo/mirrored/marked-1.0.json").read_text())
    assert (record["label"], record["status"]) == ("last good", "archived")
    assert record["serial"] == pypi_serial
    for directory in (there, further):
        page = json.loads((directory / "simple/marked/index.v1_json").read_text())
        assert {f["filename"]: f["yanked"] for f in page["files"]} == dict.fromkeys(
            [f.filename for f in marked[:2]], "deletes your files"
        )
        assert page["project-status"]["status"] == "archived"
    # Another release joins it; the mark of the first stays.
    mirror("marked", "2", "--source", pypi.url, "--destination", there)
    page = json.loads((there / "simple/marked/index.v1_json").read_text())
    assert sorted(f["yanked"] is False for f in page["files"]) == [False, False, True]


def test_marks_that_an_index_cannot_take(
    marked: list[BuiltFile], pypi: PyPIServer, receiver: Receiver, mirror: Mirror
) -> None:
    to = ["--source", pypi.url, "--destination", receiver.url]
    report = mirror("marked", "1.0", *to, "--tags", expect=3)
    assert any("is yanked" in mark for mark in report.releases[0].marks_left)
    assert receiver.digests() == {f.filename: f.sha256 for f in marked[:2]}
    assert mirror("marked", "1.0", *to).releases[0].status == "present"


def test_a_template_gives_what_both_releases_share(
    index: FakeIndex, pypi: PyPIServer, tmp_path: Path, mirror: Mirror
) -> None:
    def built(version: str, **more: bytes) -> BuiltFile:
        files = {
            "big/__init__.py": f"__version__ = {version!r}\n".encode(),
            "big/data.bin": payload("data", 700_000),
            "big/more.bin": payload("more", 300_000),
            "big/new.bin": payload(f"new {version}", 100_000),
            **{f"big/{name}.bin": body for name, body in more.items()},
        }
        return build_wheel("big", version, files=files)

    old, new, third = built("1"), built("2"), built("3", extra=payload("extra", 90_000))
    for file in (old, new, third):
        index.add("big", file)
    there = tmp_path / "there"
    to = ["--source", pypi.url, "--destination", there]
    mirror("big", "1", *to)
    report = mirror("big", "2", *to, "--template-version", "1")
    assert 1_000_000 <= report.releases[0].from_template_bytes < 1_001_000
    assert content(there) == {f.filename: f.content for f in (old, new)}
    sent = sum(r.bytes_sent for r in pypi.requests if r.path.endswith(new.filename))
    assert sent < 200_000
    # A template that is not what it seems costs time and nothing else.
    damaged = bytearray(old.content)
    damaged[350_000] ^= 1  # in the midst of data.bin
    (there / old.filename).write_bytes(damaged)
    report = mirror("big", "3", *to, "--template-version", "1")
    assert report.releases[0].from_template_bytes == 0
    assert (there / third.filename).read_bytes() == third.content


def test_real_servers_at_both_ends(
    app: list[BuiltFile],
    pypi: PyPIServer,
    tmp_path: Path,
    peers: Peers,
    mirror: Mirror,
    fresh_venv: Callable[..., Environment],
) -> None:
    both = ["--dependencies", "-e", "cp311-manylinux_2_28_x86_64", "-e", "cp312-win_amd64"]
    env = {
        "MICROREPO_DESTINATION_USERNAME": "root",
        "MICROREPO_DESTINATION_PASSWORD": PASSWORD,
    }
    wanted = {f.filename: f.content for f in app if (f.name, f.version) in _CLOSURE}
    held = tmp_path / "pypi"
    with peers.pypiserver(held) as first, peers.devpi(tmp_path / "devpi") as second:
        login = f"{first.replace('://', f'://{LOGIN}')}"
        report = mirror("app", "2.0", "--source", pypi.url, "--destination", login, *both)
        assert set(statuses(report).values()) == {"copied"}
        assert content(held) == wanted
        from_first = ["--source", f"{login}simple/", "--destination", second, *both]
        report = mirror("app", "2.0", *from_first, env=env)
        assert set(statuses(report).values()) == {"copied"}
        assert PASSWORD not in str(report)
        assert LOGIN not in str(report)
        again = mirror("app", "2.0", *from_first, env=env)
        assert set(statuses(again).values()) == {"present"}
        there = tmp_path / "there"
        mirror("app", "2.0", "--source", f"{second}+simple/", "--destination", there, *both)
        assert content(there) == wanted
        # Other content under a name keeps the release away, and nothing of it is sent.
        changed = tmp_path / "changed"
        changed.mkdir()
        build_wheel("app", "2.0", payload_size=9).write_to(changed)
        build_sdist("app", "2.0", format="zip").write_to(changed)
        report = mirror("app", "2.0", "--source", changed, "--destination", login, expect=1)
        assert report.releases[0].status == "refused"
        assert content(held) == wanted
        report = mirror(
            "app", "1.0", "--source", pypi.url, "--destination", login,
            "--template-version", "9", expect=1,
        )  # fmt: skip
        assert "no app 9" in report.releases[0].words
        venv = fresh_venv()
        venv.pip("install", "--index-url", f"{login}simple/", "app")
        venv.uv("pip", "uninstall", "app", "lib.one", "deep")
        venv.uv("pip", "install", "--index-url", f"{second}+simple/", "app")
        venv.pip("check")


def test_our_own_server_is_a_source(
    app: list[BuiltFile], pypi: PyPIServer, tmp_path: Path, mirror: Mirror
) -> None:
    there, further = tmp_path / "there", tmp_path / "further"
    dependencies = ["--dependencies", "-e", "cp312-manylinux_2_28_x86_64"]
    mirror("app", "2.0", "--source", pypi.url, "--destination", there, *dependencies, "--tags")
    with serve(there) as served:
        source = ["--source", f"{served.url}simple/", "--destination", further]
        mirror("app", "2.0", *source, *dependencies)
    wanted = {f.filename: f.content for f in app if (f.name, f.version) in _CLOSURE}
    assert content(further) == wanted


def test_an_index_that_announces_no_digests_is_read_when_told_to(
    app: list[BuiltFile], pypi: PyPIServer, mirror: Mirror
) -> None:
    with Receiver(algorithm=None) as receiver:
        receiver.take("app", app[1].filename, app[1].content)
        to = ["--source", pypi.url, "--destination", receiver.url]
        report = mirror("app", "2.0", *to, expect=1)
        assert "--resume" in report.releases[0].words
        assert set(receiver.digests()) == {app[1].filename}
        report = mirror("app", "2.0", *to, "--resume")
        assert (report.releases[0].copied, report.releases[0].already) == (1, 1)
        assert receiver.digests() == {f.filename: f.sha256 for f in app[1:3]}


def test_killed_and_resumed(
    index: FakeIndex,
    pypi: PyPIServer,
    receiver: Receiver,
    tmp_path: Path,
    mirror: Mirror,
    run_microrepo: MicrorepoRunner,
) -> None:
    count = 12
    needs = [f"part-{number}" for number in range(count)]
    files = [build_wheel("many", "1", requires_dist=needs)]
    files += [build_wheel(name, "1", payload_size=40_000) for name in needs]
    for file in files:
        index.add(file.name, file)
    receiver.latency_s = 0.05
    one = ["--max-concurrent-single-package-mirror-ops", "1", "--dependencies"]
    to = ["--source", pypi.url, "--destination", receiver.url, *one]
    process = run_microrepo.start("mirror", "many", "1", *to, *FAST)
    wait_until(lambda: len(receiver.digests()) >= 3)
    process.kill()
    process.wait()
    arrived = receiver.digests()
    assert len(arrived) <= count
    assert files[0].filename not in arrived  # what it needs comes first
    receiver.latency_s = 0.0
    report = mirror("many", "1", *to, "--resume")
    states = list(statuses(report).values())
    assert states.count("present") >= 3
    assert states.count("present") + states.count("copied") == count + 1
    assert receiver.digests() == {f.filename: f.sha256 for f in files}
    assert len(receiver.forms) <= count + 2  # nothing is sent twice but what was on its way


def test_an_interruption_leaves_whole_releases(
    index: FakeIndex,
    pypi: PyPIServer,
    tmp_path: Path,
    mirror: Mirror,
    run_microrepo: MicrorepoRunner,
) -> None:
    needs = [f"part-{number}" for number in range(8)]
    files = [build_wheel("many", "1", requires_dist=needs)]
    for name in needs:
        files += [build_wheel(name, "1", payload_size=2000), build_sdist(name, "1")]
    for file in files:
        index.add(file.name, file)
    there = tmp_path / "there"
    to: list[str | Path] = ["--source", pypi.url, "--destination", there, "--dependencies"]
    pypi.fault("*/part_5-1-py3-none-any.whl", Delay(60))
    process = run_microrepo.start("mirror", "many", "1", *to, *FAST)
    wait_until(lambda: there.exists() and len(names(there)) >= 10)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    pypi.clear_faults()
    report = mirror("many", "1", *to)
    assert statuses(report)["many 1"] == "copied"
    assert content(there) == {f.filename: f.content for f in files}


def test_the_examples_of_the_page(app: list[BuiltFile], pypi: PyPIServer, tmp_path: Path) -> None:
    index = pypi.url
    page = (CHECKOUT / "docs" / "how-to" / "mirror.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    lines = [f"SOURCE = {index!r}", f"FOLDER = {str(tmp_path / 'folder')!r}"]
    body = "\n".join(blocks).replace("\n", "\n    ").replace("lib", "Lib.One")
    script = tmp_path / "example.py"
    script.write_text("\n".join([*lines, 'if __name__ == "__main__":', f"    {body}\n"]))
    env = clean_environment(tmp_path, {"PYTHONPATH": str(CHECKOUT)})
    command: list[str | Path] = [sys.executable, "-W", "error", script]
    done = run_program(command, env=env, cwd=tmp_path, check=True, timeout_s=120)
    said = done.stdout.splitlines()
    assert said[:3] == ["app copied", "Lib.One copied", "0 ()"]
    assert "'app': 'present'" in said[3]
    assert "'deep': 'left'" in said[3]
    wanted = {f.filename: f.content for f in app if (f.name, f.version) in _CLOSURE}
    assert {name: (tmp_path / "folder" / name).read_bytes() for name in wanted} == wanted


def test_a_refresh_beside_mirrored_releases(
    marked: list[BuiltFile],
    index: FakeIndex,
    pypi: PyPIServer,
    tmp_path: Path,
    mirror: Mirror,
    run_microrepo: MicrorepoRunner,
) -> None:
    there = tmp_path / "there"
    index.add("other", build_wheel("other", "1"))
    mirror("marked", "1.0", "--source", pypi.url, "--destination", there, "--tags")
    flags: list[str | Path] = ["--repository", there, "--source", pypi.url, "--processes", "1"]

    def page() -> dict[str, object]:
        found = json.loads((there / "simple/marked/index.v1_json").read_text())
        assert found["project-status"]["status"] == "archived"
        return {file["filename"]: file["yanked"] for file in found["files"]}

    # Others are refreshed: what was mirrored stays, with its marks.
    done = run_microrepo("refresh", "--packages", "other", *flags, "--no-dependencies")
    assert done.returncode == 0, done.stderr
    assert page() == dict.fromkeys([f.filename for f in marked[:2]], "deletes your files")
    assert run_microrepo("verify", "--deep", *flags[:2]).returncode == 0
    # Now a refresh keeps the project itself, as its source has it; the old release is none of its
    # business.
    both = ["--packages", "other,marked", "--no-dependencies"]
    done = run_microrepo("refresh", *both, *flags)
    assert done.returncode == 0, done.stderr
    assert page()[marked[2].filename] is False
    assert names(there) >= {f.filename for f in marked}
    # What a refresh keeps is already there for the mirror.
    report = mirror("marked", "2", "--source", pypi.url, "--destination", there, "--tags")
    assert report.releases[0].status == "present"
    assert page()[marked[0].filename] == "deletes your files"
    run_microrepo("index", "--repository", there)
    assert len(page()) == 3
