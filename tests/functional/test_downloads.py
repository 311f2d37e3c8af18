"""Download statistics: real logs of our server and of nginx, in every wrapping; hostile lines."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from microrepo.publish.client_texts.nginx_conf import nginx_config
from tests.functional.server.serving import serve
from tests.support.index import FakeIndex
from tests.support.nginx import NGINX, nginx_over
from tests.support.packages import build_wheel
from tests.support.programs import Environment, MicrorepoRunner
from tests.support.repository import Repository

LINE = (
    '10.0.0.{host} - - [{day:02}/Nov/2026:12:00:00 +0000] "GET /{name} HTTP/1.1" {status} 100 "-" '
    '"{agent}"\n'
)
PIP, UV = "pip/24.0 {{\\x22ci\\x22:null}}".replace("{{", "{").replace("}}", "}"), "uv/0.5.1"


def line(name: str, day: int = 2, status: int = 200, agent: str = PIP, host: int = 1) -> bytes:
    return LINE.format(host=host, day=day, name=name, status=status, agent=agent).encode()


FOO, BAR = "foo-1.0-py3-none-any.whl", "Bar-2.0.tar.gz"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Five days of a server, rotated and compressed."""
    folder = tmp_path / "log files"
    folder.mkdir()
    (folder / "access.log").write_bytes(line(FOO, 5) + line(BAR, 4, agent=UV))
    (folder / "access.log.1").write_bytes(line(FOO, 4) + line("simple/foo/", 4))
    (folder / "access.log.2.gz").write_bytes(
        gzip.compress(line(FOO, 3)) + gzip.compress(line(FOO, 3))
    )
    (folder / "access.log.3.bz2").write_bytes(bz2.compress(line(BAR, 2) + line(BAR, 2, 404)))
    (folder / "access.log.4.xz").write_bytes(lzma.compress(line(FOO, 1)))
    return folder


def stats(run: MicrorepoRunner, *args: str | Path, expect: int = 0, **how: Any) -> Any:
    done = run("stats", "--downloads", *args, **how)
    assert done.returncode == expect, done.stderr
    return done


def test_counts(run_microrepo: MicrorepoRunner, logs: Path) -> None:
    found = json.loads(stats(run_microrepo, logs / "access.log*", "--json").stdout)
    assert (found["logs"], found["lines"], found["downloads"]) == (5, 9, 7)
    assert (found["others"], found["malformed"], found["projects"]) == (2, 0, 2)
    assert found["by_project"] == {"foo": 5, "bar": 2}
    assert found["by_file"] == {FOO: 5, BAR: 2}
    assert found["by_client"] == {"pip/24.0": 6, "uv/0.5.1": 1}
    assert list(found["by_day"].values()) == [1, 1, 2, 2, 1]
    text = stats(run_microrepo, logs / "access.log*", "--top", "1").stdout
    assert "7 downloads of 2 files, 2 projects, 2026-11-01 to 2026-11-05" in text
    assert BAR not in text
    # A log that is named twice, or by name and by pattern, counts once.
    again = stats(run_microrepo, logs / "access.log*", logs / "access.log", "--json").stdout
    assert json.loads(again)["downloads"] == 7


def test_tables_by_day(run_microrepo: MicrorepoRunner, logs: Path, tmp_path: Path) -> None:
    done = stats(run_microrepo, logs / "access.log*", "--csv")
    rows = list(csv.reader(done.stdout.splitlines()))
    assert rows[0] == ["day", "project", "file", "client", "count"]
    assert ["2026-11-03", "foo", FOO, "pip/24.0", "2"] in rows
    assert sum(int(row[4]) for row in rows[1:]) == 7
    days = tmp_path / "local stats"
    stats(run_microrepo, logs / "access.log*", "--days", days)
    # The first day and the last may have been cut off by the rotation.
    names = sorted(path.name for path in days.iterdir())
    assert names == ["2026-11-02.csv", "2026-11-03.csv", "2026-11-04.csv"]
    assert (days / "2026-11-04.csv").read_text().splitlines() == [
        "project,file,client,count",
        f"bar,{BAR},uv/0.5.1,1",
        f"foo,{FOO},pip/24.0,1",
    ]


def test_lines_that_mean_harm(run_microrepo: MicrorepoRunner, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(
        line(FOO)
        + b"\n"
        + b"\xff\xfe\x00 broken \n"
        + b"x" * 3_000_000 + b"\n"
        + line("evil\\x1b[31m-1.0.zip")
        + line(FOO, agent="\\x1b[31mpip/" + "9" * 1000)
        + line(FOO).rstrip(b"\n")
    )  # fmt: skip
    done = stats(run_microrepo, log, "--json")
    found = json.loads(done.stdout)
    assert (found["downloads"], found["malformed"]) == (3, 2)
    assert "\x1b" not in stats(run_microrepo, log).stdout


def test_logs_that_cannot_be_read(run_microrepo: MicrorepoRunner, logs: Path) -> None:
    whole = gzip.compress(line(FOO, 3) * 1000)
    (logs / "access.log.5.gz").write_bytes(whole[: len(whole) // 2])
    done = stats(run_microrepo, logs / "access.log*", "--json", expect=3)
    assert len(json.loads(done.stdout)["unreadable"]) == 1
    assert "access.log.5.gz: cannot be read to its end" in done.stderr
    done = stats(run_microrepo, logs / "nothing*", expect=2)
    assert "log not found" in done.stderr
    run_microrepo("stats", "--days", "x")


def test_standard_input(run_microrepo: MicrorepoRunner) -> None:
    text = (line(FOO) * 3).decode()
    assert json.loads(stats(run_microrepo, "-", "--json", stdin=text).stdout)["downloads"] == 3
    assert "0 downloads" in stats(run_microrepo, "-", stdin="").stdout


@contextmanager
def our_server(directory: Path, log: Path) -> Iterator[str]:
    with serve(directory) as served:
        yield served.url
    log.write_text(served.log.getvalue())


@contextmanager
def real_nginx(directory: Path, log: Path) -> Iterator[str]:
    if NGINX is None:
        pytest.skip("nginx is not installed")
    pages = nginx_config(directory, listen="127.0.0.1:1").replace(
        "127.0.0.1:1;", "127.0.0.1:{port};"
    )
    with nginx_over(
        directory, log.parent / "nginx", f'access_log "{log}" combined;\n{pages}'
    ) as nginx:
        yield nginx.url


@pytest.mark.parametrize("server", [our_server, real_nginx])
def test_installers_at_real_servers(
    repo: Repository,
    index: FakeIndex,
    tmp_path: Path,
    fresh_venv: Callable[..., Environment],
    server: Callable[[Path, Path], AbstractContextManager[str]],
) -> None:
    wheel = build_wheel("foo-bar", "1.0")
    index.add("foo-bar", wheel)
    repo.settings = tuple(flag for flag in repo.settings if flag != "--no-simple")
    repo.refresh_all()
    venv, log = fresh_venv(), tmp_path / "combined.log"
    with server(repo.path, log) as url:
        pages = f"{url.rstrip('/')}/simple/"
        venv.pip("install", "--no-cache-dir", "--index-url", pages, "foo-bar")
        venv.uv("pip", "install", "--no-cache", "--reinstall", "--default-index", pages, "foo-bar")
    found = json.loads(stats(repo.program, log, "--json").stdout)
    assert (found["downloads"], found["malformed"]) == (2, 0)
    assert found["by_file"] == {wheel.filename: 2}
    assert {client.split("/")[0] for client in found["by_client"]} == {"pip", "uv"}
