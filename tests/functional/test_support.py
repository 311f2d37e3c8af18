"""The test bed itself: what others build on must be as real as it says."""

from __future__ import annotations

import hashlib
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from distlib.wheel import Wheel

from tests.support import faults
from tests.support.faults import Fault
from tests.support.index import FakeIndex, IndexFile
from tests.support.interpreters import python_interpreters
from tests.support.packages import BuiltFile, SdistFormat, build_egg, build_sdist, build_wheel
from tests.support.programs import Environment, MicrorepoRunner
from tests.support.server import PyPIServer
from tests.support.tls import Authority

Venvs = Callable[..., Environment]
JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
PLAIN = {"Accept-Encoding": "identity"}


def get(url: str, **options: Any) -> requests.Response:
    return requests.get(url, timeout=10, **{"allow_redirects": False, **options})


@pytest.fixture
def thing(index: FakeIndex) -> IndexFile:
    """A wheel of 10 kB and a bit, published."""
    return index.add("Big.Thing", build_wheel("big-thing", "1.0", payload_size=10_000))


def test_pip_installs_a_wheel_with_its_dependencies(fresh_venv: Venvs, tmp_path: Path) -> None:
    build_wheel("Needs.Base", "1.0", requires_dist=["base>=1"]).write_to(tmp_path)
    build_wheel("base", "1.5", payload_size=1000).write_to(tmp_path)
    venv = fresh_venv()
    venv.pip("install", "--no-index", "--find-links", tmp_path, "needs-base")
    shown = venv.run(
        "-c", "import needs_base, base; print(needs_base.__version__, base.__version__)"
    )
    assert shown.stdout.split() == ["1.0", "1.5"]


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_pip_builds_an_sdist_offline(fresh_venv: Venvs, tmp_path: Path, kind: SdistFormat) -> None:
    build_sdist("from-source", "2.0", format=kind).write_to(tmp_path)
    venv = fresh_venv()
    venv.pip("install", "--no-index", "--find-links", tmp_path, "from-source")
    assert venv.run("-c", "import from_source; print(from_source.__version__)").stdout == "2.0\n"


@pytest.mark.parametrize("build", [build_wheel, build_sdist, build_egg])
def test_files_are_the_same_each_time(build: Callable[..., BuiltFile]) -> None:
    first, second = (build("same", "1", payload_size=99) for _ in range(2))
    assert first.content == second.content
    assert len(first.content) > 99


def test_pip_installs_from_the_server(
    index: FakeIndex, pypi: PyPIServer, fresh_venv: Venvs
) -> None:
    index.add("Thing", build_wheel("thing", "1.0"))
    index.add("thing", build_wheel("thing", "2.0"), yanked="broken")
    venv = fresh_venv()
    venv.pip("install", "--index-url", pypi.simple_url, "thing")
    assert venv.run("-c", "import thing; print(thing.__version__)").stdout == "1.0\n"
    assert pypi.count("/simple/thing/") == 1


def test_uv_installs_from_the_server(index: FakeIndex, pypi: PyPIServer, fresh_venv: Venvs) -> None:
    index.add("Thing", build_wheel("thing", "1.0"))
    venv = fresh_venv()
    venv.uv("pip", "install", "--index-url", pypi.simple_url, "thing")
    assert venv.run("-c", "import thing; print(thing.__version__)").stdout == "1.0\n"


def test_documents_agree_with_the_files(index: FakeIndex, pypi: PyPIServer) -> None:
    built = build_wheel("thing", "1.0", requires_dist=["base"], requires_python=">=3.8")
    file = index.add("Thing", built)
    answer = get(f"{pypi.json_url}/thing/json")
    document = answer.json()
    (entry,) = document["releases"]["1.0"]
    assert document["urls"] == [entry]
    assert entry["digests"]["sha256"] == hashlib.sha256(built.content).hexdigest()
    assert entry["core-metadata"] == {"sha256": built.metadata_sha256}
    assert int(answer.headers["X-PyPI-Last-Serial"]) == document["last_serial"] == index.serial
    assert entry["url"] == pypi.url + file.path
    assert get(entry["url"]).content == built.content
    assert get(entry["url"] + ".metadata").content == built.metadata


def test_the_record_of_a_wheel_is_right(tmp_path: Path) -> None:
    built = build_wheel("some.thing", "1.0", payload_size=500, extras={"more": ["base>=1"]})
    wheel = Wheel(str(built.write_to(tmp_path)))
    wheel.verify()
    assert wheel.metadata.extras == ["more"]


