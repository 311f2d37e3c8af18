"""Commands that carry distributions from one repository to another."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from microrepo.cli import render
from microrepo.cli.commands import load_settings, reporting
from microrepo.cli.copying_flags import FILTER_KEYS
from microrepo.cli.setting_flags import flags_of
from microrepo.client.credentials import Ask, Given
from microrepo.config.load import Loaded
from microrepo.config.schema import ALL, Config, without_operator_rules
from microrepo.errors import ConfigError
from microrepo.operations.copy.copy_run import CopyReport, Manner, copy
from microrepo.operations.copy.endpoints import Ends, EndText, open_ends
from microrepo.operations.copy.version_pins import read_versions_file
from microrepo.operations.run.goals import read_requests
from microrepo.selection.rules.policy import Policy, build_policy


def command_copy(arguments: argparse.Namespace) -> int:
    """Copy distributions from any repository to any other."""
    loaded = load_settings(arguments)
    config = copying_config(loaded, flags_of(arguments))
    words = _words(arguments, config)
    if arguments.all == bool(words):
        raise ConfigError("name what to copy: requirements, -r FILE, or --all for everything")
    policy = _policy(config, None if arguments.all else words, arguments.left_out)
    if arguments.latest:
        policy = msgspec.structs.replace(policy, newest=1, prereleases=config.prereleases)
    ends = open_ends(
        config,
        EndText(
            arguments.source,
            Given(arguments.source_username, arguments.source_password_file),
        ),
        _destination(arguments),
        replace=arguments.replace,
        ask=terminal_ask(),
    )
    return run_copy(arguments, config, ends, _undigested(ends, policy))


def command_push(arguments: argparse.Namespace) -> int:
    """Publish what this repository holds."""
    loaded = load_settings(arguments)
    config = copying_config(loaded, flags_of(arguments))
    requirements = read_requests(arguments.requirements, Path.cwd()).requirements or None
    policy = _policy(config, requirements, arguments.left_out)
    ends = open_ends(
        config,
        EndText(config.repository),
        _destination(arguments),
        replace=arguments.replace,
        ask=terminal_ask(),
    )
    return run_copy(arguments, config, ends, _undigested(ends, policy))


def copying_config(loaded: Loaded, given: dict[str, object]) -> Config:
    """Return the settings of a copy: filters count only where the command line names them.

    Those of a config file describe the repository, not what else may be carried about.
    """
    everything: dict[str, object] = {
        "package_types": ALL,
        "extensions": ALL,
        "python_versions": ALL,
        "platforms": ALL,
        "prereleases": False,
        "yanked": False,
        "uploaded_before": None,
        "min_age_days": 0,
        "max_file_size": None,
    }
    kept = {key: value for key, value in everything.items() if key not in given}
    assert set(everything) == set(FILTER_KEYS)  # noqa: S101 - one list, said twice
    config = without_operator_rules(loaded.config)
    return msgspec.structs.replace(config, **kept, versions=ALL, exclude=[])


def _policy(config: Config, words: Sequence[str] | None, left_out: Sequence[str]) -> Policy:
    config = msgspec.structs.replace(config, exclude=list(left_out), prereleases=True)
    return build_policy(config, words)


def _undigested(ends: Ends, policy: Policy) -> Policy:
    """Files of a directory have no announced digest, and need none."""
    if ends.source.kind != "directory":
        return policy
    return msgspec.structs.replace(policy, require_digests=False)


def _words(arguments: argparse.Namespace, config: Config) -> list[str]:
    entries = [*arguments.requirements, *(f"-r {name}" for name in arguments.requirement)]
    words = list(read_requests(entries, Path.cwd()).requirements or ())
    for name in arguments.from_versions_file:
        words += read_versions_file(config, name, terminal_ask())
    return words


def _destination(arguments: argparse.Namespace) -> EndText:
    return EndText(
        arguments.destination,
        Given(arguments.destination_username, arguments.destination_password_file),
        arguments.destination_index,
    )


def terminal_ask() -> Ask | None:
    """Return how a person is asked for a password; None where nobody sits."""
    if sys.stdin is None or not sys.stdin.isatty() or os.environ.get("MICROREPO_NO_INPUT"):
        return None
    return _ask_terminal


def _ask_terminal(question: str) -> str:
    try:
        return getpass.getpass(question)
    except EOFError:
        raise ConfigError("no password was given; nothing was copied") from None


def hide_passwords() -> None:
    """Take passwords, which have been read by now, out of what workers inherit and `ps` shows."""
    for side in ("SOURCE", "DESTINATION", "VERSIONS"):
        os.environ.pop(f"MICROREPO_{side}_PASSWORD", None)


def run_copy(arguments: argparse.Namespace, config: Config, ends: Ends, policy: Policy) -> int:
    """Carry out a copy and show its report."""
    hide_passwords()
    operation = arguments.handler.rpartition(":")[2]
    manner = Manner(dry_run=arguments.dry_run, link=not arguments.no_link)
    with reporting(arguments) as reporter:
        report = copy(config, ends, policy, how=manner, operation=operation, reporter=reporter)
    if arguments.json:
        render.print_json(report)
    elif not arguments.quiet:
        sys.stdout.write(copy_text(report, verbose=arguments.verbose))
    if report.refused and (arguments.quiet or arguments.json):
        sys.stderr.write(f"microrepo: error: {report.refused}\n")
    return report.exit_code


def copy_text(report: CopyReport, *, verbose: bool = False) -> str:
    """Return the closing table of a copy, with what failed and why."""
    lines = [render.action_line(action) for action in report.plan]
    rows = [
        ("source", report.source),
        ("destination", report.destination),
        ("projects", str(report.projects)),
    ]
    totals = report.totals
    if report.dry_run:
        rows.append(("to copy", render.files(totals.download, totals.download_bytes)))
    else:
        rows.append(("copied", render.files(report.copied, report.copied_bytes)))
    rows.append(("already there", render.files(totals.adopt + report.already)))
    if report.rejected:
        left_out = (f"{count} by {rule}" for rule, count in report.rejected.items())
        rows.append(("left out", ", ".join(left_out)))
    rows.append(("time", f"{report.seconds:.1f} s"))
    width = max(len(name) for name, _ in rows)
    lines += [f"{name:<{width}}  {value}" for name, value in rows]
    lines += render.failure_lines("failed", report.failed, verbose=verbose)
    lines += render.failure_lines(
        "in conflict (--replace sends over them)", report.conflicts, verbose=verbose
    )
    if report.missing:
        lines.append(f"no such project: {', '.join(report.missing)}")
    if report.refused:
        lines.append(f"refused: {report.refused}")
    return "\n".join(lines) + "\n"
