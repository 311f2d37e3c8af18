"""Repositories inside: a bundle is imported by either program, and what readers find is checked."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

from microrepo.cli import main as run_microrepo
from microrepo.standalone.assemble import IMPORTER, assemble
from microrepo.standalone.server.index_pages import parse_project_json, parse_root_json
from microrepo.standalone.server.names import normalize_name
from tests.support.bundles import Outside, sha256, sidecar_of

PROGRAMS = ("import.py", "microrepo")
_FOLDER = tempfile.TemporaryDirectory(prefix="microrepo-importer-")
# What an import that is refused may write, below `.microrepo`.
_PRIVATE = ("staging", "partial", "lock", "lock.holder", "imports/log.jsonl", "report.json")


def _load() -> tuple[Path, ModuleType]:
    path = Path(_FOLDER.name) / "import.py"
    path.write_text(assemble(IMPORTER), "utf-8")
    spec = importlib.util.spec_from_file_location("assembled_importer", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return path, module


IMPORTER_FILE, importer_module = _load()


@dataclass
class Ended:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass
class Inside:
    """A repository that bundles are imported into."""

    root: Path
    program: str = "import.py"

    def run(self, *arguments: object, stdin: bytes | None = None) -> Ended:
        """Import in this process."""
        given = [str(argument) for argument in arguments]
        command = importer_module.main
        if self.program == "microrepo":
            command, given = run_microrepo, ["import", *given]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.redirect_stdout(out))
            stack.enter_context(contextlib.redirect_stderr(err))
            if stdin is not None:
                stack.enter_context(_piped(stdin))
            try:
                code = command([*given, "--repository", str(self.root)])
            except SystemExit as ended:
                code = int(ended.code or 0)
        return Ended(code, out.getvalue(), err.getvalue())

    def index(self) -> None:
        """Rebuild the pages with microrepo."""
        with contextlib.redirect_stdout(io.StringIO()):
            assert run_microrepo(["index", "--repository", str(self.root)]) == 0

    def ok(self, *arguments: object, stdin: bytes | None = None) -> str:
        """Import; it must succeed. Return the output."""
        done = self.run(*arguments, stdin=stdin)
        assert done.code == 0, done.text
        return done.text

    def visible(self) -> dict[str, bytes]:
        """Return the content of all files that readers see."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and ".microrepo" not in path.relative_to(self.root).parts
        }

    def all_files(self) -> dict[str, bytes]:
        """Return all files but those that a refused import may write."""
        control = self.root / ".microrepo"
        found = self.visible()
        for path in sorted(control.rglob("*")):
            name = path.relative_to(control).as_posix()
            is_private = any(name == one or name.startswith(f"{one}/") for one in _PRIVATE)
            if path.is_file() and not is_private and not name.startswith("state.db"):
                found[f".microrepo/{name}"] = path.read_bytes()
        return found

    def files(self) -> dict[str, str]:
        """Return the digest of each distribution and sidecar by name."""
        suffixes = (".whl", ".tar.gz", ".zip", ".egg", ".metadata")
        return {
            path.name: sha256(path.read_bytes())
            for path in self.root.iterdir()
            if path.is_file() and path.name.endswith(suffixes)
        }

    def current(self) -> dict[str, object]:
        values: dict[str, object] = json.loads(
            (self.root / ".microrepo/imports/current.json").read_text()
        )
        return values


def expect_equal(inside: Inside, outside: Outside, *private: str) -> None:
    """Compare an inside with its outside: files, sidecars, pages, documents."""
    wanted: dict[str, str] = {}
    for file in outside.files.values():
        wanted[file.filename] = file.sha256
        if sidecar := sidecar_of(file):
            wanted[f"{file.filename}.metadata"] = sha256(sidecar)
    found = {n: d for n, d in inside.files().items() if n.removesuffix(".metadata") not in private}
    assert found == wanted
    listed = read_pages(inside.root)
    assert listed.keys() - set(private) == outside.files.keys()
    assert set(private) <= listed.keys()
    assert not (inside.root / ".microrepo/switch.json").exists()


def read_pages(root: Path) -> dict[str, str]:
    """Read all pages as a client does; return the digest of each listed file.

    Each page and each link must be good, and the digest that of the file.
    """
    found: dict[str, str] = {}
    simple = root / "simple"
    projects = parse_root_json((simple / "index.v1_json").read_bytes()).projects
    names = {normalize_name(shown) for shown, _ in projects}
    folders = {path.name for path in simple.iterdir() if path.is_dir()}
    assert names == folders, "a page without a project, or the other way round"
    for shown, serial in projects:
        name = normalize_name(shown)
        page = parse_project_json((simple / name / "index.v1_json").read_bytes())
        assert page.serial == serial
        html = (simple / name / "index.html").read_text()
        document = json.loads((root / "pypi" / name / "json").read_text())
        in_document = {
            one["filename"]: one["digests"]["sha256"]
            for files in document["releases"].values()
            for one in files
        }
        assert in_document == {entry.filename: entry.hashes["sha256"] for entry in page.files}
        for entry in page.files:
            path = (simple / name / unquote(entry.url)).resolve()
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            assert digest == entry.hashes["sha256"], entry.filename
            assert f"#sha256={digest}" in html
            if isinstance(entry.core_metadata, dict):
                sidecar = path.with_name(f"{path.name}.metadata").read_bytes()
                assert sha256(sidecar) == entry.core_metadata["sha256"]
            found[entry.filename] = digest
    links = (simple / "links.html").read_text()
    assert links.count("<a href=") == len(found)
    return found


@contextlib.contextmanager
def _piped(content: bytes) -> Iterator[None]:
    """Let the standard input be a real pipe with some content."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with contextlib.suppress(OSError), open(writing, "wb") as stream:
            stream.write(content)
        os._exit(0)
    os.close(writing)
    before = sys.stdin
    with open(reading, encoding="latin-1") as stream:
        sys.stdin = stream
        try:
            yield
        finally:
            sys.stdin = before
    os.waitpid(child, 0)


def joined(paths: Sequence[Path]) -> bytes:
    return b"".join(path.read_bytes() for path in paths)