@pytest.mark.parametrize("kind", ["tar.gz", "tgz", "tar.bz2", "zip"])
def test_an_sdist_of_any_format_unpacks(tmp_path: Path, kind: SdistFormat) -> None:
    built = build_sdist("old.thing", "1.0", format=kind, with_pyproject=False, requires_dist=["a"])
    shutil.unpack_archive(built.write_to(tmp_path), tmp_path)
    root = tmp_path / "old_thing-1.0"
    assert (root / "old_thing.egg-info" / "requires.txt").read_text() == "a\n"
    assert "Name: old.thing" in (root / "PKG-INFO").read_text()


def test_serials_grow_and_stay_with_their_project(index: FakeIndex, pypi: PyPIServer) -> None:
    index.add("one", build_wheel("one", "1"))
    index.add("two", build_wheel("two", "1"))
    before = index.projects["two"].serial
    index.yank("one", "1", "broken")
    root = get(pypi.simple_url, headers=JSON).json()
    serials = {entry["name"]: entry["_last-serial"] for entry in root["projects"]}
    assert serials == {"one": index.serial, "two": before}
    assert root["meta"] == {"_last-serial": index.serial, "api-version": "1.4"}


def test_a_quarantined_project_is_nowhere_but_on_its_empty_page(
    index: FakeIndex, pypi: PyPIServer, thing: IndexFile
) -> None:
    index.set_status("big-thing", "quarantined")
    page = get(f"{pypi.simple_url}big-thing/", headers=JSON).json()
    assert (page["files"], page["project-status"]) == ([], {"status": "quarantined"})
    assert get(f"{pypi.json_url}/big-thing/json").status_code == 404
    assert get(pypi.simple_url, headers=JSON).json()["projects"] == []


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/pypi/Big.Thing/json", "/pypi/big-thing/json"),
        ("/pypi/Big_Thing/1.0/json", "/pypi/big-thing/1.0/json"),
        ("/simple/Big.Thing/", "/simple/big-thing/"),
        ("/simple/big-thing", "/simple/big-thing/"),
        ("/simple", "/simple/"),
    ],
)
def test_other_spellings_are_redirected(
    pypi: PyPIServer, thing: IndexFile, path: str, location: str
) -> None:
    answer = get(pypi.url + path)
    assert (answer.status_code, answer.headers["Location"]) == (301, location)


@pytest.mark.parametrize("path", ["/pypi/no/json", "/pypi/big-thing/9/json", "/simple/no/", "/x"])
def test_what_is_not_there_is_404(pypi: PyPIServer, thing: IndexFile, path: str) -> None:
    assert get(pypi.url + path).status_code == 404


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "text/html"),
        ("text/html;q=0.1, application/vnd.pypi.simple.v1+json", JSON["Accept"]),
        ("application/vnd.pypi.simple.latest+json", JSON["Accept"]),
        ("application/vnd.pypi.simple.v1+json;q=0.1, text/html;q=0.5", "text/html"),
        ("image/png", "text/html"),
    ],
)
def test_the_simple_api_answers_in_the_form_asked_for(
    pypi: PyPIServer, thing: IndexFile, accept: str, kind: str
) -> None:
    answer = get(f"{pypi.simple_url}big-thing/", headers={"Accept": accept})
    assert answer.headers["Content-Type"].partition(";")[0] == kind
    assert thing.filename in answer.text


def test_an_unchanged_document_is_304_in_the_form_it_was_sent(
    index: FakeIndex, pypi: PyPIServer, thing: IndexFile
) -> None:
    url = f"{pypi.json_url}/big-thing/json"
    packed, plain = get(url), get(url, headers=PLAIN)
    tags = [answer.headers["ETag"] for answer in (packed, plain)]
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.json() == plain.json()
    assert tags[0] != tags[1] == f'"{hashlib.md5(plain.content).hexdigest()}"'
    assert get(url, headers={"If-None-Match": tags[0]}).status_code == 304
    index.touch("big-thing")
    assert get(url, headers={"If-None-Match": tags[0]}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status", "first", "last"),
    [
        ({"Range": "bytes=100-"}, 206, 100, None),
        ({"Range": "bytes=100-199"}, 206, 100, 200),
        ({"Range": "bytes=-7"}, 206, -7, None),
        ({"Range": "bytes=999999-"}, 416, 0, 0),
        ({"Range": "bytes=0-1,5-6"}, 200, 0, None),
        ({"Range": "bytes=100-", "If-Range": '"other"'}, 200, 0, None),
    ],
)
def test_ranges_of_a_file(
    pypi: PyPIServer,
    thing: IndexFile,
    headers: dict[str, str],
    status: int,
    first: int,
    last: int | None,
) -> None:
    answer = get(pypi.url + thing.path, headers=headers)
    assert (answer.status_code, answer.content) == (status, thing.built.content[first:last])
    assert "Content-Encoding" not in answer.headers


