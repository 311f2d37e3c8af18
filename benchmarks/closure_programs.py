"""microrepo, uv, pip and Morgan on the same index: what each chooses for a goal and a target."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

from benchmarks.closure_corpus import GOALS, TARGETS, Target, pins_of, uv_compile
from benchmarks.peers import without_pip
from microrepo.selection.environments.presets import environment_from_preset
from microrepo.standalone.server.main import make_server
from microrepo.state import read_state

CHECKOUT = Path(__file__).resolve().parents[1]
Versions = Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """The versions a program chose, by project; or what it said instead."""

    versions: Versions
    error: str = ""

    def __str__(self) -> str:
        return self.error or ", ".join(f"{k} {v}" for k, v in sorted(self.versions.items()))


@contextmanager
def serving(directory: Path) -> Iterator[str]:
    """Serve a directory by our own server on loopback; yields the URL of its simple index."""
    server = make_server(str(directory), "127.0.0.1", 0, log=None)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"{server.url.rstrip('/')}/simple/"
    finally:
        server.shutdown()
        thread.join()


# --- microrepo ------------------------------------------------------------------------------------


def run_microrepo(directory: Path, index_url: str) -> dict[str, Any]:
    """Fill `directory` with the closure of all goals for all targets; return the report."""
    directory.mkdir(parents=True, exist_ok=True)
    packages = []
    for name, lines in GOALS.items():
        if name.endswith(".txt"):
            (directory.parent / name).write_text("\n".join(lines) + "\n")
            packages.append(f"-r {name}")
        else:
            packages.extend(lines)
    config = {
        "repository": str(directory),
        "source": index_url,
        "packages": packages,
        "environments": {target.name: target.preset for target in TARGETS},
        "min_free_space": 0,
    }
    path = directory.parent / "microrepo.json"
    path.write_text(json.dumps(config, indent=1))
    report = json.loads(_microrepo("refresh", "--config", path, "--json", "--no-progress"))
    report["check"] = json.loads(_microrepo("check", "--config", path, "--json"))
    return dict(report)


def _microrepo(*words: str | Path) -> str:
    command = [sys.executable, "-m", "microrepo", *map(str, words)]
    env = without_pip() | {"PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode not in {0, 3}:
        raise RuntimeError(done.stderr)
    return done.stdout


def chosen_by_microrepo(directory: Path) -> dict[tuple[str, str], Answer]:
    """Return, by goal and target, the versions that the last refresh chose, from its state."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    state = read_state(directory / ".microrepo" / "state.db")
    try:
        for row in state.all_requirers():
            name, version = release_of(row.filename)
            found.setdefault((row.goal, row.environment), {})[name] = version
    finally:
        state.close()
    return {key: Answer(versions) for key, versions in found.items()}


def release_of(filename: str) -> tuple[str, str]:
    """Return project and version of a distribution's file name."""
    if filename.endswith(".whl"):
        name, version, _, _ = parse_wheel_filename(filename)
    else:
        name, version = parse_sdist_filename(filename)
    return name, str(version)


# --- uv -------------------------------------------------------------------------------------------


def chosen_by_uv(goal: str, target: Target, index_url: str, cache: Path) -> Answer:
    """Return what ``uv pip compile`` chooses for a target on the same index."""
    command = uv_compile(target, "--default-index", index_url, "--cache-dir", str(cache))
    wish = "\n".join(GOALS[goal])
    done = subprocess.run(command, input=wish, env=_quiet(), capture_output=True, text=True)
    if done.returncode:
        return Answer({}, _last_line(done.stderr))
    return Answer(dict(pin.split("==") for pin in pins_of(done.stdout)))


# --- pip ------------------------------------------------------------------------------------------


