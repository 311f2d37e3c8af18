"""Coroutines of the library that mirror releases, and their shared scheduler.

`docs/how-to/mirror.md` has examples; all names can be imported from `microrepo`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.client.credentials import Login
from microrepo.config.load import load
from microrepo.config.schema import Config
from microrepo.errors import (
    Cancelled,
    ConfigError,
    FailedCommand,
    Locked,
    MicrorepoError,
    StorageOperationError,
)
from microrepo.operations.api.call_log import call_log
from microrepo.operations.api.copy_api import everything
from microrepo.operations.mirror.connections import Access, Connections
from microrepo.operations.mirror.mirror_records import (
    DestinationCallback,
    MirrorReport,
    MirrorRequest,
    Route,
    UniquePackageLocation,
)
from microrepo.operations.mirror.mirror_run import mirror as carry_out
from microrepo.operations.mirror.mirror_run import named_environments

_CALLS_AT_A_TIME = 64


class CommandParameters(Struct, frozen=True):
    """Options of one call.

    Attributes:
        debug, verbose: more detail on the logger ``microrepo``.
        dry_run: make the plan and write nothing.
        log_file: file to append the log to while the call runs.
        hash_cache_file: JSON file that keeps digests of local files between runs.
    """

    debug: bool = False
    verbose: bool = False
    dry_run: bool = False
    log_file: str | Path | None = None
    hash_cache_file: str | Path | None = None


class SchedulerContext:
    """Workers, connections and logins for many calls: ``async with SchedulerContext() as s``.

    Args:
        config: network settings, filters and named environments; default: no filters.
        logins: user and password by source or destination, spelt as in the calls; others are looked
            up in the usual places.
        connections: limit for each pair of source and destination.
        processes: worker processes for each pair.

    Raises:
        ConfigError: a setting is invalid.
    """

    def __init__(
        self,
        *,
        config: Config | None = None,
        logins: Mapping[str, Login] | None = None,
        connections: int | None = None,
        processes: int | None = None,
    ) -> None:
        given = {"connections": connections, "processes": processes}
        changes = {key: value for key, value in given.items() if value is not None}
        base = config or everything(load(None, {}, {}).config, (), latest=False)
        self.config: Config = msgspec.structs.replace(base, **changes)
        self._connections = Connections(self.config, Access(logins=dict(logins or {})))
        self._threads = ThreadPoolExecutor(_CALLS_AT_A_TIME, thread_name_prefix="microrepo")

    async def __aenter__(self) -> SchedulerContext:  # noqa: PYI034 - no Self in Python 3.10
        return self

    async def __aexit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._connections.close)
        self._threads.shutdown(wait=False)

    async def _run(
        self, call: Callable[[Connections, threading.Event], MirrorReport]
    ) -> MirrorReport:
        cancel = threading.Event()
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, call, self._connections, cancel)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # Running calls stop cleanly at the next file.
            cancel.set()
            await asyncio.wait([future])
            if not future.cancelled():
                future.exception()
            raise


async def mirror(  # noqa: PLR0913 - a signature that others write their calls for
    package_name: str,
    version: str,
    source_repo: str | Path,
    destination_repo: str | Path | DestinationCallback,
    tags: bool = False,
    resume: bool = False,
    template_version: str | None = None,
    *,
    redirect_dependencies: bool = False,
    label: str | None = None,
    context: CommandParameters = CommandParameters(),  # noqa: B008 - it is frozen
    scheduler: SchedulerContext | None = None,
) -> MirrorReport:
    """Copy one release from one repository to another.

    Args:
        package_name: name of the project.
        version: version of the release.
        source_repo: ``"pypi"``, the URL of an index, or a directory.
        destination_repo: URL of an index that accepts uploads, a directory, or a coroutine function
            that returns one for a `UniquePackageLocation` (its `repository`: do not copy).
        tags: also copy release metadata: yanked, project status, serial, label.
        resume: read the destination's files if it lists no digests.
        template_version: release at the destination to reuse content from.
        redirect_dependencies: rewrite direct-URL requirements to the destination's index.
        label: your own label.
        context: dry run, log, hash cache.
        scheduler: shared by several calls; None makes one for this call.

    Returns:
        The report.

    Raises:
        FailedCommand: a precondition failed and nothing was transferred: unknown release, different
            content at the destination, invalid argument.
        StorageOperationError: network or files failed; call again to continue.
    """
    order = MirrorRequest(
        package_name,
        version,
        tags=tags,
        label=label,
        resume=resume,
        template_version=template_version,
        redirect_dependencies=redirect_dependencies,
        dry_run=context.dry_run,
    )
    return await _mirror(order, source_repo, destination_repo, (), context, scheduler)


async def mirror_with_dependencies(  # noqa: PLR0913 - likewise
    package_name: str,
    version: str,
    source_repo: str | Path,
    destination_repo: str | Path | DestinationCallback,
    tags: bool = False,
    resume: bool = False,
    template_version: str | None = None,
    *,
    environments: Sequence[str] = (),
    max_concurrent_single_package_mirror_ops: int = 20,
    redirect_dependencies: bool = False,
    label: str | None = None,
    context: CommandParameters = CommandParameters(),  # noqa: B008 - it is frozen
    scheduler: SchedulerContext | None = None,
) -> MirrorReport:
    """Copy one release and its dependencies; see `mirror`.

    Args:
        package_name: name of the project.
        version: version of the release.
        source_repo: as for `mirror`; also the source of the dependencies.
        destination_repo: as for `mirror`; a coroutine function is called for each release.
        tags: copy the metadata of all releases, with the label.
        resume: as for `mirror`.
        template_version: template for the requested release.
        environments: presets, or names from the scheduler's config, to resolve dependencies for;
            default: the running Python.
        max_concurrent_single_package_mirror_ops: releases to copy at once.
        redirect_dependencies: as for `mirror`; redirected requirements count as dependencies.
        label: your own label.
        context: dry run, log, hash cache.
        scheduler: shared by several calls; None makes one for this call.

    Returns:
        The report; `missing` and `failed` name dependencies that were not found.

    Raises:
        FailedCommand: as for `mirror`, for any of the releases, after all others have finished.
        StorageOperationError: likewise.
    """
    order = MirrorRequest(
        package_name,
        version,
        dependencies=True,
        tags=tags,
        label=label,
        resume=resume,
        template_version=template_version,
        redirect_dependencies=redirect_dependencies,
        max_concurrent=max_concurrent_single_package_mirror_ops,
        dry_run=context.dry_run,
    )
    return await _mirror(order, source_repo, destination_repo, environments, context, scheduler)


async def _mirror(
    order: MirrorRequest,
    source: str | Path,
    destination: str | Path | DestinationCallback,
    environments: Sequence[str],
    context: CommandParameters,
    scheduler: SchedulerContext | None,
) -> MirrorReport:
    if scheduler is None:
        try:
            own = SchedulerContext()
        except MicrorepoError as error:
            raise FailedCommand(str(error)) from error
        async with own:
            return await _mirror(order, source, destination, environments, context, own)
    route = _route(destination, asyncio.get_running_loop())
    config = scheduler.config
    cache = None if context.hash_cache_file is None else Path(context.hash_cache_file)

    def call(connections: Connections, cancel: threading.Event) -> MirrorReport:
        with _translated(), _logging(context):
            complete = msgspec.structs.replace(
                order, environments=named_environments(environments, config)
            )
            report = carry_out(
                connections, str(source), route, complete, hash_cache=cache, cancel=cancel
            )
            report.raise_for_releases()
            return report

    return await scheduler._run(call)  # noqa: SLF001 - of this module


def _route(destination: str | Path | DestinationCallback, loop: asyncio.AbstractEventLoop) -> Route:
    if isinstance(destination, (str, Path)):
        where = str(destination)
        return lambda _: where

    async def ask(release: UniquePackageLocation) -> str:
        return str(await destination(release))

    return lambda release: asyncio.run_coroutine_threadsafe(ask(release), loop).result()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Raise every error as one of the mirror's two error classes."""
    try:
        yield
    except (FailedCommand, StorageOperationError, Cancelled):
        raise
    except (ConfigError, Locked) as error:
        raise FailedCommand(str(error)) from error
    except (MicrorepoError, OSError) as error:
        raise StorageOperationError(str(error)) from error


@contextlib.contextmanager
def _logging(context: CommandParameters) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        if context.debug or context.verbose or context.log_file is not None:
            stack.enter_context(call_log.at(logging.DEBUG if context.debug else logging.INFO))
        if context.log_file is not None:
            stack.enter_context(call_log.into(str(context.log_file)))
        yield
