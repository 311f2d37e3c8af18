"""Handlers of `copy` and `push`."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from microrepo.cli import terminal
from microrepo.cli.commands.settings_loading import (
    load_settings,
    refuse_words_for_all,
    reporting,
    show_report,
)
from microrepo.cli.parser.setting_flags import flags_of
from microrepo.cli.render.copy_text import copy_text
from microrepo.client.credentials import Ask, Given
from microrepo.config.declared_options import neutral
from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.formats.requirements.requirement import Requirement, parse_requirements
from microrepo.operations.copy.copy_run import CopyOptions, copy
from microrepo.operations.copy.endpoints import CONFIGURED, Endpoints, EndpointText, open_endpoints
from microrepo.operations.copy.version_pins import read_versions_file
from microrepo.operations.run.goals import read_requests
from microrepo.selection.rules.policy import Policy, build_policy

_PASSWORD_VARIABLE = re.compile(
    r"MICROREPO_(SOURCE(_[A-Z0-9_]+)?|DESTINATION|VERSIONS)_PASSWORD"
).fullmatch


def command_copy(arguments: argparse.Namespace) -> int:
    """Copy distributions from any repository to any other."""
    loaded = load_settings(arguments)
    config = neutral(loaded.config, keep=flags_of(arguments))
    words = _words(arguments, config)
    if arguments.all and words:
        raise ConfigError("--all copies every project; leave it out to copy only the named ones")
    if not (arguments.all or words):
        raise ConfigError("nothing to copy; name requirements, -r FILE, or --all")
    policy = _policy(config, None if arguments.all else words, arguments.left_out)
    if arguments.latest:
        policy = msgspec.structs.replace(policy, newest=1, prereleases=config.prereleases)
    endpoints = open_endpoints(
        config,
        EndpointText(
            CONFIGURED if arguments.source is None else arguments.source,
            Given(arguments.source_username, arguments.source_password_file),
        ),
        _destination(arguments),
        replace=arguments.replace,
        ask=terminal_ask(),
    )
    return run_copy(arguments, config, endpoints, _undigested(endpoints, policy))


def command_push(arguments: argparse.Namespace) -> int:
    """Publish the files of this repository."""
    loaded = load_settings(arguments)
    config = neutral(loaded.config, keep=flags_of(arguments))
    refuse_words_for_all(arguments.requirements, "no requirement at all")
    requirements = read_requests(arguments.requirements, Path.cwd()).requirements or None
    _refuse_urls(requirements or ())
    policy = _policy(config, requirements, arguments.left_out)
    endpoints = open_endpoints(
        config,
        EndpointText(config.repository),
        _destination(arguments),
        replace=arguments.replace,
        ask=terminal_ask(),
    )
    return run_copy(arguments, config, endpoints, _undigested(endpoints, policy))


def _policy(
    config: Config, wanted: Sequence[Requirement] | None, left_out: Sequence[str]
) -> Policy:
    prereleases = True if config.prereleases is None else config.prereleases
    config = msgspec.structs.replace(config, exclude=list(left_out), prereleases=prereleases)
    return build_policy(config, wanted)


def _undigested(endpoints: Endpoints, policy: Policy) -> Policy:
    """Return the settings without required digests for a directory, whose files list none."""
    if endpoints.source.kind != "directory":
        return policy
    return msgspec.structs.replace(policy, require_digests=False)


def _words(arguments: argparse.Namespace, config: Config) -> list[Requirement]:
    refuse_words_for_all(arguments.requirements, "--all")
    entries = [*arguments.requirements, *(f"-r {name}" for name in arguments.requirement)]
    words = list(read_requests(entries, Path.cwd()).requirements or ())
    for name in arguments.from_versions_file:
        words += parse_requirements(read_versions_file(config, name, terminal_ask()))
    _refuse_urls(words)
    return words


def _refuse_urls(requirements: Iterable[Requirement]) -> None:
    for requirement in requirements:
        if requirement.url:
            raise ConfigError(
                f"{requirement.label}: a copy takes releases from its source, not files behind URLs"
            )


def _destination(arguments: argparse.Namespace) -> EndpointText:
    return EndpointText(
        arguments.destination,
        Given(arguments.destination_username, arguments.destination_password_file),
        arguments.destination_index,
    )


def terminal_ask() -> Ask | None:
    """Return the function that prompts for a password; None without a terminal."""
    if os.environ.get("MICROREPO_NO_INPUT") or not terminal.has_reader():
        return None
    return _ask_terminal


def _ask_terminal(question: str) -> str:
    try:
        return terminal.read_password(question)
    except EOFError:
        raise ConfigError("no password given; nothing was copied") from None


def hide_passwords() -> None:
    """Remove read passwords from the environment, which workers inherit and `ps` shows."""
    for name in [*os.environ]:
        if _PASSWORD_VARIABLE(name):
            del os.environ[name]


def run_copy(
    arguments: argparse.Namespace, config: Config, endpoints: Endpoints, policy: Policy
) -> int:
    """Run a copy and show its report."""
    hide_passwords()
    operation = arguments.handler.rpartition(":")[2]
    manner = CopyOptions(
        dry_run=arguments.dry_run, link=not arguments.no_link, verify=not arguments.no_verify
    )
    with reporting(arguments) as reporter:
        report = copy(config, endpoints, policy, how=manner, operation=operation, reporter=reporter)
    return show_report(arguments, report, partial(copy_text, verbose=arguments.verbose))
