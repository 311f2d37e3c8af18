"""`microrepo sbom`, validated by the reference implementations of both formats."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.support.packages import build_sdist, build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.tools import tool

CYCLONEDX = ["cyclonedx-python-lib[json-validation]==11.12.0"]
SPDX = ["spdx-tools==0.8.5"]
_VALIDATE_CYCLONEDX = """\
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(str(fault) if fault else 0)
"""
_VALIDATE_SPDX = """\
import sys
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
faults = validate_full_spdx_document(parse_file(sys.argv[1]))
sys.exit("\\n".join(one.validation_message for one in faults[:5]) if faults else 0)
"""


def fill(folder: Path) -> None:
    folder.mkdir()
    for built in (
        build_wheel(
            "app",
            "1.0+cpu",
            requires_dist=["Lib_x>=1"],
            metadata_lines=["License-Expression: MIT", "Home-page: https://app.example/"],
            files={"app.py": b"", "app-1.0+cpu.dist-info/sboms/x y.cdx.json": b"{}"},
        ),
        build_wheel("lib.x", "1", metadata_lines=["License-Expression: LicenseRef-Acme"]),
        build_sdist("lib.x", "1"),
        build_sdist("old", "2!3.dev1"),
    ):
        (folder / built.filename).write_bytes(built.content)


def validate(script: str, programs: Path, path: Path) -> None:
    done = subprocess.run(
        [programs / "python", "-c", script, path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_cyclonedx_is_valid(run_microrepo: MicrorepoRunner, tmp_path: Path) -> None:
    fill(tmp_path / "wheels")
    out = tmp_path / "sbom.json"
    run_microrepo("sbom", "--repository", tmp_path / "wheels", "-o", out)
    validate(_VALIDATE_CYCLONEDX, tool("cyclonedx", CYCLONEDX), out)
    assert len(json.loads(out.read_text())["components"]) == 3


def test_spdx_is_valid(run_microrepo: MicrorepoRunner, tmp_path: Path) -> None:
    fill(tmp_path / "wheels")
    out = tmp_path / "sbom.spdx.json"
    where = ("--repository", tmp_path / "wheels")
    run_microrepo("sbom", *where, "--format", "spdx", "-o", out)
    validate(_VALIDATE_SPDX, tool("spdx", SPDX), out)


def test_a_snapshot_and_a_lock_are_described(
    run_microrepo: MicrorepoRunner, tmp_path: Path
) -> None:
    fill(tmp_path / "wheels")
    where = ("--repository", tmp_path / "wheels")
    run_microrepo("snapshot", "create", "then", *where)
    later = build_wheel("later", "1")
    (tmp_path / "wheels" / later.filename).write_bytes(later.content)
    run_microrepo("check", "app", *where, "--lock", tmp_path / "locks")
    (lock,) = (tmp_path / "locks").iterdir()

    def names(*args: str | Path) -> list[str]:
        found = json.loads(run_microrepo("sbom", *args, *where).stdout)
        return [one["name"] for one in found["components"]]

    assert names() == ["app", "later", "lib.x", "old"]
    assert names("--snapshot", "then") == ["app", "lib.x", "old"]
    assert names("-r", lock) == ["app", "lib.x"]


def test_what_is_missing_is_no_success(run_microrepo: MicrorepoRunner, tmp_path: Path) -> None:
    fill(tmp_path / "wheels")
    where = ("--repository", tmp_path / "wheels")
    done = run_microrepo("sbom", "app", "absent", *where)
    assert done.returncode == 3
    assert "absent" in done.stderr
    assert "app" in done.stdout


def test_a_bundle_carries_it(run_microrepo: MicrorepoRunner, tmp_path: Path) -> None:
    fill(tmp_path / "wheels")
    bundle, inside = tmp_path / "bundle", tmp_path / "inside"
    sent = run_microrepo("export", bundle, "--sbom", "--repository", tmp_path / "wheels")
    assert sent.returncode == 0, sent.stderr
    with tarfile.open(next(bundle.glob("*.tar"))) as volume:
        program = volume.extractfile("import.py")
        assert program is not None
        (tmp_path / "import.py").write_bytes(program.read())
    inside.mkdir()
    command: list[str | Path] = [
        sys.executable,
        tmp_path / "import.py",
        bundle,
        "--repository",
        inside,
    ]
    subprocess.run([*command, "--allow-unsigned"], check=True, capture_output=True)
    other = tmp_path / "other"
    assert run_microrepo("import", bundle, "--repository", other).returncode == 0
    for repository in (inside, other):
        (kept,) = (repository / ".microrepo" / "imports").glob("sbom-*.cdx.json")
        names = [one["name"] for one in json.loads(kept.read_text())["components"]]
        assert names == ["app", "lib.x", "old"]
