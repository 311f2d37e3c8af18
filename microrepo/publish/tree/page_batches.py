"""Writer of the pages of a batch of projects, here or in a worker."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from microrepo.model import Outcome
from microrepo.publish.project.project_contents import Contents
from microrepo.publish.project.project_pages import render
from microrepo.publish.tree.page_writer import PageWriter
from microrepo.stores.page_paths import document_folder, page_folder
from microrepo.transfer.pool.process_keeper import WorkerLost

Batch = TypeVar("Batch")


class PagesTask(Struct, frozen=True):
    """Pages to write.

    Attributes:
        root: path of the directory with the trees.
        scratch: temporary directory of this task.
        contents: page contents of each project, with the serial of the pages.
        sidecars: paths of files on the pages that may not be durable yet.
    """

    root: str
    scratch: str
    contents: tuple[tuple[Contents, int], ...]
    sidecars: tuple[str, ...] = ()

    def pack(self) -> PackedPages:
        """Return the packed form for a worker; faster than pickling each record."""
        first, last = self.contents[0][0].name, self.contents[-1][0].name
        return PackedPages(f"the pages of {first} to {last}", _encode(self))


class PackedPages(Struct, frozen=True):
    """Packed pages for a worker; `filename` is their name in messages."""

    filename: str
    packed: bytes


class PagesOutcome(Struct, frozen=True):
    """Number of changed projects and of written files."""

    projects: int
    pages: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(PagesTask).decode


def write_packed(task: PackedPages) -> PagesOutcome:
    """Run a packed task in a worker.

    Raises:
        OSError: a page cannot be written.
    """
    return write_pages(_decode(task.packed))


def write_pages(task: PagesTask) -> PagesOutcome:
    """Render the pages and write those that differ from the existing ones.

    Raises:
        OSError: a page cannot be written; existing pages are intact.
    """
    writer = PageWriter(Path(task.root), Path(task.scratch))
    projects = sum(_put(writer, contents, serial) for contents, serial in task.contents)
    for sidecar in task.sidecars:
        writer.sync_too(sidecar)
    writer.flush()
    writer.close()
    return PagesOutcome(projects, writer.written)


def _put(writer: PageWriter, contents: Contents, serial: int) -> bool:
    pages = render(contents, serial)
    forms = {"index.v1_json": pages.json, "index.v1_html": pages.html, "index.html": pages.html}
    document = writer.put_folder(document_folder(contents.name), {"json": pages.document})
    return writer.put_folder(page_folder(contents.name), forms) or document


def write_in_workers(
    pool: Executor, batches: Iterable[Batch], task_of: Callable[[Batch], PagesTask]
) -> Iterator[tuple[Batch, PagesOutcome]]:
    """Write batches in workers; yield each batch with its outcome, in order.

    Raises:
        WorkerLost: a worker ended before its batch.
    """
    window = 2 * (os.cpu_count() or 1)
    waiting: deque[tuple[Batch, Future[PagesOutcome]]] = deque()
    for batch in batches:
        task = task_of(batch)
        if not task.contents:
            yield batch, PagesOutcome(0, 0)
            continue
        waiting.append((batch, pool.submit(write_packed, task.pack())))
        if len(waiting) > window:
            yield _done(*waiting.popleft())
    while waiting:
        yield _done(*waiting.popleft())


def _done(batch: Batch, future: Future[PagesOutcome]) -> tuple[Batch, PagesOutcome]:
    outcome = future.result()
    if isinstance(outcome, Outcome):
        raise WorkerLost(outcome.filename, outcome.error)
    return batch, outcome
