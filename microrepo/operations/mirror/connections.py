"""Open channels: workers, connections and logins that many releases share."""

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
from microrepo.operations.copy.channel import Channel
from microrepo.operations.copy.endpoints import (
    Endpoints,
    EndpointText,
    open_endpoints,
    open_source_endpoint,
    surroundings,
)
from microrepo.operations.copy.working_directory import WorkingDirectory
from microrepo.operations.run.network_settings import worker_settings
from microrepo.reporting import Reporter, SilentReporter
from microrepo.repositories.protocol import SourceSettings
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.lock import held_lock
from microrepo.transfer.download.wheel_redirect import PREFIX
from microrepo.transfer.pool.worker import lost
from microrepo.transfer.pool.worker_pool import WorkerPool


class Access(Struct, frozen=True):
    """Credentials for the servers of a mirror.

    Attributes:
        source, destination: user and password file of each side.
        destination_index: URL of the destination's list of files, if it cannot be derived.
        logins: known logins, by the text of a source or destination.
        ask: prompts for a password; None without a terminal.
    """

    source: Given = Given()
    destination: Given = Given()
    destination_index: str | None = None
    logins: Mapping[str, Login] = {}
    ask: Ask | None = None

    def source_endpoint(self, where: str) -> EndpointText:
        """Return a source as `endpoints` takes it."""
        return EndpointText(where, self.source, auth=self.logins.get(where))

    def destination_endpoint(self, where: str) -> EndpointText:
        """Return a destination as `endpoints` takes it."""
        auth = self.logins.get(where)
        return EndpointText(where, self.destination, self.destination_index, auth)


class OpenChannel:
    """A channel with its working directory and lock, held only while the channel is in use."""

    def __init__(self, channel: Channel, place: WorkingDirectory, *, dry_run: bool) -> None:
        self.channel = channel
        self.is_whole = True
        self._place = place
        self._dry_run = dry_run
        self._guard = threading.Lock()
        self._users = 0
        self._lock = contextlib.ExitStack()

    @contextlib.contextmanager
    def in_use(self) -> Iterator[Channel]:
        """Hold the destination's lock, shared by all users of the channel.

        Raises:
            Locked: another run uses the destination.
        """
        with self._guard:
            if self._users == 0:
                self._begin()
            self._users += 1
        try:
            yield self.channel
        except BaseException:
            self.is_whole = False
            raise
        finally:
            with self._guard:
                self._users -= 1
                if self._users == 0:
                    self._lock.close()

    def _begin(self) -> None:
        self._lock.enter_context(self._place.in_use(self.channel.config))
        if not self._dry_run:
            for left_over in self.channel.directory.partial.glob(f"{PREFIX}*"):
                left_over.unlink(missing_ok=True)
        self.channel.look_again()

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self._dry_run else held_lock(self.channel.directory)

    def close(self) -> None:
        """Stop the workers; clean up the working directory if everything succeeded."""
        self.channel.close()
        # Another run may use the directory now; then nothing is cleaned up.
        with contextlib.suppress(Locked), self._locked():
            self._place.tidy(is_done=self.is_whole)


class Connections:
    """Opens channels and keeps them open; thread-safe.

    Args:
        access: credentials.
        reporter: receives byte counts.
    """

    def __init__(
        self, config: Config, access: Access | None = None, reporter: Reporter | None = None
    ) -> None:
        self.config = config
        self.access = access or Access()
        self.reporter = reporter or SilentReporter()
        self._guard = threading.Lock()
        self._sources: dict[str, tuple[tuple[SourceSettings, ...], dict[str, Login]]] = {}
        self._endpoints: dict[tuple[str, str], Endpoints] = {}
        self._channels: dict[tuple[str, str, bool], OpenChannel] = {}
        self._readers: dict[str, WorkerPool] = {}
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    def source(self, where: str) -> tuple[tuple[SourceSettings, ...], dict[str, Login]]:
        """Return the settings of a source, or of the configured ones, and logins; cached.

        Raises:
            ConfigError: the source is invalid.
            AccessDenied: credentials are refused.
        """
        with self._guard:
            if where not in self._sources:
                around = surroundings(os.environ, "source", self.access.ask)
                end = self.access.source_endpoint(where)
                self._sources[where] = open_source_endpoint(self.config, end, around)
            return self._sources[where]

    def open(self, source: str, destination: str, *, dry_run: bool) -> OpenChannel:
        """Return the channel between two endpoints, opened on first use.

        Raises:
            ConfigError: an endpoint is invalid.
            AccessDenied: credentials are refused.
            Unavailable: no response.
            RepositoryError: the destination cannot be a repository.
        """
        with self._guard:
            endpoints = self._endpoints.get((source, destination))
            if endpoints is None:
                access = self.access
                endpoints = open_endpoints(
                    self.config,
                    access.source_endpoint(source),
                    access.destination_endpoint(destination),
                    ask=access.ask,
                )
                self._endpoints[source, destination] = endpoints
                self._sources.setdefault(source, (endpoints.sources, endpoints.source_auth))
            key = (source, destination, dry_run)
            if key not in self._channels:
                place = WorkingDirectory(endpoints, dry_run=dry_run)
                channel = Channel(self.config, endpoints, place.directory, self._add_bytes)
                self._channels[key] = OpenChannel(channel, place, dry_run=dry_run)
            return self._channels[key]

    def reader(self, where: str) -> WorkerPool:
        """Return workers that read a source, to resolve dependencies.

        Raises:
            ConfigError: the source is invalid.
            AccessDenied: credentials are refused.
        """
        settings, auth = self.source(where)
        directory = self.scratch()
        with self._guard:
            if where not in self._readers:
                workers = worker_settings(self.config, settings, directory, auth)
                workers = msgspec.structs.replace(workers, sidecars=False)
                processes = self.config.processes or 1
                self._readers[where] = WorkerPool(workers, processes, self._add_bytes, lost)
            return self._readers[where]

    def forget_reader(self, where: str) -> None:
        """Stop the workers that read a directory, since its content may change."""
        with self._guard:
            pool = self._readers.pop(where, None)
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def scratch(self) -> FlatDirectory:
        """Return a temporary directory."""
        with self._guard:
            if self._scratch is None:
                self._scratch = tempfile.TemporaryDirectory(prefix="microrepo-")
            place = Path(self._scratch.name)
        directory = FlatDirectory(place / "nothing", place)
        directory.prepare_scratch()
        return directory

    def close(self) -> None:
        """Stop all workers and clean up all working directories."""
        with self._guard:
            channels, self._channels = list(self._channels.values()), {}
            readers, self._readers = list(self._readers.values()), {}
            scratch, self._scratch = self._scratch, None
        for pool in readers:
            pool.shutdown(cancel_futures=True)
        for channel in channels:
            channel.close()
        if scratch is not None:
            scratch.cleanup()

    def _add_bytes(self, count_bytes: int) -> None:
        self.reporter.add_bytes(count_bytes)
