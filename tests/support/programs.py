"""Real programs in clean surroundings: microrepo, pip and uv, and environments to install into."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.warm_start import can_start_warm, run_warm

CHECKOUT = Path(__file__).resolve().parents[2]
_DROPPED_PREFIXES = ("PIP_", "UV_", "MICROREPO_", "XDG_", "PYTHON", "VIRTUAL_ENV")
_DROPPED_NAMES = {"NETRC", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"}

Completed = subprocess.CompletedProcess[str]


def clean_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without settings of pip, uv, Python, proxies or ours."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(_DROPPED_PREFIXES)
        and key not in _DROPPED_NAMES
        and not key.lower().endswith("_proxy")
    }
    kept.update(HOME=str(home), PYTHONDONTWRITEBYTECODE="1", PIP_CONFIG_FILE=os.devnull)
    return {**kept, **(extra or {})}


def run_program(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path,
    stdin: str | None = None,
    timeout_s: float = 60,
    check: bool = False,
) -> Completed:
    """Run a program to its end; without `stdin` it reads from the null device.

    Raises:
        AssertionError: `check` is set and the program failed; the text has its output.
        subprocess.TimeoutExpired: it ran for too long, and was killed.
    """
    done = subprocess.run(
        command,
        env=env,
        cwd=cwd,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout_s,
    )
    if check and done.returncode:
        shown = " ".join(map(str, command))
        raise AssertionError(f"{shown}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


@dataclass
class MicrorepoRunner:
    """Runs `python -m microrepo` from this checkout; call it to run, `start` to run beside.

    Attributes:
        settings: variables that the program always finds.
    """

    directory: Path
    python: str = sys.executable
    settings: Mapping[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """The home directory that the program sees."""
        return self.directory / "home"

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return what the program finds in its environment."""
        self.home.mkdir(exist_ok=True)
        return clean_environment(
            self.home, {"PYTHONPATH": str(CHECKOUT), **self.settings, **(extra or {})}
        )

    def command(self, *args: str | Path) -> list[str]:
        """Return the argument list."""
        return [self.python, "-m", "microrepo", *map(str, args)]

    def __call__(
        self,
        *args: str | Path,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 60,
        cwd: Path | None = None,
    ) -> Completed:
        """Run to the end and return exit code and output; `env` is added to the clean one."""
        if self.python == sys.executable and can_start_warm(env):
            return run_warm(
                [str(arg) for arg in args],
                env=self.environment(env),
                cwd=cwd or self.directory,
                stdin=stdin,
                timeout_s=timeout_s,
            )
        return run_program(
            self.command(*args),
            env=self.environment(env),
            cwd=cwd or self.directory,
            stdin=stdin,
            timeout_s=timeout_s,
        )

    def start(
        self,
        *args: str | Path,
        env: Mapping[str, str] | None = None,
        new_session: bool = False,
    ) -> subprocess.Popen[str]:
        """Start and return at once; what still runs at the end of the test is killed."""
        process = subprocess.Popen(
            self.command(*args),
            env=self.environment(env),
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=new_session,
        )
        self.started.append(process)
        return process

    def stop_all(self) -> None:
        """Kill what was started and still runs, and close its pipes."""
        for process in self.started:
            with process:
                process.kill()


@dataclass(frozen=True)
class Environment:
    """A virtual environment and the programs that install into it, cut off from any settings."""

    directory: Path
    pip_command: tuple[str, ...]

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.directory / "bin" / "python"

    def pip(self, *args: str | Path, check: bool = True, timeout_s: float = 120) -> Completed:
        """Run pip on this environment; it fails the test if pip fails, unless told not to."""
        options = ("--isolated", "--disable-pip-version-check", "--no-input")
        return self._run([*self.pip_command, *options, *args], check=check, timeout_s=timeout_s)

    def uv(self, *args: str | Path, check: bool = True, timeout_s: float = 120) -> Completed:
        """Run uv for this environment; skips the test if there is no uv."""
        return self._run([uv_program(), *args], check=check, timeout_s=timeout_s)

    def run(self, *args: str | Path, check: bool = True, timeout_s: float = 60) -> Completed:
        """Run its Python."""
        return self._run([self.python, *args], check=check, timeout_s=timeout_s)

    def _run(self, command: Sequence[str | Path], *, check: bool, timeout_s: float) -> Completed:
        home = self.directory / "home"
        home.mkdir(exist_ok=True)
        extra = {
            "UV_NO_CONFIG": "1",
            "UV_CACHE_DIR": str(home / "uv-cache"),
            "UV_PYTHON_DOWNLOADS": "never",
            "VIRTUAL_ENV": str(self.directory),
        }
        env = clean_environment(home, extra)
        return run_program(command, env=env, cwd=home, check=check, timeout_s=timeout_s)


def make_environment(
    directory: Path, *, python: Path | None = None, pip_from: Environment | None = None
) -> Environment:
    """Make a virtual environment, or take the one that was made there before.

    Args:
        python: interpreter, by default the running one.
        pip_from: environment whose pip serves the new one too, which saves seconds.
    """
    own = directory / "bin" / "python"
    if not own.exists():
        options = [] if pip_from is None else ["--without-pip"]
        directory.parent.mkdir(parents=True, exist_ok=True)
        run_program(
            [str(python or sys.executable), "-m", "venv", *options, directory],
            env=clean_environment(directory.parent),
            cwd=directory.parent,
            check=True,
            timeout_s=120,
        )
    if pip_from is None:
        return Environment(directory, (str(own), "-m", "pip"))
    return Environment(directory, (*pip_from.pip_command, "--python", str(own)))


def uv_program() -> str:
    """Return the path of uv; skips the test if it is not installed."""
    import pytest

    beside = shutil.which("uv", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("uv")
    if found is None:
        pytest.skip("uv is not installed")
    return found
