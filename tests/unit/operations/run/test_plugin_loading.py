"""Rules of other distributions: found, made, or refused with their name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from microrepo.errors import ConfigError
from microrepo.operations.run.plugin_loading import load_rules

CODE = """
class Rule:
    api = 1
    def __init__(self, settings): self.settings = settings
    def check(self, project, file): return self.settings.get("why")
class Old(Rule): api = 0
def broken(settings): raise ValueError("a reason")
"""


def install(site: Path, name: str, **points: str) -> None:
    about = site / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = "".join(f"{point} = {target}\n" for point, target in points.items())
    (about / "entry_points.txt").write_text(f"[microrepo.rules]\n{lines}")


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of installed distributions, first of all."""
    module = f"rules_of_{tmp_path.name}"
    (tmp_path / f"{module}.py").write_text(CODE)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    install(
        tmp_path,
        "acme",
        good=f"{module}:Rule",
        old=f"{module}:Old",
        broken=f"{module}:broken",
        lost=f"{module}:nothing",
    )
    return tmp_path


def test_rules_are_made_of_their_settings_in_order() -> None:
    good, again = load_rules({"good": {"why": "because"}}) + load_rules(["good"])
    assert (good.name, good.origin, good.settings) == ("good", "acme 1.0", '{"why":"because"}')
    assert good.check(None, None) == "because"  # type: ignore[arg-type]
    assert again.check(None, None) is None  # type: ignore[arg-type]
    assert good.identity != again.identity


def test_without_names_nothing_is_looked_for() -> None:
    assert load_rules([]) == load_rules({}) == ()


@pytest.mark.parametrize(
    ("name", "word"),
    [("unknown", "good"), ("old", "0"), ("broken", "a reason"), ("lost", "nothing")],
)
def test_a_rule_that_cannot_be_had(name: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word) as raised:
        load_rules([name])
    assert f"$.rules.{name}" in str(raised.value)


def test_settings_have_to_be_a_table() -> None:
    with pytest.raises(ConfigError):
        load_rules({"good": "text"})


def test_two_distributions_must_not_offer_one_name(site: Path) -> None:
    install(site, "other", good="json:loads")
    with pytest.raises(ConfigError, match=r"acme 1\.0, other 1\.0"):
        load_rules(["good"])
