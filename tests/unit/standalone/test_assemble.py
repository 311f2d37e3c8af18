"""Packages of rooms become one file: order, names, imports, assets, and the way back to a line."""

from __future__ import annotations

import ast
import hashlib
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from microrepo.standalone import assemble as assembler
from microrepo.standalone.assemble import AssemblyError, assemble, is_current, locate, source_digest
from microrepo.standalone.server.disk import files as files_room
from tests.support.assembled_server import SERVER_FILE, server_module

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a package of rooms that can be imported, and return its name."""
    monkeypatch.syspath_prepend(str(tmp_path))
    names = []

    def make(name: str, **rooms: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text('"""Say hello.\n"""\n')
        for room, text in rooms.items():
            source = textwrap.dedent(text).replace("PACKAGE", name)
            (folder / f"{room}.py").write_text(f'"""Room {room}."""\n{source}')
        names.append(name)
        return name

    yield make
    for name in names:
        for module in [m for m in sys.modules if m.partition(".")[0] == name]:
            del sys.modules[module]


def run(text: str) -> str:
    done = subprocess.run([sys.executable, "-"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rooms_stand_after_those_they_need_and_imports_once(write: Write) -> None:
    package = write(
        "ordered_rooms",
        main="""
            import sys
            from PACKAGE.zeta import Z
            from PACKAGE.alpha import A
            print(Z, A, sys.maxsize > 0)
            """,
        alpha="""
            import sys
            from PACKAGE.zeta import Z
            A = (Z, sys.maxsize > 1)
            """,
        zeta="Z = 1\n",
        unused="raise RuntimeError\n",
    )
    text = assemble(package)
    assert run(text) == "1 (1, True) True\n"
    assert [line for line in text.split("\n") if "import" in line] == [
        "from __future__ import annotations",
        "import sys",
    ]
    assert text.index("Z = 1") < text.index("A = ")
    assert ast.get_docstring(ast.parse(text)) == "Say hello."


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x = 1", "x = 2"),
        ("def x(): ...", "class x: ..."),
        ("from html import escape", "from re import escape"),
        ("import json", "json = 1"),
        ("for x in (): ...", "x: int = 1"),
        ("try:\n    import ssl\nexcept ImportError:\n    ssl = None", "import ssl"),
    ],
)
def test_two_meanings_of_a_name_are_refused(write: Write, first: str, second: str) -> None:
    package = write(
        "colliding_rooms",
        main="from PACKAGE.one import a\nfrom PACKAGE.two import b\n",
        one=f"{first}\na = 1\n",
        two=f"{second}\nb = 2\n",
    )
    with pytest.raises(AssemblyError, match="defined in"):
        assemble(package)


@pytest.mark.parametrize(
    "rooms",
    [
        {"main": "from PACKAGE.one import a\n", "one": "from PACKAGE.main import b\n"},
        {"main": "from os import path as p\n"},
    ],
    ids=["circle", "alias"],
)
def test_what_one_file_cannot_say_is_refused(write: Write, rooms: dict[str, str]) -> None:
    package = write(f"odd_rooms_{len(rooms)}", **rooms)
    with pytest.raises(AssemblyError):
        assemble(package)


def test_assets_become_texts(write: Write, tmp_path: Path) -> None:
    package = write(
        "rooms_with_asset",
        main="""
            from PACKAGE.assets import load_asset
            STYLE = load_asset("a.css")
            print(STYLE == 'a "quoted" \\\\ text\\n\\u00e9')
            """,
    )
    folder = tmp_path / package / "assets"
    folder.mkdir()
    (folder / "a.css").write_text('a "quoted" \\ text\né', "utf-8")
    assert run(assemble(package)) == "True\n"


def test_each_line_leads_back_to_its_room() -> None:
    """A traceback of the file is read by the banners above its lines."""
    text = assemble()
    root = Path(files_room.__file__).parents[1]
    found = 0
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith(("def ", "class ", "    return ")):
            room, at = locate(text, number)
            source = (root / (room.replace(".", "/") + ".py")).read_text("utf-8").split("\n")
            assert source[at - 1] == line
            found += 1
    assert found > 300
    with pytest.raises(ValueError, match="room"):
        locate(text, 1)


def test_a_traceback_of_the_file_leads_to_the_room() -> None:
    with pytest.raises(AttributeError) as caught:
        server_module.parse_filename(None)
    last = caught.traceback[-1]
    room, line = locate(SERVER_FILE.read_text("utf-8"), last.lineno + 1)
    source = Path(files_room.__file__).parents[1] / "names.py"
    assert room == "names"
    assert source.read_text("utf-8").split("\n")[line - 1].strip() == str(last.statement).strip()


def test_the_file_is_the_same_each_time_and_names_its_sources() -> None:
    first = assemble()
    assembler.assemble.cache_clear()
    assert assemble() == first
    assert f"sha256:{source_digest()}" in first[:2000]
    code = "from microrepo.standalone.assemble import assemble; print(assemble(), end='')"
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True
        )
        assert done.stdout.decode() == first


def test_another_source_gives_another_digest(write: Write, tmp_path: Path) -> None:
    package = write("changing_rooms", main="x = 1\n")
    before = source_digest(package)
    (tmp_path / package / "main.py").write_text('"""Room."""\nx = 2\n')
    assembler.source_digest.cache_clear()
    assert source_digest(package) != before


def test_the_package_may_lie_in_a_zip(tmp_path: Path) -> None:
    root = Path(files_room.__file__).parents[3]
    archive = tmp_path / "packed.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("microrepo/__init__.py", "")
        for path in (root / "standalone").rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                packed.write(path, path.relative_to(root.parent))
    code = "from microrepo.standalone.assemble import assemble; print(assemble(), end='')"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(archive)}, capture_output=True, cwd="/"
    )
    assert done.stdout.decode() == assemble()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: b"",
        lambda text: text[:-1],
        lambda text: text + b"#",
        lambda text: text.replace(b"def ", b"def  ", 1),
        lambda text: text[: len(text) // 2],
        lambda text: b"# sha256:" + b"0" * 64 + b" of the lines above\n",
    ],
)
def test_only_what_is_made_now_is_current(change: Callable[[bytes], bytes]) -> None:
    text = assemble().encode()
    assert is_current(text)
    assert not is_current(change(text))


def test_the_file_of_another_source_is_not_current() -> None:
    text = assemble().replace(source_digest(), hashlib.sha256(b"older").hexdigest()).encode()
    body = text.rpartition(b"# sha256:")[0]
    sealed = body + b"# sha256:%s of the lines above\n" % hashlib.sha256(body).hexdigest().encode()
    assert not is_current(sealed)
