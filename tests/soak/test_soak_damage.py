"""Random damage to a state, each followed by runs that must equal the truth and download nothing.

`MICROREPO_SOAK_SEED` chooses another course, `MICROREPO_SOAK_DAMAGES` another number.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from microrepo.cli import main
from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.repository import Repository
from tests.support.server import PyPIServer

pytestmark = pytest.mark.soak

SEED = os.environ.get("MICROREPO_SOAK_SEED", "1")
DAMAGES = int(os.environ.get("MICROREPO_SOAK_DAMAGES", "500"))
_TRUTH = "SELECT filename, project, version, size, sha256, present, owner, cause FROM files ORDER BY filename"
_VALUES = (None, "", "x", -1, 2**63 - 1, 1e308, b"\xff\xfe", b"", "\x1b[2J", "../../etc/passwd")


def scribble(path: Path, rng: random.Random) -> str:
    body = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 5, 50))):
        body[rng.randrange(len(body))] = rng.randrange(256)
    path.write_bytes(body)
    return "bytes"


def noise(path: Path, rng: random.Random) -> str:
    body = bytearray(path.read_bytes())
    start = rng.randrange(len(body))
    body[start : start + 4096] = rng.randbytes(4096)
    path.write_bytes(body)
    return f"noise at {start}"


def truncate(path: Path, rng: random.Random) -> str:
    size = rng.choice((0, 1, 16, 100, rng.randrange(path.stat().st_size)))
    os.truncate(path, size)
    return f"truncated to {size}"


def other_kind(path: Path, rng: random.Random) -> str:
    path.unlink()
    kind = rng.choice(("directory", "full directory", "dangling link", "loop", "fifo", "text"))
    if "directory" in kind:
        path.mkdir()
        if "full" in kind:
            (path / "x").write_bytes(b"x")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "text":
        path.write_text("SQLite format 4\n" * 100)
    else:
        path.symlink_to(path if kind == "loop" else path.with_name("nowhere") / "x")
    return kind


def drop(path: Path, rng: random.Random) -> str:
    with sqlite3.connect(path, isolation_level=None) as db:
        rows = db.execute("SELECT type, name FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        kind, name = rng.choice(rows)
        db.execute(f'DROP {kind} "{name}"')
    db.close()
    return f"without {kind} {name}"


def odd_value(path: Path, rng: random.Random) -> str:
    value = rng.choice(_VALUES)
    with sqlite3.connect(path, isolation_level=None) as db:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        (table,) = rng.choice(tables)
        columns = db.execute(f'PRAGMA table_info("{table}")').fetchall()
        column = rng.choice(columns)[1]
        try:
            db.execute(f'UPDATE "{table}" SET "{column}" = CAST(? AS TEXT)', (value,))
        except sqlite3.Error:
            db.execute(f'UPDATE OR IGNORE "{table}" SET "{column}" = ?', (0,))
    db.close()
    return f"{table}.{column} = {value!r}"


def log_of_others(path: Path, rng: random.Random) -> str:
    for suffix in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).write_bytes(rng.randbytes(rng.choice((0, 32, 40_000))))
    return "foreign logs"


KINDS: tuple[Callable[[Path, random.Random], str], ...] = (
    scribble, noise, truncate, other_kind, drop, odd_value, log_of_others,
)  # fmt: skip


def test_damage_is_mended_without_a_download(
    tmp_path: Path, run_microrepo: MicrorepoRunner, pypi: PyPIServer, index: FakeIndex,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    repo = Repository(tmp_path / "repo", pypi.url, run_microrepo)
    files = [build_wheel(f"p{n}", f"{v}.0") for n in range(6) for v in (1, 2)]
    for file in files:
        index.add(file.name, file)
    arguments = ["refresh", "--packages", "everything", *repo.flags(), "--processes", "1"]
    arguments += ["--versions", "all"]
    listing = ["list", "--repository", str(repo.path), "--json"]
    repo.run(*arguments)
    truth, sound = repo.query(_TRUTH), tmp_path / "sound"
    shutil.copytree(repo.path, sound)
    failures = []
    for number in range(DAMAGES):
        rng = random.Random(f"{SEED} {number}")
        shutil.rmtree(repo.path)
        shutil.copytree(sound, repo.path, symlinks=True)
        said = rng.choice(KINDS)(repo.path / ".microrepo/state.db", rng)
        pypi.reset()
        try:
            codes = [main(arguments), main([*listing]), main(arguments)]
            _, err = capfd.readouterr()
            assert codes[2] == 0, (codes, err)
            assert {*codes} <= {0, 1}, (codes, err)
            assert "Traceback" not in err, err
            assert pypi.paths("/files/") == []
            repo.holds(*files)
            # A value that became another possible one cannot be told from the truth.
            rows = repo.query(_TRUTH)
            assert len(rows) == len(truth)
            assert said == "bytes" or rows == truth, set(rows) ^ set(truth)
        except Exception as error:
            failures.append(f"damage {number}, {said}: {type(error).__name__} {error!s:.600}")
            with capfd.disabled():
                print(failures[-1], flush=True)
    assert not failures, f"{len(failures)} of {DAMAGES}"
