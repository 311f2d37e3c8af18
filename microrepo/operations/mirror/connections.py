"""Lines that stay open: the workers, connections and logins that many releases share."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.client.credentials import Ask, Given, Login
from microrepo.config.schema import Config
from microrepo.errors import Locked
from microrepo.operations.copy.channel import Line
from microrepo.operations.copy.endpoints import (
    Ends,
    EndText,
    open_ends,
    open_source_end,
    surroundings,
)
from microrepo.operations.copy.working_place import WorkingPlace
from microrepo.operations.run.network_settings import worker_settings
from microrepo.reporting import Reporter, SilentReporter
from microrepo.repositories.protocol import SourceSettings
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.lock import held_lock
from microrepo.transfer.download.wheel_redirect import PREFIX
from microrepo.transfer.pool.worker import lost
from microrepo.transfer.pool.worker_pool import WorkerPool


class Access(Struct, frozen=True):
    """How the servers of a mirror are asked.

    Attributes:
        source, destination: user and password file of each side.
        destination_index: where a destination lists what it has, if it does not tell itself.
        logins: known ones, by the text of a source or destination.
        ask: asks a person for a password; None when there is nobody.
    """

    source: Given = Given()
    destination: Given = Given()
    destination_index: str | None = None
    logins: Mapping[str, Login] = {}
    ask: Ask | None = None

    def source_end(self, where: str) -> EndText:
        """Return a source as `ends` takes it."""
        return EndText(where, self.source, auth=self.logins.get(where))

    def destination_end(self, where: str) -> EndText:
        """Return a destination as `ends` takes it."""
        auth = self.logins.get(where)
        return EndText(where, self.destination, self.destination_index, auth)


class OpenLine:
    """A line with its place and its lock, which is held only while somebody uses the line."""

    def __init__(self, line: Line, place: WorkingPlace, *, dry_run: bool) -> None:
        self.line = line
        self.is_whole = True
        self._place = place
        self._dry_run = dry_run
        self._guard = threading.Lock()
        self._users = 0
        self._lock = contextlib.ExitStack()

    @contextlib.contextmanager
    def in_use(self) -> Iterator[Line]:
        """Hold the lock of the destination, together with all who use the line.

        Raises:
            Locked: another run is at work there.
        """
        with self._guard:
            if self._users == 0:
                self._begin()
            self._users += 1
        try:
            yield self.line
        except BaseException:
            self.is_whole = False
            raise
        finally:
            with self._guard:
                self._users -= 1
                if self._users == 0:
                    self._lock.close()

    def _begin(self) -> None:
        self._lock.enter_context(self._locked())
        if not self._dry_run:
            for left_over in self.line.directory.partial.glob(f"{PREFIX}*"):
                left_over.unlink(missing_ok=True)
        self.line.look_again()

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self._dry_run else held_lock(self.line.directory)

    def close(self) -> None:
        """End the workers; tidy the place up when all that was begun has ended well."""
        self.line.close()
        # Where another run is at work by now, nothing is to be tidied.
        with contextlib.suppress(Locked), self._locked():
            self._place.tidy(is_done=self.is_whole)


class Lines:
    """Opens lines and keeps them; safe to use in several threads.

    Args:
        config: network settings and workers.
        access: credentials.
        reporter: told of bytes.
    """

    def __init__(
        self, config: Config, access: Access | None = None, reporter: Reporter | None = None
    ) -> None:
        self.config = config
        self.access = access or Access()
        self.reporter = reporter or SilentReporter()
        self._guard = threading.Lock()
        self._sources: dict[str, tuple[SourceSettings, dict[str, Login]]] = {}
        self._ends: dict[tuple[str, str], Ends] = {}
        self._lines: dict[tuple[str, str, bool], OpenLine] = {}
        self._readers: dict[str, WorkerPool] = {}
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def source(self, where: str) -> tuple[SourceSettings, dict[str, Login]]:
        """Return how a source is read, and the login for its origin; it is asked once.

        Raises:
            ConfigError: it cannot be understood.
            AccessDenied: credentials are refused.
        """
        with self._guard:
            if where not in self._sources:
                around = surroundings(os.environ, "source", self.access.ask)
                end = self.access.source_end(where)
                self._sources[where] = open_source_end(self.config, end, around)
            return self._sources[where]

    def open(self, source: str, destination: str, *, dry_run: bool) -> OpenLine:
        """Return the line between two ends, opened when it is first wanted.

        Raises:
            ConfigError: an end cannot be understood.
            AccessDenied: credentials are refused.
            Unavailable: no answer.
            RepositoryError: the destination is no place for a repository.
        """
        with self._guard:
            ends = self._ends.get((source, destination))
            if ends is None:
                access = self.access
                ends = open_ends(
                    self.config,
                    access.source_end(source),
                    access.destination_end(destination),
                    ask=access.ask,
                )
                self._ends[source, destination] = ends
                self._sources.setdefault(source, (ends.source, ends.source_auth))
            key = (source, destination, dry_run)
            if key not in self._lines:
                place = WorkingPlace(ends, dry_run=dry_run)
                line = Line(self.config, ends, place.directory, self._add_bytes)
                self._lines[key] = OpenLine(line, place, dry_run=dry_run)
            return self._lines[key]

    def reader(self, where: str) -> WorkerPool:
        """Return workers that read a source, for finding out what a release needs.

        Raises:
            ConfigError: the source cannot be understood.
            AccessDenied: credentials are refused.
        """
        settings, auth = self.source(where)
        directory = self.scratch()
        with self._guard:
            if where not in self._readers:
                workers = worker_settings(self.config, (settings,), directory)
                client = msgspec.structs.replace(workers.client, auth=auth)
                workers = msgspec.structs.replace(workers, client=client, sidecars=False)
                processes = self.config.processes or 1
                self._readers[where] = WorkerPool(workers, processes, self._add_bytes, lost)
            return self._readers[where]

    def forget_reader(self, where: str) -> None:
        """End the workers that read a directory: what they have seen of it may change."""
        with self._guard:
            pool = self._readers.pop(where, None)
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def scratch(self) -> FlatDirectory:
        """Return a directory for what is read and not kept."""
        with self._guard:
            if self._scratch is None:
                self._scratch = tempfile.TemporaryDirectory(prefix="microrepo-")
            place = Path(self._scratch.name)
        directory = FlatDirectory(place / "nothing", place)
        directory.prepare_scratch()
        return directory

    def close(self) -> None:
        """End all workers and leave all places tidy."""
        with self._guard:
            lines, self._lines = list(self._lines.values()), {}
            readers, self._readers = list(self._readers.values()), {}
            scratch, self._scratch = self._scratch, None
        for pool in readers:
            pool.shutdown(cancel_futures=True)
        for line in lines:
            line.close()
        if scratch is not None:
            scratch.cleanup()

    def _add_bytes(self, count_bytes: int) -> None:
        self.reporter.add_bytes(count_bytes)
