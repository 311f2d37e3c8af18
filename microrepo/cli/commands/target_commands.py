"""Handlers of the commands about target environments: `check`, `sbom`, `env`, `freeze`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from microrepo.cli import terminal
from microrepo.cli.commands.settings_loading import load_settings, requests_from
from microrepo.cli.parser.setting_flags import flags_of
from microrepo.cli.render.inspection_text import check_text
from microrepo.config.schema import EVERYTHING, Config
from microrepo.exit_codes import ExitCode
from microrepo.standalone.server.labels import counted


def command_check(arguments: argparse.Namespace) -> int:
    """Prove that requirements install from the repository, or report what is missing."""
    from microrepo.operations.closure.check import check
    from microrepo.operations.closure.target_records import are_of_this_machine
    from microrepo.operations.monitor.wants import record_check

    loaded = load_settings(arguments)
    if loaded.config.packages is None and not (arguments.requirements or arguments.requirement):
        # No packages given: check every project in the repository.
        config = msgspec.structs.replace(loaded.config, packages=EVERYTHING)
        loaded = msgspec.structs.replace(loaded, config=config)
    requests = requests_from(loaded, arguments)
    # Only on request: the checked requirements can differ from the locked ones.
    lock = "lock" in flags_of(arguments)
    with _checked(loaded.config, arguments.snapshot) as config:
        report = check(config, requests, arguments.environment, lock=lock)
    report = msgspec.structs.replace(report, repository=loaded.config.repository)
    if arguments.want:
        unmet = {missing.goal for missing in report.missing}
        goals = [str(requirement) for requirement in requests.requirements or ()]
        met = [goal for goal in goals if goal not in unmet]
        record_check(loaded.config.repository, met, sorted(unmet))
    if arguments.json:
        terminal.write_json(report)
    else:
        is_named = bool(loaded.config.environments or arguments.environment)
        is_here = not is_named and are_of_this_machine(report.environments)
        terminal.write_out(
            check_text(report, tuple(map(str, requests.requirements or ())), is_here=is_here)
        )
    return report.exit_code


@contextmanager
def _checked(config: Config, snapshot: str) -> Iterator[Config]:
    """Yield the settings for what is checked: the repository or a snapshot of it."""
    if not snapshot:
        yield config
        return
    from microrepo.operations.snapshot.snapshot_view import viewed_for_checks

    with viewed_for_checks(config, snapshot) as viewed:
        yield viewed


def command_sbom(arguments: argparse.Namespace) -> int:
    """Write a bill of materials: of the repository, or of what requirements install from it."""
    from microrepo.cli.commands.gap_commands import write_output
    from microrepo.formats.sbom.cyclonedx import render_cyclonedx
    from microrepo.formats.sbom.spdx import render_spdx
    from microrepo.operations.sbom.sbom_creation import make_bill

    loaded = load_settings(arguments)
    is_named = bool(arguments.requirements or arguments.requirement)
    requests = requests_from(loaded, arguments) if is_named else None
    found = make_bill(loaded.config, requests, arguments.environment, arguments.snapshot)
    render = render_spdx if arguments.format == "spdx" else render_cyclonedx
    if arguments.output is None:
        terminal.write_out(render(found))
    else:
        write_output(Path(arguments.output).expanduser(), render(found).encode())
        counts = f"{counted(len(found.components), 'release')} to {arguments.output}"
        terminal.note(f"wrote a bill of materials of {counts}")
    for text in found.problems:
        terminal.warn(text)
    for text in found.missing:
        terminal.fail(text)
    return ExitCode.INCOMPLETE if found.missing or found.problems else ExitCode.DONE


def command_audit(arguments: argparse.Namespace) -> int:
    """Show which releases advisories affect, and which releases fix that."""
    from microrepo.cli.render.audit_text import audit_record, audit_text, pip_audit_json
    from microrepo.operations.audit.audit_run import audit

    loaded = load_settings(arguments)
    is_named = bool(arguments.requirements or arguments.requirement)
    requests = requests_from(loaded, arguments) if is_named else None
    report = audit(loaded.config, requests, arguments.environment, arguments.snapshot)
    if arguments.format == "pip-audit":
        terminal.write_out(pip_audit_json(report))
    elif arguments.json or arguments.format == "json":
        terminal.write_json(audit_record(report))
    else:
        terminal.write_out(audit_text(report))
    for text in report.warnings:
        terminal.warn(text)
    for text in report.missing:
        terminal.fail(text)
    return report.exit_code


def command_env(arguments: argparse.Namespace) -> int:
    """Print the block that describes this Python as a target environment."""
    from microrepo.standalone import describe_python

    if arguments.script:
        terminal.write_out(Path(describe_python.__file__).read_text(encoding="utf-8"))
    else:
        terminal.write_out(describe_python.render(arguments.name) + "\n")
    return ExitCode.DONE


def command_freeze(arguments: argparse.Namespace) -> int:
    """List the installed distributions as requirements."""
    from microrepo.operations.inspect.freeze import freeze

    requirements = freeze(arguments.mode)
    if arguments.json:
        terminal.write_json(requirements)
    else:
        terminal.write_out(terminal.join_lines(requirements))
    return ExitCode.DONE
