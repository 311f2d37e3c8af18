"""Assembler: turn a package of rooms into one file that runs without the package.

A room is a module of the package. It imports names only from other rooms
(``from package.room import name``), and modules or names of the standard library. The file holds
every room that the entry room needs, each after the rooms it imports, with one list of imports at
its head. `locate` leads from a line of the file, as in a traceback, to the line of a room.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

FORMAT = 1
SERVER = "microrepo.standalone.server"
IMPORTER = "microrepo.standalone.importer"
# Packages whose rooms another package may use, too.
_LENDERS = {IMPORTER: (SERVER,)}
_ENTRY = "main"
_ASSET_LOADER = "load_asset"
_BANNER = "# ---- {room}:{line}: {title}"
_SEAL = "# sha256:{digest} of the lines above\n"
_HEAD_BYTES = 1 << 14
_HEAD = '''\
#!/usr/bin/env python3
"""{docstring}"""

# Assembled from {package}, format {format}, sha256:{digest}.
# Lines that begin with "# ----" name the room and the line of what follows.

from __future__ import annotations

{imports}
'''


class AssemblyError(Exception):
    """The rooms cannot become one file; the text names the room."""


class _Room(NamedTuple):
    """One module: its name in the file, its source, its tree, and the modules it needs."""

    name: str
    source: str
    tree: ast.Module
    needs: tuple[str, ...]


@lru_cache(maxsize=8)
def assemble(package: str = SERVER) -> str:
    """Return the text of one file with all rooms that the package's room ``main`` needs.

    Raises:
        AssemblyError: rooms import in a circle, or two of them use one name.
    """
    sources = _Sources(package)
    rooms = list(_ordered(sources))
    _check_names(rooms, sources)
    title = ast.parse(sources.module_text(f"{package}.__init__"))
    docstring = ast.get_docstring(title, clean=False) or ""
    head = _HEAD.format(
        docstring=docstring,
        package=package.replace(".", "/"),
        format=FORMAT,
        digest=source_digest(package),
        imports="\n".join(_merged_imports(rooms, sources)),
    )
    text = head + "".join(_body(room, sources) for room in rooms)
    return text + _SEAL.format(digest=hashlib.sha256(text.encode()).hexdigest())


def is_current(content: bytes, package: str = SERVER) -> bool:
    """Return whether a file is what `assemble` makes now, without making it.

    Its head names the digest of the sources, its last line that of all lines before.
    """
    end = len(_SEAL.format(digest=hashlib.sha256().hexdigest()))
    text, seal = content[:-end], content[-end:]
    return (
        f"sha256:{source_digest(package)}.\n".encode() in text[:_HEAD_BYTES]
        and seal == _SEAL.format(digest=hashlib.sha256(text).hexdigest()).encode()
    )


@lru_cache(maxsize=8)
def source_digest(package: str = SERVER) -> str:
    """Return the SHA-256 of all sources of a package and its lenders, rooms and assets."""
    digest = hashlib.sha256(b"%d" % FORMAT)
    for name, root in _Sources(package).roots.items():
        if name != package:
            digest.update(f"\n{name}\n".encode())
        for path in sorted(_walk("", root)):
            digest.update(f"\n{path}\n".encode() + _text_of(root, path).encode())
    return digest.hexdigest()


def locate(text: str, number: int) -> tuple[str, int]:
    """Return the room and its line that a line of an assembled file comes from.

    Raises:
        ValueError: the line does not come from a room.
    """
    lines = text.split("\n")
    for above in range(number - 1, 0, -1):
        if lines[above - 1].startswith("# ---- "):
            room, line = lines[above - 1][7:].split(":")[:2]
            return room, int(line) + number - above - 1
    raise ValueError(f"line {number} does not come from a room")


class _Sources:
    """The files of a package and its lenders, also of those in a zip archive.

    Attributes:
        roots: the folder of each package.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self.roots: dict[str, Any] = {
            name: files(name) for name in (package, *_LENDERS.get(package, ()))
        }

    def room_of(self, node: ast.ImportFrom) -> str:
        """Return the room that a statement imports from, empty if it is another module."""
        module = node.module or ""
        return module if any(module.startswith(f"{name}.") for name in self.roots) else ""

    def label(self, module: str) -> str:
        """Return the name of a room in the file."""
        package = self._package_of(module)
        whole = package if package == self._package else package.rpartition(".")[0]
        return module[len(whole) + 1 :]

    def module_text(self, module: str, suffix: str = ".py") -> str:
        """Return the source of a room."""
        package = self._package_of(module)
        path = module[len(package) + 1 :].replace(".", "/") + suffix
        return _text_of(self.roots[package], path)

    def _package_of(self, module: str) -> str:
        return next(name for name in self.roots if module.startswith(f"{name}."))


def _text_of(root: Any, path: str) -> str:
    return str(root.joinpath(*path.split("/")).read_text("utf-8"))


