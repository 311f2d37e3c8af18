"""A wrong password is asked for once more, and only once."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.client.credentials import Given
from microrepo.config.load import load
from microrepo.config.schema import Config
from microrepo.errors import AccessDenied
from microrepo.formats.requirements.requirement import parse_requirements
from microrepo.operations.copy.copy_run import copy
from microrepo.operations.copy.endpoints import EndpointText, open_endpoints
from microrepo.selection.rules.policy import build_policy
from tests.support import receiver as faults
from tests.support.receiver import Receiver


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Settings under which nothing is left out."""
    loaded = load(None, {"processes": 1, "min_free_space": 0}, {}).config
    return msgspec.structs.replace(
        loaded,
        package_types="all",
        extensions="all",
        python_versions="all",
        versions="all",
        prereleases=True,
        require_digests=False,
    )


@pytest.mark.parametrize(("answers", "works"), [(["right"], True), (["worse", "right"], False)])
def test_before_anything_is_sent(
    answers: list[str],
    works: bool,
    pile: Path,
    receiver: Receiver,
    config: Config,
    tmp_path: Path,
) -> None:
    receiver.auth = ("user", "right")
    (tmp_path / "password").write_text("wrong\n")
    left = list(answers)

    def ask(question: str) -> str:
        assert question == f"Password of user at {receiver.upload_url}: "
        return left.pop(0)

    source = EndpointText(str(pile))
    destination = EndpointText(receiver.upload_url, Given("user", str(tmp_path / "password")))
    if not works:
        with pytest.raises(AccessDenied, match="credentials"):
            open_endpoints(config, source, destination, ask=ask, environ={})
        assert left == ["right"]
        return
    ends = open_endpoints(config, source, destination, ask=ask, environ={})
    report = copy(config, ends, build_policy(config, parse_requirements(["alpha==1.0"])))
    assert report.copied == 1


def test_by_the_first_upload(
    pile: Path, receiver: Receiver, config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "another"

    where = receiver.upload_url.replace("://", "://user:wrong@")
    receiver.faults.append(faults.status(401))
    ends = open_endpoints(config, EndpointText(str(pile)), EndpointText(where), ask=ask, environ={})
    report = copy(config, ends, build_policy(config, None))
    assert (report.copied, len(asked), len(receiver.forms)) == (9, 1, 10)
    receiver.files.clear()
    receiver.faults += [faults.status(401)] * 9
    ends = open_endpoints(config, EndpointText(str(pile)), EndpointText(where), ask=ask, environ={})
    report = copy(config, ends, build_policy(config, None))
    assert report.refused.startswith(f"{receiver.upload_url} refuses these credentials")
    assert (report.copied, len(asked), len(receiver.forms)) == (0, 2, 12)
