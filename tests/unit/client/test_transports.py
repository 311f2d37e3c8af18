"""GETs by each transport: which connections are used again, and what is asked for once more."""

from __future__ import annotations

import gc
import gzip
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from microrepo.client import Client, ClientSettings
from microrepo.client.reach import Reach
from microrepo.client.settings import TransportName
from microrepo.client.transport.response_protocol import BrokenAnswer
from microrepo.client.transport.route_protocol import RouteSettings
from microrepo.client.transport.transport_choice import open_transport
from microrepo.errors import MalformedResponse, Unavailable
from tests.support.transports import each_transport

pytestmark = each_transport

BODY = b"0123456789" * 1000
Answering = Callable[[BaseHTTPRequestHandler], None]


class CountingServer(ThreadingHTTPServer):
    """Counts connections and requests; `answer` may be set for the next requests."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        self.connections = 0
        self.paths: list[str] = []
        self.answers: list[Answering] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def get_request(self):
        self.connections += 1
        return super().get_request()

    def handle_error(self, request, client_address) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: CountingServer

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        (self.server.answers.pop(0) if self.server.answers else plain)(self)

    def log_message(self, format: str, *args) -> None:  # noqa: A002 (inherited)
        pass


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def plain(handler: BaseHTTPRequestHandler) -> None:
    send(handler, 200, BODY)


def encoded(handler: BaseHTTPRequestHandler) -> None:
    send(handler, 200, gzip.compress(BODY), Content_Encoding="gzip")


def half(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(BODY)))
    handler.end_headers()
    handler.wfile.write(BODY[: len(BODY) // 2])
    handler.close_connection = True


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def large(handler: BaseHTTPRequestHandler) -> None:
    send(handler, 200, BODY * 1000)


def busy(handler: BaseHTTPRequestHandler) -> None:
    send(handler, 503, b"later", Retry_After="0")


def read_file(client: Client, url: str) -> bytes:
    response = client.open(url)
    try:
        pieces = list(iter(lambda: response.read(700), b""))
    except BrokenAnswer:
        response.close()
        raise
    response.release_conn()
    return b"".join(pieces)


@pytest.fixture
def server() -> Iterator[CountingServer]:
    serving = CountingServer()
    thread = threading.Thread(target=serving.serve_forever, args=(0.05,))
    thread.start()
    yield serving
    serving.shutdown()
    thread.join()
    serving.server_close()


@pytest.fixture
def client(transport: TransportName) -> Iterator[Client]:
    made = Client(ClientSettings(transport=transport, retries=3, timeout_s=10))
    yield made
    made.close()


def test_one_connection_serves_many_requests(server: CountingServer, client: Client) -> None:
    for number in range(10):
        assert client.get(f"{server.url}/{number}").body == BODY
        assert read_file(client, f"{server.url}/file-{number}") == BODY
    assert server.connections == 1
    assert len(server.paths) == 20


def test_an_answer_given_up_is_not_mixed_with_the_next(
    server: CountingServer, client: Client
) -> None:
    first = client.open(f"{server.url}/first")
    assert first.read(100) == BODY[:100]
    first.close()
    second = client.open(f"{server.url}/second")
    assert second.read(100) == BODY[:100]
    second.release_conn()  # with the rest unread
    second.release_conn()
    assert client.get(f"{server.url}/third").body == BODY
    assert client.get(f"{server.url}/fourth").body == BODY


def test_two_answers_at_once_have_two_connections(server: CountingServer, client: Client) -> None:
    server.answers = [large, large]
    one, other = client.open(f"{server.url}/1"), client.open(f"{server.url}/2")
    assert one.read(len(BODY)) == other.read(len(BODY)) == BODY
    for answer in (one, other):
        rest = b"".join(iter(lambda: answer.read(1 << 16), b""))  # noqa: B023
        assert rest == BODY * 999
        answer.release_conn()
        answer.release_conn()
    assert client.get(f"{server.url}/3").body == BODY
    assert server.connections == 2


def test_an_answer_that_waits_for_its_reader_keeps_its_connection(
    server: CountingServer, client: Client
) -> None:
    assert client.get(f"{server.url}/first").body == BODY
    server.answers = [large]
    waiting = client.open(f"{server.url}/large")
    assert waiting.read(1) == BODY[:1]
    for number in range(3):
        assert client.get(f"{server.url}/{number}").body == BODY
    rest = b"".join(iter(lambda: waiting.read(1 << 16), b""))
    assert rest == (BODY * 1000)[1:]
    waiting.release_conn()


def test_an_address_counts_when_it_is_connected_to(
    server: CountingServer, transport: TransportName
) -> None:
    settings = RouteSettings(server.url, {}, {}, None, 5, 1, None, None)
    opened = open_transport(transport, Reach())
    with pytest.raises(MalformedResponse, match="internal_hosts"):
        opened.open(settings).get("/", {})
    opened.close()
    assert server.connections == 0


def test_a_closed_client_has_no_connections_and_works_on(
    server: CountingServer, client: Client
) -> None:
    ends: list[bytes] = []

    def waits_for_the_end(handler: BaseHTTPRequestHandler) -> None:
        plain(handler)
        handler.connection.settimeout(10)
        ends.append(handler.rfile.read(1))
        handler.close_connection = True

    server.answers = [waits_for_the_end]
    assert client.get(f"{server.url}/1").body == BODY
    client.close()
    while not ends:
        time.sleep(0.001)
    assert ends == [b""]
    assert client.get(f"{server.url}/2").body == BODY


def test_a_header_field_is_one_line(server: CountingServer, client: Client) -> None:
    with pytest.raises(Unavailable):
        client.get(f"{server.url}/x", {"If-None-Match": "a\r\nHost: other.example"})
    assert server.paths == []


def test_encoded_documents_are_decoded_and_files_are_not(
    server: CountingServer, client: Client
) -> None:
    server.answers = [encoded, encoded, plain]
    assert client.get(f"{server.url}/document").body == BODY
    response = client.open(f"{server.url}/file")
    assert gzip.decompress(response.read(1 << 20)) == BODY
    response.release_conn()
    assert client.get(f"{server.url}/document").body == BODY
    assert server.connections == 1


def test_a_connection_that_the_server_closed_costs_nothing(
    server: CountingServer, transport: TransportName
) -> None:
    client = Client(ClientSettings(transport=transport, retries=0, timeout_s=10))
    server.answers = [plain, hang_up, plain]
    assert client.get(f"{server.url}/1").body == BODY
    assert client.get(f"{server.url}/2").body == BODY
    assert server.paths == ["/1", "/2", "/2"]
    client.close()


def test_a_forgotten_client_leaves_no_open_socket(
    server: CountingServer, transport: TransportName
) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        Client(ClientSettings(transport=transport)).get(f"{server.url}/1")
        gc.collect()
    assert not [warning for warning in seen if warning.category is ResourceWarning]


def test_a_body_that_breaks_off_is_noticed(server: CountingServer, client: Client) -> None:
    server.answers = [half]
    with pytest.raises(BrokenAnswer):
        read_file(client, f"{server.url}/file")
    server.answers = [half, plain]
    assert client.get(f"{server.url}/document").body == BODY


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_as_many_attempts_as_asked_for(
    server: CountingServer, retries: int, transport: TransportName
) -> None:
    client = Client(ClientSettings(transport=transport, retries=retries, timeout_s=10))
    server.answers = [busy] * 10
    assert client.get(f"{server.url}/x").status == 503
    assert len(server.paths) == retries + 1
    client.close()


def test_a_server_that_never_answers_is_named(
    server: CountingServer, transport: TransportName
) -> None:
    client = Client(ClientSettings(transport=transport, retries=1, timeout_s=10))
    server.answers = [hang_up] * 10
    with pytest.raises(Unavailable, match="127"):
        client.get(f"{server.url}/x")
    assert len(server.paths) == 2
    client.close()


def test_a_path_that_needs_quoting_is_asked_for(server: CountingServer, client: Client) -> None:
    assert client.get(f"{server.url}/a b\u00e9").body == BODY
    assert server.paths == ["/a%20b%C3%A9"]


def _with_a_stray_answer(handler: BaseHTTPRequestHandler) -> None:
    plain(handler)
    handler.wfile.flush()
    # The client asks for the next page meanwhile and takes this for the answer.
    time.sleep(0.05)
    send(handler, 200, b"of nobody's page")


def test_answers_to_nobody_are_noticed(server: CountingServer, client: Client) -> None:
    server.answers.append(_with_a_stray_answer)
    assert client.get(f"{server.url}/first").body == BODY
    assert client.get(f"{server.url}/second").body == b"of nobody's page"
    assert client.is_out_of_step(server.url)
    before = server.connections
    assert client.get(f"{server.url}/second").body == BODY
    assert client.get(f"{server.url}/third").body == BODY
    assert server.connections == before + 2


@pytest.mark.parametrize("answer", [plain, hang_up, None])
def test_servers_in_order_are_in_step(
    server: CountingServer, client: Client, answer: Answering | None
) -> None:
    assert not client.is_out_of_step(server.url)
    if answer is not None:
        assert client.get(f"{server.url}/first").body == BODY
        server.answers.append(answer)
        client.get(f"{server.url}/next")
    assert not client.is_out_of_step(server.url)
    assert client.get(f"{server.url}/last").body == BODY


def not_modified(handler: BaseHTTPRequestHandler, **headers: str) -> None:
    handler.send_response(304)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()


def in_old_http(handler: BaseHTTPRequestHandler) -> None:
    handler.protocol_version = "HTTP/1.0"
    send(handler, 200, BODY)
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (plain, True),
        (not_modified, True),
        (lambda handler: not_modified(handler, Connection="close"), False),
        (lambda handler: send(handler, 200, BODY, Connection="close"), False),
        (in_old_http, False),
    ],
    ids=["plain", "not modified", "not modified, then closed", "closed", "HTTP/1.0"],
)
def test_a_server_that_keeps_its_connections_is_known(
    server: CountingServer, transport: TransportName, answer: Answering, expected: bool
) -> None:
    client = Client(ClientSettings(transport=transport))
    assert not client.keeps_connections
    server.answers.append(answer)
    client.get(f"{server.url}/")
    assert client.keeps_connections == expected
    client.get(f"{server.url}/")
    assert client.keeps_connections
