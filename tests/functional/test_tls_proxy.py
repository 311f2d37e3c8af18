"""The way to the source: TLS, client certificates, proxies, plain http."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.proxy import Proxy
from tests.support.repository import Repository
from tests.support.server import PyPIServer
from tests.support.socks import SocksProxy
from tests.support.tls import Authority
from tests.support.transports import each_transport

pytestmark = each_transport


@pytest.fixture
def alpha(index: FakeIndex) -> BuiltFile:
    """The file to fetch."""
    built = build_wheel("alpha", "1.0", payload_size=5000)
    index.add("alpha", built)
    return built


@pytest.fixture
def secure(index: FakeIndex, authority: Authority) -> Iterator[PyPIServer]:
    """An https server that our own authority vouches for."""
    with PyPIServer(index, tls=authority.server_context()) as server:
        yield server


@pytest.fixture
def over_tls(repo: Repository, secure: PyPIServer) -> Repository:
    """A repository with that server as its source."""
    repo.source = secure.url
    return repo


class TestTLS:
    """https with an authority of one's own."""

    def test_works_with_the_authority(
        self, over_tls: Repository, authority: Authority, alpha: BuiltFile
    ) -> None:
        over_tls.refresh("alpha", "--ca-bundle", authority.ca_bundle)
        over_tls.holds(alpha)

    @pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    def test_takes_the_authority_from_the_environment(
        self, over_tls: Repository, authority: Authority, alpha: BuiltFile, variable: str
    ) -> None:
        over_tls.refresh("alpha", env={variable: str(authority.ca_bundle)})
        over_tls.holds(alpha)

    def test_refuses_a_server_that_nobody_vouches_for(
        self, over_tls: Repository, secure: PyPIServer, alpha: BuiltFile
    ) -> None:
        report = over_tls.refresh("alpha", "--retries", "0", expect=1)
        over_tls.holds()
        assert "certificate" in report.failed[0].why.lower()
        assert secure.count() == 0

    def test_a_bundle_that_is_none_is_one_message(
        self, over_tls: Repository, alpha: BuiltFile, tmp_path: Path
    ) -> None:
        (tmp_path / "bad.pem").write_text("no certificate")
        for name in ("missing.pem", "bad.pem"):
            bundle = ("--ca-bundle", str(tmp_path / name))
            done = over_tls.run("refresh", "alpha", *over_tls.flags(), *bundle, expect=2)
            assert f"{name}: cannot be used as a CA bundle" in done.stderr
            assert done.stderr.count("\n") == 1


class TestClientCertificate:
    """A server that wants to know who asks."""

    @pytest.fixture
    def strict(
        self, repo: Repository, index: FakeIndex, authority: Authority, alpha: BuiltFile
    ) -> Iterator[Repository]:
        context = authority.server_context(require_client_cert=True)
        with PyPIServer(index, tls=context) as server:
            repo.source = server.url
            repo.settings = (*repo.settings, "--ca-bundle", str(authority.ca_bundle))
            yield repo

    def test_is_shown(self, strict: Repository, authority: Authority, alpha: BuiltFile) -> None:
        strict.refresh("alpha", "--client-cert", authority.client_pem)
        strict.holds(alpha)

    def test_is_missed(self, strict: Repository) -> None:
        report = strict.refresh("alpha", "--retries", "0", expect=1)
        assert [failure.what for failure in report.failed] == ["alpha"]

    def test_that_is_none_is_one_message(self, strict: Repository, tmp_path: Path) -> None:
        certificate = ("--client-cert", str(tmp_path / "x.pem"))
        done = strict.run("refresh", "alpha", *strict.flags(), *certificate, expect=2)
        assert "x.pem: cannot be used as a client certificate" in done.stderr
        assert done.stderr.count("\n") == 1


