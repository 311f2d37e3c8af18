"""Documents that say strange things: what can be used is used, the rest costs itself alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.faults import Mutate
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer

Document = dict[str, Any]


@pytest.fixture
def alpha(index: FakeIndex) -> BuiltFile:
    """The project whose document is strange."""
    built = build_wheel("alpha", "1.0", payload_size=2000)
    index.add("alpha", built)
    return built


def mutate(pypi: PyPIServer, change: Callable[[Document], object]) -> None:
    """Let alpha's document be changed in place before it is sent."""

    def changed(document: Document) -> Document:
        change(document)
        return document

    pypi.fault("/pypi/alpha/json", Mutate(changed))


def entry_of(document: Document) -> Document:
    """Return the entry of alpha's one file."""
    entry: Document = document["releases"]["1.0"][0]
    return entry


def test_a_document_without_releases_is_completed_from_the_simple_api(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    pypi.switches.no_releases_key = True
    repo.refresh("alpha")
    repo.holds(alpha)
    assert pypi.paths("/simple/") == ["/simple/alpha/"]


def test_a_new_release_is_seen_without_the_releases_key(
    repo: Repository, pypi: PyPIServer, index: FakeIndex, alpha: BuiltFile
) -> None:
    pypi.switches.no_releases_key = True
    repo.refresh_all()
    new = build_wheel("alpha", "1.1")
    index.add("alpha", new)
    repo.refresh_all()
    repo.holds(new)


def test_files_without_digests_are_left_out(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    mutate(pypi, lambda d: entry_of(d).update(digests={}, md5_digest=None))
    report = repo.refresh("alpha", expect=3)
    repo.holds()
    assert report.rejected == {"no digest announced": 1}
    (failure,) = report.failed
    assert failure.what == "alpha"
    assert "no file kept (1 by no digest announced)" in failure.why


def test_files_without_digests_are_taken_when_that_is_allowed(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    mutate(pypi, lambda d: entry_of(d).update(digests={}, md5_digest=None))
    repo.refresh("alpha", "--no-require-digests")
    repo.holds(alpha)
    pypi.reset()
    repo.refresh("alpha", "--no-require-digests")
    assert pypi.paths("/files/") == []
    assert repo.partials() == []


@pytest.mark.parametrize("algorithm", ["md5", "blake2b_256"])
def test_any_known_digest_will_do(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, algorithm: str
) -> None:
    built = build_wheel("alpha", "1.0")
    index.add("alpha", built, digests={algorithm: getattr(built, algorithm)})
    repo.refresh("alpha")
    repo.holds(built)
    wrong = build_wheel("alpha", "1.1")
    index.add("alpha", wrong, digests={algorithm: getattr(built, algorithm)})
    report = repo.refresh("alpha", expect=3)
    repo.holds(built)
    assert algorithm in report.failed[0].why


def test_a_digest_of_another_kind_counts_as_none(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    mutate(pypi, lambda d: entry_of(d).update(digests={"sha999": "1"}, md5_digest=""))
    report = repo.refresh("alpha", expect=3)
    repo.holds()
    assert report.rejected == {"no digest announced": 1}


def test_an_unreadable_digest_is_named_as_the_cause(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    mutate(pypi, lambda d: entry_of(d).update(digests={"sha256": "xyz"}, md5_digest=""))
    report = repo.refresh("alpha", expect=3)
    repo.holds()
    assert "'xyz' is not a digest of sha256" in report.warnings[0]


@pytest.mark.parametrize("algorithm", ["sha512", "sha384", "sha3_256", "blake2s", "sha1"])
def test_any_digest_of_hashlib_is_verified(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile, algorithm: str
) -> None:
    digests = {algorithm: hashlib.new(algorithm, alpha.content).hexdigest()}
    mutate(pypi, lambda d: entry_of(d).update(digests=digests, md5_digest=""))
    repo.refresh("alpha")
    repo.holds(alpha)


def test_a_wrong_digest_of_another_kind_is_found(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    wrong = {"sha512": hashlib.sha512(b"other").hexdigest()}
    mutate(pypi, lambda d: entry_of(d).update(digests=wrong, md5_digest=""))
    report = repo.refresh("alpha", expect=3)
    repo.holds()
    assert "sha512 is" in report.failed[0].why


def test_unknown_keys_are_passed_over(repo: Repository, pypi: PyPIServer, alpha: BuiltFile) -> None:
    def change(document: Document) -> None:
        document["tomorrow"] = {"a": [1, 2, None]}
        document["info"]["new-key"] = 5
        entry_of(document)["moon_phase"] = "full"
        entry_of(document)["digests"]["sha3"] = "00"

    mutate(pypi, change)
    repo.refresh("alpha")
    repo.holds(alpha)


MALFORMED: list[Document] = [
    {"size": 2**63},
    {"size": 10**30},
    {"filename": None},
    {"filename": 7},
    {"url": "file:///etc/passwd"},
    {"url": "javascript:alert(1)"},
    {"url": 5},
]
# Only when they are asked does it turn out that they lead nowhere.
DEAD_LINKS = ["http://[", "https://:99999999/x", "http://127.0.0.1:0/x", "http://x y.example/"]


def test_an_optional_value_of_an_odd_type_costs_nothing(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    odd = {"size": "large", "yanked": None, "requires_python": 3.6, "upload_time": 5}
    mutate(pypi, lambda d: entry_of(d).update(odd))
    report = repo.refresh("alpha")
    repo.holds(alpha)
    assert not report.warnings


def test_a_malformed_entry_costs_that_file_alone(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    for number, values in enumerate(MALFORMED):
        built = build_wheel("alpha", "1.0", build_tag=f"{number}bad")
        index.add("alpha", built, extra=values)
    report = repo.refresh("alpha")
    repo.holds(alpha)
    assert len(report.warnings) == 1
    assert f"(and {len(MALFORMED) - 1} more)" in report.warnings[0]


def test_an_entry_that_becomes_malformed_deletes_nothing(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    repo.refresh("alpha")
    mutate(pypi, lambda d: entry_of(d).update(size=2**63))
    repo.refresh("alpha", expect=3)
    repo.holds(alpha)


def test_a_dead_link_costs_that_file_alone(
    repo: Repository, index: FakeIndex, alpha: BuiltFile
) -> None:
    links = {}
    for number, link in enumerate(DEAD_LINKS):
        built = build_wheel("alpha", "1.0", build_tag=f"{number}bad")
        links[built.filename] = link
        index.add("alpha", built, url=link)
    report = repo.refresh("alpha", "--allow-http", "--retries", "0", expect=3)
    repo.holds(alpha)
    assert {failure.what for failure in report.failed} == set(links)


ODD: list[Document] = [
    {"upload_time": "yesterday", "upload_time_iso_8601": "never"},
    {"upload_time": "9999-12-31T23:59:59", "upload_time_iso_8601": "9999-12-31T23:59:59.999Z"},
    {"upload_time": "0001-01-01T00:00:00", "upload_time_iso_8601": "0001-01-01T00:00:00.0Z"},
    {"requires_python": ">=banana"},
    {"requires_python": ">=3," + "!=3.0," * 500},
    {"python_version": "\x00"},
    {"python_version": None},
    {"comment_text": "\U0001f600 \u202e"},
]


def test_odd_values_do_not_cost_the_file(
    repo: Repository, index: FakeIndex, pypi: PyPIServer
) -> None:
    files = [build_wheel("alpha", "1.0", build_tag=f"{number}odd") for number in range(len(ODD))]
    for file, values in zip(files, ODD, strict=True):
        index.add("alpha", file, extra=values)
    repo.refresh("alpha")
    repo.holds(*files)
    pypi.reset()
    repo.refresh("alpha")
    assert pypi.count("/files/") == 0


@pytest.mark.parametrize("serial", [-5, 2**63, 10**40, "many", None])
def test_odd_serials_are_unknown_ones(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile, serial: object
) -> None:
    pypi.switches.no_serials = True
    mutate(pypi, lambda d: d.update(last_serial=serial))
    repo.refresh_all()
    repo.holds(alpha)
    assert repo.query("SELECT serial FROM projects") == [(None,)]


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("info"),
        lambda d: d.update(info=None),
        lambda d: d.update(info=[]),
        lambda d: d["info"].update(name="another-project"),
        lambda d: d.update(releases=[]),
        lambda d: d.update(releases={"1.0": "all"}),
    ],
)
def test_a_document_that_is_none_costs_its_project_alone(
    repo: Repository,
    index: FakeIndex,
    pypi: PyPIServer,
    alpha: BuiltFile,
    change: Callable[[Document], object],
) -> None:
    other = build_wheel("beta", "1.0")
    index.add("beta", other)
    repo.refresh("alpha", "beta")
    mutate(pypi, change)
    report = repo.refresh("alpha", "beta", expect=None)
    # Nothing that was there is lost to an answer that cannot be believed.
    repo.holds(alpha, other)
    assert report.failed or report.warnings


def test_odd_info_does_not_cost_the_project(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    mutate(
        pypi,
        lambda d: d["info"].update(
            name=None, summary=7, classifiers="none", project_urls=[], license={"text": "MIT"}
        ),
    )
    repo.refresh("alpha")
    repo.holds(alpha)


def test_a_project_without_files(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    index.add_project("No.Release")
    index.add("hollow", build_wheel("hollow", "1.0"))
    index.remove_file("hollow", "hollow-1.0-py3-none-any.whl")
    report = repo.refresh_all()
    repo.holds(alpha)
    assert (report.without_files, report.warnings) == (2, ())
    (failure,) = repo.refresh("hollow", expect=3).failed
    assert (failure.what, failure.why) == ("hollow", "the source lists no files")
    # PyPI has a page but no document of a project without a release; asking once is enough.
    assert pypi.paths("/pypi/no-release") == ["/pypi/no-release/json"]
    assert pypi.paths("/simple/no-release") == ["/simple/no-release/"]
    pypi.reset()
    repo.refresh_all()
    assert pypi.paths() == ["/simple/"]
    first = build_wheel("No.Release", "1.0")
    index.add("No.Release", first)
    repo.refresh_all()
    repo.holds(alpha, first)


def test_a_project_that_loses_its_last_release(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    repo.refresh_all()
    index.remove_release("alpha", "1.0")
    # It may be a mistake that is being repaired.
    repo.refresh_all(expect=3)
    repo.holds(alpha)
    repo.refresh_all("--force-check")
    repo.holds()
    pypi.reset()
    repo.refresh_all()
    assert pypi.paths() == ["/simple/"]
    index.add("alpha", alpha)
    repo.refresh_all()
    repo.holds(alpha)


def test_a_document_of_great_depth_costs_its_project_alone(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    from tests.support.faults import Status

    deep = b'{"info": {"name": "alpha"}, "releases": ' + b"[" * 100_000
    pypi.fault("/pypi/alpha/json", Status(200, {"Content-Type": "application/json"}, deep))
    report = repo.refresh("alpha", expect=3)
    assert [failure.what for failure in report.failed] == ["alpha"]
