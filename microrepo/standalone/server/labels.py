"""Labels: sizes, ages, Pythons and platforms in words for people."""

from __future__ import annotations

import html
import re
import time

from microrepo.standalone.server.names import FileName, parse_filename

escape = html.escape


def html_bytes(text: str) -> bytes:
    """Return a page's text in UTF-8."""
    # JSON can carry half a surrogate pair, which UTF-8 cannot.
    return text.encode("utf-8", "replace")


def format_bytes(count: float) -> str:
    """Return a size for people, in decimal units."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 999.5 or unit == "TB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" or count >= 99.5 else f"{count:.1f} {unit}"


def format_age(seconds: float) -> str:
    """Return an age in one rounded unit."""
    for unit, length in (
        ("year", 31557600),
        ("month", 2629800),
        ("day", 86400),
        ("hour", 3600),
        ("minute", 60),
    ):
        if seconds >= length:
            return counted(int(seconds // length), unit) + " ago"
    return "just now"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where needed."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def time_element(epoch_s: float, now_s: float) -> str:
    """Return an HTML time: its age, or its date if `now_s` is 0."""
    stamp = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(epoch_s))
    shown = format_age(now_s - epoch_s) if now_s else stamp[:10]
    return f'<time datetime="{stamp[:10]}" title="{stamp}">{shown}</time>'


_PYTHON_TAG = re.compile(r"(cp|pp|py|ip|jy)(\d)_?(\d*)(t?)")


_PYTHON_NAMES = {"cp": "CPython", "pp": "PyPy", "py": "Python", "ip": "IronPython", "jy": "Jython"}


_MACHINES = {
    "x86_64": "x86-64",
    "amd64": "x86-64",
    "i686": "x86",
    "win32": "x86",
    "aarch64": "ARM64",
    "arm64": "ARM64",
    "armv7l": "ARMv7",
}


_SYSTEMS = (
    ("manylinux", "Linux"),
    ("musllinux", "Linux musl"),
    ("linux", "Linux"),
    ("macosx", "macOS"),
    ("win", "Windows"),
    ("ios", "iOS"),
    ("android", "Android"),
    ("pyodide", "Pyodide"),
    ("emscripten", "Pyodide"),
)


def python_labels(parsed: FileName) -> list[str]:
    """Return the Pythons a file is for, oldest first; empty for an sdist."""
    found = set()
    for tag in parsed.pythons:
        match = _PYTHON_TAG.match(tag.replace(".", ""))
        if match is None:
            continue
        kind, major, minor, free = match.groups()
        plus = "+" if "abi3" in parsed.abis or "abi3t" in parsed.abis else ""
        threads = (
            " free-threaded"
            if free or any(abi.endswith("t") and abi != "abi3t" for abi in parsed.abis)
            else ""
        )
        number = f"{major}.{minor}" if minor else major
        found.add((_PYTHON_NAMES[kind], int(major), int(minor or -1), number + plus + threads))
    return [f"{name} {number}" for name, _, _, number in sorted(found)]


def platform_labels(parsed: FileName) -> list[str]:
    """Return the platforms a file is for; empty for an sdist."""
    found = []
    for tag in parsed.platforms:
        system = next((label for start, label in _SYSTEMS if tag.startswith(start)), "")
        machine = next((label for end, label in _MACHINES.items() if tag.endswith(end)), "")
        if not machine and tag.endswith(("universal2", "intel")):
            machine = "universal"
        label = "any platform" if tag == "any" else f"{system} {machine}".strip() or tag
        if label not in found:
            found.append(label)
    return found


def file_kind(filename: str) -> str:
    """Return the group of a file: source, any platform, or one operating system."""
    parsed = parse_filename(filename)
    if parsed is None or parsed.kind == "variants":
        return "Other"
    if parsed.kind == "sdist":
        return "Source"
    if not parsed.platforms or "any" in parsed.platforms:
        return "Any platform"
    system = platform_labels(parsed)[0].split()[0]
    return system if system in {"Linux", "macOS", "Windows"} else "Other"


def initial_of(name: str) -> str:
    """Return the letter that a project is listed under; `0` for all digits."""
    return "0" if name[:1].isdigit() else name[:1]
