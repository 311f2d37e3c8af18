"""The one session factory, and the requests made through it.

`requests` resolves proxies, certificates and netrc once per host; the requests themselves go to the
urllib3 pool under its adapter, which halves what a call costs (docs/explanation/performance.md).
"""

from __future__ import annotations

import base64
import ssl
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import requests
import urllib3
from msgspec import Struct
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, get_netrc_auth, select_proxy
from urllib3.exceptions import HTTPError, MaxRetryError, ProxyError
from urllib3.response import BaseHTTPResponse

from microrepo._version import __version__
from microrepo.client.addresses import is_loopback, leads_elsewhere, public_url, redirected
from microrepo.client.direct_connection import Line, NoAnswer
from microrepo.client.tls import tls_context
from microrepo.errors import ConfigError, MalformedResponse, Unavailable

if TYPE_CHECKING:
    from microrepo.client.rate_limit import TokenBucket

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 10
_RETRY_STATUSES = (429, 500, 502, 503, 504, 520, 527)
_BODY_ATTEMPTS = 3
# Larger pieces are no faster, and each thread holds two of them.
_PIECE_BYTES = 1 << 18
_MAX_REPLY_BYTES = 1 << 20


class ClientSettings(Struct, frozen=True):
    """What a client needs to know; travels to the workers.

    Attributes:
        auth: per origin (``https://host:port``) a user and a password.
        limits_dir: directory for the rate limits' files; no limits without it.
        requests_per_second: API requests, after a first `burst`; None = no limit.
        bandwidth_bytes: bytes of files per second; None = no limit.
    """

    contact: str | None = None
    proxy: str | None = None
    ca_bundle: str | None = None
    client_cert: str | None = None
    timeout_s: float = 30
    retries: int = 5
    allow_http: bool = False
    connections: int = 10
    auth: dict[str, tuple[str, str]] = {}
    limits_dir: str | None = None
    requests_per_second: float | None = None
    burst: float = 1
    bandwidth_bytes: int | None = None


