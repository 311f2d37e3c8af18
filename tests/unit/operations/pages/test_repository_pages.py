"""When the pages follow a run."""

from __future__ import annotations

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.pages.publishing import RepositoryPages


@pytest.mark.parametrize(
    ("simple", "server", "published"),
    [(True, True, {"simple", "server.py"}), (True, False, {"simple"}), (False, True, {"server.py"}),
     (False, False, set())],
)  # fmt: skip
def test_what_the_settings_ask_for_is_written(
    config: Config,
    holdings: Holdings,
    work: WorkContext,
    simple: bool,
    server: bool,
    published: set[str],
) -> None:
    settings = msgspec.structs.replace(config, simple=simple, server=server)
    RepositoryPages(settings, holdings, work).update()
    written = {path.name for path in holdings.directory.path.iterdir()}
    assert written & {"simple", "server.py"} == published


def test_a_tree_that_is_not_kept_any_more_is_reported(
    config: Config, holdings: Holdings, work: WorkContext
) -> None:
    RepositoryPages(config, holdings, work).update()
    neither = msgspec.structs.replace(config, simple=False, server=False)
    RepositoryPages(neither, holdings, work).update()
    assert [text for text in work.report.warnings if "simple/" in text]
