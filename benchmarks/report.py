"""Markdown tables, target marks, versions, and the same as JSON."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.arena import Series


@dataclass(frozen=True)
class Target:
    """One asked-for figure and what was reached."""

    text: str
    reached: float
    limit: float
    unit: str = "x"
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the figure is on the right side of the limit."""
        if self.at_least:
            return self.reached >= self.limit
        return self.reached <= self.limit

    def __str__(self) -> str:
        sign = ">=" if self.at_least else "<="
        mark = "x" if self.met else " "
        reached = f"{self.reached:.3g}{self.unit}"
        return f"- [{mark}] {self.text}: {reached} (asked: {sign} {self.limit:g}{self.unit})"


def judge(ours: Series, targets: list[Target]) -> list[Target]:
    """Return the targets, led by the count of faulty runs; if there are any, nothing else counts."""
    faults = Target("runs with a fault", ours.faults(), 0, "")
    return [faults, *targets] if faults.met else [faults]


@dataclass
class Result:
    """All that one scenario found."""

    title: str
    series: list[Series] = field(default_factory=list)
    floor: Series | None = None
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def render(result: Result) -> str:
    """Return the scenario's table, targets and notes as Markdown."""
    lines = [f"## {result.title}", ""]
    if result.series:
        lines += _table(result.series, result.floor)
    lines += [str(target) for target in result.targets]
    lines += [f"- {note}" for note in result.notes]
    return "\n".join(lines) + "\n"


def _table(series: Sequence[Series], floor: Series | None) -> list[str]:
    against = f"x {floor.name}" if floor else "x"
    runs = len(series[0].runs)
    heads = ["", f"wall s (median of {runs})", against, "CPU s", "server CPU s", "others"]
    heads += ["PSS MB", "requests", "MB sent", "files right, wrong/missing/extra", "exit"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for each in series:
        last = each.runs[-1]
        ratio = f"{each.ratio_to(floor):.2f}" if floor else ""
        cpu_ratio = f" ({each.cpu_ratio_to(floor):.1f}x)" if floor else ""
        verdict = str(last.verdict) if last.verdict else "a part of the files only"
        exits = "/".join(str(code) for code in sorted({r.usage.exit_code for r in each.runs}))
        lines.append(
            f"| {each.name} | {each.wall_s():.2f} | {ratio} | {each.cpu_s():.2f}{cpu_ratio} "
            f"| {each.server_cpu_s():.2f} | {each.others_share():.0%} "
            f"| {each.pss_mb():.0f} | {each.requests()} | {last.traffic.bytes_sent / 1e6:.1f} "
            f"| {verdict} | {exits} |"
        )
    return [*lines, ""]


def versions(extra: dict[str, str]) -> dict[str, str]:
    """Return the versions of everything that takes part."""
    return {
        "machine": f"{os.cpu_count()} CPUs, {platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "microrepo": _microrepo_version(),
        "curl": _first_version(["curl", "--version"]),
        "nginx": _first_version(["nginx", "-v"]),
        "openssl": _first_version(["openssl", "version"]),
        **extra,
    }


def _first_version(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return "not found"
    match = re.search(r"\d+(?:\.\d+)+", done.stdout + done.stderr)
    return match.group() if match else "unknown"


def _microrepo_version() -> str:
    try:
        from microrepo._version import __version__
    except ImportError:
        return "not found"
    return __version__


def save(result: Result, path: Path, facts: dict[str, str]) -> None:
    """Write every single run as JSON, so that a table can be doubted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = {"versions": facts, **asdict(result)}
    path.write_text(json.dumps(body, indent=1, default=str))
