"""Status and clean-up of a store that several repositories share."""

from __future__ import annotations

import time
from pathlib import Path

from msgspec import Struct

from microrepo.config.schema import Config
from microrepo.errors import ConfigError, RepositoryError
from microrepo.stores.content_store import ContentStore, StoredObject
from microrepo.stores.disk_errors import disk_words


class StoreReport(Struct, frozen=True):
    """Contents of a store.

    Attributes:
        objects: number of contents, of `size_bytes` in total.
        unused: those that no repository and no snapshot links to, of `unused_bytes`.
        deleted: those that were deleted, or in a dry run would be, of `deleted_bytes`.
    """

    store: str
    objects: int = 0
    size_bytes: int = 0
    unused: int = 0
    unused_bytes: int = 0
    deleted: int = 0
    deleted_bytes: int = 0
    dry_run: bool = False


def examine_store(config: Config) -> StoreReport:
    """Return what the configured store holds.

    Raises:
        ConfigError: no store is configured.
        RepositoryError: the store cannot be read.
    """
    return _go_through(_store_of(config), unused_since=None, dry_run=True)


def collect_garbage(config: Config, unused_for_s: float, *, dry_run: bool = False) -> StoreReport:
    """Delete contents that no repository links to.

    On file systems without hard links, all contents count as unused.

    Args:
        unused_for_s: keep contents whose last link was removed less than these seconds ago.
        dry_run: delete nothing.

    Raises:
        ConfigError: no store is configured.
        RepositoryError: the store cannot be read or written.
    """
    unused_since = time.time() - unused_for_s
    return _go_through(_store_of(config), unused_since, dry_run=dry_run)


def _store_of(config: Config) -> ContentStore:
    if not config.store:
        raise ConfigError("store: no store is set; use --store DIR, or the setting `store`")
    path = Path(config.store)
    if not path.is_dir():
        raise ConfigError(f"{path}: store not found; a refresh with the setting makes it")
    return ContentStore(path)


def _go_through(store: ContentStore, unused_since: float | None, *, dry_run: bool) -> StoreReport:
    total, unused, deleted = _StoreCount(), _StoreCount(), _StoreCount()
    try:
        for one in store.objects():
            total.add(one)
            if one.used_elsewhere:
                continue
            unused.add(one)
            if unused_since is not None and one.changed_at <= unused_since:
                deleted.add(one)
                if not dry_run:
                    store.remove(one.sha256)
    except OSError as error:
        raise RepositoryError(store.path, f"cannot be read: {disk_words(error)}") from error
    return StoreReport(
        str(store.path),
        total.count,
        total.size_bytes,
        unused.count,
        unused.size_bytes,
        deleted.count,
        deleted.size_bytes,
        dry_run,
    )


class _StoreCount:
    """A number of contents and their bytes."""

    def __init__(self) -> None:
        self.count = self.size_bytes = 0

    def add(self, one: StoredObject) -> None:
        self.count += 1
        self.size_bytes += one.size_bytes
