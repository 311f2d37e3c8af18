"""The commands of docs/how-to/snapshots.md, run one after the other on a real repository."""

from __future__ import annotations

import re
import shlex

from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.programs import CHECKOUT
from tests.support.repository import Repository

PAGE = (CHECKOUT / "docs" / "how-to" / "snapshots.md").read_text(encoding="utf-8")
OLD, NEW = build_wheel("flask", "3.0"), build_wheel("flask", "4.0")


def test_the_page_works_as_written(
    repo: Repository, index: FakeIndex, default_settings: None
) -> None:
    index.add("flask", OLD)
    repo.refresh("--packages", "everything", "--versions", "1")
    lines = re.findall(r"^ {4,6}(microrepo .*)$", PAGE, flags=re.MULTILINE)
    assert len(lines) > 10
    said = []
    for line in lines:
        words = shlex.split(line)[1:]
        if words[0] == "serve":
            continue
        if words[:2] == ["snapshot", "diff"]:
            index.add("flask", NEW)
            repo.refresh("--packages", "everything", "--versions", "1", "--snapshots", "12")
        said.append(repo.run(*words, cwd=repo.path, env={"MICROREPO_MIN_FREE_SPACE": "0"}).stdout)
        if "restore" in words:
            is_plan = "--dry-run" in words
            held = {name for name in repo.names() if name.endswith(".whl")}
            assert held == {NEW.filename if is_plan else OLD.filename}
    text = "\n".join(said)
    assert f"+ {NEW.filename}" in text
    assert f"- {OLD.filename}" in text
    assert "deleted before-upgrade" in text
