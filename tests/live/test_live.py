"""Three small projects from PyPI by name, into a directory, from which real pip installs offline.

``MICROREPO_LIVE_SOURCE`` names another source that has them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from microrepo.client import Client, ClientSettings
from microrepo.errors import MicrorepoError
from microrepo.repositories.sources.source_registry import describe_source, open_source
from tests.support.programs import Environment, MicrorepoRunner
from tests.support.repository import Repository

pytestmark = pytest.mark.live

SOURCE = os.environ.get("MICROREPO_LIVE_SOURCE", "pypi")
PROJECTS = ("six", "idna", "toml")


@pytest.fixture
def source() -> str:
    """The source, if it can be reached."""
    settings = ClientSettings(timeout_s=10, retries=1)
    try:
        open_source(Client(settings), describe_source(SOURCE, "json")).fetch_project("six")
    except MicrorepoError as error:
        pytest.skip(f"the source cannot be reached: {error}")
    return SOURCE


def test_small_projects_are_mirrored_and_installed_offline(
    source: str,
    tmp_path: Path,
    run_microrepo: MicrorepoRunner,
    fresh_venv: Callable[..., Environment],
) -> None:
    # Certificates and proxies of this machine are the way to the outside.
    outside = {
        key: value
        for key, value in os.environ.items()
        if key.lower().endswith("_proxy") or key in {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    }
    repo = Repository(tmp_path / "repo", source, run_microrepo, ())
    report = repo.refresh(*PROJECTS, env=outside, timeout_s=300)
    assert report.downloaded >= len(PROJECTS)
    again = repo.refresh(*PROJECTS, env=outside, timeout_s=300)
    assert (again.downloaded, again.deleted, again.unchanged) == (0, 0, len(PROJECTS))
    repo.do("verify", "--deep")
    venv = fresh_venv()
    venv.pip("install", "--no-index", "--find-links", repo.path, *PROJECTS)
    shown = venv.run("-c", "import six, idna, toml; print(six.__version__)")
    assert shown.stdout.strip()
