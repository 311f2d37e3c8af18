"""Worker processes of a run, started on first use."""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path

from microrepo.config.schema import Config
from microrepo.operations.run.network_settings import worker_settings
from microrepo.reporting import Reporter
from microrepo.repositories.sources.source_registry import describe_sources
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.transfer.pool.process_start import may_fork
from microrepo.transfer.pool.worker import lost
from microrepo.transfer.pool.worker_pool import WorkerPool


class RunWorkers:
    """The workers of one run on one repository.

    Args:
        answers: directory of answers of sources, shared by the repositories of a run.
    """

    def __init__(
        self,
        config: Config,
        directory: FlatDirectory,
        reporter: Reporter,
        answers: Path | None = None,
    ) -> None:
        self._config = config
        self._directory = directory
        self._reporter = reporter
        self._answers = answers
        self._pool: WorkerPool | None = None

    def start_early(self) -> None:
        """Start the workers as forks while this process has no threads and no open state."""
        if may_fork():
            self._pool = self._start(fork=True)

    def pool(self) -> Executor:
        """Return the workers, started on first use."""
        if self._pool is None:
            self._pool = self._start(fork=False)
        return self._pool

    def close(self) -> None:
        """Stop the workers without waiting for their tasks."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def _start(self, *, fork: bool) -> WorkerPool:
        config = self._config
        sources = describe_sources(config)
        settings = worker_settings(config, sources, self._directory, answers=self._answers)
        return WorkerPool(
            settings, config.processes or 1, self._reporter.add_bytes, lost, fork=fork
        )
