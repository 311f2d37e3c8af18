"""`python -m benchmarks serving`: our server against others, with wrk, on the same files.

The files: one repository of small genuine wheels and one file of 100 MB. The contestants take
turns, every round, so that what else the machine does hits all of them; medians are shown.
Needs Debian's `wrk` and `nginx`; the peers are installed once, by pip, below the work directory.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests

from benchmarks.peers import ensure_venv, version_of, without_pip
from microrepo.publish.client_texts.nginx_conf import nginx_config
from microrepo.standalone.assemble import assemble

JSON = "application/vnd.pypi.simple.v1+json"
WANTED = "project-0007"
LARGE_FILE = "large-1.0.tar.gz"
CONNECTIONS = 32
_PROJECTS, _RELEASES = 100, 10


@dataclass(frozen=True)
class Served:
    """Where one server has the page and the small file; `json` tells whether it speaks it."""

    name: str
    page: str
    file: str
    json: bool = True


# ---- the files


def write_wheel(directory: Path, name: str, version: str) -> str:
    """Write a small genuine wheel; return its file name."""
    module = name.replace("-", "_")
    filename = f"{module}-{version}-py3-none-any.whl"
    info = f"{module}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    members = {
        f"{module}.py": f'__version__ = "{version}"\n' + "# filled\n" * 300,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(directory / filename, "w") as archive:
        for path, content in members.items():
            archive.writestr(path, content)
    return filename


def make_files(directory: Path) -> None:
    """Fill a directory with all that is served."""
    directory.mkdir(parents=True)
    for number in range(_PROJECTS):
        for minor in range(_RELEASES):
            write_wheel(directory, f"project-{number:04d}", f"1.{minor}")
    (directory / LARGE_FILE).write_bytes(os.urandom(1 << 20) * 100)


def link_for_morgan(source: Path, target: Path) -> None:
    """Lay the wheels out as Morgan keeps them: a folder for each project, digests beside them."""
    for path in source.glob("*.whl"):
        folder = target / path.name.split("-")[0].replace("_", "-")
        folder.mkdir(parents=True, exist_ok=True)
        os.link(path, folder / path.name)
        digest = sha256(path.read_bytes()).hexdigest()
        (folder / f"{path.name}.hash").write_text(f"sha256={digest}")


# ---- the servers


@contextmanager
def program(command: Sequence[str | Path], port: int, cwd: Path) -> Iterator[None]:
    """Run a server until the block ends, its talk thrown away, from when it listens."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=without_pip(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended by itself")
            try:
                http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def start_ours(stack: ExitStack, directory: Path, port: int, name: str) -> Served:
    """Start our server file by itself, with its access log on."""
    script = directory.parent / "server.py"
    script.write_text(assemble(), "utf-8")
    command: list[str | Path] = [
        sys.executable,
        script,
        "--directory",
        directory,
        "--port",
        str(port),
    ]
    stack.enter_context(program(command, port, directory))
    root = f"http://127.0.0.1:{port}/"
    return Served(name, f"{root}simple/{WANTED}/", root + _small_file())


def start_nginx(stack: ExitStack, directory: Path, port: int, home: Path) -> Served:
    """Start nginx by the configuration that we print, its access log on as well."""
    home.mkdir()
    (home / "site.conf").write_text(nginx_config(directory, listen=f"127.0.0.1:{port}"))
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{place}_temp_path {home}/{place};" for place in places)
    user = "" if os.geteuid() else "user root;"
    (home / "nginx.conf").write_text(
        f"{user} daemon off; worker_processes auto; pid {home}/pid; error_log {home}/error;"
        f"events {{}} http {{ access_log {home}/access; {temporary} include {home}/site.conf; }}"
    )
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    stack.enter_context(program([nginx, "-c", home / "nginx.conf", "-p", home], port, home))
    root = f"http://127.0.0.1:{port}/"
    return Served("nginx", f"{root}simple/{WANTED}/", root + _small_file())


def start_pypiserver(stack: ExitStack, directory: Path, port: int, programs: Path) -> Served:
    """Start pypiserver, which knows no JSON pages."""
    options = ["-P", ".", "-a", ".", "--disable-fallback", "--hash-algo", "sha256"]
    where = ["-i", "127.0.0.1", "-p", str(port)]
    command: list[str | Path] = [programs / "pypi-server", "run", *where, *options, directory]
    stack.enter_context(program(command, port, directory))
    root = f"http://127.0.0.1:{port}/"
    return Served("pypiserver", f"{root}simple/{WANTED}/", f"{root}packages/{_small_file()}", False)


