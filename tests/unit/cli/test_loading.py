"""What commands load: starting takes longer than most of what short commands do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.packages import build_wheel

_SCRIPT = """\
import json, sys
from microrepo.cli import main
for words in json.loads(sys.argv[2]):
    try:
        code = main(words)
    except SystemExit as left:
        code = left.code
    loaded = sorted(set(sys.argv[1].split(",")) & set(sys.modules))
    assert code == 0 and not loaded, (words, code, loaded)
"""


def assert_not_loaded(modules: str, *commands: list[str]) -> None:
    """Raise AssertionError if one of the commands, run in this order, loads one of the modules."""
    command = [sys.executable, "-c", _SCRIPT, modules, json.dumps(commands)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_needs_neither_settings_nor_log() -> None:
    modules = "msgspec,logging,sqlite3,microrepo.config.schema"
    assert_not_loaded(modules, ["--version"], ["--help"])


def test_what_asks_nobody_needs_no_network(tmp_path: Path) -> None:
    built = build_wheel("alpha", "1.0")
    (tmp_path / built.filename).write_bytes(built.content)
    where = ["--repository", str(tmp_path)]
    network, run = "requests,urllib3", "microrepo.operations.run.session"
    solving = "packaging.requirements,packaging.pylock,resolvelib"
    assert_not_loaded(f"{network},{run},{solving}", ["list", *where])
    assert_not_loaded(f"{network},{run}", ["stats", *where], ["check", "alpha", *where])
    assert_not_loaded(network, ["index", *where])
    imports = (
        "microrepo.standalone.importer.intake.staging,microrepo.operations.switch.manifest_switch"
    )
    assert_not_loaded(imports, ["list", *where], ["index", *where])
