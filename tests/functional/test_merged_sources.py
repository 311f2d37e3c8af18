"""One project from several sources: pages merged, and for each environment its own build."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.faults import Status
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.programs import Environment, clean_environment, run_program
from tests.support.repository import Repository
from tests.support.server import PyPIServer
from tests.support.tools import tool

PRESET = f"cp3{sys.version_info.minor}-manylinux_2_28_x86_64"
TARGETS = {
    "cpu-nodes": {"preset": PRESET, "local_versions": {"tensor": "cpu"}},
    "gpu-nodes": {"preset": PRESET, "local_versions": {"tensor": "cu128"}},
}
FOLLOWING = (
    *("--processes", "2", "--connections", "4", "--min-free-space", "0"),
    *("--no-server", "--environments", json.dumps(TARGETS)),
)
SHOW = (
    "import importlib.metadata as m; print(sorted((d.name, d.version) for d in m.distributions()))"
)
CPU = "[('tensor', '2.0+cpu'), ('vision', '1.0')]"
GPU = "[('cuda-runtime', '12.8'), ('tensor', '2.0+cu128'), ('vision', '1.0')]"

Venvs = Callable[..., Environment]


@pytest.fixture
def servers(pypi: PyPIServer) -> Iterator[dict[str, PyPIServer]]:
    """An index with plain files, and two with builds of one of its projects."""
    with ExitStack() as stack:
        others = {
            name: stack.enter_context(PyPIServer(FakeIndex(), no_serials=True))
            for name in ("cpu", "cu128")
        }
        yield {"plain": pypi, **others}


@pytest.fixture
def files(servers: dict[str, PyPIServer]) -> dict[str, BuiltFile]:
    """The files of all three, by version or by name."""
    needs = {"2.0+cu128": ("cuda-runtime",)}
    built = {
        version: build_wheel("tensor", version, requires_dist=needs.get(version, ()))
        for version in ("1.9", "2.0", "1.9+cpu", "2.0+cpu", "1.9+cu128", "2.0+cu128")
    }
    for version, file in built.items():
        servers[version.partition("+")[2] or "plain"].index.add("tensor", file)
    others = {
        "vision": build_wheel("vision", "1.0", requires_dist=["tensor>=2"]),
        "cuda-runtime": build_wheel("cuda-runtime", "12.8"),
    }
    for name, file in others.items():
        servers["plain"].index.add(name, file)
    return built | others


@pytest.fixture
def merged(
    repo: Repository, servers: dict[str, PyPIServer], files: dict[str, BuiltFile]
) -> Repository:
    """A repository for nodes with and without the accelerator."""
    assert files
    repo.source = sources(servers)
    repo.settings = FOLLOWING
    return repo


def sources(servers: dict[str, PyPIServer], *more: dict[str, Any]) -> str:
    """Return the setting: all of them have files of `tensor`."""
    entries = [
        {
            "name": name,
            "url": server.url if name == "plain" else server.simple_url,
            "merged": ["tensor"],
        }
        for name, server in servers.items()
    ]
    return json.dumps([*entries, *more])


def kept(files: dict[str, BuiltFile], *names: str) -> list[BuiltFile]:
    return [files[name] for name in names]


# --- what is kept, and from where -----------------------------------------------------------------


def test_each_environment_gets_its_build(
    merged: Repository, files: dict[str, BuiltFile], servers: dict[str, PyPIServer]
) -> None:
    report = merged.refresh("vision")
    assert (report.missing, report.failed) == ((), ())
    merged.holds(*kept(files, "vision", "cuda-runtime", "2.0+cpu", "2.0+cu128"))
    listed = merged.do("list", "--with-source").stdout.splitlines()
    assert dict(line.split("\t") for line in listed) == {
        files["2.0+cpu"].filename: "cpu",
        files["2.0+cu128"].filename: "cu128",
        files["vision"].filename: "plain",
        files["cuda-runtime"].filename: "plain",
    }
    # A file comes from the server of its own source.
    assert len(servers["cu128"].paths("/files/")) == len(set(servers["cu128"].paths("/files/")))
    assert all("cu128" in path for path in servers["cu128"].paths("/files/"))
    assert all("cpu" in path for path in servers["cpu"].paths("/files/"))


def test_explain_names_the_source_of_each_file(
    merged: Repository, files: dict[str, BuiltFile]
) -> None:
    merged.refresh("vision")
    said = merged.do("explain", "tensor", "--all").stdout
    assert "tensor: from plain + cpu + cu128," in said
    for version in ("1.9", "2.0", "1.9+cpu", "2.0+cpu", "1.9+cu128", "2.0+cu128"):
        line = next(line for line in said.splitlines() if f"{files[version].filename}:" in line)
        assert line.endswith(f", from {version.partition('+')[2] or 'plain'}"), line


def test_a_source_that_does_not_name_the_project_is_not_asked(
    merged: Repository, files: dict[str, BuiltFile], servers: dict[str, PyPIServer]
) -> None:
    with PyPIServer(FakeIndex()) as public:
        public.index.add("tensor", build_wheel("tensor", "99.0+cpu"))
        public.index.add("flask", build_wheel("flask", "1.0"))
        merged.source = sources(servers, {"url": public.url, "name": "public"})
        merged.refresh("vision", "flask")
        assert {"flask-1.0-py3-none-any.whl", files["2.0+cpu"].filename} <= merged.names()
        assert not [path for path in public.paths() if "tensor" in path]


def test_an_unknown_build_is_explained(merged: Repository) -> None:
    targets = {"tpu-nodes": {"preset": PRESET, "local_versions": {"tensor": "tpu"}}}
    merged.settings = (*merged.settings, "--environments", json.dumps(targets))
    report = merged.refresh("vision", expect=3)
    assert "tpu-nodes uses only +tpu" in str(report.failed)


def test_of_a_whole_index_the_newest_release_of_each_source_is_kept(
    merged: Repository, files: dict[str, BuiltFile]
) -> None:
    merged.settings = (*FOLLOWING[:-2], "--no-dependencies", "--python-versions", "all")
    report = merged.refresh_all()
    assert report.failed == ()
    merged.holds(*kept(files, "2.0", "2.0+cpu", "2.0+cu128", "vision", "cuda-runtime"))
    again = merged.refresh_all()
    assert (again.downloaded, again.fetched, again.deleted) == (0, 0, 0)


# --- changes and failures -------------------------------------------------------------------------


def test_nothing_new_costs_one_conditional_request_for_each_source(
    merged: Repository, servers: dict[str, PyPIServer]
) -> None:
    merged.refresh("vision")
    before = merged.identity()
    for server in servers.values():
        server.reset()
    report = merged.refresh("vision")
    assert (report.downloaded, report.fetched, report.unchanged) == (0, 0, 3)
    assert merged.identity() == before
    for name, server in servers.items():
        asked = server.paths()
        assert len(asked) == len(set(asked)), asked
        assert not server.paths("/files/")
        assert len([path for path in asked if "tensor" in path]) == 1, (name, asked)


def test_news_of_one_source_arrives(
    merged: Repository, files: dict[str, BuiltFile], servers: dict[str, PyPIServer]
) -> None:
    merged.refresh("vision")
    new = build_wheel("tensor", "2.1+cpu")
    servers["cpu"].index.add("tensor", new)
    report = merged.refresh("vision")
    assert (report.downloaded, report.failed) == (1, ())
    assert {new.filename, files["2.0+cu128"].filename} <= merged.names()


@pytest.mark.parametrize("down", ["plain", "cpu", "cu128"])
def test_without_one_source_nothing_is_lost_and_nothing_is_news(
    merged: Repository, servers: dict[str, PyPIServer], down: str
) -> None:
    merged.refresh("vision")
    before = merged.identity()
    planted = servers[down].fault("*tensor*", Status(503))
    for server in servers.values():  # an answer that lacks one source is not news
        server.index.add("tensor", build_wheel("tensor", "3.0+cpu"))
    report = merged.refresh("vision", "--retries", "0", expect=3)
    assert [failure.what for failure in report.failed][:1] == ["tensor"]
    assert report.failed[0].why.startswith(f"{down}: ")
    assert merged.identity() == before
    assert planted
    servers[down].clear_faults()
    assert merged.refresh("vision", "--force-check").downloaded == 1


def test_a_source_can_lack_the_project(
    merged: Repository, files: dict[str, BuiltFile], servers: dict[str, PyPIServer]
) -> None:
    with PyPIServer(FakeIndex(), no_serials=True) as empty:
        empty.index.add("other", build_wheel("other", "1.0"))
        merged.source = sources({**servers, "cu130": empty})
        merged.refresh("vision")
        assert files["2.0+cu128"].filename in merged.names()
        assert merged.refresh("vision").fetched == 0
        empty.index.add("tensor", build_wheel("tensor", "2.2+cpu"))
        assert merged.refresh("vision").downloaded == 1


def test_other_content_under_one_name_is_reported(
    merged: Repository, files: dict[str, BuiltFile], servers: dict[str, PyPIServer]
) -> None:
    other = build_wheel("tensor", "2.0+cpu", payload_size=100)
    servers["cu128"].index.add("tensor", other)
    done = merged.run("refresh", "vision", *merged.flags())
    assert f"{other.filename}: cu128 has other content under this name than cpu" in done.stderr
    merged.holds(*kept(files, "vision", "cuda-runtime", "2.0+cpu", "2.0+cu128"))


def test_an_older_page_of_one_source_is_not_news(
    merged: Repository, files: dict[str, BuiltFile], servers: dict[str, PyPIServer]
) -> None:
    cpu = servers["cpu"]
    cpu.switches.no_serials = False
    cpu.index.add("tensor", build_wheel("tensor", "2.1+cpu"))
    merged.refresh("vision")
    before = merged.identity()
    with PyPIServer(FakeIndex()) as stale:  # it has lived for a shorter time
        stale.index.add("tensor", files["2.0+cpu"])
        merged.source = sources({**servers, "cpu": stale})
        report = merged.refresh("vision", expect=3)
        assert "the answer is older" in report.failed[0].why
        assert merged.identity() == before
        merged.refresh("vision", "--force-check")
        assert files["2.0+cpu"].filename in merged.names()


def test_a_copy_merges_too(merged: Repository, files: dict[str, BuiltFile], tmp_path: Path) -> None:
    target = tmp_path / "copied"
    target.mkdir()
    done = merged.run(
        *("copy", "tensor==2.0", "--destination", target),
        env={"MICROREPO_SOURCES": merged.source},
    )
    assert {path.name for path in target.glob("*.whl")} == {
        files[version].filename for version in ("2.0", "2.0+cpu", "2.0+cu128")
    }, done.stdout


# --- what installs --------------------------------------------------------------------------------


@pytest.fixture
def locks(merged: Repository, tmp_path: Path) -> Path:
    """The folder of the two lock files."""
    folder = tmp_path / "locks"
    merged.refresh("vision", "--lock", folder)
    checked = merged.do(
        "check", "vision", "--environments", json.dumps(TARGETS), "--lock", folder
    ).stdout
    for environment, label in {"cpu-nodes": "cpu", "gpu-nodes": "cu128"}.items():
        said = f"{environment}: checked with tensor +{label}; clients need its lock file or a pin"
        assert said in checked.splitlines()
    return folder


@pytest.mark.parametrize(("name", "expected"), [("cpu-nodes", CPU), ("gpu-nodes", GPU)])
def test_uv_installs_the_build_of_the_lock(
    locks: Path, fresh_venv: Venvs, name: str, expected: str
) -> None:
    venv = fresh_venv()
    words = ["--offline", "--no-index", "--preview-features", "pylock"]
    venv.uv("pip", "sync", *words, locks / f"pylock.{name}.toml")
    assert venv.run("-c", SHOW).stdout == f"{expected}\n"


@pytest.mark.parametrize(("name", "expected"), [("cpu-nodes", CPU), ("gpu-nodes", GPU)])
def test_the_newest_pip_installs_the_build_of_the_lock(
    locks: Path, fresh_venv: Venvs, name: str, expected: str
) -> None:
    python = tool("newest-pip", ["pip"]) / "python"
    venv = fresh_venv()
    words = ["--isolated", "--disable-pip-version-check", "install", "--no-index"]
    run_program(
        [python, "-m", "pip", "--python", venv.python, *words, "-r", locks / f"pylock.{name}.toml"],
        env=clean_environment(venv.directory, {"PIP_CONFIG_FILE": os.devnull}),
        cwd=venv.directory,
        check=True,
        timeout_s=120,
    )
    assert venv.run("-c", SHOW).stdout == f"{expected}\n"


@pytest.mark.parametrize(("pin", "expected"), [("cpu", CPU), ("cu128", GPU)])
@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_a_pin_selects_the_build_on_the_merged_page(
    merged: Repository, fresh_venv: Venvs, pin: str, expected: str, installer: str
) -> None:
    merged.refresh("vision")
    venv = fresh_venv()
    index = (merged.path / "simple").as_uri()
    words = ["install", "--index-url", index, "vision", f"tensor==2.0+{pin}"]
    if installer == "pip":
        venv.pip(*words)
    else:
        venv.uv("pip", *words)
    found = venv.run("-c", SHOW).stdout
    assert f"('tensor', '2.0+{pin}'), ('vision', '1.0')" in found
    assert ("cuda-runtime" in found) == ("cuda-runtime" in expected)
