"""Mirror one release, or a release with its dependencies, between repositories.

The requested release is mirrored last, so that an interrupted run leaves complete releases, and a
release at the destination has its dependencies there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path

import msgspec

from microrepo.client.addresses import public_url, without_login
from microrepo.clock import now
from microrepo.config.schema import ALL, Config
from microrepo.errors import Cancelled, ConfigError, Locked, MicrorepoError
from microrepo.exit_codes import ExitCode
from microrepo.formats.requirements.requirement import parse_requirement
from microrepo.operations.copy.hash_cache import HashCache
from microrepo.operations.mirror.connections import Connections
from microrepo.operations.mirror.mirror_records import (
    MirrorReport,
    MirrorRequest,
    ReleaseReport,
    Route,
    UniquePackageLocation,
)
from microrepo.operations.mirror.release_closure import ReleaseClosure, find_release_closure
from microrepo.operations.mirror.release_files import Shared
from microrepo.operations.mirror.release_mirror import mirror_release
from microrepo.repositories.destinations.destination_registry import directory_of
from microrepo.selection.environments.environment import Environment
from microrepo.selection.environments.presets import parse_environments
from microrepo.selection.environments.targets import running_environment
from microrepo.selection.rules.policy import build_policy
from microrepo.standalone.describe_python import describe

_log = logging.getLogger(__name__)


def mirror(
    connections: Connections,
    source: str,
    route: Route,
    order: MirrorRequest,
    *,
    hash_cache: Path | None = None,
    cancel: threading.Event | None = None,
) -> MirrorReport:
    """Mirror a release as requested.

    Args:
        connections: settings, credentials and open channels.
        source: ``pypi``, the URL of an index, or a directory.
        route: returns the destination of each release; its own repository means no copy.
        order: the request.
        hash_cache: JSON file with digests of local files.
        cancel: event that stops the run at the next file.

    Returns:
        The report. Releases that could not be mirrored are reported there, not raised.

    Raises:
        ConfigError: an argument is invalid.
        Locked: another run uses a destination.
        Cancelled: `cancel` was set.
        SourceError: the source does not respond.
    """
    run = _Mirror(connections, source, route, order, hash_cache, cancel)
    try:
        return run.carry_out()
    finally:
        if run.shared.hashes is not None and not order.dry_run:
            run.shared.hashes.save()


class _Mirror:
    """A running mirror operation."""

    def __init__(
        self,
        connections: Connections,
        source: str,
        route: Route,
        order: MirrorRequest,
        hash_cache: Path | None,
        cancel: threading.Event | None,
    ) -> None:
        self._connections = connections
        self._source = source
        self._route = route
        self._order = order
        _check(order)
        hashes = None if hash_cache is None else HashCache(hash_cache)
        settings, _ = connections.source(source)
        self._name = ", ".join(one.name for one in settings)
        self._config = _everything(
            connections.config, is_local=all(one.kind == "directory" for one in settings)
        )
        policy = build_policy(self._config, None)
        self._stop = cancel or threading.Event()
        self.shared = Shared(order, policy, connections.reporter, hashes, self._stop)
        self._done: list[ReleaseReport] = []

    def carry_out(self) -> MirrorReport:
        """Resolve and mirror the dependencies, then mirror the release."""
        started, begun = time.monotonic(), now()
        order = self._order
        root = UniquePackageLocation(order.name, order.version, self._name)
        needed = ReleaseClosure()
        if order.dependencies:
            environments = order.environments or (running_environment(describe()),)
            needed = find_release_closure(
                self._config, self._connections, self._source, order, environments
            )
        self._mirror_all(needed.releases)
        self._take(self._one(root))
        return MirrorReport(
            operation="mirror",
            source=self._name,
            exit_code=self._exit_code(needed),
            started_at=begun,
            seconds=round(time.monotonic() - started, 3),
            dry_run=order.dry_run,
            releases=tuple(self._done),
            missing=needed.missing,
            failed=needed.failed,
            warnings=needed.warnings,
        )

    def _exit_code(self, needed: ReleaseClosure) -> int:
        if not self._done[-1].ok and not self._done[-1].marks_left:
            return ExitCode.FAILED
        whole = all(one.ok for one in self._done) and not (needed.missing or needed.failed)
        return ExitCode.DONE if whole else ExitCode.INCOMPLETE

    def _mirror_all(self, releases: Sequence[UniquePackageLocation]) -> None:
        """Mirror dependencies: first one, which proves the credentials, then several at once."""
        for release in releases[:1]:
            self._take(self._one(release))
        if len(releases) < 2:
            return
        threads = min(self._order.max_concurrent, len(releases) - 1)
        with ThreadPoolExecutor(threads, thread_name_prefix="mirror") as executor:
            futures: list[Future[ReleaseReport]] = []
            try:
                futures += [executor.submit(self._one, release) for release in releases[1:]]
                for future in as_completed(futures):
                    self._take(future.result())
            except BaseException:
                self._stop.set()
                executor.shutdown(wait=False, cancel_futures=True)
                self._connections.close()  # stops running transfers at once
                raise

    def _take(self, report: ReleaseReport) -> None:
        self._done.append(report)
        what = f"{report.name} {report.version}: {report.status} ({report.destination})"
        _log.info("%s%s", what, f": {report.words}" if report.words else "")

    def _one(self, release: UniquePackageLocation) -> ReleaseReport:
        if self._stop.is_set():
            raise Cancelled("mirror cancelled; completed files are kept, rerun to continue")
        destination = self._route(release)
        shown = public_url(destination) if "://" in destination else destination
        if _is_same(destination, self._source) or _is_same(destination, release.repository):
            return ReleaseReport(release.package_name, release.version, shown, "left")
        try:
            opened = self._connections.open(self._source, destination, dry_run=self._order.dry_run)
            with opened.in_use() as channel:
                report = mirror_release(channel, release, self.shared)
                if report.status == "failed":
                    opened.is_whole = False  # partial files are kept for the next run
                return report
        except (Cancelled, ConfigError, Locked):
            raise
        except MicrorepoError as error:
            words = str(error)
            return ReleaseReport(
                release.package_name, release.version, shown, "failed", words=words
            )


def _check(order: MirrorRequest) -> None:
    """Raise ConfigError for an invalid request.

    Raises:
        ConfigError: with the invalid argument.
    """
    if not order.version.strip() or any(c in order.version for c in " ,;*<>=!~\n"):
        raise ConfigError(f"{order.version!r} is not a version; name one release, such as 2.1")
    requirement = parse_requirement(order.name)
    if requirement.specifiers or requirement.url or requirement.marker or requirement.extras:
        raise ConfigError(f"{order.name!r} is not a project name")
    if order.max_concurrent < 1:
        raise ConfigError("the number of concurrent releases must be 1 or more")
    if order.label is not None and not order.tags:
        raise ConfigError("--label requires --tags")
    if order.label is not None and not order.label.strip():
        raise ConfigError("--label: must not be empty")


def _everything(config: Config, *, is_local: bool) -> Config:
    """Return settings that keep all files of a release, except for the file filters."""
    return msgspec.structs.replace(
        config,
        versions=ALL,
        prereleases=True,
        yanked=True,
        exclude=[],
        require_digests=config.require_digests and not is_local,
    )


def named_environments(names: Sequence[str], config: Config) -> tuple[Environment, ...]:
    """Return target environments by name: those of the settings, or presets.

    Raises:
        ConfigError: a name is neither.
    """
    configured = config.environments if isinstance(config.environments, Mapping) else {}
    return parse_environments({name: configured.get(name, name) for name in names})


def _is_same(left: str, right: str) -> bool:
    return _place(left) == _place(right)


def _place(text: str) -> str:
    directory = None if text == "pypi" else directory_of(text)
    if directory is not None:
        return str(directory.resolve())
    return (without_login(text) if "://" in text else text).rstrip("/")
