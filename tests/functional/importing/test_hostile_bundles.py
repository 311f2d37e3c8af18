"""Bundles that nobody may import: each is refused, and nothing outside the staging changes."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from microrepo.standalone.importer.bundle_header import (
    BundleList,
    content_line,
    header_bytes,
    parse_header,
)
from microrepo.standalone.importer.volumes.tar_blocks import BUNDLE_END, member_block
from tests.support.bundles import (
    Bundle,
    Outside,
    allow,
    content_of,
    make_key,
    members_of,
    sha256,
    sign,
    tar_of,
)
from tests.support.importing import Inside, expect_equal
from tests.support.packages import build_wheel

Members = list[tuple[str, bytes]]


@dataclass
class Scene:
    """A repository with a first bundle, and the next one, good so far."""

    inside: Inside
    outside: Outside
    folder: Path
    next: Bundle

    @property
    def volume(self) -> bytes:
        (content,) = self.next.volumes().values()
        return content

    @property
    def members(self) -> Members:
        return members_of(self.volume)

    def write(self, *volumes: bytes) -> list[str]:
        self.folder.mkdir(exist_ok=True)
        paths = []
        for number, content in enumerate(volumes):
            paths.append(self.folder / f"hostile-{number}.tar")
            paths[-1].write_bytes(content)
        return [str(path) for path in paths]


@pytest.fixture
def scene(inside: Inside, outside: Outside, tmp_path: Path) -> Scene:
    inside.ok(*outside.bundle().write(tmp_path / "first"))
    before = outside.snapshot()
    outside.put(build_wheel("dep", "2.0"), build_wheel("dep", "2.1"))
    outside.remove("lone-0.1.tar.gz")
    return Scene(inside, outside, tmp_path / "hostile", outside.bundle(before))


def sealed(members: Members, **header: object) -> Members:
    """Return members with a header that states the digests of their lists."""
    found = dict(members)
    values = parse_header(found["bundle.json"])
    lists = {}
    for field, member in (("manifest", "manifest.jsonl.gz"), ("contents", "contents.jsonl")):
        lists[field] = BundleList(sha256(found[member]), len(found[member]))
    values = values._replace(**{**lists, **header})  # type: ignore[arg-type]
    return [
        (name, header_bytes(values) if name == "bundle.json" else content)
        for name, content in members
    ]


def replaced(members: Members, name: str, content: bytes) -> Members:
    return [(n, content if n == name else c) for n, c in members]


def relisted(members: Members, change: Callable[[dict[str, object]], None]) -> Members:
    """Return members after a change of each line of the contents list."""
    lines = []
    for line in dict(members)["contents.jsonl"].splitlines():
        values = json.loads(line)
        change(values)
        lines.append(json.dumps(values).encode() + b"\n")
    return sealed(replaced(members, "contents.jsonl", b"".join(lines)))


def with_entry(scene: Scene, name: str, **changes: object) -> bytes:
    """Return a volume with a changed entry of the manifest, everything else in order."""
    packed = dict(scene.members)["manifest.jsonl.gz"]
    lines = gzip.decompress(packed).splitlines(keepends=True)
    for place, line in enumerate(lines):
        values = json.loads(line)
        if values.get("file") == name:
            values.update(changes)
            lines[place] = (
                json.dumps(values, sort_keys=True, separators=(",", ":")).encode() + b"\n"
            )
    snapshot = sha256(b"".join(lines[1:]))
    packed = gzip.compress(b"".join(lines), mtime=0)
    members = replaced(scene.members, "manifest.jsonl.gz", packed)
    return tar_of(sealed(members, snapshot=snapshot))


def with_manifest(scene: Scene, text: bytes) -> bytes:
    packed = gzip.compress(text, mtime=0)
    return tar_of(sealed(replaced(scene.members, "manifest.jsonl.gz", packed)))


def with_header(scene: Scene, **values: object) -> bytes:
    header = json.loads(dict(scene.members)["bundle.json"])
    header.update(values)
    content = json.dumps(header).encode()
    return tar_of(replaced(scene.members, "bundle.json", content))


def renamed_block(scene: Scene, change: Callable[[bytearray], None], member: int = -1) -> bytes:
    """Return a volume in which the header block of a member is another one, with its checksum."""
    volume = bytearray(scene.volume)
    places = []
    place = 0
    while volume[place]:
        places.append(place)
        size = int(volume[place + 124 : place + 135], 8)
        place += 512 + size + -size % 512
    start = places[member]
    block = bytearray(volume[start : start + 512])
    change(block)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    volume[start : start + 512] = block
    return bytes(volume)


def put(place: int, content: bytes) -> Callable[[bytearray], None]:
    def change(block: bytearray) -> None:
        block[place : place + len(content)] = content

    return change


def name(text: str) -> Callable[[bytearray], None]:
    return put(0, text.encode().ljust(100, b"\0"))


def listed_as(member: str) -> Callable[[dict[str, object]], None]:
    def change(values: dict[str, object]) -> None:
        if str(values["member"]).startswith("files/dep-2.0"):
            values["member"] = member

    return change


WHEEL = "dep-2.0-py3-none-any.whl"
Make = Callable[[Scene], bytes]
TRAVERSAL = ["../x-1.0.tar.gz", "/tmp/x-1.0.tar.gz", "files/../../x-1.0.tar.gz", "C:\\x-1.0.zip"]
ODD_MEMBERS = ["files/x", "other/x-1.0.tar.gz", "files/.x-1.0.tar.gz", ""]
ODD_FILES = ["..", ".hidden-1.0.tar.gz", "x-1.0.tar.gz/", "a\nb-1.0.tar.gz", "index.html"]
KINDS = [b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"x", b"g", b"L", b"K", b"S", b"\0"]


def block_named(text: str) -> Make:
    return lambda scene: renamed_block(scene, name(text))


def block_of_type(kind: bytes) -> Make:
    return lambda scene: renamed_block(scene, put(156, kind))


def line_named(member: str) -> Make:
    return lambda scene: tar_of(relisted(scene.members, listed_as(member)))


def entry_named(filename: str) -> Make:
    return lambda scene: with_entry(scene, WHEEL, file=filename)


CASES: Mapping[str, Make] = {
    # Names
    **{f"a member named {one}": block_named(one) for one in TRAVERSAL},
    **{f"listed as {one}": line_named(one) for one in [*TRAVERSAL, *ODD_MEMBERS]},
    **{f"a manifest with {one}": entry_named(one) for one in [*TRAVERSAL, *ODD_FILES]},
    "a manifest with a project outside": lambda s: with_entry(s, WHEEL, project="../dep"),
    # Other kinds of members
    **{f"a member of type {kind!r}": block_of_type(kind) for kind in KINDS},
    "a member with a link": lambda s: renamed_block(s, put(157, b"/etc/passwd")),
    "a member with a prefix": lambda s: renamed_block(s, put(345, b"..")),
    "a member with an owner": lambda s: renamed_block(s, put(265, b"root")),
    "a member with a mode": lambda s: renamed_block(s, put(100, b"0004755")),
    "a size in another base": lambda s: renamed_block(s, put(124, b"\x80" + b"\0" * 10 + b"\x01")),
    "a wrong checksum": lambda s: s.volume[:148] + b"000000\0 " + s.volume[156:],
    # Wrong sizes and digests
    "a larger member": lambda s: renamed_block(s, put(124, b"%011o" % 10**9)),
    "a smaller member": lambda s: renamed_block(s, put(124, b"%011o" % 1)),
    "a listed size that is wrong": lambda s: tar_of(
        relisted(s.members, lambda v: v.update(size=int(str(v["size"])) + 1))
    ),
    "a size in the manifest that is wrong": lambda s: with_entry(s, WHEEL, size=5),
    "a digest in the manifest that is wrong": lambda s: with_entry(s, WHEEL, sha256="0" * 64),
    "a listed digest that is wrong": lambda s: tar_of(
        relisted(s.members, lambda v: v.update(sha256="0" * 64))
    ),
    "other content": lambda s: tar_of(
        replaced(s.members, f"files/{WHEEL}", bytes(len(dict(s.members)[f"files/{WHEEL}"])))
    ),
    # Order and completeness
    "a member twice": lambda s: tar_of([*s.members, s.members[-1]]),
    "a line twice": lambda s: tar_of(
        sealed(replaced(s.members, "contents.jsonl", dict(s.members)["contents.jsonl"] * 2))
    ),
    "members in another order": lambda s: tar_of([*s.members[:-2], s.members[-1], s.members[-2]]),
    "a member less": lambda s: tar_of(s.members[:-1]),
    "a member more": lambda s: tar_of([*s.members, ("files/evil-1.0.tar.gz", b"evil")]),
    "a member before the header": lambda s: tar_of([("a", b"b"), *s.members]),
    "content that the manifest does not list": lambda s: tar_of(
        sealed(
            [
                *replaced(
                    s.members,
                    "contents.jsonl",
                    dict(s.members)["contents.jsonl"]
                    + content_line(content_of("files/evil-1.0.tar.gz", b"evil")),
                ),
                ("files/evil-1.0.tar.gz", b"evil"),
            ]
        )
    ),
    "bytes after a member": lambda s: s.volume[: -len(BUNDLE_END) - 1] + b"x" + BUNDLE_END,
    "garbage at the end": lambda s: s.volume + b"garbage",
    "zeros at the end": lambda s: s.volume + b"\0" * 512,
    "only the end": lambda s: BUNDLE_END,
    "an empty file": lambda s: b"",
    "not a bundle": lambda s: b"PK\3\4" * 1000,
    # Header
    "a header that is too large": lambda s: with_header(s, padding="x" * (1 << 16)),
    "a header that says it is large": lambda s: member_block("bundle.json", 1 << 32) + s.volume,
    "a header of a newer format": lambda s: with_header(s, format=2),
    "a header of another kind": lambda s: with_header(s, kind="other"),
    "a header with an odd origin": lambda s: with_header(s, origin="../../../../x" * 2),
    "a header with a negative sequence": lambda s: with_header(s, sequence=-1),
    "a header with a sequence in words": lambda s: with_header(s, sequence="9"),
    "a header with a truth as sequence": lambda s: with_header(s, sequence=True),
    "a header with a volume too many": lambda s: with_header(s, volume=2),
    "a header with many volumes": lambda s: with_header(s, volumes=10**9),
    "a header with huge lists": lambda s: with_header(
        s, contents={"sha256": "0" * 64, "size_bytes": 1 << 50}
    ),
    "a header without lists": lambda s: with_header(s, contents=None),
    "a header with control characters": lambda s: with_header(s, created="\x1b[31m"),
    "a header that is a list": lambda s: tar_of(replaced(s.members, "bundle.json", b"[]")),
    "a header that is deep": lambda s: tar_of(
        replaced(s.members, "bundle.json", b"[" * 30_000 + b"]" * 30_000)
    ),
    "a header with a long number": lambda s: tar_of(
        replaced(s.members, "bundle.json", b'{"kind": ' + b"9" * 60_000 + b"}")
    ),
    "a header that is not text": lambda s: tar_of(replaced(s.members, "bundle.json", b"\xff\xfe")),
    "an empty header": lambda s: tar_of(replaced(s.members, "bundle.json", b"")),
    # Manifest
    "a manifest of another snapshot": lambda s: with_header(s, snapshot="0" * 64),
    "a manifest with another digest": lambda s: with_header(
        s,
        manifest={
            "sha256": "0" * 64,
            "size_bytes": len(dict(s.members)["manifest.jsonl.gz"]),
        },
    ),
    "a manifest that is a bomb": lambda s: with_manifest(s, b"0" * (1 << 28)),
    "a manifest with empty lines": lambda s: with_manifest(s, b"\n" * (1 << 20)),
    "a manifest that is cut off": lambda s: tar_of(
        sealed(replaced(s.members, "manifest.jsonl.gz", dict(s.members)["manifest.jsonl.gz"][:-9]))
    ),
    "a manifest that is not packed": lambda s: tar_of(
        sealed(replaced(s.members, "manifest.jsonl.gz", b"{}"))
    ),
    "a manifest that is empty": lambda s: with_manifest(s, b""),
    "a manifest with odd JSON": lambda s: with_manifest(s, b"[" * 60_000 + b"\n"),
    "a manifest out of order": lambda s: out_of_order(s.members),
    # Contents
    "contents that are not JSON": lambda s: tar_of(
        sealed(replaced(s.members, "contents.jsonl", b"{\n"))
    ),
    "contents without the last newline": lambda s: tar_of(
        sealed(replaced(s.members, "contents.jsonl", dict(s.members)["contents.jsonl"][:-1]))
    ),
    "contents with a long line": lambda s: tar_of(
        sealed(replaced(s.members, "contents.jsonl", b"x" * (1 << 17) + b"\n"))
    ),
    "a piece that ends after its file": lambda s: tar_of(
        relisted(s.members, lambda v: v.update(offset=1, piece_bytes=v["size"]))
    ),
}


def out_of_order(members: Members) -> bytes:
    lines = gzip.decompress(dict(members)["manifest.jsonl.gz"]).splitlines(keepends=True)
    packed = gzip.compress(b"".join([lines[0], *reversed(lines[1:])]), mtime=0)
    return tar_of(sealed(replaced(members, "manifest.jsonl.gz", packed)))


def expect_refused(scene: Scene, *arguments: object, stdin: bytes | None = None) -> str:
    """The import is refused, without a traceback, and changes nothing."""
    before = scene.inside.all_files()
    done = scene.inside.run(*arguments, stdin=stdin)
    assert done.code in {1, 3}, done.text
    assert done.text.strip()
    assert "Traceback" not in done.text
    assert "\x1b" not in done.text
    assert scene.inside.all_files() == before
    return done.text


@pytest.mark.parametrize("case", CASES)
def test_a_hostile_bundle_is_refused(scene: Scene, case: str) -> None:
    hostile = CASES[case](scene)
    assert hostile != scene.volume
    text = expect_refused(scene, *scene.write(hostile))
    assert any(one in text for one in ("hostile-0.tar", "microrepo-2-", "bundle 2", ".jsonl")), text
    # The good bundle is accepted afterwards.
    scene.inside.ok(*scene.write(scene.volume))
    expect_equal(scene.inside, scene.outside)


def test_a_volume_truncated_at_every_block(scene: Scene) -> None:
    for length in range(0, len(scene.volume), 512):
        expect_refused(scene, *scene.write(scene.volume[:length]))
    expect_refused(scene, "-", stdin=scene.volume[:-1])
    scene.inside.ok(*scene.write(scene.volume))
    expect_equal(scene.inside, scene.outside)


def test_volumes_of_two_bundles_are_refused(scene: Scene) -> None:
    first = list(scene.next.volumes(600).values())
    second = list(replace(scene.next, sequence=9).volumes(600).values())
    expect_refused(scene, *scene.write(first[0], *second[1:]))
    expect_refused(scene, "-", stdin=first[0] + second[1])
    scene.inside.ok(*scene.write(*first))
    expect_equal(scene.inside, scene.outside)


def test_swapped_volumes_are_refused(scene: Scene) -> None:
    """A volume that claims to be another one: the content is missing then."""
    first, second, *rest = scene.next.volumes(600).values()
    members = members_of(second)
    header = parse_header(members[0][1])._replace(volume=1)
    swapped = tar_of([("bundle.json", header_bytes(header)), *members[1:]])
    expect_refused(scene, *scene.write(swapped, *rest))
    scene.inside.ok(*scene.write(first, second, *rest))
    expect_equal(scene.inside, scene.outside)


# --- signatures -----------------------------------------------------------------------------------


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key(tmp_path / "keys")


def signed(volume: bytes, signature: bytes) -> bytes:
    members = [m for m in members_of(volume) if m[0] != "bundle.json.sig"]
    return tar_of([members[0], ("bundle.json.sig", signature), *members[1:]])


def header_of(volume: bytes) -> bytes:
    return members_of(volume)[0][1]


@pytest.mark.parametrize(
    "case", ["namespace", "another file", "unknown signer", "expired signer", "garbage", "large"]
)
def test_a_signature_that_does_not_count(
    scene: Scene, key: Path, tmp_path: Path, case: str
) -> None:
    other = make_key(tmp_path / "keys", "other")
    options = 'valid-before="20200101"' if case == "expired signer" else ""
    signers = allow(tmp_path / "signers", key, options=options)
    content = header_of(scene.volume)
    makers: Mapping[str, Callable[[], bytes]] = {
        "namespace": lambda: sign(content, key, namespace="file"),
        "another file": lambda: sign(content + b" ", key),
        "unknown signer": lambda: sign(content, other),
        "expired signer": lambda: sign(content, key),
        "garbage": lambda: b"-----BEGIN SSH SIGNATURE-----\n",
        "large": lambda: b"x" * (1 << 17),
    }
    volume = signed(scene.volume, makers[case]())
    for more in ((), ("--allow-unsigned",)):
        expect_refused(scene, *scene.write(volume), "--allowed-signers", signers, *more)


def test_a_signature_covers_every_byte(scene: Scene, key: Path, tmp_path: Path) -> None:
    """The good volume is accepted; with one other byte outside the signature it is refused."""
    signers = allow(tmp_path / "signers", key)
    signature = sign(header_of(scene.volume), key)
    volume = signed(scene.volume, signature)
    start = volume.index(signature)
    own = range(start, start + len(signature))
    for place in (place for place in range(0, len(volume), 97) if place not in own):
        other = bytearray(volume)
        other[place] ^= 0x20
        # What is staged is not read again.
        shutil.rmtree(scene.inside.root / ".microrepo/staging", ignore_errors=True)
        expect_refused(scene, *scene.write(bytes(other)), "--allowed-signers", signers)
    text = scene.inside.ok(*scene.write(volume), "--allowed-signers", signers)
    assert "signed by key@outside.example" in text
    assert scene.inside.current()["signer"] == "key@outside.example"
    expect_equal(scene.inside, scene.outside)


def test_one_of_several_signers_suffices(scene: Scene, key: Path, tmp_path: Path) -> None:
    signers = allow(tmp_path / "signers", make_key(tmp_path / "keys", "old"), key)
    volume = signed(scene.volume, sign(header_of(scene.volume), key))
    scene.inside.ok(*scene.write(volume), "--allowed-signers", signers)


def test_an_unsigned_bundle_where_signers_are_configured(
    scene: Scene, key: Path, tmp_path: Path
) -> None:
    """By the file in the repository, too."""
    allow(scene.inside.root / ".microrepo/allowed_signers", key)
    text = expect_refused(scene, *scene.write(scene.volume))
    assert "--allow-unsigned" in text
    volume = signed(scene.volume, sign(header_of(scene.volume), make_key(tmp_path / "k", "other")))
    expect_refused(scene, *scene.write(volume))
    scene.inside.ok(*scene.write(scene.volume), "--allow-unsigned")
    expect_equal(scene.inside, scene.outside)


def test_each_volume_needs_its_signature(scene: Scene, key: Path, tmp_path: Path) -> None:
    signers = allow(tmp_path / "signers", key)
    good = list(scene.next.volumes(600, key).values())
    bad = list(scene.next.volumes(600).values())
    assert len(good) > 2
    expect_refused(scene, *scene.write(good[0], bad[1], *good[2:]), "--allowed-signers", signers)
    scene.inside.ok(*scene.write(*good), "--allowed-signers", signers)
    expect_equal(scene.inside, scene.outside)


def test_without_ssh_keygen_a_signature_is_not_taken_for_none(
    scene: Scene, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signers = allow(tmp_path / "signers", key)
    volume = signed(scene.volume, sign(header_of(scene.volume), key))
    paths = scene.write(volume)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("ssh-keygen") is None
    for more in ((), ("--allow-unsigned",)):
        text = expect_refused(scene, *paths, "--allowed-signers", signers, *more)
        assert "ssh-keygen" in text


def test_a_missing_file_of_signers_is_an_error(scene: Scene, key: Path, tmp_path: Path) -> None:
    volume = signed(scene.volume, sign(header_of(scene.volume), key))
    expect_refused(scene, *scene.write(volume), "--allowed-signers", tmp_path / "missing")


def test_a_forged_header_keeps_its_old_place_in_the_chain(scene: Scene) -> None:
    """An older sequence with a newer snapshot is still older."""
    old = replace(scene.next, sequence=1)
    (volume,) = old.volumes().values()
    assert "--rollback" in expect_refused(scene, *scene.write(volume))
