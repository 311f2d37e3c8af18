"""Bundles: what they carry, what they leave out, and what is refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from microrepo.standalone.importer.bundle_header import BundleContent, parse_content, parse_header
from microrepo.standalone.importer.manifest import ManifestReader
from microrepo.standalone.importer.manifest_entries import ManifestFile
from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer


class Volume:
    """A volume, read by `tarfile`."""

    def __init__(self, content: bytes) -> None:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r|") as archive:
            self.members = {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]
        self.header = parse_header(self.members["bundle.json"])

    @property
    def files(self) -> list[str]:
        return [n.partition("/")[2] for n in self.members if n.startswith("files/")]

    def contents(self) -> list[BundleContent]:
        lines = self.members["contents.jsonl"].splitlines(keepends=True)
        return [parse_content(line) for line in lines]

    def manifest(self) -> list[str]:
        text = gzip.decompress(self.members["manifest.jsonl.gz"])
        entries = ManifestReader(io.BytesIO(text).readline).entries()
        return [entry.filename for entry in entries if isinstance(entry, ManifestFile)]


@pytest.fixture
def refresh(repo: Repository, index: FakeIndex, pypi: PyPIServer) -> Callable[..., None]:
    """Publish releases and refresh."""

    def run(*releases: tuple[str, str], size: int = 0) -> None:
        for name, version in releases:
            index.add(name, build_wheel(name, version, files={"data": os.urandom(size)}))
        names = ",".join(sorted({path.name.partition("-")[0] for path in repo.path.glob("*.whl")}
                                | {name for name, _ in releases}))  # fmt: skip
        repo.run("refresh", "--packages", names, "--source", pypi.url, "--no-dependencies", "--versions", "all",
                 "--repository", repo.path)  # fmt: skip

    return run


def export(repo: Repository, out: Path, *flags: str | Path, **how: Any) -> list[Volume]:
    """Export; return the new volumes."""
    before = set(out.glob("*.tar")) if out.is_dir() else set()
    repo.run("export", out, "--repository", repo.path, *flags, **how)
    return [Volume(path.read_bytes()) for path in sorted(set(out.glob("*.tar")) - before)]


def names_of(volumes: Iterable[Volume]) -> list[str]:
    return [name for volume in volumes for name in volume.files]


def test_a_first_bundle_carries_everything(
    repo: Repository, refresh: Callable[..., None], tmp_path: Path
) -> None:
    refresh(("one", "1.0"), ("two", "1.0"))
    (volume,) = export(repo, tmp_path / "out")
    wheels = ["one-1.0-py3-none-any.whl", "two-1.0-py3-none-any.whl"]
    assert volume.files == volume.manifest() == wheels
    assert volume.header.base == ""
    assert "metadata/one-1.0-py3-none-any.whl.metadata" in volume.members
    for content in volume.contents():
        found = hashlib.sha256(volume.members[content.member]).hexdigest()
        assert found == content.sha256, content.member
    assert "def main" in volume.members["server.py"].decode()
    assert json.loads(volume.members["config.json"])["repository"]["value"] == str(repo.path)


def test_the_next_bundle_carries_what_is_new(
    repo: Repository, refresh: Callable[..., None], index: FakeIndex, tmp_path: Path
) -> None:
    refresh(("one", "1.0"), ("two", "1.0"))
    (first,) = export(repo, tmp_path / "out")
    refresh(("one", "2.0"))
    repo.run("delete", "two", "--repository", repo.path)
    (second,) = export(repo, tmp_path / "out")
    assert second.files == ["one-2.0-py3-none-any.whl"]
    assert second.manifest() == ["one-1.0-py3-none-any.whl", "one-2.0-py3-none-any.whl"]
    assert second.header.base == first.header.snapshot
    assert second.header.sequence > first.header.sequence
    assert second.header.origin == first.header.origin
    gone = [json.loads(line)["file"] for line in second.members["deletions.jsonl"].splitlines()]
    assert gone == ["two-1.0-py3-none-any.whl"]

    done = repo.run("export", tmp_path / "out", "--repository", repo.path)
    assert "Nothing has changed" in done.stdout
    (full,) = export(repo, tmp_path / "out", "--full")
    assert full.files == full.manifest() == second.manifest()
    (again,) = export(repo, tmp_path / "out", "--since", str(first.header.sequence))
    assert again.files == second.files
    listed = repo.run("export", "--list", "--repository", repo.path).stdout.splitlines()
    assert len(listed) == 4


def test_a_receipt_names_what_is_not_sent(
    repo: Repository, refresh: Callable[..., None], tmp_path: Path
) -> None:
    refresh(("one", "1.0"), ("two", "1.0"))
    inside = tmp_path / "inside"
    inside.mkdir()
    wheel = repo.path / "one-1.0-py3-none-any.whl"
    (inside / wheel.name).write_bytes(wheel.read_bytes())
    receipt = tmp_path / "receipt.json"
    repo.run("receipt", receipt, "--repository", inside)
    (volume,) = export(repo, tmp_path / "out", "--for", receipt)
    assert volume.files == ["two-1.0-py3-none-any.whl"]
    other = json.loads(receipt.read_text()) | {"origin": "f" * 32}
    receipt.write_text(json.dumps(other))
    done = repo.run(
        "export", tmp_path / "out", "--for", receipt, "--repository", repo.path, expect=2
    )
    assert "another repository" in done.stderr


def test_volumes_have_the_asked_size(
    repo: Repository, refresh: Callable[..., None], tmp_path: Path
) -> None:
    refresh(("big", "1.0"), size=3_000_000)
    refresh(("small", "1.0"), size=100_000)
    volumes = export(repo, tmp_path / "out", "--split", "1500000")
    assert len(volumes) > 2
    for path in (tmp_path / "out").iterdir():
        assert path.stat().st_size <= 1_500_000
    assert [volume.header.volume for volume in volumes] == list(range(1, len(volumes) + 1))
    wheel = repo.path / "big-1.0-py3-none-any.whl"
    pieces = [v.members[n] for v in volumes for n in v.members if n.startswith("files/big")]
    assert b"".join(pieces) == wheel.read_bytes()


def test_a_bundle_is_signed_by_an_ssh_key(
    repo: Repository, refresh: Callable[..., None], tmp_path: Path
) -> None:
    refresh(("one", "1.0"))
    key = tmp_path / "key"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)]
    subprocess.run(command, check=True)
    (volume,) = export(repo, tmp_path / "out", "--sign", key)
    (tmp_path / "signers").write_text(f"ops@lab.example {key.with_suffix('.pub').read_text()}")
    (tmp_path / "sig").write_bytes(volume.members["bundle.json.sig"])
    verify = ["ssh-keygen", "-Y", "verify", "-n", "microrepo-bundle", "-I", "ops@lab.example"]
    verify += ["-f", str(tmp_path / "signers"), "-s", str(tmp_path / "sig")]
    subprocess.run(verify, input=volume.members["bundle.json"], check=True, capture_output=True)


def test_a_bundle_goes_to_standard_output(
    repo: Repository, refresh: Callable[..., None], tmp_path: Path
) -> None:
    refresh(("one", "1.0"))
    file = tmp_path / "bundle.tar"
    repo.run("export", file, "--repository", repo.path)
    with (tmp_path / "stream").open("wb") as stream:
        command = [sys.executable, "-m", "microrepo", "export", "-", "--full"]
        subprocess.run([*command, "--repository", str(repo.path)], stdout=stream, check=True)
    assert Volume((tmp_path / "stream").read_bytes()).files == Volume(file.read_bytes()).files


def test_a_refused_file_is_not_sent(
    repo: Repository, refresh: Callable[..., None], tmp_path: Path
) -> None:
    refresh(("one", "1.0"), ("two", "1.0"))
    script = tmp_path / "scan"
    script.write_text(
        '#!/bin/sh\n[ "${MICROREPO_FILE#one}" = "$MICROREPO_FILE" ] || { echo EICAR; exit 1; }\n'
    )
    script.chmod(0o755)
    (volume,) = export(repo, tmp_path / "out", "--scan", str(script), expect=3)
    assert volume.files == volume.manifest() == ["two-1.0-py3-none-any.whl"]
    script.write_text("#!/bin/sh\nexit 2\n")
    done = repo.run("export", tmp_path / "out", "--full", "--scan", str(script), "--repository",
                    repo.path, expect=3)  # fmt: skip
    assert "refused by the scan: EICAR" in done.stdout
    assert "ended with code 2" in done.stdout


def test_damage_is_not_sent(repo: Repository, refresh: Callable[..., None], tmp_path: Path) -> None:
    refresh(("one", "1.0"), ("two", "1.0"))
    (repo.path / "one-1.0-py3-none-any.whl").write_bytes(b"damaged")
    (volume,) = export(repo, tmp_path / "out", expect=3)
    assert volume.files == volume.manifest() == ["two-1.0-py3-none-any.whl"]


def test_damage_that_only_reading_shows_ends_the_export(
    repo: Repository, refresh: Callable[..., None], tmp_path: Path
) -> None:
    refresh(("one", "1.0"))
    path = repo.path / "one-1.0-py3-none-any.whl"
    status, content = path.stat(), path.read_bytes()
    path.write_bytes(b"?" + content[1:])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    done = repo.run("export", tmp_path / "out", "--repository", repo.path, expect=1)
    assert "one-1.0-py3-none-any.whl" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "name a directory"),
        (["-", "--split", "4GB"], "--split"),
        (["OUT", "--split", "5"], "at least"),
        (["OUT", "--split", "much"], "is not a size"),
        (["OUT/x.tar", "--split", "1100000"], ""),
        (["OUT", "--since", "nothing"], "--since"),
        (["OUT", "--for", "/dev/null"], "not a receipt"),
        (["OUT", "--sign", "/nonexistent"], "not a key file"),
        (["OUT", "--full", "--since", "x"], "not allowed with"),
    ],
)
def test_mistakes_are_explained(
    repo: Repository,
    refresh: Callable[..., None],
    tmp_path: Path,
    flags: list[str],
    message: str,
) -> None:
    refresh(("one", "1.0"))
    words = [flag.replace("OUT", str(tmp_path / "out")) for flag in flags]
    expect = 2 if message else 0
    done = repo.run("export", *words, "--repository", repo.path, expect=expect)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", ["fifo", "directory", "link"])
def test_a_sidecar_that_is_something_else_is_not_sent(
    repo: Repository, refresh: Callable[..., None], tmp_path: Path, kind: str
) -> None:
    refresh(("alpha", "1.0"), ("beta", "1.0"))
    sidecar = repo.path / "alpha-1.0-py3-none-any.whl.metadata"
    sidecar.unlink()
    secret = tmp_path / "secret"
    secret.write_text("S3cr3t")
    if kind == "fifo":
        os.mkfifo(sidecar)
    elif kind == "directory":
        sidecar.mkdir()
    else:
        sidecar.symlink_to(secret)
    repo.run("export", tmp_path / "bundle.tar", "--repository", repo.path)
    content = (tmp_path / "bundle.tar").read_bytes()
    assert Volume(content).files == ["alpha-1.0-py3-none-any.whl", "beta-1.0-py3-none-any.whl"]
    assert b"S3cr3t" not in content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff" * 1000,
        b"[" * 1_000_000,
        b'{"kind": "microrepo-receipt", "held": "AAAA"}',
        b'{"kind": "microrepo-receipt", "held": "%%%"}',
        b'{"kind": "microrepo-receipt", "format": 99}',
        b'{"kind": "other", "held": ""}',
        b'{"kind": "microrepo-receipt", "origin": "\\u001b[31m' + b"x" * 100_000 + b'"}',
    ],
    ids=range(9),
)
def test_a_receipt_that_is_none_is_one_message(
    repo: Repository, refresh: Callable[..., None], tmp_path: Path, content: bytes
) -> None:
    refresh(("alpha", "1.0"))
    receipt = tmp_path / "receipt.json"
    receipt.write_bytes(content)
    done = repo.run(
        *("export", tmp_path / "bundle.tar", "--for", receipt, "--repository", repo.path), expect=2
    )
    assert "receipt" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stderr
    assert len(done.stderr) < 1000
    assert not (tmp_path / "bundle.tar").exists()
