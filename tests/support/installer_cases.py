"""Cases for the law of `check`: odd files, odd requirements, and ways in which files are offered."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from html import escape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Literal
from urllib.parse import quote

import msgspec
from hypothesis import strategies as st
from packaging.utils import (
    InvalidWheelFilename,
    canonicalize_name,
    canonicalize_version,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from tests.support.odd_archives import ODD_ARCHIVES
from tests.support.odd_wheels import DAMAGES, FAULTS, odd_wheel
from tests.support.packages import SdistFormat, build_sdist

Supply = Literal["directory", "mirror", "pages"]

_HERE = f"cp{sys.version_info.major}{sys.version_info.minor}"
_TAGS = (
    *("py3-none-any", "py2.py3-none-any", f"{_HERE}-none-any") * 4,
    *("cp27-none-any", "py3-none-win32", "py3-abi3-any", "cp36-abi3-linux_x86_64"),
    *("py3-none-manylinux1_x86_64", "py3-none-linux_x86_64.win32", "PY3-none-any", "py3--any"),
)
_VERSIONS = (
    *("1.0", "2.0", "1.0", "2.0", "2.0rc1", "3.0.post1"),
    *("1", "1.0.0", "3.0.dev1", "1!0.5", "2.0+local.1", "2.0+local_1", "v1.0", "1.0-1", "x"),
)
_SPELLINGS = ("zz_{}", "zz_{}", "zz_{}", "zz_{}", "zz.{}", "ZZ_{}", "zz-{}", "zz__{}")
_NAMES = ("zz-{}", "zz-{}", "zz-{}", "ZZ.{}", "zz__{}")
_SPECIFIERS = (
    *("",) * 8,
    *(">=2", "<2", "==2.0rc1", "==2.*", "!=2.0", "~=2.0", ">=9", "==1", "==2.0", "===1.0", "<=2.0"),
    *(">2.0", "<3.0rc1", ">=2.0.dev0", "==2.0+local.1", "==1.0,<2", "(>=1)", ">1.0.0", "==1!0.5"),
)
_MARKERS = (
    *("",) * 6,
    *("; extra == 'x'", "; extra == 'X'", "; extra == 'x' and python_version > '3'"),
    *("; sys_platform == 'win32'", "; python_version > '3'", "; extra != 'x'"),
    *("; extra == 'x' or extra == 'y'", "; os_name == 'nope' or extra == 'x'"),
    *("; implementation_name == 'cpython'", "; platform_release >= '1'", "; extra == 'x_y'"),
    *("; python_full_version < '3.8'", "; 'linux' in sys_platform", "; 'x' in extras"),
)
_EXTRAS = ("",) * 6 + ("[x]", "[x]", "[nope]", "[X]", "[x,y]", "[x-y]")
_PYTHONS = ("",) * 8 + (">=3.8", "<3", ">=99", ">=3.6.*", "junk", "==3.*", "!=3.0.*,>2", ">3.11")
_BROKEN = (*FAULTS, *DAMAGES, *ODD_ARCHIVES)
_SOUND = ("",) * (3 * len(_BROKEN))
_SDIST_FAULTS = (*("",) * 8, "dynamic", "another name", "another version")
_METADATA_VERSIONS = ("2.1",) * 8 + ("2.2", "2.4", "2.5", "2.6", "1.2", "9.0", "")


class OddFile(msgspec.Struct, frozen=True):
    """A distribution file.

    Attributes:
        requires, python, fault, metadata_version: what its metadata says, or what is wrong with it.
        page: what a page says of it: ``yanked``, ``wrong digest``, ``no digest``, a Requires-Python.
    """

    filename: str
    requires: tuple[str, ...] = ()
    python: str = ""
    fault: str = ""
    metadata_version: str = "2.1"
    page: str = ""

    @property
    def release(self) -> tuple[str, str]:
        """Project and version, as the name spells them."""
        stem = self.filename
        for suffix in (".whl", ".tar.gz", ".zip", ".tgz", ".tar.bz2"):
            stem = stem.removesuffix(suffix)
        parts = stem.rsplit("-", 1) if self.filename[-4:] != ".whl" else stem.split("-")
        return parts[0], parts[1]

    @property
    def content(self) -> bytes:
        """Its bytes."""
        if self.filename.endswith(".whl"):
            return odd_wheel(
                *(self.filename, self.requires, self.python, self.fault, "x"),
                metadata_version=self.metadata_version,
            )
        return self._sdist()

    def _sdist(self) -> bytes:
        project, version = self.release
        fault = self.fault
        kind: SdistFormat = "zip" if self.filename.endswith(".zip") else "tar.gz"
        if self.filename.endswith(".tar.bz2"):
            kind = "tar.bz2"
        changed = {"another name": ("x" + project, version), "another version": (project, "9.0")}
        name, stated = changed.get(fault, (project, version))
        sdist = build_sdist(
            name,
            stated,
            requires_dist=self.requires,
            requires_python=self.python or None,
            metadata_version="2.1" if fault == "dynamic" else "2.2",
            metadata_lines=["Provides-Extra: x"],
            format=kind,
        )
        return DAMAGES[fault](sdist.content) if fault in DAMAGES else sdist.content


class LawCase(msgspec.Struct, frozen=True):
    """What is put to the test.

    Attributes:
        files: of an index.
        text: a requirements file; ``limits.txt`` and ``more.txt`` lie beside it.
        limits: constraints.
        supply: how installers get at the files: a bare directory, a mirror that takes everything, or
            a directory whose pages they read.
    """

    files: tuple[OddFile, ...]
    text: str
    limits: str = "zz-a<3\nzz-b!=2.0\n"
    supply: Supply = "directory"

    @property
    def is_doubtful(self) -> bool:
        """Whether `check` thinks the worst, although installers may succeed.

        That is so where neither tags nor build prefer one of two wheels, where uv reads one of
        several wheels for a release that it has to build, or where digests disagree.
        """
        if "--hash" in self.text and any("wrong digest" in file.page for file in self.files):
            return self.supply == "pages"  # installers believe `--hash`, `check` also the page
        wheels = Counter(_release_key(f) for f in self.files if f.filename.endswith(".whl"))
        built = {_release_key(f) for f in self.files if not f.filename.endswith(".whl")}
        if any(wheels[release] > 1 for release in built):
            return True
        seen: set[tuple[object, ...]] = set()
        for name in (file.filename for file in self.files if file.filename.endswith(".whl")):
            with suppress(InvalidWheelFilename):
                project, version, build, tags = parse_wheel_filename(name.replace("__", "_"))
                for tag in tags:
                    key = (project, version, build, tag)
                    if key in seen:
                        return True
                    seen.add(key)
        return False


def _release_key(file: OddFile) -> tuple[str, str]:
    project, version = file.release
    with suppress(InvalidVersion):
        version = canonicalize_version(Version(version.replace("_", "-")))
    return canonicalize_name(project), version


@st.composite
def _requirements(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(_NAMES)).format(draw(st.sampled_from("abc")))
    return f"{name}{draw(st.sampled_from(_EXTRAS))}{draw(st.sampled_from(_SPECIFIERS))}"


@st.composite
def _stated(draw: st.DrawFn) -> tuple[str, ...]:
    found = draw(st.lists(_requirements(), max_size=2))
    marked = [text + draw(st.sampled_from(_MARKERS)) for text in found]
    if not draw(st.integers(0, 30)):
        marked.append("zz-c @ https://files.example/zz_c-1.0-py3-none-any.whl")
    return tuple(marked)


@st.composite
def _odd_files(draw: st.DrawFn) -> OddFile:
    name = draw(st.sampled_from(_SPELLINGS)).format(draw(st.sampled_from("abc")))
    version = draw(st.sampled_from(_VERSIONS))
    requires, python = draw(_stated()), draw(st.sampled_from(_PYTHONS))
    page = draw(
        st.sampled_from(("",) * 12 + ("yanked", "yanked", "wrong digest", "no digest", "<3", ">=3"))
    )
    if not draw(st.integers(0, 9)):
        suffix = draw(st.sampled_from((".tar.gz",) * 5 + (".zip", ".tgz", ".tar.bz2")))
        fault = draw(st.sampled_from((*_SDIST_FAULTS, *DAMAGES)))
        return OddFile(f"{name}-{version}{suffix}", requires, python, fault, page=page)
    build = draw(st.sampled_from(("",) * 6 + ("-1", "-2x", "-01", "-x")))
    return OddFile(
        f"{name}-{version}{build}-{draw(st.sampled_from(_TAGS))}.whl",
        requires,
        python,
        draw(st.sampled_from((*_SOUND, *_BROKEN))),
        draw(st.sampled_from(_METADATA_VERSIONS)),
        page,
    )


def _for_others(draw: st.DrawFn, files: list[OddFile]) -> list[OddFile]:
    """Return wheels for other machines, each beside an sdist of the same release."""
    found = []
    for sdist in files:
        if sdist.filename.endswith(".whl") or draw(st.booleans()):
            continue
        tag = draw(st.sampled_from(("py3-none-win32", "cp27-none-any", "py3-none-any")))
        name = f"{sdist.release[0].replace('-', '_')}-{sdist.release[1]}-{tag}.whl"
        fault = draw(st.sampled_from(("",) * 9 + ("bad requirement", "cut", "no metadata")))
        page = draw(st.sampled_from(("", "", "yanked", "<3")))
        if name.count("-") == 4 and all(name != file.filename for file in files):
            found.append(OddFile(name, draw(_stated()), sdist.python, fault, page=page))
    return found


def _hashed(draw: st.DrawFn, files: list[OddFile]) -> str:
    file = draw(st.sampled_from(files))
    project, version = file.release
    algorithms = st.sampled_from(["sha256", "sha256", "sha384", "sha512", "sha3_256", "md5"])
    digests = []
    for right in draw(st.lists(st.booleans(), min_size=1, max_size=2)):
        algorithm = draw(algorithms)
        digest = hashlib.new(algorithm, file.content if right else b"other").hexdigest()
        digests.append(f"--hash={algorithm}:{digest}")
    return f"{project}=={version} {' '.join(digests)}"


_OPTIONS = (
    *("",) * 6,
    *("--pre", "--only-binary :all:", "--only-binary zz-a", "--no-binary zz_a", "--prefer-binary"),
    *(
        "-c limits.txt",
        "-r more.txt",
        "--require-hashes",
        "hash",
        "hash",
        "-e git+https://x.example/y",
    ),
)
_LIMITS = ("zz-a<3\nzz-b!=2.0\n", "zz-c==1.0\n", "zz-b>=2.0rc1\n", "zz-a; python_version<'3'\n")


@st.composite
def law_cases(draw: st.DrawFn) -> LawCase:
    """Return cases of all kinds, most of them near the border of what installs."""
    files = draw(st.lists(_odd_files(), max_size=9, unique_by=lambda file: file.filename.lower()))
    files += _for_others(draw, files)
    lines = draw(st.lists(_requirements(), min_size=1, max_size=2, unique=True))
    option = draw(st.sampled_from(_OPTIONS))
    if option == "hash":
        option = _hashed(draw, files) if files else ""
        lines = lines[: draw(st.integers(0, 1))] if option else lines
    text = "\n".join([option, *(line + draw(st.sampled_from(_MARKERS[:10])) for line in lines)])
    supply: Supply = draw(st.sampled_from(["directory", "directory", "mirror", "pages"]))
    return LawCase(tuple(files), f"{text}\n", draw(st.sampled_from(_LIMITS)), supply)


def write_pages(directory: Path, files: Sequence[OddFile]) -> None:
    """Write the pages of an index below `simple`, as the files' `page` has it."""
    links: dict[str, list[str]] = defaultdict(list)
    for file in files:
        digest = hashlib.sha256(b"other" if "wrong" in file.page else file.content).hexdigest()
        fragment = "" if "no digest" in file.page else f"#sha256={digest}"
        url = f"../../{quote(file.filename)}{fragment}"
        more = ' data-yanked=""' if file.page == "yanked" else ""
        if file.page[:1] in {"<", ">"}:
            more += f' data-requires-python="{escape(file.page)}"'
        links[canonicalize_name(file.release[0])].append(
            f'<a href="{escape(url)}"{more}>{escape(file.filename)}</a>'
        )
    for project, found in links.items():
        folder = directory / "simple" / project
        folder.mkdir(parents=True)
        (folder / "index.html").write_text(f"<!DOCTYPE html><body>{'<br>'.join(found)}</body>")
    (directory / "simple").mkdir(exist_ok=True)


@contextmanager
def serving(directory: Path, files: Sequence[OddFile]) -> Iterator[str]:
    """Serve files over HTTP, and yield the address of their pages."""
    if not (directory / "simple").exists():
        write_pages(directory, files)
    handler = partial(_QuietHandler, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/simple/"
        finally:
            server.shutdown()
            thread.join()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""