def chosen_by_pip(goal: str, target: Target, links: Sequence[str], *, honest: bool) -> Answer:
    """Return what pip would install offline on a target from what `links` name.

    Args:
        goal: key of `GOALS`.
        target: its wheels are chosen by pip's options.
        links: options that say where to look.
        honest: tell pip the target's markers, too; otherwise it takes this machine's.
    """
    script = CHECKOUT / "benchmarks" / "pip_as_target.py"
    program = [str(script)] if honest else ["-m", "pip"]
    platforms = [word for name in target.pip_platforms for word in ("--platform", name)]
    command = [
        sys.executable, *program, "--isolated", "install", "--dry-run", "--quiet",
        "--ignore-installed", "--no-cache-dir", "--only-binary", ":all:",
        "--python-version", target.python, *platforms,
        "--target", tempfile.gettempdir(), "--report", "-", *links, *GOALS[goal],
    ]  # fmt: skip
    env = _quiet() | {"TARGET_MARKERS": json.dumps(markers_of(target))}
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        return Answer({}, _last_line(done.stderr))
    installed = json.loads(done.stdout)["install"]
    return Answer({
        canonicalize_name(one["metadata"]["name"]): one["metadata"]["version"] for one in installed
    })  # fmt: skip


def markers_of(target: Target) -> dict[str, str]:
    """Return the markers of a target."""
    return environment_from_preset(target.name, target.preset).markers


def installed_by_pip(goal: str, python: Path, directory: Path, place: Path) -> Answer:
    """Install a goal for real into a fresh environment of `python`; return what is there then."""
    make = ["uv", "venv", "--quiet", "--no-config", "--clear", "--python", str(python), str(place)]
    subprocess.run(make, check=True, env=_quiet())
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin" / "python"), "--isolated"]
    command = [*pip, "install", "--quiet", "--no-index", "--no-cache-dir", "--find-links",
               str(directory), *GOALS[goal]]  # fmt: skip
    done = subprocess.run(command, env=_quiet(), capture_output=True, text=True)
    if done.returncode:
        return Answer({}, _last_line(done.stderr))
    checked = subprocess.run([*pip, "check"], env=_quiet(), capture_output=True, text=True)
    if checked.returncode:
        return Answer({}, f"pip check: {_last_line(checked.stdout)}")
    listed = subprocess.run(
        [*pip, "list", "--format", "json"], env=_quiet(), capture_output=True, text=True, check=True
    )
    return Answer({
        canonicalize_name(one["name"]): one["version"] for one in json.loads(listed.stdout)
    })  # fmt: skip


# --- Morgan ---------------------------------------------------------------------------------------

_MORGAN_TAGS = {
    "linux": r"(manylinux.*|linux)_x86_64",
    "win32": "win_amd64",
    "darwin": "macosx_.*_(arm64|universal2)",
}


def run_morgan(program: Path, directory: Path, index_url: str) -> str:
    """Let Morgan mirror the same goals for the same targets; return what it printed."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "morgan.ini").write_text(_morgan_config())
    command = [str(program), "--index-path", str(directory), "--index-url", index_url, "mirror"]
    done = subprocess.run(command, env=_quiet(), capture_output=True, text=True)
    return f"exit {done.returncode}\n{done.stdout}{done.stderr}"


def _morgan_config() -> str:
    lines = []
    for target in TARGETS:
        lines.append(f"[env.{target.name.replace(' ', '-')}]")
        markers = markers_of(target)
        lines += [f"{key} = {value}" for key, value in markers.items() if value]
        lines += [f"platform_tag = {_MORGAN_TAGS[markers['sys_platform']]}", ""]
    lines.append("[requirements]")
    wishes: dict[str, list[str]] = {}
    for requirement in (line for goal in GOALS.values() for line in goal):
        name, extra, rest = _split(requirement)
        wishes.setdefault(name, []).append(f"{extra}{rest}" or ">=0")
    for name, specs in wishes.items():
        lines.append(f"{name} = " + "\n    ".join(dict.fromkeys(specs)))
    return "\n".join(lines) + "\n"


def _split(requirement: str) -> tuple[str, str, str]:
    place = min((requirement.find(c) for c in "[<>=" if c in requirement), default=None)
    name, rest = (requirement, "") if place is None else (requirement[:place], requirement[place:])
    extra, bracket, after = rest.partition("]")
    return (name, extra + bracket, after) if bracket else (name, "", rest)


# --------------------------------------------------------------------------------------------------


def _quiet() -> dict[str, str]:
    """Return our environment without settings of pip and uv."""
    kept = {k: v for k, v in without_pip().items() if not k.startswith(("UV_", "VIRTUAL_ENV"))}
    return kept | {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no word"
