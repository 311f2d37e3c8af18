"""`microrepo audit`: the held releases, or what requirements install, compared with advisories."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

from microrepo.clock import now
from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.formats.advisories.index_building import build_index
from microrepo.formats.advisories.known_advisories import KnownAdvisories, earliest_fix
from microrepo.formats.version_numbers import parse_version, version_order
from microrepo.model import NormalizedName, Project
from microrepo.operations.advisories.advisory_age import advisory_problem
from microrepo.operations.advisories.advisory_refresh import read_advisory_file, unreadable_words
from microrepo.operations.advisories.affected_held import affected_rows, goals_of
from microrepo.operations.advisories.kept_advisories import AdvisoryFiles, known_from
from microrepo.operations.audit.audit_report import AuditReport, CheckedRelease
from microrepo.operations.closure.needed_files import installed_files
from microrepo.operations.run.goals import Requests
from microrepo.operations.snapshot.snapshot_view import viewed_for_checks
from microrepo.repositories.reading import open_for_reading
from microrepo.repositories.sources.source_registry import is_web_url
from microrepo.state import FileRow, State
from microrepo.stores.flat_directory import FlatDirectory


def audit(
    config: Config,
    requests: Requests | None = None,
    only: Sequence[str] = (),
    snapshot: str = "",
) -> AuditReport:
    """Return which releases advisories affect. Offline; works on any directory of distributions.

    The advisories are those in the file that `advisories` names, else the kept ones.

    Args:
        requests: only what these install; None for all files.
        only: names of environments, or presets, to install in; empty for all environments.
        snapshot: look at this snapshot instead of the present files.

    Raises:
        ConfigError: the snapshot or an environment does not exist.
        MalformedResponse: the advisories are damaged.
        RepositoryError: the repository cannot be read, or there are no advisories.
    """
    known, as_of, doubt = _advisories(config)
    with viewed_for_checks(config, snapshot) if snapshot else nullcontext(config) as shown:
        directory = FlatDirectory(Path(shown.repository))
        with open_for_reading(directory.path) as state:
            held = [row for row in state.files() if row.present]
            missing: tuple[str, ...] = ()
            rows = held
            if requests is not None:
                chosen, missing = installed_files(shown, state, directory, requests.goals, only)
                rows = [row for row in held if row.filename in chosen]
            releases = _compared(state, rows, held, known)
    warnings = tuple(filter(None, (advisory_problem(as_of, now(), config), doubt)))
    return AuditReport(config.repository, as_of, releases, missing, warnings)


def _advisories(config: Config) -> tuple[KnownAdvisories, str, str]:
    """Return the advisories, their time, and what is missing among them ("" if nothing is).

    Raises:
        MalformedResponse: they are damaged.
        RepositoryError: there are none.
    """
    kept = AdvisoryFiles(Path(config.repository))
    ignored = tuple(config.ignore_advisories)
    if config.advisories and not is_web_url(config.advisories):
        fetched = read_advisory_file(config.advisories, None)
        archive, origin = fetched.body or b"", fetched.origin
        sha256 = hashlib.sha256(archive).hexdigest()
        built = build_index(io.BytesIO(archive), origin.url, sha256, now())
        return known_from(built.content, ignored), origin.as_of, unreadable_words(built)
    known = kept.known(ignored)
    if known is None:
        raise RepositoryError(
            config.repository,
            "keeps no advisories. Refresh it with `advisories`, or name OSV's archive (`all.zip`) "
            "with --advisories FILE.",
        )
    return known, kept.as_of() or "", ""


def _compared(
    state: State, rows: Iterable[FileRow], held: Iterable[FileRow], known: KnownAdvisories
) -> tuple[CheckedRelease, ...]:
    """Return the releases of some files; `held` are all files of the repository."""
    releases = {
        (row.project, row.version): CheckedRelease(row.project, row.version) for row in rows
    }
    names = {name for name, _ in releases if name in known}
    counted = [row for row in held if row.project in names]
    records = state.documents(sorted(names))
    held_versions: dict[str, set[str]] = {}
    for row in counted:
        held_versions.setdefault(row.project, set()).add(row.version)
    for found, advisories in affected_rows(counted, known):
        name, version = found[0].project, found[0].version
        if (name, version) not in releases:
            continue
        here = _next_fix(known, name, version, held_versions[name])
        listed = _next_fix(known, name, version, _listed(records, name))
        releases[name, version] = CheckedRelease(
            name,
            version,
            advisories,
            here,
            listed if listed and listed not in held_versions[name] and listed != here else "",
            goals_of(state, [row.filename for row in found]),
        )
    order = sorted(releases.values(), key=lambda one: (one.project, version_order(one.version)))
    return tuple(order)


def _next_fix(
    known: KnownAdvisories, name: NormalizedName, version: str, versions: Iterable[str]
) -> str:
    """Return the next release that no advisory affects; a pre-release only after a pre-release."""
    own = parse_version(version)
    is_pre = own is not None and own.is_prerelease
    parsed = {text: parse_version(text) for text in versions}
    usable = [text for text, one in parsed.items() if one and (is_pre or not one.is_prerelease)]
    return earliest_fix(known.of(name), version, usable)


def _listed(records: Mapping[str, Project], name: NormalizedName) -> set[str]:
    """Return the releases that the stored record lists with files that are not yanked."""
    record = records.get(name)
    return {file.version for file in record.files if not file.yanked} if record else set()
