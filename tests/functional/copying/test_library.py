"""The public library: its page's examples, run as they stand, and what they leave open."""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path

import pytest

import microrepo
from microrepo import Distribution, Repository, copy
from microrepo.errors import AccessDenied, Cancelled, ConfigError, MalformedResponse
from microrepo.operations.copy.copy_run import CopyOptions
from tests.functional.copying.conftest import content
from tests.support import receiver as faults
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.programs import CHECKOUT, clean_environment, run_program
from tests.support.receiver import Receiver
from tests.support.server import PyPIServer


@pytest.fixture
def celery(index: FakeIndex) -> list[BuiltFile]:
    """Some releases of one project."""
    versions = ["3.0.9", "3.0.15", "3.1", "4.0", "10.0rc1"]
    built = [build_wheel("celery", v, requires_dist=["kombu"]) for v in versions]
    for file in built:
        index.add("celery", file)
    return built


def test_the_examples_of_the_page(
    celery: list[BuiltFile], pypi: PyPIServer, receiver: Receiver, tmp_path: Path
) -> None:
    page = (CHECKOUT / "docs" / "how-to" / "library.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 5
    names = {
        "INDEX": pypi.simple_url,
        "UPLOAD": receiver.upload_url,
        "FOLDER": str(tmp_path / "folder"),
        "REPOSITORY": str(tmp_path / "repository"),
        "SOURCE": pypi.url,
    }
    lines = [f"{key} = {value!r}" for key, value in names.items()]
    body = "\n".join(blocks).replace("\n", "\n    ")
    script = tmp_path / "example.py"
    script.write_text("\n".join([*lines, 'if __name__ == "__main__":', f"    {body}\n"]))
    env = clean_environment(tmp_path, {"PYTHONPATH": str(CHECKOUT)})
    done = run_program([sys.executable, script], env=env, cwd=tmp_path, check=True, timeout_s=120)
    assert "['3.0.9', '3.0.15', '3.1', '4.0', '10.0rc1']" in done.stdout
    assert "celery-4.0-py3-none-any.whl 4.0" in done.stdout
    assert "celery-3.1-py3" not in done.stdout
    assert "uploaded" in done.stdout
    assert receiver.digests() == {celery[3].filename: celery[3].sha256}


def test_every_public_name_loads() -> None:
    assert len(microrepo.__all__) <= 24
    for name in microrepo.__all__:
        assert getattr(microrepo, name) is not None
    with pytest.raises(AttributeError, match="nothing_like_it"):
        microrepo.nothing_like_it  # noqa: B018


def test_a_directory_and_an_html_index_say_the_same(pile: Path) -> None:
    with Receiver() as receiver:
        for path in pile.iterdir():
            receiver.take(re.split(r"-\d", path.name)[0], path.name, path.read_bytes())
        with Repository.open(pile) as ours, Repository.open(receiver.url) as theirs:
            assert sorted(ours.projects()) == sorted(theirs.projects())
            assert ours.releases("alpha") == theirs.releases("alpha") == ["1.0", "1.1", "2.0b1"]
            left = [d.filename for d in ours.distributions("alpha>1.0")]
            assert left == [d.filename for d in theirs.distributions("alpha>1.0")]
            assert list(ours.distributions("unheard-of")) == []


def test_metadata_of_what_is_remote(pile: Path, receiver: Receiver, tmp_path: Path) -> None:
    for name in ("alpha-1.1-py3-none-any.whl", "alpha-1.1.tar.gz"):
        receiver.take("alpha", name, (pile / name).read_bytes())
    for where in (pile, receiver.simple_url):
        with Repository.open(where) as repository:
            wheel, sdist = sorted(repository.distributions("alpha==1.1"), key=lambda d: d.filename)
            assert wheel.metadata().requires_dist == ("beta-two>=1",)
            assert sdist.metadata().name == "alpha"
            fetched = wheel.download(tmp_path / "out")
            assert fetched.path.read_bytes() == (pile / wheel.filename).read_bytes()


def test_distributions_of_every_kind(pile: Path) -> None:
    found = {path.name: Distribution(path).metadata for path in pile.iterdir()}
    assert {(about.name, about.version) for about in found.values()} >= {
        ("alpha", "1.0"),
        ("Beta.Two", "2.0"),
        ("legacy", "0.3"),
        ("old-style", "0.1"),
    }
    assert found["alpha-1.0-py3-none-any.whl"].summary == "Größe & mehr"
    assert found["alpha-1.1-py3-none-any.whl"].requires_python == ">=3.8"


def test_an_old_distribution_without_metadata(tmp_path: Path) -> None:
    import io
    import tarfile

    path = tmp_path / "very-old-thing-0.2.tgz"
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo("very-old-thing-0.2/setup.py")
        archive.addfile(entry, io.BytesIO())
    about = Distribution(path).metadata
    assert (about.name, about.version, about.summary) == ("very-old-thing", "0.2", "UNKNOWN")
    with pytest.raises(MalformedResponse, match=r"notes\.txt"):
        Distribution(tmp_path / "notes.txt")


def test_uploads(pile: Path, receiver: Receiver, tmp_path: Path) -> None:
    path = pile / "alpha-1.0-py3-none-any.whl"
    receiver.auth = ("user", "pass:word")
    with Repository.open(receiver.upload_url, ("user", "pass:word")) as repository:
        assert repository.upload(path).status == "uploaded"
        assert repository.upload(path).status == "present"
        assert len(receiver.forms) == 1
        other = build_wheel("alpha", "1.0").write_to(tmp_path)
        assert repository.upload(other).status == "refused"
        receiver.faults.append(faults.status(400, b"not a good name"))
        refused = repository.upload(pile / "large-1.0-py3-none-any.whl")
        assert refused.status == "refused"
        assert "not a good name" in refused.message
        receiver.faults.append(faults.status(200))
        assert repository.register(path).status == "uploaded"
        assert receiver.forms[-1][":action"] == ["submit"]
        receiver.faults.append(faults.status(410))
        assert repository.register(path).message.startswith("HTTP 410")
    with pytest.raises(AccessDenied):
        Repository.open(receiver.upload_url, ("user", "wrong"))


def test_uploads_to_a_directory(pile: Path, tmp_path: Path) -> None:
    directory = tmp_path / "there"
    directory.mkdir()
    repository = Repository.open(directory)
    path = pile / "alpha-1.0-py3-none-any.whl"
    assert [repository.upload(path).status for _ in range(2)] == ["uploaded", "present"]
    other = build_wheel("alpha", "1.0").write_to(tmp_path)
    assert repository.upload(other).status == "refused"
    assert content(directory) == {path.name: path.read_bytes()}


def test_the_word_for_the_source_is_no_destination(pile: Path) -> None:
    with pytest.raises(ConfigError, match="no default destination"):
        Repository.open("pypi").upload(pile / "alpha-1.0-py3-none-any.whl")
    with pytest.raises(ConfigError, match="no default destination"):
        copy(pile, "pypi")
    for nothing in ("", "ftp://files.example/", "http://[::1"):
        with pytest.raises(ConfigError):
            Repository.open(nothing)


def test_a_copy_that_is_cancelled(pile: Path, tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        copy(pile, tmp_path / "there", manner=CopyOptions(cancel=cancel))
    assert not (tmp_path / "there").exists()


def test_metadata_that_is_broken(tmp_path: Path) -> None:
    broken = build_sdist("fine", "1.0").write_to(tmp_path)
    broken.write_bytes(b"x")
    with pytest.raises(MalformedResponse):
        _ = Distribution(broken).metadata