def test_a_range_is_given_under_the_right_condition(pypi: PyPIServer, thing: IndexFile) -> None:
    url = pypi.url + thing.path
    head = requests.head(url, timeout=10)
    assert int(head.headers["Content-Length"]) == thing.built.size
    for validator in (head.headers["ETag"], head.headers["Last-Modified"]):
        answer = get(url, headers={"Range": "bytes=5-", "If-Range": validator})
        assert answer.content == thing.built.content[5:]


def test_switches_take_features_away(index: FakeIndex, thing: IndexFile) -> None:
    with PyPIServer(
        index, no_serials=True, no_etags=True, no_ranges=True, no_releases_key=True, gzip=False
    ) as server:
        document = get(f"{server.json_url}/big-thing/json")
        page = get(f"{server.simple_url}big-thing/")
        part = get(server.url + thing.path, headers={"Range": "bytes=5-"})
    assert not {"X-PyPI-Last-Serial", "ETag", "Content-Encoding"} & set(document.headers)
    assert not {"releases", "last_serial"} & set(document.json())
    assert "SERIAL" not in page.text
    assert (part.status_code, part.content) == (200, thing.built.content)


def test_an_index_of_html_only(index: FakeIndex, thing: IndexFile) -> None:
    with PyPIServer(index, html_only=True) as server:
        page = get(f"{server.simple_url}big-thing/", headers=JSON)
        assert page.headers["Content-Type"].startswith("text/html")
        assert get(f"{server.json_url}/big-thing/json").status_code == 404


def test_a_password_is_asked_for(index: FakeIndex, thing: IndexFile) -> None:
    with PyPIServer(index, auth=("jo", "secret")) as server:
        assert get(server.simple_url).status_code == 401
        assert get(server.simple_url, auth=("jo", "secret")).status_code == 200


def test_tls_with_our_own_authority(
    index: FakeIndex, thing: IndexFile, authority: Authority
) -> None:
    context = authority.server_context(require_client_cert=True)
    with PyPIServer(index, tls=context) as server:
        trust = {"verify": str(authority.ca_bundle)}
        answer = get(server.simple_url, cert=str(authority.client_pem), **trust)
        assert answer.status_code == 200
        with pytest.raises(requests.ConnectionError):
            get(server.simple_url, **trust)
        with pytest.raises(requests.exceptions.SSLError):
            get(server.simple_url, cert=str(authority.client_pem))


def test_requests_are_recorded(pypi: PyPIServer, thing: IndexFile) -> None:
    with requests.Session() as session:
        session.get(pypi.url + thing.path + "?x=1", timeout=10)
        session.get(pypi.simple_url, timeout=10)
    first, second = pypi.requests
    assert (first.method, first.path, first.status) == ("GET", thing.path + "?x=1", 200)
    assert first.bytes_sent == thing.built.size
    assert first.headers["user-agent"].startswith("python-requests")
    assert first.client_port == second.client_port
    assert (pypi.count("/files/"), pypi.paths("/simple/")) == (1, ["/simple/"])
    pypi.reset()
    assert pypi.requests == []


def test_a_fault_strikes_as_often_as_told_and_in_order(pypi: PyPIServer, thing: IndexFile) -> None:
    pypi.fault("*.whl", faults.Status(503, {"Retry-After": "1"}, b"busy"), times=2)
    last = pypi.fault("*.whl", faults.Status(429), times=1)
    answers = [get(pypi.url + thing.path) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 503, 429, 200]
    assert (answers[0].headers["Retry-After"], answers[0].content) == ("1", b"busy")
    assert last.hits == 1


@pytest.mark.parametrize(
    "fault",
    [
        faults.DropConnection(),
        faults.DropConnection(reset=True),
        faults.CutBody(5000),
        faults.CutBody(5000, reset=True),
        faults.CutBody(0),
    ],
    ids=str,
)
def test_a_connection_breaks(pypi: PyPIServer, thing: IndexFile, fault: Fault) -> None:
    pypi.fault(thing.path, fault)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        get(pypi.url + thing.path)


