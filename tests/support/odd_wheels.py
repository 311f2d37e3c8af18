"""Wheels with one thing wrong each, as honest people publish them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.support.archives import pack_zip

Members = dict[str, bytes]


def _renamed(members: Members, old: str, new: str) -> Members:
    return {name.replace(old, new): body for name, body in members.items()}


def _metadata(change: Callable[[bytes], bytes]) -> Callable[[Members, str], Members]:
    def changed(members: Members, info: str) -> Members:
        name = f"{info}/METADATA"
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
}
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda body: body[: len(body) * 2 // 3],
    "empty": lambda _: b"",
    "text": lambda _: b"<html>not found</html>",
}


def odd_wheel(
    filename: str, requires: Sequence[str] = (), python: str = "", fault: str = "", extra: str = ""
) -> bytes:
    """Return the bytes of a wheel.

    Args:
        filename: its name, which says the rest.
        requires: its requirements.
        python: its Requires-Python, "" for none.
        fault: a key of `FAULTS` or `DAMAGES`, "" for a sound one.
        extra: an extra that it provides.
    """
    project, version, *_, py, abi, platform = filename[:-4].split("-")
    info = f"{project}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {project}", f"Version: {version}"]
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
    return DAMAGES[fault](body) if fault in DAMAGES else body
