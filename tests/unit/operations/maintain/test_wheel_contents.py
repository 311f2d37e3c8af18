"""`verify --contents` on wheels that their digests cannot prove wrong."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from microrepo.config.schema import Config
from microrepo.operations.maintain.verify import verify
from tests.support.packages import build_sdist, build_wheel


def packed_again(content: bytes, **members: bytes) -> bytes:
    """Return a wheel with other or more members, whose RECORD stays."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in {*old.namelist(), *members}:
            new.writestr(name, members.get(name) or old.read(name))
    return stream.getvalue()


def test_changed_and_unlisted_members_are_told(tmp_path: Path) -> None:
    for built, members in (
        (build_wheel("good", "1"), {}),
        (build_wheel("bad", "1", files={"bad.py": b"1"}), {"bad.py": b"2"}),
        (build_wheel("odd", "1"), {"sitecustomize.py": b"3"}),
    ):
        path = tmp_path / built.filename
        path.write_bytes(packed_again(built.content, **members))
    sdist = build_sdist("other", "1")
    (tmp_path / sdist.filename).write_bytes(sdist.content)
    config = Config(repository=str(tmp_path), processes=2)
    assert verify(config).exit_code == 0
    report = verify(config, contents=True)
    assert report.exit_code == 3
    assert [one.what for one in report.failed] == ["bad-1-py3-none-any.whl"]
    assert any("odd-1" in text and "sitecustomize" in text for text in report.warnings)
    assert any("3 wheels" in note for note in report.notes)