@pytest.mark.parametrize(
    ("fault", "change"),
    [
        (faults.WrongBody(b"other"), lambda body: b"other"),
        (faults.LongerBody(3), lambda body: body + b"\0\0\0"),
        (faults.ShorterBody(3), lambda body: body[:-3]),
        (faults.TruncatedDocument(), lambda body: body[: len(body) // 2]),
        (faults.NoLength(), lambda body: body),
        (faults.SlowBody(10_000_000), lambda body: body),
        (faults.StallBody(100, 0.01), lambda body: body),
        (faults.Delay(0.01), lambda body: body),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Fault) else "",
)
def test_a_body_is_other_than_it_should_be(
    pypi: PyPIServer, thing: IndexFile, fault: Fault, change: Callable[[bytes], bytes]
) -> None:
    pypi.fault(thing.path, fault)
    answer = get(pypi.url + thing.path)
    assert answer.content == change(thing.built.content)
    length = None if isinstance(fault, faults.NoLength) else str(len(answer.content))
    assert answer.headers.get("Content-Length") == length


def test_corruption_changes_one_byte(pypi: PyPIServer, thing: IndexFile) -> None:
    pypi.fault(thing.path, faults.CorruptBody())
    pairs = zip(get(pypi.url + thing.path).content, thing.built.content, strict=True)
    assert sum(got != true for got, true in pairs) == 1


@pytest.mark.parametrize(
    ("fault", "status", "first"),
    [(faults.IgnoreRange(), 200, 0), (faults.ShiftRange(50), 206, 150)],
    ids=str,
)
def test_a_range_is_answered_otherwise(
    pypi: PyPIServer, thing: IndexFile, fault: Fault, status: int, first: int
) -> None:
    pypi.fault(thing.path, fault)
    answer = get(pypi.url + thing.path, headers={"Range": "bytes=100-"})
    assert (answer.status_code, answer.content) == (status, thing.built.content[first:])


def test_documents_are_mutated_aged_and_replaced(pypi: PyPIServer, thing: IndexFile) -> None:
    url = f"{pypi.json_url}/big-thing/json"
    pypi.fault("/pypi/*", faults.Mutate(lambda document: {"only": document["urls"]}), times=1)
    pypi.fault("/pypi/*", faults.StaleDocument(7), times=1)
    pypi.fault("/pypi/*", faults.NotJSON(), times=1)
    assert list(get(url).json()) == ["only"]
    stale = get(url)
    assert (stale.json()["last_serial"], stale.headers["X-PyPI-Last-Serial"]) == (7, "7")
    with pytest.raises(requests.JSONDecodeError):
        get(url).json()


def test_redirects_lead_astray(pypi: PyPIServer, thing: IndexFile) -> None:
    pypi.fault("/pypi/*", faults.Redirect("{path}"), times=40)
    with pytest.raises(requests.TooManyRedirects):
        get(f"{pypi.json_url}/big-thing/json", allow_redirects=True)
    pypi.clear_faults()
    pypi.fault(lambda request: request.method == "GET", faults.Redirect("file:///etc/hostname"))
    assert get(pypi.simple_url).headers["Location"] == "file:///etc/hostname"


def test_a_stalled_connection_does_not_delay_the_end(index: FakeIndex, thing: IndexFile) -> None:
    with PyPIServer(index) as server:
        server.fault(thing.path, faults.StallBody(10, 60))
        with pytest.raises(requests.ConnectionError):
            requests.get(server.url + thing.path, timeout=0.2)
        start = time.monotonic()
    assert time.monotonic() - start < 20


def test_an_idle_connection_does_not_delay_the_end(index: FakeIndex) -> None:
    with requests.Session() as session:
        with PyPIServer(index) as server:
            session.get(server.simple_url, timeout=10)
            start = time.monotonic()
        assert time.monotonic() - start < 20


def test_a_server_comes_back_at_its_port(index: FakeIndex) -> None:
    with PyPIServer(index) as server:
        assert get(server.simple_url).status_code == 200
    with pytest.raises(requests.ConnectionError):
        get(server.simple_url)
    with PyPIServer(index, port=server.port) as again:
        assert again.url == server.url
        assert get(server.simple_url).status_code == 200


def test_hundreds_of_connections_at_once(pypi: PyPIServer, thing: IndexFile) -> None:
    gate, statuses = threading.Barrier(300), []

    def ask() -> None:
        with requests.Session() as session:
            gate.wait(30)
            statuses.append(session.get(pypi.url + thing.path, timeout=30).status_code)

    threads = [threading.Thread(target=ask) for _ in range(300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 300


def test_the_program_runs_with_a_clean_environment(
    run_microrepo: MicrorepoRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/")
    monkeypatch.setenv("MICROREPO_CONFIG", "elsewhere")
    monkeypatch.setenv("https_proxy", "http://proxy.example/")
    seen = run_microrepo.environment({"MORE": "1"})
    assert not {"PIP_INDEX_URL", "MICROREPO_CONFIG", "https_proxy"} & set(seen)
    assert (seen["HOME"], seen["MORE"]) == (str(run_microrepo.home), "1")


def test_interpreters_are_what_their_names_say() -> None:
    found = python_interpreters()
    assert found
    assert all((3, 7) <= release <= (3, 14) for release in found)
    if sys.version_info[:2] in found:
        assert found[sys.version_info[:2]].exists()