def start_morgan(stack: ExitStack, directory: Path, port: int, programs: Path) -> Served:
    """Start Morgan's server."""
    command: list[str | Path] = [
        programs / "morgan",
        "-i",
        directory,
        "-H",
        "127.0.0.1",
        "-p",
        str(port),
        "serve",
    ]
    stack.enter_context(program(command, port, directory))
    root = f"http://127.0.0.1:{port}/{WANTED}/"
    return Served("Morgan's server", root, root + _small_file())


def start_devpi(stack: ExitStack, files: Path, home: Path, port: int, programs: Path) -> Served:
    """Start devpi-server with an index that the wanted project was uploaded to."""
    home.mkdir()
    state: list[str | Path] = ["--serverdir", home / "state"]
    init: list[str | Path] = [
        programs / "devpi-init",
        *state,
        "--no-root-pypi",
        "--root-passwd",
        "secret",
    ]
    subprocess.run(init, check=True, capture_output=True, env=without_pip())
    listen = ["--host", "127.0.0.1", "--port", str(port), "--offline-mode"]
    stack.enter_context(program([programs / "devpi-server", *state, *listen], port, home))
    root = f"http://127.0.0.1:{port}/"
    session = requests.Session()
    session.trust_env = False
    login = {"user": "root", "password": "secret"}
    token = session.post(f"{root}+login", json=login, timeout=60).json()["result"]["password"]
    session.auth = ("root", token)
    index = f"{root}root/bench/"
    made = session.put(index.rstrip("/"), json={"bases": [], "volatile": True}, timeout=60)
    if not made.ok:  # the header of its own client, where plain credentials are not taken
        raise RuntimeError(f"devpi-server: {made.text[:200]}")
    for path in sorted(files.glob(WANTED.replace("-", "_") + "-*.whl")):
        fields = {
            ":action": "file_upload",
            "name": WANTED,
            "version": path.name.split("-")[1],
            "filetype": "bdist_wheel",
            "pyversion": "py3",
            "metadata_version": "2.1",
        }
        sent = session.post(
            index, data=fields, files={"content": (path.name, path.read_bytes())}, timeout=60
        )
        sent.raise_for_status()
    page = f"{index}+simple/{WANTED}/"
    document = requests.get(page, headers={"Accept": JSON}, timeout=60).json()
    urls = {file["filename"]: file["url"] for file in document["files"]}
    return Served("devpi-server", page, urljoin(page, urls[_small_file()]).partition("#")[0])


def _small_file() -> str:
    return f"{WANTED.replace('-', '_')}-1.5-py3-none-any.whl"


# ---- measuring