class TestProxy:
    """Requests that go by way of a proxy; this machine itself never does."""

    def test_is_taken_from_the_settings(
        self, repo: Repository, pypi: PyPIServer, index: FakeIndex, alpha: BuiltFile
    ) -> None:
        file = index.file("alpha", alpha.filename)
        index.change("alpha", "1.0", url=f"http://files.example{file.path}")
        repo.source = "http://pypi.example"
        with Proxy(pypi.port) as proxy:
            repo.refresh("alpha", "--allow-http", "--proxy", proxy.url)
        repo.holds(alpha)
        assert proxy.forwarded == [
            "http://pypi.example/pypi/alpha/json",
            f"http://files.example{file.path}",
        ]

    def test_is_taken_from_the_environment(
        self, repo: Repository, pypi: PyPIServer, alpha: BuiltFile
    ) -> None:
        repo.source = "http://pypi.example"
        with Proxy(pypi.port) as proxy:
            repo.refresh(
                *("alpha", "--allow-http", "--internal-hosts", "127.0.0.1"),
                env={"http_proxy": proxy.url, "no_proxy": "127.0.0.1"},
            )
        repo.holds(alpha)
        assert proxy.forwarded == ["http://pypi.example/pypi/alpha/json"]

    def test_tunnels_tls(
        self, over_tls: Repository, secure: PyPIServer, authority: Authority, alpha: BuiltFile
    ) -> None:
        with Proxy(secure.port) as proxy:
            over_tls.refresh(
                *("alpha", "--ca-bundle", authority.ca_bundle), env={"https_proxy": proxy.url}
            )
        over_tls.holds(alpha)
        assert set(proxy.tunnels) == {f"127.0.0.1:{secure.port}"}

    def test_gets_its_password(
        self, repo: Repository, pypi: PyPIServer, index: FakeIndex, alpha: BuiltFile
    ) -> None:
        repo.source = "http://pypi.example"
        with Proxy(pypi.port, auth=("me", "s3cret@:")) as proxy:
            told = proxy.url.replace("http://", "http://me:s3cret%40%3A@")
            repo.refresh(
                *("alpha", "--allow-http", "--internal-hosts", "127.0.0.1"), "--proxy", told
            )
        repo.holds(alpha)
        assert proxy.refused == 0
        assert not any("authorization" in r.headers for r in pypi.requests)

    def test_without_its_password_fails(
        self, repo: Repository, pypi: PyPIServer, alpha: BuiltFile
    ) -> None:
        repo.source = "http://pypi.example"
        with Proxy(pypi.port, auth=("me", "s3cret")) as proxy:
            told = proxy.url.replace("http://", "http://me:wrong-one@")
            done = repo.run(
                *("refresh", "alpha", *repo.flags(), "--allow-http", "--proxy", told),
                expect=1,
            )
        assert "407" in done.stdout
        assert "wrong-one" not in done.stdout + done.stderr

    def test_is_not_used_for_this_machine(
        self, repo: Repository, pypi: PyPIServer, alpha: BuiltFile
    ) -> None:
        with Proxy(pypi.port) as proxy:
            repo.refresh("alpha", "--proxy", proxy.url)
        repo.holds(alpha)
        assert proxy.forwarded == []

    def test_of_socks(
        self, repo: Repository, pypi: PyPIServer, alpha: BuiltFile, transport: str
    ) -> None:
        repo.source = "http://pypi.example"
        with SocksProxy(pypi.port) as proxy:
            flags = ("--allow-http", "--internal-hosts", "127.0.0.1", "--proxy", proxy.url)
            if transport == "requests" and find_spec("socks") is None:
                done = repo.run("refresh", "alpha", *repo.flags(), *flags, expect=2)
                assert "microrepo[socks]" in done.stderr
                return
            repo.refresh("alpha", *flags)
        repo.holds(alpha)
        assert set(proxy.hosts) == {"pypi.example"}

    def test_that_is_down_is_told(self, repo: Repository, alpha: BuiltFile) -> None:
        repo.source = "http://pypi.example"
        done = repo.run(
            *("refresh", "--packages", "everything", *repo.flags(), "--allow-http"),
            *("--proxy", "http://127.0.0.1:9", "--retries", "0"),
            expect=1,
        )
        assert "proxy" in done.stderr.lower()
        assert done.stderr.count("\n") == 1

    @pytest.mark.parametrize("proxy", ["nonsense", "http://", "ftp://a.example:1", "http://["])
    def test_that_is_none_is_one_message(
        self, repo: Repository, alpha: BuiltFile, proxy: str
    ) -> None:
        repo.source = "http://pypi.example"
        done = repo.run(
            *("refresh", "alpha", *repo.flags(), "--allow-http", "--proxy", proxy), expect=2
        )
        assert "$.proxy" in done.stderr
        assert done.stderr.count("\n") == 1


class TestPlainHTTP:
    """Unencrypted requests leave this machine only when that is allowed."""

    @pytest.mark.parametrize("packages", ["alpha", "everything"])
    @pytest.mark.parametrize("host", ["pypi.example", "localhost.example", "127.0.0.1.example"])
    def test_to_another_host_is_refused(self, repo: Repository, host: str, packages: str) -> None:
        repo.source = f"http://{host}"
        done = repo.run("refresh", "--packages", packages, *repo.flags(), expect=2)
        assert "plain http is refused" in done.stderr
        assert "`allow_http`" in done.stderr
        assert done.stderr.count("\n") == 1
        assert not repo.path.exists()

    def test_links_to_another_host_are_refused(
        self, repo: Repository, index: FakeIndex, alpha: BuiltFile
    ) -> None:
        index.add("alpha", build_wheel("alpha", "1.0", build_tag="1"), url="http://files.example/x")
        report = repo.refresh("alpha", expect=3)
        repo.holds(alpha)
        assert "plain http is refused" in report.failed[0].why

    def test_redirects_to_another_host_are_refused(
        self, repo: Repository, pypi: PyPIServer, alpha: BuiltFile
    ) -> None:
        from tests.support.faults import Redirect

        pypi.fault("/files/*", Redirect("http://files.example/x"))
        report = repo.refresh("alpha", expect=3)
        assert "plain http is refused" in report.failed[0].why


def test_the_user_agent_says_who_asks(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile, run_microrepo: MicrorepoRunner
) -> None:
    version = run_microrepo("--version").stdout.split()[1]
    repo.refresh("alpha", "--contact", "ops@mirror.example")
    agents = {request.headers["user-agent"] for request in pypi.requests}
    assert len(agents) == 1
    assert agents.pop().startswith(f"microrepo/{version} (ops@mirror.example) ")