def _walk(prefix: str, folder: Any) -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _walk(f"{prefix}{entry.name}/", entry)
        elif entry.name.endswith((".py", ".css", ".js", ".svg")):
            yield prefix + entry.name


def _ordered(sources: _Sources) -> Iterator[_Room]:
    """Yield the rooms that the entry needs, by name, each after those it imports."""
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> Iterator[_Room]:
        if module in path:
            circle = " -> ".join(map(sources.label, (*path, module)))
            raise AssemblyError(f"{circle}: rooms import in a circle")
        if module in done:
            return
        done.add(module)
        room = _read(sources, module)
        for needed in room.needs:
            yield from visit(needed, (*path, module))
        yield room

    return visit(f"{next(iter(sources.roots))}.{_ENTRY}", ())


def _read(sources: _Sources, module: str) -> _Room:
    source = sources.module_text(module)
    tree = ast.parse(source)
    needs = {
        needed
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (needed := sources.room_of(node))
        if [alias.name for alias in node.names] != [_ASSET_LOADER]
    }
    return _Room(sources.label(module), source, tree, tuple(sorted(needs)))


def _is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom))


def _merged_imports(rooms: Iterable[_Room], sources: _Sources) -> list[str]:
    whole: set[str] = set()
    parts: dict[str, set[str]] = {}
    for room in rooms:
        for node in room.tree.body:
            if isinstance(node, ast.Import):
                whole.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not sources.room_of(node):
                parts.setdefault(node.module or "", set()).update(a.name for a in node.names)
    parts.pop("__future__", None)
    parts.get("typing", set()).discard("TYPE_CHECKING")
    lines = [f"import {name}" for name in sorted(whole)]
    return lines + [
        f"from {name} import {', '.join(sorted(parts[name]))}" for name in sorted(parts)
    ]


def _check_names(rooms: Iterable[_Room], sources: _Sources) -> None:
    """Raise AssemblyError if a name at the top of a room means something else in another."""
    owners: dict[str, str] = {}
    for room in rooms:
        for name, origin in _bindings(room, sources):
            owner = owners.setdefault(name, origin)
            if owner != origin:
                raise AssemblyError(f"{name}: defined in {owner} and in {origin}")


def _bindings(room: _Room, sources: _Sources) -> Iterator[tuple[str, str]]:
    """Yield each name that a room binds at its top, and where its value comes from."""
    for node in room.tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if any(alias.asname for alias in node.names):
                raise AssemblyError(f"{room.name}, line {node.lineno}: import without `as`")
            from_room = isinstance(node, ast.ImportFrom) and sources.room_of(node)
            origin = from_room and sources.label(from_room)
            for alias in node.names:
                yield alias.name.partition(".")[0], origin or f"import of {module or alias.name}"
        elif not _is_for_types(node):
            for name in _defined(node):
                yield name, room.name


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
        return
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            yield inner.id
        elif isinstance(inner, ast.alias):
            yield inner.asname or inner.name


def _body(room: _Room, sources: _Sources) -> str:
    """Return the text of a room without imports, in parts with a banner above each."""
    lines = room.source.split("\n")
    title = (ast.get_docstring(room.tree) or "").partition("\n")[0]
    pieces: list[str] = []
    start = 0

    def copy(end: int) -> None:
        text = "\n".join(lines[start:end]).rstrip()
        first = start + 1 + (len(text) - len(text.lstrip("\n")))
        if text.strip():
            banner = _BANNER.format(room=room.name, line=first, title=title)
            pieces.append(f"\n\n{banner}\n{text.strip(chr(10))}\n")

    for node in room.tree.body:
        asset = _asset_of(node)
        if node is room.tree.body[0] or _is_import(node) or _is_for_types(node) or asset:
            copy(node.lineno - 1)
            start = node.end_lineno or 0
        if asset:
            folder = next(
                sources.room_of(other)
                for other in room.tree.body
                if isinstance(other, ast.ImportFrom) and other.names[0].name == _ASSET_LOADER
            )
            literal = _literal(sources.module_text(folder, f"/{asset[1]}"))
            banner = _BANNER.format(room=room.name, line=node.lineno, title=asset[1])
            pieces.append(f"\n\n{banner}\n{asset[0]} = {literal}\n")
    copy(len(lines))
    return "".join(pieces)


def _asset_of(node: ast.stmt) -> tuple[str, str] | None:
    """Return name and file of an assignment of an asset."""
    if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
        return None
    call, target = node.value, node.targets[0]
    if ast.unparse(call.func) != _ASSET_LOADER or not isinstance(target, ast.Name):
        return None
    argument = call.args[0]
    return (target.id, str(argument.value)) if isinstance(argument, ast.Constant) else None


def _literal(text: str) -> str:
    return "(\n" + "".join(f"    {line!r}\n" for line in text.splitlines(keepends=True)) + ")"
