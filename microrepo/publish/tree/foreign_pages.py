"""Pages that another program has written: their serials count from now on."""

from __future__ import annotations

from microrepo.errors import MalformedResponse
from microrepo.formats.index.simple_api import parse_root
from microrepo.publish.tree.page_serials import TREE_SERIAL
from microrepo.publish.tree.root_pages import ROOT_JSON, is_root_as_written
from microrepo.standalone.server.index_pages import JSON_TYPE
from microrepo.standalone.server.names import normalize_name
from microrepo.state import State
from microrepo.state.tables.page_table import PageRow
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.plain_files import read_plain_file


def adopt_foreign_pages(directory: FlatDirectory, state: State) -> bool:
    """Take over the serials of pages that another program wrote; return whether there are any.

    The program in a bundle counts on from the pages on disk, so serials in the state would go back.
    """
    if is_root_as_written(directory.pages, state):
        return False
    path = directory.place(ROOT_JSON)
    try:
        root = parse_root(read_plain_file(path), JSON_TYPE, str(path))
    except (OSError, MalformedResponse):
        return False
    listed = {normalize_name(shown): (shown, serial) for shown, serial in root.projects.items()}
    known = state.publication.pages(listed)
    rows = [
        PageRow(known[name].name, shown, serial, b"", known[name].files or 1)
        for name, (shown, serial) in listed.items()
        if serial and name in known and known[name].serial != serial
    ]
    newest = max([int(state.meta(TREE_SERIAL) or 0), root.serial or 0])
    with state.transaction():
        state.publication.save_pages(rows)
        state.publication.mark(row.name for row in rows)
        state.publication.mark(set(state.publication.page_names()) - listed.keys())
        state.set_meta(TREE_SERIAL, str(newest))
    return True