def check(url: str, accept: str, size_bytes: int | None = None) -> None:
    """Ask once; refuse to measure answers that are no good."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    connection.request("GET", parts.path, headers={"Accept": accept})
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    wrong = size_bytes is not None and len(body) != size_bytes
    if reply.status != 200 or wrong or (size_bytes is None and b"1.5" not in body):
        raise RuntimeError(f"{url}: {reply.status}, {len(body)} bytes")


def wrk(url: str, accept: str, seconds: int) -> tuple[float, float]:
    """Return requests per second and MB per second."""
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s"]
    done = subprocess.run(
        [*command, "-H", f"Accept: {accept}", url], capture_output=True, text=True, check=True
    )
    if "Non-2xx" in done.stdout:
        raise RuntimeError(f"{url}: {done.stdout}")
    read = re.search(r"requests in ([\d.]+)(\w+), ([\d.]+)(\w+) read", done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert read
    assert rate
    unit = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}[read[4]]
    took_s = float(read[1]) * {"ms": 0.001, "s": 1, "m": 60}[read[2]]
    return float(rate[1]), float(read[3]) * unit / took_s / 1e6


Rates = dict[tuple[str, str], list[float]]


def measure(servers: Sequence[Served], rounds: int, seconds: int) -> Rates:
    """Let the servers take turns; the keys are server and what was asked for."""
    rates: Rates = {}
    for _ in range(rounds):
        for one in servers:
            for what, url, accept in _questions(one):
                rate, _ = wrk(url, accept, seconds)
                rates.setdefault((one.name, what), []).append(rate)
    return rates


def _questions(one: Served) -> Iterator[tuple[str, str, str]]:
    yield "HTML page", one.page, "text/html"
    if one.json:
        yield "JSON page", one.page, JSON
    yield "small file", one.file, "*/*"


def measure_large(urls: dict[str, str], rounds: int, seconds: int) -> Rates:
    """Let the servers take turns in sending the large file; MB per second."""
    rates: Rates = {}
    for _ in range(rounds):
        for name, url in urls.items():
            rates.setdefault((name, "100 MB"), []).append(wrk(url, "*/*", seconds)[1])
    return rates


# ---- the tables


def table(rates: Rates, ours: str, columns: Sequence[str]) -> str:
    """Return Markdown: requests per second, and how many times as many ours answers."""
    names = list(dict.fromkeys(name for name, _ in rates))
    lines = [f"| requests/s | {' | '.join(columns)} |", "| --- |" + " ---: |" * len(columns)]
    for name in names:
        cells = []
        for what in columns:
            if (name, what) not in rates:
                cells.append("-")
                continue
            rate = max(statistics.median(rates[name, what]), 0.1)
            ratio = statistics.median(rates[ours, what]) / rate
            cells.append(f"{rate:,.0f}" + ("" if name == ours else f" (ours {ratio:.1f}x)"))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def run(work: Path, rounds: int, seconds: int, first_port: int) -> str:
    """Prepare, measure, and return the tables."""
    venvs = work / "venvs"
    programs = {
        name: ensure_venv(venvs, name, [package], Path(sys.executable))
        for name, package in _PEERS.items()
    }
    home = work / "serving"
    shutil.rmtree(home, ignore_errors=True)
    files, bare, morgan = home / "files", home / "bare", home / "morgan"
    make_files(files)
    shutil.copytree(files, bare, copy_function=os.link)
    index: list[str | Path] = [
        sys.executable,
        "-m",
        "microrepo",
        "index",
        "--repository",
        files,
        "--quiet",
    ]
    subprocess.run(index, check=True)
    link_for_morgan(bare, morgan)
    ports = iter(range(first_port, first_port + 6))
    with ExitStack() as stack:
        servers = [
            start_ours(stack, files, next(ports), "server.py, with pages"),
            start_ours(stack, bare, next(ports), "server.py, bare directory"),
            start_pypiserver(stack, bare, next(ports), programs["pypiserver"]),
            start_morgan(stack, morgan, next(ports), programs["morgan"]),
            start_devpi(stack, bare, home / "devpi", next(ports), programs["devpi"]),
            start_nginx(stack, files, next(ports), home / "nginx"),
        ]
        size_bytes = (files / _small_file()).stat().st_size
        for one in servers:
            check(one.page, "text/html")
            check(one.file, "*/*", size_bytes)
        rates = measure(servers, rounds, seconds)
        large = {one.name: urljoin(one.file, LARGE_FILE) for one in (servers[0], servers[-1])}
        heavy = measure_large(large, rounds, seconds)
    columns = ("HTML page", "JSON page", "small file")
    megabytes = {name: statistics.median(values) for (name, _), values in heavy.items()}
    ratio = megabytes[servers[0].name] / megabytes["nginx"]
    packages = {"devpi": "devpi-server"}
    versions = [
        f"{name} {version_of(path, packages.get(name, name))}" for name, path in programs.items()
    ]
    said = "; ".join(f"{name} {rate:,.0f} MB/s" for name, rate in megabytes.items())
    return (
        f"{table(rates, servers[0].name, columns)}\n"
        f"100 MB file: {said}; ours {ratio:.2f}x of nginx.\n\n"
        f"Versions: {'; '.join(versions)}; ours on Python {sys.version.split()[0]}; "
        f"{_said('nginx', '-v')}; {_said('wrk', '-v')}\n"
    )


_PEERS = {"pypiserver": "pypiserver[cache]", "morgan": "morgan", "devpi": "devpi-server"}


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout + done.stderr).splitlines()[0].partition(" Copyright")[0].strip()


def main(words: Sequence[str] | None = None) -> int:
    """Run and print; 0 when it ran, whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks serving", description=__doc__)
    parser.add_argument("--work-dir", type=Path, default=Path("/dev/shm/microrepo-benchmarks"))
    parser.add_argument("--runs", type=int, default=3, help="rounds; medians are shown")
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    parser.add_argument("--first-port", type=int, default=8820, help="first of six ports")
    options = parser.parse_args(words)
    load = os.getloadavg()[0]
    print(run(options.work_dir.resolve(), options.runs, options.seconds, options.first_port))
    print(json.dumps({"load before": round(load, 1), "load after": round(os.getloadavg()[0], 1)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
