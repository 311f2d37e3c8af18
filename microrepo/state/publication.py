"""State of the published pages."""

from __future__ import annotations

from microrepo.state.tables.found_table import FoundTable
from microrepo.state.tables.page_table import PageTable
from microrepo.state.tables.share_table import ShareTable


class Publication(PageTable, ShareTable, FoundTable):
    """The tables about pages. Only the state's writer may write, in its transactions."""
