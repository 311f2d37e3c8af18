"""Parser of access logs in the combined and common formats of Apache and nginx.

Clients control the content of a line, so nothing here is trusted: a malformed line is not a hit,
and only known programs get a name.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.formats.distribution.filenames import package_type_of, split_release, unsafe_filename
from microrepo.standalone.server.names import is_project_name

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
# The text before the time varies (host, identity, user, virtual host) and is ignored; it cannot
# contain an unescaped quote.
_LINE = re.compile(
    r"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d):\d\d ([+-]\d{4})\] "
    rf"{_QUOTED} (\d{{3}}) (?:\d+|-)(?: {_QUOTED} {_QUOTED})?"
)
_REQUEST = re.compile(r"(GET) (\S+)(?: HTTP/\d(?:\.\d)?)?\Z")
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_PRODUCT = re.compile(r"([A-Za-z][A-Za-z0-9._+-]{0,40})(?:/v?([0-9][0-9A-Za-z.+!_-]{0,30}))?")
_CLIENTS = frozenset(
    {
        *("pip", "uv", "poetry", "pdm", "pipenv", "pipx", "hatch", "pex", "rye", "pixi", "conda"),
        *("mamba", "micromamba", "setuptools", "distribute", "zc.buildout", "buildout", "twine"),
        *("bandersnatch", "microrepo", "minirepo", "morgan", "devpi-server", "devpi", "proxpi"),
        *("pypiserver", "pypicloud", "pulpcore", "artifactory", "nexus", "z3c.pypimirror"),
        *("pep381client", "python-requests", "python-urllib", "python-urllib3", "python-httpx"),
        *("aiohttp", "urllib3", "requests", "httpx", "curl", "wget", "aria2", "homebrew"),
        *("bazel", "nix", "guix", "renovate", "dependabot"),
    }
)
_INSTALLERS = frozenset(
    ("pip", "uv", "poetry", "pdm", "pipenv", "pipx", "hatch", "pex", "rye", "pixi", "buildout")
) | {"zc.buildout", "setuptools", "distribute", "microrepo"}
_PAGE = re.compile(r"/simple/([^/]+)(?:/(?:index\.\w+)?)?\Z")
BROWSER, OTHER, UNKNOWN = "browser", "other", "unknown"


class Hit(Struct, frozen=True, gc=False):
    """One download of a distribution.

    Attributes:
        day: day of the response in UTC, ``YYYY-MM-DD``.
        project: normalised.
        client: name of the program, with its version if known (``pip/24.0``).
    """

    day: str
    project: str
    filename: str
    client: str


class Miss(Struct, frozen=True, gc=False):
    """One request for a project or a file that was not found.

    Attributes:
        day: as in `Hit`.
        project: normalised.
        version: of the requested file; "" for the page of a project.
        client: as in `Hit`.
    """

    day: str
    project: str
    version: str
    client: str


class _Answered(Struct, frozen=True, gc=False):
    """A GET in a log: day, target and client as written, and the status of the response."""

    minute: str
    zone: str
    target: str
    status: str
    agent: str


def parse_hit(line: str) -> Hit | None:
    """Return the download in a line of a log; None for other requests.

    A download is a GET for a distribution with a complete response (status 200). Metadata and parts
    of files do not count.

    Raises:
        ValueError: the line has neither format.
    """
    answered = _parse_line(line)
    if answered is None or answered.status != "200":
        return None
    found = _distribution_at(answered.target)
    if found is None:
        return None
    day = _day_of(answered.minute, answered.zone)
    return Hit(day, *found, client_of(answered.agent))


def parse_miss(line: str) -> Miss | None:
    """Return the project or file that an installer did not find; None for other requests.

    Requests of browsers and of unknown programs do not count: scanners try every path.

    Raises:
        ValueError: the line has neither format.
    """
    answered = _parse_line(line)
    if answered is None or answered.status != "404":
        return None
    client = client_of(answered.agent)
    found = _wanted_at(answered.target) if client.partition("/")[0] in _INSTALLERS else None
    if found is None:
        return None
    return Miss(_day_of(answered.minute, answered.zone), *found, client)


def _parse_line(line: str) -> _Answered | None:
    match = _LINE.search(line)
    if match is None:
        raise ValueError("not a line of an access log")
    minute, zone, request, status, _, agent = match.groups()
    asked = _REQUEST.match(request)
    return _Answered(minute, zone, asked[2], status, agent or "") if asked else None


@lru_cache(maxsize=16_384)
def _wanted_at(target: str) -> tuple[str, str] | None:
    """Return project and version of a requested page or distribution."""
    try:
        path = urlsplit(target).path
    except ValueError:
        return None
    page = _PAGE.search(path)
    if page is not None:
        name = unquote(page[1])
        return (canonicalize_name(name), "") if is_project_name(name) else None
    name = unquote(path.rpartition("/")[2]).removesuffix(".metadata")
    if package_type_of(name) is None or unsafe_filename(name) is not None:
        return None
    release = split_release(name)
    return (canonicalize_name(release[0]), release[1]) if release else None


@lru_cache(maxsize=16_384)
def _distribution_at(target: str) -> tuple[str, str] | None:
    """Return project and file name of the requested distribution."""
    try:
        path = urlsplit(target).path
    except ValueError:
        return None
    name = unquote(path.rpartition("/")[2])
    if package_type_of(name) is None or unsafe_filename(name) is not None:
        return None
    release = split_release(name)
    return (canonicalize_name(release[0]), name) if release else None


@lru_cache(maxsize=4096)
def _day_of(minute: str, zone: str) -> str:
    """Return the day in UTC of a minute such as ``10/Oct/2000:13:55`` at an offset."""
    month = _MONTHS.get(minute[3:6])
    if month is None:
        raise ValueError(f"no month: {minute}")
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
    moment = datetime(
        int(minute[7:11]), month, int(minute[:2]), int(minute[12:14]), int(minute[15:17]),
        tzinfo=timezone(-offset if zone[0] == "-" else offset),
    )  # fmt: skip
    try:
        return moment.astimezone(timezone.utc).date().isoformat()
    except OverflowError as error:
        raise ValueError(f"no time: {minute}") from error


@lru_cache(maxsize=4096)
def client_of(agent: str) -> str:
    """Return the program of a User-Agent, as ``name/version`` or a word for the kind."""
    if not agent or agent == "-":
        return UNKNOWN
    products = [
        (name.lower(), version)
        for name, version in _PRODUCT.findall(agent.partition("{")[0].partition("(")[0][:200])
    ]
    # Older releases of setuptools come after the name of the library that they use.
    ordered = sorted(products, key=lambda product: product[0] not in {"setuptools", "distribute"})
    for name, version in ordered:
        if name in _CLIENTS:
            return f"{name}/{version}" if version else name
    return BROWSER if products[:1] and products[0][0] == "mozilla" else OTHER
