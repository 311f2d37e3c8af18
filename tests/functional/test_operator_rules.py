"""Rules of mirror operators at work: a changed filter is applied to what is known already."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

from microrepo.model import Cause
from microrepo.operations.records.report import Report
from microrepo.state.rows import pack, unpack
from tests.support.faults import Status
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer

BLOCKED = """\
# what the security team wants out
*-nightly   # a glob
-r more/malware.txt
"""
RULES: dict[str, Any] = {
    "exclude": ["-r blocked.txt"],
    "allow": ["re:^[a-z]+$", "evil-x", "x-nightly"],
    "metadata": {"license": {"none": ["GPL"]}},
    "max_project_size": "20 kB",
    "max_versions": 3,
    "vulnerabilities": "refuse",
    "exclude_releases": ["^1\\.5"],
    "exclude_files": ["^docs-"],
    "exclude_platforms": ["windows"],
    "requires_python": ["3.9"],
    "min_age_days": 7,
    "min_age_exempt": ["fix==1.0"],
}


@pytest.fixture
def world(index: FakeIndex) -> dict[str, BuiltFile]:
    """For each rule a project that breaks it, and some that break none; by name and version."""
    names = ["x-nightly", "evil-x", "not-listed", "gpl", "docs", "flawed", "free"]
    built = [build_wheel(name, "1.0") for name in names]
    built += [build_wheel("free", "1.5"), build_wheel("free", "2.0")]
    built += [build_wheel("many", f"{number}.0") for number in range(4)]
    built += [build_wheel("big", "1.0", payload_size=30_000)]
    built += [build_wheel("win", "1.0", platform_tag="win_amd64"), build_sdist("win", "1.0")]
    built += [build_wheel("modern", "1.0", requires_python=">=3.10")]
    for file in built:
        index.add(file.name, file)
    day_before = (datetime.now(timezone.utc) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    young = [build_wheel("young", "1.0"), build_wheel("fix", "1.0")]
    for file in young:
        index.add(file.name, file, upload_time=day_before)
    index.projects["gpl"].info = {"license": "GPL-3.0"}
    index.add_vulnerability("flawed", id="PYSEC-1", aliases=["CVE-1"], fixed_in=["1.1"])
    index.add_vulnerability("free", id="PYSEC-2", withdrawn="2025-01-01T00:00:00Z")
    return {file.filename: file for file in (*built, *young)}


@pytest.fixture
def config(tmp_path: Path, repo: Repository) -> Path:
    """Write a config file with the rules, and the lists that it names."""
    (tmp_path / "conf" / "more").mkdir(parents=True)
    (tmp_path / "conf" / "blocked.txt").write_text(BLOCKED)
    (tmp_path / "conf" / "more" / "malware.txt").write_text("re:^evil-\nother<2 --hash=sha256:00\n")
    path = tmp_path / "conf" / "config.json"
    path.write_text(json.dumps(RULES))
    return path


def everything(repo: Repository, *args: str | Path, expect: int = 0) -> Report:
    return repo.refresh_all(
        "--versions",
        "all",
        "--python-versions",
        "all",
        "--max-deletes",
        "100",
        *args,
        expect=expect,
    )


def test_rules_on_what_is_known(
    repo: Repository, pypi: PyPIServer, world: dict[str, BuiltFile], config: Path
) -> None:
    everything(repo)
    repo.holds(*world.values())
    pypi.reset()

    dry = everything(repo, "--config", config, "--dry-run")
    report = everything(repo, "--config", config)
    kept = {"free-1.0-py3-none-any.whl", "free-2.0-py3-none-any.whl", "win-1.0.tar.gz"}
    kept |= {"fix-1.0-py3-none-any.whl"}
    repo.holds(*(world[name] for name in kept))
    assert report.rejected == {
        "file pattern": 1,
        "metadata": 1,
        "number of versions": 4,
        "platform": 1,
        "project size": 1,
        "release pattern": 1,
        "requires-python": 1,
        "too young": 1,
        "vulnerable": 1,
    }
    assert (report.unasked, dry.unasked) == (3, 3)
    assert dry.rejected == report.rejected
    assert {a.filename for a in dry.plan} == set(world) - kept
    # The list of projects was asked for, and the advisories on a release that is not the latest.
    assert pypi.count("/simple/") == 2
    assert pypi.paths("/pypi/") == ["/pypi/free/1.0/json"] * 2
    assert pypi.count() == 4

    explained = repo.do("explain", "gpl", "--config", config, "--packages", "everything").stdout
    assert "metadata: license: 'GPL-3.0' matches 'GPL' of `none`" in explained

    told = repo.do("history").stdout
    for name, rule in (("evil-x", "left out by `exclude` or `allow`"), ("gpl", "metadata")):
        assert f"delete  {name.replace('-', '_')}-1.0-py3-none-any.whl  {rule}\n" in told

    # Back again: documents are asked for of those projects alone that were not asked for.
    dry = everything(repo, "--dry-run")
    assert {a.filename for a in dry.plan} == set(world) - kept
    pypi.reset()
    everything(repo)
    repo.holds(*world.values())
    assert sorted(pypi.paths("/pypi/")) == [
        f"/pypi/{name}/json" for name in ("evil-x", "not-listed", "x-nightly")
    ]


def test_advisories_are_reported_and_pins_kept(
    repo: Repository, world: dict[str, BuiltFile]
) -> None:
    args = ("--packages", "flawed,free", "--vulnerabilities")
    line = "flawed 1.0: PYSEC-1 (CVE-1), fixed in 1.1"
    assert repo.refresh(*args, "report").vulnerable == (line,)
    assert repo.refresh(*args, "ignore").vulnerable == ()
    report = repo.refresh(*args, "refuse", "--max-deletes", "9", expect=3)
    assert report.rejected["vulnerable"] == 1
    assert [(one.what, "1 by vulnerable" in one.why) for one in report.failed] == [("flawed", True)]
    # It stays as long as it is asked for and nothing takes its place.
    repo.holds(world["free-2.0-py3-none-any.whl"], world["flawed-1.0-py3-none-any.whl"])
    pinned = repo.refresh("--packages", "flawed==1.0", "--vulnerabilities", "refuse", "--no-prune")
    assert pinned.vulnerable == (line,)
    repo.holds(world["free-2.0-py3-none-any.whl"], world["flawed-1.0-py3-none-any.whl"])
    text = repo.run(
        "refresh", *repo.flags(), "--packages", "flawed==1.0", "--vulnerabilities", "report"
    ).stdout
    assert f"with known vulnerabilities:\n  {line}\n" in text


class TestAdvisories:
    """Each kept release is asked about by itself."""

    @pytest.fixture
    def lib(self, index: FakeIndex) -> dict[str, BuiltFile]:
        """Releases by version; the latest and two older ones have flaws."""
        built = {text: build_wheel("lib", text) for text in ("1.0", "1.1", "1.2", "2.0")}
        for file in built.values():
            index.add("lib", file)
        flaws = {"F-1": ["2.0", "1.1"], "F-2": ["1.2"]}
        for name, affects in flaws.items():
            index.add_vulnerability("lib", id=name, affects=affects, fixed_in=["3.0"])
        index.add_vulnerability("lib", id="F-3", affects=["1.0"], withdrawn="2025-01-01")
        return built

    def test_report(self, repo: Repository, pypi: PyPIServer, lib: dict[str, BuiltFile]) -> None:
        ask = ("--packages", "lib,lib==1.1,lib==1.0", "--vulnerabilities", "report")
        found = ("lib 2.0: F-1, fixed in 3.0", "lib 1.1: F-1, fixed in 3.0")
        assert repo.refresh(*ask).vulnerable == found
        asked = ["/pypi/lib/1.0/json", "/pypi/lib/1.1/json"]
        assert sorted(pypi.paths("/pypi/lib/1")) == asked
        # Once is enough for a day; then they are asked for again.
        assert repo.refresh(*ask).vulnerable == found
        assert pypi.count("/pypi/lib/1") == 2
        ((document,),) = repo.query("SELECT document FROM documents")
        old = msgspec.structs.replace(unpack(document), advised_at="2025-01-01T00:00:00.000000Z")
        repo.change_state("UPDATE documents SET document = ?", pack(old))
        assert repo.refresh(*ask).vulnerable == found
        assert pypi.count("/pypi/lib/1") == 4
        # A source that tells no validator sends the same document again.
        repo.change_state("UPDATE projects SET etag = NULL")
        assert repo.refresh(*ask).fetched == 0
        assert pypi.count("/pypi/lib/1") == 4

    def test_refused_ones_make_room_for_sound_ones(
        self, repo: Repository, index: FakeIndex, pypi: PyPIServer, lib: dict[str, BuiltFile]
    ) -> None:
        ask = ("--packages", "everything", "--vulnerabilities", "refuse")
        report = repo.refresh(*ask)
        repo.holds(lib["1.0"])
        assert report.rejected == {"vulnerable": 3}
        assert report.vulnerable == ()
        assert pypi.count("/pypi/lib/1") == 3
        assert "vulnerable (F-2, fixed in 3.0)" in repo.do("explain", "lib", *ask).stdout
        repo.do("prune", *ask)
        repo.holds(lib["1.0"])
        fixed = build_wheel("lib", "3.0")
        index.add("lib", fixed)
        index.projects["lib"].vulnerabilities[0]["affects"] = ["2.0"]
        repo.refresh(*ask, "--versions", "2")
        repo.holds(fixed, lib["1.1"])

    def test_closures_go_around_refused_releases(
        self, repo: Repository, index: FakeIndex, pypi: PyPIServer, lib: dict[str, BuiltFile]
    ) -> None:
        apps = [
            build_wheel("app", "1.0", requires_dist=["lib"]),
            build_wheel("app", "2.0", requires_dist=["lib>=1.1"]),
        ]
        for file in apps:
            index.add("app", file)
        repo.settings = tuple(flag for flag in repo.settings if flag != "--no-dependencies")
        ask = ("--packages", "app", "--vulnerabilities")
        assert repo.refresh(*ask, "report").vulnerable == ("lib 2.0: F-1, fixed in 3.0",)
        repo.holds(apps[1], lib["2.0"])
        pypi.reset()
        report = repo.refresh(*ask, "refuse")
        assert (report.failed, report.vulnerable) == ((), ())
        repo.holds(apps[0], lib["1.0"])
        assert max(Counter(pypi.paths("/pypi/")).values()) == 1
        # What is pinned is kept, and reported.
        report = repo.refresh("--packages", "app,lib==1.2", *ask[2:], "refuse")
        assert report.vulnerable == ("lib 1.2: F-2, fixed in 3.0",)

    @pytest.mark.parametrize("status", [404, 503])
    def test_what_cannot_be_asked_is_judged_on_the_safe_side(
        self, repo: Repository, pypi: PyPIServer, lib: dict[str, BuiltFile], status: int
    ) -> None:
        pypi.fault("/pypi/lib/1*", Status(status))
        refuse = ("--vulnerabilities", "refuse", "--retries", "0")
        report = repo.refresh_all(*refuse)
        repo.holds()
        (warning,) = [text for text in report.warnings if "has no advisories" in text]
        assert "for 3 releases" in warning
        assert "lib" in warning
        # One that has none of them is not asked each time; one that failed is.
        pypi.reset()
        repo.refresh_all(*refuse, "--force-check")
        assert pypi.count("/pypi/lib/1") == (0 if status == 404 else 3)
        pypi.clear_faults()
        if status == 503:
            repo.refresh_all(*refuse, "--force-check")
            repo.holds(lib["1.0"])


def test_dependencies_obey_the_rules(repo: Repository, index: FakeIndex) -> None:
    repo.settings = tuple(flag for flag in repo.settings if flag != "--no-dependencies")
    app = build_wheel("app", "1.0", requires_dist=["lib"])
    libs = [build_wheel("lib", version) for version in ("1.0", "1.1", "2.0")]
    for file in (app, *libs):
        index.add(file.name, file)
    ask = ("--packages", "app")
    repo.refresh(*ask)
    repo.holds(app, libs[2])
    repo.refresh(*ask, "--exclude-releases", "^2", "--allow", "app,lib")
    repo.holds(app, libs[1])
    repo.refresh(*ask, "--allow", "app,lib<1.1")
    repo.holds(app, libs[0])
    report = repo.refresh(*ask, "--allow", "app", expect=3)
    (failure,) = report.failed
    assert Cause.NOT_ALLOWED.value in failure.why


def test_an_older_record_is_asked_for_once(
    repo: Repository, index: FakeIndex, pypi: PyPIServer
) -> None:
    file = build_wheel("foo", "1.0")
    index.add("foo", file)
    index.projects["foo"].info = {"platform": "amiga"}
    repo.refresh_all()
    repo.holds(file)
    ((document,),) = repo.query("SELECT document FROM documents")
    record = unpack(document)
    bare = msgspec.structs.replace(
        record, facts=0, info=msgspec.structs.replace(record.info, platform=None)
    )
    repo.change_state("UPDATE documents SET document = ?", pack(bare))
    pypi.reset()
    other = ("--metadata", '{"license": {"none": ["x"]}}')
    repo.refresh_all(*other)
    assert pypi.count("/pypi/") == 0
    rule = ("--metadata", '{"platform": {"none": ["amiga"]}}')
    # What works offline knows too little, and leaves the file alone.
    repo.do("prune", *rule, "--packages", "everything", "--no-simple", "--no-server")
    repo.holds(file)
    assert repo.refresh_all(*rule).rejected == {"metadata": 1}
    repo.holds()
    repo.refresh_all()
    repo.refresh_all(*rule)
    assert pypi.count("/pypi/") == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--exclude=-r nowhere.txt"], "nowhere.txt: cannot be read: No such file"),
        (["--allow=-r bad.txt"], "bad.txt:3: allow: 'foo bar' is not a requirement"),
        (["--allow=-r loop.txt"], "files include each other more than"),
        (["--exclude", "re:("], "exclude: '(' is not a regular expression"),
        (["--exclude-files", "*"], "$.exclude_files[0]: '*' is not a regular expression"),
        (["--metadata", '{"licens": {}}'], "did you mean 'license'"),
        (["--vulnerabilities", "fix"], "--vulnerabilities: 'fix' is not a choice"),
    ],
)
def test_mistakes(repo: Repository, tmp_path: Path, args: list[str], message: str) -> None:
    (tmp_path / "bad.txt").write_text("# names\nfoo\nfoo bar\n")
    (tmp_path / "loop.txt").write_text("-r loop.txt\n")
    done = repo.run("refresh", *repo.flags(), "--packages", "foo", *args, expect=2, cwd=tmp_path)
    assert message in done.stderr
    assert not repo.path.exists()


class TestBudget:
    """Old releases give way to `max_total_size`."""

    ARGS = ("--versions", "all", "--python-versions", "all", "--over-budget", "evict")

    @pytest.fixture
    def files(self, index: FakeIndex) -> dict[str, BuiltFile]:
        """Two projects with three releases each, by name and version; a3 is the oldest of all."""
        built = {}
        for name, days in (("a", (3, 5, 1)), ("b", (2, 4, 6))):
            for number, day in enumerate(days, start=1):
                file = build_wheel(name, f"{number}.0", payload_size=10_000)
                index.add(name, file, upload_time=f"2024-01-0{day}T00:00:00Z")
                built[f"{name}{number}"] = file
        return built

    @pytest.fixture
    def one(self, files: dict[str, BuiltFile]) -> int:
        """Bytes of the largest file."""
        return max(file.size for file in files.values())

    def test_old_releases_go_and_come_back(
        self, repo: Repository, pypi: PyPIServer, files: dict[str, BuiltFile], one: int
    ) -> None:
        def held(*names: str) -> list[BuiltFile]:
            return [files[name] for name in names]

        def refresh(limit: int, *args: str) -> Report:
            return repo.refresh_all(*self.ARGS, "--max-total-size", str(limit), *args)

        report = refresh(5 * one)
        # b1 came out before all others but the newest of a, which never goes.
        repo.holds(*held("a1", "a2", "a3", "b2", "b3"))
        assert (report.downloaded, report.rejected) == (5, {"evicted": 1})
        pypi.reset()
        assert refresh(5 * one).projects == 0
        explained = repo.do(
            "explain", "b", "--packages", "everything", *self.ARGS, "--max-total-size", str(5 * one)
        ).stdout
        assert "out   b-1.0-py3-none-any.whl: evicted" in explained

        dry = refresh(3 * one, "--dry-run")
        report = refresh(3 * one)
        assert [a.filename for a in dry.plan] == [files[n].filename for n in ("a1", "b2")]
        assert (report.deleted, report.downloaded) == (2, 0)
        repo.holds(*held("a2", "a3", "b3"))
        assert "evicted" in repo.do("history", "b").stdout

        refresh(6 * one)
        repo.holds(*files.values())
        assert pypi.count("/pypi/") == 0

    def test_a_new_release_pushes_out_the_oldest_of_another_project(
        self, repo: Repository, index: FakeIndex, files: dict[str, BuiltFile], one: int
    ) -> None:
        limit = ("--max-total-size", str(6 * one))
        repo.refresh_all(*self.ARGS, *limit)
        new = build_wheel("a", "4.0", payload_size=10_000)
        index.add("a", new, upload_time="2025-01-01T00:00:00Z")
        dry = repo.refresh_all(*self.ARGS, *limit, "--dry-run")
        # b was not looked at; a3 is no longer the newest of a, and older than all.
        assert {a.filename: a.kind.value for a in dry.plan} == {
            new.filename: "download",
            files["a3"].filename: "delete",
        }
        report = repo.refresh_all(*self.ARGS, *limit)
        assert (report.projects, report.deleted) == (1, 1)
        newer = build_wheel("a", "5.0", payload_size=10_000)
        index.add("a", newer, upload_time="2025-01-02T00:00:00Z")
        repo.refresh_all(*self.ARGS, *limit)
        gone = {"a3", "b1"}
        repo.holds(new, newer, *(file for name, file in files.items() if name not in gone))
        assert repo.query("SELECT count(*) FROM projects WHERE NOT complete") == [(0,)]
        assert repo.refresh_all(*self.ARGS, *limit).projects == 0

    def test_pins_and_newest_stay_or_the_plan_is_refused(
        self, repo: Repository, files: dict[str, BuiltFile], one: int
    ) -> None:
        ask = ("--packages", "a,a==1.0,b", *self.ARGS, "--max-total-size")
        report = repo.refresh(*ask, str(2 * one), expect=1)
        assert "files that cannot be evicted take" in report.refused
        repo.holds()
        repo.refresh(*ask, str(3 * one))
        repo.holds(files["a1"], files["a3"], files["b3"])

    def test_prune_keeps_to_a_smaller_budget_offline(
        self, repo: Repository, files: dict[str, BuiltFile], one: int
    ) -> None:
        repo.refresh_all(*self.ARGS)
        settings = (*self.ARGS, "--packages", "everything", "--max-total-size", str(4 * one))
        dry = json.loads(repo.do("prune", *settings, "--dry-run", "--json").stdout)
        repo.do("prune", *settings)
        repo.holds(*(files[name] for name in ("a2", "a3", "b2", "b3")))
        assert {a["filename"] for a in dry["plan"]} == {files[n].filename for n in ("a1", "b1")}
