"""Destination for an index with the legacy upload form: PyPI, pypiserver, devpi and others.

The index's list decides, not its response: servers respond differently to an existing name (200,
400, 403 or 409), a web page is not a response to an upload, and a broken connection is no response.
So after any response except a plain success, the project's page is read again and decides.
"""

from __future__ import annotations

import html
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

from packaging.utils import canonicalize_name

from microrepo.client import Answer, Client
from microrepo.client.addresses import public_url
from microrepo.client.credentials import DESTINATION_PLACES
from microrepo.errors import MicrorepoError, Unavailable
from microrepo.formats.index.simple_api import ACCEPT, parse_project
from microrepo.model import Digests, File
from microrepo.plan import same_content
from microrepo.repositories.destinations.multipart_form import MultipartForm
from microrepo.repositories.distribution_content import Content, hash_url, read_content
from microrepo.repositories.protocol import DestinationSettings, PutResult
from microrepo.repositories.sources.simple_index import expect_success

_LATER = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 527})
_LONGEST_PAUSE_S = 60.0
_MAX_WORDS = 300
_TAG = re.compile(rb"<[a-zA-Z!]")
_MARKUP = re.compile(r"<(style|script|title)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


class UploadDestination:
    """Uploads distributions and reads the index's list.

    Args:
        client: client with the destination's credentials.
        attempts: retries after broken connections and responses that ask to wait.
        sleep: sleeps between attempts, seconds.
        progress: receives byte counts as they are sent.
    """

    def __init__(
        self,
        client: Client,
        settings: DestinationSettings,
        attempts: int = 5,
        sleep: Callable[[float], None] = time.sleep,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._settings = settings
        self._attempts = attempts
        self._sleep = sleep
        self._progress = progress

    def catalogue(self, project: str) -> dict[str, File]:
        """Return the files of a project that the index lists, by name.

        A server that redirects to another one does not have the project.

        Raises:
            AccessDenied: credentials are missing or wrong.
            SourceError: the page cannot be read.
        """
        name = canonicalize_name(project)
        url = f"{self._settings.simple_root}{name}/"
        answer = self._client.get(url, {"Accept": ACCEPT}, same_origin=True)
        if answer.status in {404, 410} or 300 <= answer.status < 400:
            return {}
        expect_success(answer, public_url(url), DESTINATION_PLACES)
        content_type = answer.headers.get("Content-Type", "")
        files = parse_project(answer.body, content_type, answer.url, name, bound=answer.bound).files
        return {file.filename: file for file in files}

    def put(self, path: Path, filename: str, digests: Digests) -> PutResult:
        """Upload one verified distribution."""
        try:
            content = read_content(path, filename)
        except MicrorepoError as error:
            return PutResult("refused", error.why(filename))
        except OSError as error:
            return PutResult("failed", f"cannot be read: {error.strerror or error}")
        if same_content(digests, content.digests) is False:
            return PutResult("failed", "its content differs from the announced digest")
        return self._upload(path, content)

    def _upload(self, path: Path, content: Content) -> PutResult:
        result = PutResult("failed")
        for attempt in range(self._attempts + 1):
            answer, result = self._post(path, content)
            if result.status == "uploaded":
                return result
            there = self._look_again(content, broken=answer is None or _is_page(answer))
            if there is not None and (there.ok or not self._settings.replace):
                return there
            if result.status != "failed" or attempt == self._attempts:
                return result
            self._sleep(_pause(answer, attempt))
        return result

    def _post(self, path: Path, content: Content) -> tuple[Answer | None, PutResult]:
        form = MultipartForm(content.fields, path, content.filename, self._progress)
        headers = {"Content-Type": form.content_type, "Content-Length": str(form.size_bytes)}
        try:
            answer = self._client.post(self._settings.url, headers, form.body())
        except Unavailable as error:
            return None, PutResult("failed", str(error))
        return answer, self._judge(answer)

    def _judge(self, answer: Answer) -> PutResult:
        """Return the meaning of a response by itself."""
        status = answer.status
        words = self._words_of(answer)
        if _is_page(answer):
            shown = (
                "an HTML page that does not list the file; is this the address of its upload form?"
            )
            return PutResult("refused", f"HTTP {status}: answers with {shown}")
        if 200 <= status < 300:
            return PutResult("uploaded")
        if 300 <= status < 400:
            target = self._target_of(answer)
            where = f"{self._settings.name} redirects uploads to {target}; name that URL"
            return PutResult("refused", f"HTTP {status}: {where}")
        if status in _LATER:
            return PutResult("failed", words)
        if status in {401, 403}:
            return PutResult("denied", words)
        return PutResult("conflict" if status == 409 else "refused", words)

    def _target_of(self, answer: Answer) -> str:
        try:
            return public_url(urljoin(self._settings.url, answer.headers.get("Location", "")))
        except ValueError:
            return "an invalid URL"

    def _look_again(self, content: Content, *, broken: bool) -> PutResult | None:
        """Return the index's file of this name; None if it has none."""
        try:
            there = self.catalogue(content.project).get(content.filename)
        except MicrorepoError:
            return None
        if there is None:
            return None
        same = same_content(content.digests, there.digests)
        if same is None:
            same = self._has_same_bytes(there, content)
        if same is None:
            return None
        if same:
            return PutResult("uploaded" if broken else "present")
        return PutResult("conflict", _OTHER_CONTENT)

    def _has_same_bytes(self, there: File, content: Content) -> bool | None:
        try:
            return hash_url(self._client, there.url).sha256 == content.digests.sha256
        except (MicrorepoError, OSError):
            return None

    def _words_of(self, answer: Answer) -> str:
        """Return the server's message, in one line and without the password."""
        text = html.unescape(_MARKUP.sub(" ", answer.body.decode("utf-8", errors="replace")))
        words = " ".join(text.split())
        reason = answer.reason if answer.reason not in words else ""
        said = f"HTTP {answer.status} {reason}".strip() + (f": {words}" if words else "")
        if self._settings.auth is not None and self._settings.auth[1]:
            said = said.replace(self._settings.auth[1], "***")
        return said[:_MAX_WORDS]


def _is_page(answer: Answer) -> bool:
    """Return whether a response is a web page, such as a login form.

    Indexes respond to an upload with nothing, a word, or JSON; some label even nothing
    ``text/html``.
    """
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    is_html = kind in {"text/html", "application/xhtml+xml"}
    return answer.status in {200, 203} and is_html and bool(_TAG.search(answer.body))


_OTHER_CONTENT = "the destination has other content under this name"


def _pause(answer: Answer | None, attempt: int) -> float:
    """Return the seconds to wait: those that the server requests, or twice as long each time."""
    asked = answer.headers.get("Retry-After", "") if answer is not None else ""
    if asked.isascii() and asked.isdecimal():
        return min(_LONGEST_PAUSE_S, float(asked))
    share: float = random.uniform(0.5, 1.0)  # noqa: S311
    return share * min(_LONGEST_PAUSE_S, 0.25 * 2.0**attempt)
