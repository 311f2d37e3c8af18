"""Commands about target environments: what a target is, and whether it is served."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from microrepo.cli import render
from microrepo.cli.commands import load_settings, requests_from
from microrepo.cli.setting_flags import flags_of
from microrepo.config.schema import EVERYTHING
from microrepo.operations.closure.check import CheckReport


def command_check(arguments: argparse.Namespace) -> int:
    """Prove that requirements install from the repository, or say what is missing."""
    from microrepo.operations.closure.check import check

    loaded = load_settings(arguments)
    if loaded.config.packages is None and not (arguments.requirements or arguments.requirement):
        # Nothing says what shall install, so everything that is there shall.
        config = msgspec.structs.replace(loaded.config, packages=EVERYTHING)
        loaded = msgspec.structs.replace(loaded, config=config)
    requests = requests_from(loaded, arguments.requirements, arguments.requirement)
    # Only on request: what is looked at may be something else than what the settings lock.
    lock = "lock" in flags_of(arguments)
    report = check(loaded.config, requests, arguments.environment, lock=lock)
    if arguments.json:
        render.print_json(report)
    else:
        sys.stdout.write(check_text(report))
    return report.exit_code


def check_text(report: CheckReport) -> str:
    """Return the outcome of a check for people."""
    count = f"{report.goals} goals in {len(report.environments)} environments"
    lines = [f"{count}: {'all of them install' if report.closed else 'not all of them install'}"]
    lines += [
        line
        for missing in report.missing
        for line in (
            f"missing: {missing.goal} for {missing.environment}",
            *(f"  {reason}" for reason in missing.reasons),
        )
    ]
    if report.sdist_only:
        lines.append("to be built on the target, since there is no wheel:")
        lines += [
            f"  {one.project} {one.version} for {one.environment}" for one in report.sdist_only
        ]
    lines += [f"warning: {text}" for text in report.warnings]
    lines += [f"locked: {path}" for path in report.locks]
    return "\n".join(lines) + "\n"


def command_env(arguments: argparse.Namespace) -> int:
    """Print the block that describes this Python as a target environment."""
    from microrepo.standalone import describe_python

    if arguments.script:
        sys.stdout.write(Path(describe_python.__file__).read_text(encoding="utf-8"))
    else:
        sys.stdout.write(describe_python.render(arguments.name) + "\n")
    return 0


def command_freeze(arguments: argparse.Namespace) -> int:
    """List what is installed here as requirements."""
    from microrepo.operations.inspect.freeze import freeze

    requirements = freeze(arguments.mode)
    if arguments.json:
        render.print_json(requirements)
    else:
        sys.stdout.write("".join(f"{text}\n" for text in requirements))
    return 0
