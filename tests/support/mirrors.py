"""Trees as other mirror programs leave them: made by the programs themselves, or written like it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile
from tests.support.pages import project_document
from tests.support.programs import Completed, clean_environment, run_program
from tests.support.tools import tool

_BANDERSNATCH = """\
[mirror]
directory = {directory}
master = {master}
allow-non-https = true
json = {json}
workers = 3
timeout = 10
stop-on-error = true
{more}
"""
_MORGAN = """\
[env.here]
python_version = 3.11
python_full_version = 3.11.0
platform_python_implementation = CPython
implementation_name = cpython
implementation_version = 3.11.0
{machine}

[requirements]
{requirements}
"""


def bandersnatch(
    home: Path,
    master: str,
    *command: str,
    documents: bool = True,
    more: str = "",
    check: bool = True,
) -> Completed:
    """Run bandersnatch 8 with its tree in `home`/mirror; `mirror` without a command."""
    programs = tool("bandersnatch", ["bandersnatch>=8"], at_least=(3, 12))
    home.mkdir(exist_ok=True)
    settings = home / "conf"
    settings.write_text(
        _BANDERSNATCH.format(
            directory=home / "mirror", master=master, json=str(documents).lower(), more=more
        )
    )
    return run_program(
        [programs / "bandersnatch", "-c", settings, *(command or ("mirror",))],
        env=clean_environment(home),
        cwd=home,
        check=check,
        timeout_s=120,
    )


def under_packages(index: FakeIndex) -> None:
    """Have the server keep files where PyPI does; bandersnatch accepts no other place."""
    for project in index.projects.values():
        for version in list(project.releases):
            index.change(project.name, version, folder="packages")


_LINUX = (
    "os_name = posix\nplatform_system = Linux\nsys_platform = linux\nplatform_machine = x86_64\n"
)


def morgan(
    home: Path,
    simple_url: str,
    requirements: Iterable[str],
    machine: str = f"{_LINUX}platform_tag = .*",
) -> Completed:
    """Run Morgan with its tree in `home`/index, for a machine with these markers."""
    lines = "\n".join(f"{name} = >=0" for name in requirements)
    text = _MORGAN.format(requirements=lines, machine=machine)
    return morgan_with(home, simple_url, text, check=True)


def morgan_with(home: Path, simple_url: str, text: str, *, check: bool = False) -> Completed:
    """Run Morgan with its tree in `home`/index and this configuration."""
    programs = tool("morgan", ["morgan"])
    place = home / "index"
    place.mkdir(parents=True, exist_ok=True)
    (place / "morgan.ini").write_text(text)
    command: list[str | Path] = [programs / "morgan", "-i", place, "-I", simple_url, "mirror"]
    return run_program(command, env=clean_environment(home), cwd=home, check=check, timeout_s=120)


def old_bandersnatch(directory: Path, index: FakeIndex, *, pages: bool = True) -> None:
    """Write a tree as bandersnatch 1.x and pep381client did."""
    web = directory / "web"
    (directory / "status").parent.mkdir(parents=True, exist_ok=True)
    (directory / "status").write_text(str(index.serial))
    (directory / "generation").write_text("2")
    for name, project in index.projects.items():
        links = []
        for file in project.files:
            built = file.built
            place = f"packages/{built.python_version}/{built.name[0]}/{built.name}"
            (web / place).mkdir(parents=True, exist_ok=True)
            built.write_to(web / place)
            links.append(
                f'<a href="../../{place}/{built.filename}#md5={built.md5}">{built.filename}</a><br/>'
            )
        if pages:
            (web / "simple" / name).mkdir(parents=True)
            (web / "simple" / name / "index.html").write_text("\n".join(links))
            (web / "serversig").mkdir(exist_ok=True)
            (web / "serversig" / name).write_bytes(b"")


def minirepo(directory: Path, index: FakeIndex, base_url: str, files: Iterable[BuiltFile]) -> None:
    """Write a directory as minirepo did."""
    directory.mkdir(parents=True, exist_ok=True)
    for built in files:
        built.write_to(directory)
    documents = [project_document(project, base_url) for project in index.projects.values()]
    (directory / "packages.json").write_text(json.dumps(documents))


def by_digest(directory: Path, built: BuiltFile) -> Path:
    """Return where bandersnatch keeps a file."""
    digest = built.blake2b_256
    place = directory / "web" / "packages" / digest[:2] / digest[2:4] / digest[4:]
    return place / built.filename


__all__ = [
    "bandersnatch",
    "by_digest",
    "minirepo",
    "morgan",
    "morgan_with",
    "old_bandersnatch",
    "under_packages",
]
