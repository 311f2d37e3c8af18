"""View of a snapshot: a directory with its files and pages, which is a repository of its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from microrepo.batching import batched
from microrepo.clock import now
from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.model import NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.closure.target_records import (
    record_environments,
    recorded_environments,
)
from microrepo.operations.snapshot.snapshot_files import Snapshot, SnapshotFiles
from microrepo.operations.switch.switch_plan import PlacedFile, SwitchKind, SwitchPlan
from microrepo.operations.switch.switch_rows import SwitchRows
from microrepo.publish.links import BESIDE
from microrepo.publish.tree.static_tree import Publisher
from microrepo.repositories.reading import open_for_reading
from microrepo.standalone.importer.manifest_entries import ManifestFile
from microrepo.standalone.importer.tree_exchange import remove_tree
from microrepo.state import State, open_state
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.durability import sync_file_system
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.objects.protected_contents import ProtectedContents

_PROJECTS_AT_ONCE = 300


class SnapshotView:
    """A view of one snapshot.

    Args:
        repository: the repository that has the snapshot.
        link: links a content to its name in the view.
    """

    def __init__(
        self, repository: Path, snapshot: Snapshot, link: Callable[[Path, Path], None]
    ) -> None:
        self._repository = repository
        self._snapshot = snapshot
        self._link = link
        self._store = ProtectedContents.of(repository)
        self._files = SnapshotFiles(repository)

    def build(self, path: Path, *, with_pages: bool) -> None:
        """Make the view in a new directory.

        Raises:
            RepositoryError: a content is missing or damaged, or the view cannot be written.
        """
        directory = FlatDirectory(path)
        directory.prepare()
        state, _ = open_state(directory.state_file)
        try:
            placed, projects = self._put_files(directory)
            self._record(directory, state, placed, projects)
            if with_pages:
                with ExitStack() as stack:
                    _publish(directory, state, projects, stack)
        except OSError as error:
            raise RepositoryError(path, f"cannot be written: {disk_words(error, path)}") from error
        finally:
            state.close()

    def _put_files(self, directory: FlatDirectory) -> tuple[list[PlacedFile], list[str]]:
        placed: list[PlacedFile] = []
        projects: dict[str, None] = {}
        for entry in self._files.entries(self._snapshot.name):
            projects[entry.project] = None
            if not isinstance(entry, ManifestFile):
                continue
            content = self._store.place(entry.sha256)
            if not content.is_file() or content.stat().st_size != entry.size_bytes:
                raise RepositoryError(
                    content,
                    f"the content of {entry.filename} is missing or damaged; "
                    f"`microrepo snapshot show {self._snapshot.name}` names all",
                )
            self._link(content, directory.file(entry.filename))
            placed.append(PlacedFile(entry.filename, entry.project, entry.sha256, entry.size_bytes))
        return placed, list(projects)

    def _record(
        self,
        directory: FlatDirectory,
        state: State,
        placed: list[PlacedFile],
        projects: list[str],
    ) -> None:
        plan = SwitchPlan(
            *("view", SwitchKind.RESTORE, self._snapshot.snapshot, self._snapshot.name, None),
            placed=tuple(placed),
            projects=tuple(projects),
        )
        holdings = Holdings(state, directory, BESIDE)
        with state.transaction():
            run = state.start_run(now(), "restore")
        rows = SwitchRows(holdings, directory.control, plan, run)
        rows.record(self._files.entries(self._snapshot.name))
        with open_for_reading(self._repository) as original:
            environments = recorded_environments(original)
        if environments:
            with state.transaction():
                record_environments(state, environments)


def _publish(directory: FlatDirectory, state: State, projects: list[str], stack: ExitStack) -> None:
    def pool() -> Executor:
        return stack.enter_context(ThreadPoolExecutor(os.cpu_count() or 1))

    publisher = Publisher(directory, state, pool, now=now(), with_server=False)
    publisher.publish(batched(map(NormalizedName, projects), _PROJECTS_AT_ONCE))
    publisher.finish()


@contextmanager
def viewed_for_checks(config: Config, name: str) -> Iterator[Config]:
    """Yield the settings for a temporary view of a snapshot, without pages.

    Raises:
        ConfigError: the snapshot does not exist.
        RepositoryError: it is damaged.
    """
    repository = Path(config.repository).absolute()
    snapshot = SnapshotFiles(repository).find(name)
    with tempfile.TemporaryDirectory(prefix="microrepo-") as place:
        path = Path(place, "view")
        # Symbolic links: a temporary directory can be on another file system.
        SnapshotView(repository, snapshot, lambda content, link: link.symlink_to(content)).build(
            path, with_pages=False
        )
        yield msgspec.structs.replace(config, repository=str(path))


def view_for_serving(config: Config, name: str) -> Path:
    """Return the directory of a view with pages, made if it is missing.

    Raises:
        ConfigError: the snapshot does not exist.
        RepositoryError: it is damaged, or the view cannot be written.
    """
    repository = Path(config.repository)
    files = SnapshotFiles(repository)
    snapshot = files.find(name)
    view = files.view(snapshot)
    if view.is_dir():
        return view
    unfinished = view.with_name(f".{view.name}.{os.getpid()}")
    try:
        SnapshotView(repository, snapshot, lambda content, link: link.hardlink_to(content)).build(
            unfinished, with_pages=True
        )
        sync_file_system(unfinished)
        if not view.is_dir():  # another server was faster
            unfinished.rename(view)
    except OSError as error:
        raise RepositoryError(
            view, f"cannot be written: {disk_words(error, repository)}"
        ) from error
    finally:
        remove_tree(str(unfinished))
    return view
