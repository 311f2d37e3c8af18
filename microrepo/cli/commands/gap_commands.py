"""Handlers of the commands that lead across an air gap: `export`, `import`, `receipt`, `wants`."""

from __future__ import annotations

import argparse
import shlex
from functools import partial
from pathlib import Path

import msgspec

from microrepo.cli import terminal
from microrepo.cli.commands.settings_loading import load_settings, reporting, show_report
from microrepo.cli.render.gap_text import export_text, sent_text
from microrepo.cli.render.import_text import import_text
from microrepo.config.load import shown
from microrepo.config.sizes import parse_size
from microrepo.errors import ConfigError
from microrepo.exit_codes import ExitCode
from microrepo.operations.export.bundle_plan import MIN_VOLUME_BYTES
from microrepo.stores.atomic_write import public_mode, write_atomically
from microrepo.stores.disk_errors import disk_words


def command_export(arguments: argparse.Namespace) -> int:
    """Write a bundle for a repository behind an air gap."""
    from microrepo.operations.export.export_run import ExportOptions, export
    from microrepo.operations.provenance.trusted_root import carried_root

    loaded = load_settings(arguments)
    if arguments.list:
        return _list_sent(arguments, Path(loaded.config.repository))
    if arguments.out is None and not arguments.dry_run:
        what = "name a directory, a .tar file, or - for standard output"
        terminal.usage_error(what, "", "microrepo export")
        return ExitCode.USAGE
    is_stream = arguments.out == "-"
    if is_stream and arguments.split:
        raise ConfigError("--split: standard output is one stream; name a directory")
    if is_stream and arguments.json:
        raise ConfigError("--json: standard output is the bundle; name a directory")
    options = ExportOptions(
        out=Path(arguments.out or ".").expanduser(),
        write=terminal.write_bytes if is_stream else None,
        snapshot=arguments.snapshot or "",
        since=arguments.since or "",
        receipt=Path(arguments.receipt) if arguments.receipt else None,
        full=arguments.full,
        split_bytes=_volume_bytes(arguments.split),
        key=Path(arguments.sign).expanduser() if arguments.sign else None,
        config_copy=msgspec.json.format(msgspec.json.encode(shown(loaded)), indent=1),
        trusted_root=carried_root(loaded.config),
        scan=_scan_words(arguments.scan_command),
        sbom=arguments.sbom,
        dry_run=arguments.dry_run,
    )
    with reporting(arguments) as reporter:
        report = export(loaded.config, options, reporter)
    if arguments.json:
        terminal.write_json(report)
    elif not arguments.quiet:
        write = terminal.write_err if is_stream else terminal.write_out
        write(export_text(report))
    return report.exit_code


def _scan_words(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise ConfigError(f"--scan: {error}") from None
    if not words:
        raise ConfigError("--scan: name a command")
    return words


def _volume_bytes(text: str | None) -> int | None:
    if text is None:
        return None
    size = parse_size(int(text) if text.isdecimal() else text, "--split")
    if size < MIN_VOLUME_BYTES:
        raise ConfigError(f"--split: a volume has at least {MIN_VOLUME_BYTES:,} bytes")
    return size


def _list_sent(arguments: argparse.Namespace, repository: Path) -> int:
    from microrepo.operations.export.sent_manifests import SentManifests

    sent = SentManifests(repository).all()
    if arguments.json:
        terminal.write_json([{"sequence": one.sequence, "snapshot": one.snapshot} for one in sent])
    else:
        terminal.write_out(sent_text(sent))
    return ExitCode.DONE


def command_receipt(arguments: argparse.Namespace) -> int:
    """Write what the repository holds, for the next export to it."""
    from microrepo.operations.export.receipt_creation import make_receipt

    config = load_settings(arguments).config
    with reporting(arguments) as reporter:
        receipt = make_receipt(config, reporter)
    content = msgspec.json.format(msgspec.json.encode(receipt), indent=1) + b"\n"
    if arguments.out == "-":
        terminal.write_out(content.decode())
    else:
        write_output(Path(arguments.out).expanduser(), content)
        count = len(receipt.digests())
        terminal.note(f"wrote a receipt for {count:,} files to {arguments.out}")
    for failure in receipt.failures:
        terminal.warn(failure)
    return ExitCode.DONE


def command_import(arguments: argparse.Namespace) -> int:
    """Import a bundle into the repository."""
    from microrepo.operations.bundle_import.bundle_import import ImportRequest, import_bundle

    request = ImportRequest(
        tuple(arguments.inputs),
        tuple(arguments.select),
        arguments.allow_unsigned,
        arguments.rollback,
        arguments.new_origin,
    )
    config = load_settings(arguments).config
    with reporting(arguments) as reporter:
        report = import_bundle(config, request, dry_run=arguments.dry_run, reporter=reporter)
    return show_report(arguments, report, partial(import_text, verbose=arguments.verbose))


def command_wants(arguments: argparse.Namespace) -> int:
    """Show, record or remove what users asked for and did not find."""
    from microrepo.operations.monitor import wants

    repository = load_settings(arguments).config.repository
    word, *requirements = arguments.words or ["-"]
    if word == "add" and requirements:
        for want in wants.add_wants(repository, requirements, wants.WantOrigin.PERSON):
            terminal.note(f"wanted: {want.requirement}")
        return ExitCode.DONE
    if word == "remove" and requirements:
        unknown = wants.remove_wants(repository, requirements)
        for text in unknown:
            terminal.fail(f"{text} is not among the wants")
        return ExitCode.INCOMPLETE if unknown else ExitCode.DONE
    if requirements or word in {"add", "remove"}:
        raise ConfigError(
            "wants: name one file, or write `wants add REQ...` or `wants remove REQ...`"
        )
    found = wants.list_wants(repository, arguments.log)
    for failure in found.failed:
        terminal.fail(f"{failure.what}: {failure.why}")
    if arguments.json:
        terminal.write_json(found)
    elif word == "-":
        terminal.write_out(wants.wants_text(found))
    else:
        write_output(Path(word), wants.wants_text(found).encode())
        terminal.note(f"wrote {len(found.wants):,} wants to {word}")
    return ExitCode.INCOMPLETE if found.failed else ExitCode.DONE


def write_output(path: Path, content: bytes) -> None:
    """Write a file that the user named.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        write_atomically(path, content, public_mode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {disk_words(error)}") from error