class Answer(Struct, frozen=True):
    """A complete answer: status, headers (any case), body, the URL it finally came from, reason."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    reason: str = ""


class _Route(Struct):
    """How one origin is reached; `line` is the short way, where no proxy stands between."""

    pool: Any
    absolute_targets: bool
    headers: dict[str, str]
    line: Line | None


class _PatientRetry(urllib3.Retry):
    """Honours Retry-After, but not for longer than a person would wait."""

    longest_wait_s = 120.0

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        seconds = super().get_retry_after(response)
        return None if seconds is None else min(seconds, self.longest_wait_s)


class _Adapter(HTTPAdapter):
    """An adapter whose connections all share one TLS context (parsing the CA bundle costs 15 ms)."""

    def __init__(self, context: ssl.SSLContext | None, connections: int) -> None:
        self.context = context
        super().__init__(pool_connections=32, pool_maxsize=connections, pool_block=False)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self.context, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self.context, **kwargs)


class Client:
    """Makes requests with retries, time-outs, credentials and limits. Threads may share it."""

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        self._routes: dict[str, _Route] = {}
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._timeout = urllib3.Timeout(connect=settings.timeout_s, read=settings.timeout_s)
        self._retry = _PatientRetry(
            total=settings.retries,
            backoff_factor=0.25,
            backoff_jitter=0.25,
            status_forcelist=_RETRY_STATUSES,
            respect_retry_after_header=True,
            raise_on_status=False,
            redirect=False,
            allowed_methods=None,
        )
        self._api_bucket = self._bucket("api", settings.requests_per_second, settings.burst)
        bandwidth = settings.bandwidth_bytes
        self._byte_bucket = self._bucket("bytes", bandwidth, (bandwidth or 0) / 4)
        self.piece_bytes = (
            min(_PIECE_BYTES, max(4096, bandwidth // 8)) if bandwidth else _PIECE_BYTES
        )

    def get(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 1 << 30,
        *,
        same_origin: bool = False,
    ) -> Answer:
        """Fetch a whole document; counts against the limit on API requests.

        Args:
            url: of the document.
            headers: to send besides the client's own.
            max_bytes: what the document may have.
            same_origin: do not follow redirects to other servers; their answer is returned.

        Returns:
            The answer, whatever its status, once the retries are used up.

        Raises:
            Unavailable: no connection, or the body kept breaking off.
            MalformedResponse: larger than `max_bytes`, or redirected to what is not http(s).
        """
        for attempt in range(_BODY_ATTEMPTS):
            if self._api_bucket is not None:
                self._api_bucket.take(1)
            response = self.open(url, headers, decode=True, same_origin=same_origin)
            try:
                body = _read_bounded(response, url, max_bytes)
            except (HTTPError, OSError) as error:
                response.close()
                if attempt == _BODY_ATTEMPTS - 1:
                    raise Unavailable(public_url(url), _short(error)) from error
                continue
            response.release_conn()
            return Answer(response.status, response.headers, body, response.url or url)
        raise AssertionError("unreachable")

    def post(self, url: str, headers: Mapping[str, str], body: bytes | Iterable[bytes]) -> Answer:
        """Send one POST, once: neither retries nor redirects, which the caller decides on.

        Args:
            url: where to.
            headers: with the `Content-Length`, when `body` is not bytes.
            body: all of it, or pieces as they are sent.

        Raises:
            Unavailable: no answer; the server may have taken the body all the same.
        """
        response = self._send("POST", url, headers, decode=True, body=body)
        try:
            text = _read_bounded(response, url, _MAX_REPLY_BYTES)
        except (HTTPError, OSError) as error:
            response.close()
            raise Unavailable(public_url(url), _short(error)) from error
        response.release_conn()
        return Answer(response.status, response.headers, text, url, response.reason or "")

    def open(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        decode: bool = False,
        same_origin: bool = False,
    ) -> BaseHTTPResponse:
        """Send a GET and return the answer with its body unread; follows redirects.

        The caller reads the body and then calls `release_conn()`, or `close()` to give it up.

        Raises:
            Unavailable: no answer after all retries.
            MalformedResponse: a redirect loop, a redirect to what is not http(s), or no URL at all.
        """
        start = url
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._send("GET", url, headers or {}, decode=decode)
            if response.status not in _REDIRECTS:
                return response
            location = response.headers.get("Location")
            if not location or (same_origin and leads_elsewhere(url, location)):
                return response
            response.drain_conn()
            response.release_conn()
            url = redirected(start, url, location)
        raise MalformedResponse(public_url(start), f"more than {_MAX_REDIRECTS} redirects")

    def throttle(self, count_bytes: int) -> None:
        """Wait until `count_bytes` of file content fit the limit on bandwidth."""
        if self._byte_bucket is not None:
            self._byte_bucket.take(count_bytes)

    def close(self) -> None:
        """Close all connections that are not in use."""
        for route in self._routes.values():
            if route.line is not None:
                route.line.close()
        if self._session is not None:
            self._session.close()

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        decode: bool,
        body: bytes | Iterable[bytes] | None = None,
    ) -> BaseHTTPResponse:
        try:
            parts = urlsplit(url)
            route = self._route(url, parts)
        except (ValueError, requests.RequestException) as error:
            shown = url.rpartition("@")[2][:80]
            raise MalformedResponse(shown, f"is no proper URL: {error}") from error
        target = (
            url
            if route.absolute_targets
            else urlunsplit(("", "", parts.path or "/", parts.query, ""))
        )
        headers = {**route.headers, **headers}
        retries: urllib3.Retry | bool = self._retry if body is None else False
        if route.line is not None and body is None:
            found, retries = self._send_directly(route.line, target, headers, decode=decode)
            if found is not None:
                found.url = url
                return found
        try:
            response: BaseHTTPResponse = route.pool.urlopen(
                method,
                target,
                body=body,
                headers=headers,
                retries=retries,
                timeout=self._timeout,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=decode,
            )
        except MaxRetryError as error:
            raise Unavailable(public_url(url), _short(error.reason or error)) from error
        except (HTTPError, OSError) as error:
            raise Unavailable(public_url(url), _short(error)) from error
        response.url = url
        return response

    def _send_directly(
        self, line: Line, target: str, headers: Mapping[str, str], *, decode: bool
    ) -> tuple[BaseHTTPResponse | None, urllib3.Retry]:
        """Try the short way once; return the answer, or what is left of the retries without one."""
        total = self._settings.retries
        try:
            response = line.get(target, headers, decode=decode)
        except NoAnswer as error:
            # Without retries urllib3 is left to find out, and to say, what is wrong.
            return None, self._retry if error.stale or not total else self._retry.new(
                total=total - 1
            )
        if response.status not in _RETRY_STATUSES or not total:
            return response, self._retry
        try:
            response.drain_conn()
            response.release_conn()
        except (HTTPError, OSError):
            response.close()
        self._retry.sleep_for_retry(response)
        return None, self._retry.new(total=total - 1)

    def _route(self, url: str, parts: SplitResult) -> _Route:
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        route = self._routes.get(origin)
        if route is None:
            with self._lock:
                route = self._routes.get(origin) or self._open_route(url, origin)
                self._routes[origin] = route
        return route

    def _open_route(self, url: str, origin: str) -> _Route:
        host = urlsplit(url).hostname or ""
        if origin.startswith("http://") and not (self._settings.allow_http or is_loopback(host)):
            raise ConfigError(
                f"{public_url(url)}: plain http is refused for other hosts than this one; use "
                "https, or set `allow_http`"
            )
        session = self._open_session()
        proxies = self._proxies(url)
        adapter = self._adapter(session, origin)
        prepared = requests.Request("GET", url).prepare()
        pool = adapter.get_connection_with_tls_context(prepared, True, proxies=proxies)
        proxied = adapter.request_url(prepared, proxies) == prepared.url
        headers = {
            "User-Agent": _user_agent(self._settings.contact),
            "Accept-Encoding": "gzip, deflate",
            **self._authorization(url, origin),
        }
        if proxied and proxies.get("http"):
            headers.update(adapter.proxy_headers(proxies["http"]))
        line = None
        if select_proxy(url, proxies) is None:
            context = adapter.context if origin.startswith("https") else None
            line = Line(urlsplit(url), self._settings.timeout_s, context)
        return _Route(pool, proxied, headers, line)

    def _open_session(self) -> requests.Session:
        if self._session is None:
            self._session = requests.Session()
            self._session.trust_env = False
        return self._session

    def _adapter(self, session: requests.Session, origin: str) -> _Adapter:
        prefix = origin.partition(":")[0] + "://"
        mounted = session.adapters.get(prefix)
        if isinstance(mounted, _Adapter):
            return mounted
        context = (
            tls_context(self._settings.ca_bundle, self._settings.client_cert)
            if origin.startswith("https")
            else None
        )
        adapter = _Adapter(context, self._settings.connections)
        session.mount(prefix, adapter)
        return adapter

    def _proxies(self, url: str) -> dict[str, str]:
        if self._settings.proxy:
            if is_loopback(urlsplit(url).hostname or ""):
                return {}
            return {"http": self._settings.proxy, "https": self._settings.proxy}
        return dict(get_environ_proxies(url, no_proxy=None))

    def _authorization(self, url: str, origin: str) -> dict[str, str]:
        found = self._settings.auth.get(origin) or get_netrc_auth(origin)
        parts = urlsplit(url)
        if found is None and parts.username:
            found = (unquote(parts.username), unquote(parts.password or ""))
        if found is None:
            return {}
        token = base64.b64encode(f"{found[0]}:{found[1]}".encode()).decode("ascii")
        return {"Authorization": f"Basic {token}"}

    def _bucket(self, name: str, rate: float | None, burst: float) -> TokenBucket | None:
        if not rate or not self._settings.limits_dir:
            return None
        from microrepo.client.rate_limit import TokenBucket

        return TokenBucket(Path(self._settings.limits_dir) / f"{name}.bucket", rate, max(burst, 1))


def _read_bounded(response: BaseHTTPResponse, url: str, max_bytes: int) -> bytes:
    pieces = []
    total = 0
    while piece := response.read(_PIECE_BYTES):
        pieces.append(piece)
        total += len(piece)
        if total > max_bytes:
            response.close()
            raise MalformedResponse(public_url(url), f"larger than {max_bytes} bytes")
    return b"".join(pieces)


def _user_agent(contact: str | None) -> str:
    about = f" ({contact})" if contact else ""
    return f"microrepo/{__version__}{about} requests/{requests.__version__}"


def _short(error: object) -> str:
    """Return the gist of a urllib3 error: its text leads with objects and addresses."""
    if isinstance(error, ProxyError):
        return f"by way of the proxy: {_short(error.original_error)}"
    text = str(error)
    _, arrow, rest = text.rpartition(">: ")
    text = rest if arrow else text.removeprefix("(").partition("): ")[2] or text
    return text or type(error).__name__
