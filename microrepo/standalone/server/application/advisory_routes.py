"""Advisory routes: OSV's API for the advisories that the repository keeps.

https://google.github.io/osv.dev/api/: `POST /v1/query` asks about one release, `POST /v1/querybatch`
about several. Both only read, so a request from another site can change nothing; without header
fields for scripts of other sites, browsers do not hand the answers to these.
"""

from __future__ import annotations

import json
import os
import threading
from typing import Any

from microrepo.standalone.server.advisories.advisory_index import (
    INDEX_PLACE,
    OSV_FOLDER,
    AdvisoryIndex,
    AdvisoryIndexError,
)
from microrepo.standalone.server.advisories.osv_queries import (
    MAX_QUERIES,
    OsvQuery,
    OsvQueryError,
    answer_batch,
    answer_query,
    parse_query,
)
from microrepo.standalone.server.application.answers import Answer
from microrepo.standalone.server.disk.files import open_below, signature_of
from microrepo.standalone.server.messages.requests import Request
from microrepo.standalone.server.messages.responses import Caching, Response, cache_fields


class AdvisoryRoutes:
    """Answers questions about advisories from the index that a refresh or an import wrote.

    Args:
        root: the real path of the repository.
    """

    def __init__(self, root: str) -> None:
        self._folder = os.path.join(root, ".microrepo")
        self._path = os.path.join(self._folder, OSV_FOLDER, *INDEX_PLACE)
        self._lock = threading.Lock()
        self._opened: tuple[Any, AdvisoryIndex | None] = (None, None)

    def answer(self, request: Request) -> Answer:
        """Return the answer to a question, or what is wrong with it."""
        if "content-length" not in request.headers:
            return _query_refusal(411, "a question needs a body, with its Content-Length")
        try:
            found = self._answered(_asked(request), alone=request.path == "/v1/query")
        except OsvQueryError as error:
            return _query_refusal(400, str(error))
        except AdvisoryIndexError as error:
            return _query_refusal(503, f"the index of advisories {error}; refresh or import again")
        if found is None:
            return _query_refusal(404, "this repository keeps no advisories")
        return _query_answer(200, found)

    def _answered(self, queries: list[OsvQuery], *, alone: bool) -> dict[str, Any] | None:
        """Return the answer to one question, or to several; None without advisories.

        Raises:
            AdvisoryIndexError: the index is damaged.
            OsvQueryError: the answer would be too long.
        """
        for is_last in (False, True):
            try:
                with self._lock:
                    index = self._index()
                if index is None:
                    return None
                if alone:
                    return _vulns(answer_query(index, queries[0]))
                return {"results": list(map(_vulns, answer_batch(index, queries)))}
            except AdvisoryIndexError:
                # It can have been replaced while it was read.
                self._opened = (None, None)
                if is_last:
                    raise
        return None

    def _index(self) -> AdvisoryIndex | None:
        """Return the index, read again after it was replaced; None without one."""
        opened = open_below(self._folder, self._path)
        if opened is None:
            return None
        descriptor, status = opened
        os.close(descriptor)
        known, index = self._opened
        if index is None or known != signature_of(status):
            index = AdvisoryIndex(self._read)
            self._opened = (signature_of(status), index)
        return index

    def _read(self, offset: int, count: int) -> bytes:
        opened = open_below(self._folder, self._path)
        if opened is None:
            return b""
        with os.fdopen(opened[0], "rb") as stream:
            stream.seek(offset)
            return stream.read(count)


def _asked(request: Request) -> list[OsvQuery]:
    """Return the questions of a request.

    Raises:
        OsvQueryError: it has none, or one that cannot be answered.
    """
    try:
        values = json.loads(request.body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise OsvQueryError("the body is not JSON") from None
    if request.path == "/v1/query":
        return [parse_query(values)]
    queries = values.get("queries") if isinstance(values, dict) else None
    if not isinstance(queries, list) or len(queries) > MAX_QUERIES:
        raise OsvQueryError(f"`queries` must be a list of at most {MAX_QUERIES:,}")
    return [parse_query(one) for one in queries]


def _vulns(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {"vulns": found} if found else {}


def _query_refusal(status: int, text: str) -> Answer:
    # As gRPC gateways write errors; 3 is INVALID_ARGUMENT, 5 NOT_FOUND, 14 UNAVAILABLE.
    code = {404: 5, 503: 14}.get(status, 3)
    return _query_answer(status, {"code": code, "message": text})


def _query_answer(status: int, values: dict[str, Any]) -> Answer:
    body = json.dumps(values, separators=(",", ":")).encode()
    headers = [
        ("Content-Type", "application/json"),
        *cache_fields(Caching.PAGE, private=False),
    ]
    return Answer(Response(status, headers, body))
