"""The commands of docs/how-to/air-gap.md, run as written on two directories that share nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.programs import CHECKOUT
from tests.support.server import PyPIServer

PAGE = (CHECKOUT / "docs" / "how-to" / "air-gap.md").read_text(encoding="utf-8")


class Reader:
    """Types the commands of the page; paths of the page are below a temporary directory."""

    def __init__(self, root: Path, source: str) -> None:
        self.root = root
        self.disk = root / "media" / "disk"
        for folder in ("media/disk", "srv", "etc", "var/log/microrepo", "home/.ssh", "bin"):
            (root / folder).mkdir(parents=True)
        (root / "var/log/microrepo/access.log").write_text("")
        program = root / "bin" / "microrepo"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m microrepo "$@"\n')
        program.chmod(0o755)
        config = {"packages": ["flask"], "repository": str(root / "srv/outside")}
        (root / "home" / ".microrepo").write_text(json.dumps(config))
        self._environment = os.environ | {
            "HOME": str(root / "home"),
            "PATH": f"{root / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(CHECKOUT),
            "MICROREPO_SOURCE": source,
            "MICROREPO_MIN_FREE_SPACE": "0",
        }

    def type(self, line: str) -> str:
        """Run a line in a shell; it must succeed."""
        for place in ("/srv/", "/media/", "/etc/", "/var/log/"):
            line = line.replace(place, f"{self.root}{place}")
        if line.startswith("ssh-keygen"):
            line += " -q -N ''"
        done = subprocess.run(
            ["bash", "-euc", line],
            cwd=self.root / "home" / ".ssh",
            env=self._environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def held(self, name: str) -> set[str]:
        return {path.name for path in (self.root / "srv" / name).glob("*.whl")}


@pytest.mark.usefixtures("default_settings")
def test_the_page_works_as_written(index: FakeIndex, pypi: PyPIServer, tmp_path: Path) -> None:
    flask, newer, torch = (
        build_wheel(*release) for release in (("flask", "3.0"), ("flask", "3.1"), ("torch", "2.5"))
    )
    index.add("flask", flask)
    index.add("torch", torch)
    reader = Reader(tmp_path, pypi.url)
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    typed = 0
    for section in sections:
        title = section.partition("\n")[0]
        if title.startswith("Each month"):
            index.add("flask", newer)
        if title.startswith("A bundle was lost"):
            for bundle in sorted(reader.disk.glob("*.tar"))[1:]:
                bundle.unlink()
        for line in re.findall(r"^ {4}(\S.*)$", section, flags=re.MULTILINE):
            reader.type(line)
            typed += 1
        if title.startswith("Once"):
            assert reader.held("inside") == {flask.filename}
        if title.startswith("A bundle was lost"):
            reader.type("microrepo import /media/disk --repository /srv/inside "
                        "--allowed-signers /etc/microrepo.signers")  # fmt: skip
            assert reader.held("inside") == {newer.filename}
        if title.startswith("Someone inside"):
            assert torch.filename in reader.held("outside")
    assert typed > 12
    assert reader.held("inside") == {newer.filename}
    assert reader.held("enclave") == {newer.filename}
