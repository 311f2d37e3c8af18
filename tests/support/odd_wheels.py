"""Wheels with one thing wrong each, as honest people publish them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.support.archives import pack_zip
from tests.support.odd_archives import ODD_ARCHIVES

Members = dict[str, bytes]


def _renamed(members: Members, old: str, new: str) -> Members:
    return {name.replace(old, new): body for name, body in members.items()}


def _metadata(change: Callable[[bytes], bytes]) -> Callable[[Members, str], Members]:
    def changed(members: Members, info: str) -> Members:
        name = f"{info}/METADATA"
        return {**members, name: change(members[name])}

    return changed


def _wheel(change: Callable[[bytes], bytes]) -> Callable[[Members, str], Members]:
    def changed(members: Members, info: str) -> Members:
        name = f"{info}/WHEEL"
        return {**members, name: change(members[name])}

    return changed


def _without(member: str) -> Callable[[Members, str], Members]:
    return lambda members, info: {k: v for k, v in members.items() if k != f"{info}/{member}"}


FAULTS: dict[str, Callable[[Members, str], Members]] = {
    "other info": lambda m, info: _renamed(m, info, "other-1.0.dist-info"),
    "other version of info": lambda m, info: _renamed(m, info, f"{info.split('-')[0]}-9.dist-info"),
    "two infos": lambda m, _: {**m, "other-1.0.dist-info/METADATA": b"Name: other\nVersion: 1.0\n"},
    "no metadata": _without("METADATA"),
    "no wheel": _without("WHEEL"),
    "no record": _without("RECORD"),
    "not utf-8": _metadata(lambda body: body + b"Summary: caf\xe9\n"),
    "blank first line": _metadata(lambda body: b"\n" + body),
    "another name": _metadata(lambda body: body.replace(b"Name: ", b"Name: x")),
    "another version": _metadata(lambda body: body.replace(b"\nVersion: ", b"\nVersion: 9")),
    "no version": _metadata(lambda body: body.replace(b"\nVersion: ", b"\nX-Version: ")),
    "bad requirement": _metadata(lambda body: body + b"Requires-Dist: zz-b >=>1\n"),
    "old requirement": _metadata(lambda body: body + b"Requires-Dist: zz-b (>=1.*)\n"),
    "bad marker": _metadata(lambda body: body + b"Requires-Dist: zz-b; nope == 'x'\n"),
    "empty requirement": _metadata(lambda body: body + b"Requires-Dist: \n"),
    "no name": _metadata(lambda body: body.replace(b"\nName: ", b"\nX-Name: ")),
    "byte order mark": _metadata(lambda body: b"\xef\xbb\xbf" + body),
    "carriage returns": _metadata(lambda body: body.replace(b"\n", b"\r\n")),
    "lower case": _metadata(lambda body: body.replace(b"Name: ", b"name: ")),
    "folded requirement": _metadata(lambda body: body + b"Requires-Dist: zz-b\n  >=1\n"),
    "two versions": _metadata(lambda body: body + b"Version: 7\n"),
    "two pythons": _metadata(lambda body: body + b"Requires-Python: >=3\nRequires-Python: <3\n"),
    "line that is no field": _metadata(lambda body: body + b"what is this\nRequires-Dist: zz-c\n"),
    "description": _metadata(lambda body: body + b"\nRequires-Dist: zz-c\n"),
    "odd extra": _metadata(lambda body: body + b"Provides-Extra: x y!\n"),
    "wheel 2.0": _wheel(lambda body: body.replace(b"Version: 1.0", b"Version: 2.0")),
    "wheel 1.9": _wheel(lambda body: body.replace(b"Version: 1.0", b"Version: 1.9")),
    "wheel without version": _wheel(lambda body: body.replace(b"Wheel-Version: 1.0\n", b"")),
    "wheel of odd version": _wheel(lambda body: body.replace(b"Version: 1.0", b"Version: one")),
    "wheel not utf-8": _wheel(lambda body: body + b"Author: caf\xe9\n"),
    "empty wheel": _wheel(lambda _: b""),
    "no root": _wheel(lambda body: body.replace(b"Root-Is-Purelib: true\n", b"")),
    "empty record": lambda m, info: {**m, f"{info}/RECORD": b""},
    "odd record": lambda m, info: {**m, f"{info}/RECORD": b"a\n,,,,\n\xff,,\n"},
    "record of others": lambda m, info: {**m, f"{info}/RECORD": b"other.py,sha256=x,1\n"},
    "outside": lambda m, _: {**m, "../outside.py": b"X = 2\n"},
    "odd entry points": lambda m, info: {
        **m,
        f"{info}/entry_points.txt": b"[console_scripts]\nx\n",
    },
    "entry point without module": lambda m, info: {
        **m,
        f"{info}/entry_points.txt": b"[console_scripts]\nx = \n",
    },
    "odd data": lambda m, info: {**m, f"{info[:-10]}.data/nope/x": b"x"},
    "data": lambda m, info: {**m, f"{info[:-10]}.data/purelib/xx.py": b"x"},
    "data of others": lambda m, _: {**m, "other-1.0.data/purelib/xx.py": b"x"},
    "info with dashes": lambda m, info: _renamed(m, info, info.replace("_", "-")),
    "info in capitals": lambda m, info: _renamed(m, info, info.replace("zz", "ZZ")),
    "info without version": lambda m, info: _renamed(m, info, f"{info.split('-')[0]}.dist-info"),
    "info with a zero more": lambda m, info: _renamed(m, info, info.replace(".dist-", ".0.dist-")),
}
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda body: body[: len(body) * 2 // 3],
    "empty": lambda _: b"",
    "text": lambda _: b"<html>not found</html>",
    "flipped": lambda body: body[:60] + bytes([body[60] ^ 255]) + body[61:],
    "more behind": lambda body: body + b"\0" * 40,
    "more before": lambda body: b"#!/bin/sh\n" + body,
}


def odd_wheel(
    filename: str,
    requires: Sequence[str] = (),
    python: str = "",
    fault: str = "",
    extra: str = "",
    *,
    metadata_version: str = "2.1",
) -> bytes:
    """Return the bytes of a wheel.

    Args:
        filename: its name, which says the rest.
        requires: its requirements.
        python: its Requires-Python, "" for none.
        fault: a key of `FAULTS`, `DAMAGES` or `ODD_ARCHIVES`, "" for a sound one.
        extra: an extra that it provides.
        metadata_version: of its metadata, "" for none.
    """
    project, version, *_, py, abi, platform = filename[:-4].split("-")
    info = f"{project}-{version}.dist-info"
    lines = [f"Metadata-Version: {metadata_version}"] if metadata_version else ["Summary: none"]
    lines += [f"Name: {project}", f"Version: {version}"]
    lines += [f"Requires-Dist: {text}" for text in requires]
    lines += [f"Requires-Python: {python}"] if python else []
    lines += [f"Provides-Extra: {extra}"] if extra else []
    wheel = (
        f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {py}-{abi}-{platform}\n"
    )
    members: Members = {
        f"{project}/__init__.py": b"X = 1\n",
        f"{info}/METADATA": ("\n".join(lines) + "\n").encode(),
        f"{info}/WHEEL": wheel.encode(),
    }
    record = "".join(f"{name},,\n" for name in members) + f"{info}/RECORD,,\n"
    members[f"{info}/RECORD"] = record.encode()
    if fault in FAULTS:
        members = FAULTS[fault](members, info)
    body = pack_zip(members)
    if fault in ODD_ARCHIVES:
        return ODD_ARCHIVES[fault](body)
    return DAMAGES[fault](body) if fault in DAMAGES else body
