"""Credentials for an index, from the usual places.

In this order: the command line (a user, a file with the password), the URL itself, the
environment, `.pypirc`, netrc, the keyring's command, and at last a question at the terminal. A
password is never put into a message, an argument list or a file.
"""

from __future__ import annotations

import configparser
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from microrepo.client.addresses import public_url, without_login
from microrepo.client.netrc_logins import netrc_login
from microrepo.errors import ConfigError

Login = tuple[str, str]
Ask = Callable[[str], str]
_KEYRING_TIMEOUT_S = 30
# For messages about HTTP 401.
UNAUTHORIZED = "HTTP 401 (credentials are missing or wrong)"
SOURCE_PLACES = (
    "put them in netrc, in the URL, or in MICROREPO_SOURCE_USERNAME and MICROREPO_SOURCE_PASSWORD "
    "(one of several sources needs a name, and MICROREPO_SOURCE_<NAME>_USERNAME and _PASSWORD)"
)
DESTINATION_PLACES = (
    "put them in netrc, in the URL, or in MICROREPO_DESTINATION_USERNAME and _PASSWORD"
)


def unauthorized_file(url: str) -> str:
    """Return the message about a file whose server wants a login."""
    host = urlsplit(url).hostname
    return (
        f"{UNAUTHORIZED} from its URL; those of the source are sent only to the source's own "
        f"server, so put those for {host} in netrc"
    )


class Surroundings(Struct, frozen=True):
    """Places to look up credentials; tests pass others.

    Attributes:
        environ: variables.
        prefix: prefix of the variables ``<prefix>_USERNAME`` and ``<prefix>_PASSWORD``.
        pypirc: the file, which need not exist; None without a home directory.
        keyring: argument list of the keyring's command, empty for none.
        ask: prompts for a password with the given question; None without a terminal.
    """

    environ: Mapping[str, str]
    prefix: str
    pypirc: Path | None
    keyring: tuple[str, ...] = ("keyring",)
    ask: Ask | None = None


class Given(Struct, frozen=True):
    """Credentials from the command line.

    Attributes:
        username: user name.
        password_file: file whose first line is the password.
    """

    username: str | None = None
    password_file: str | None = None


def usual_places(environ: Mapping[str, str], prefix: str, ask: Ask | None) -> Surroundings:
    """Return where credentials are looked up by default.

    Args:
        environ: variables.
        prefix: prefix of the variables.
        ask: prompts for a password; None without a terminal.
    """
    try:
        pypirc = Path("~/.pypirc").expanduser()
    except RuntimeError:  # there is no home
        return Surroundings(environ, prefix, None, ask=ask)
    return Surroundings(environ, prefix, pypirc, ask=ask)


def find_login(url: str, given: Given, around: Surroundings) -> Login | None:
    """Return user and password for an index; None without any.

    A user in the URL, without a password anywhere and without somebody to ask, is a token.

    Raises:
        ConfigError: a password file cannot be read, or a user has no password.
    """
    url_username, url_password = url_login(url)
    username = given.username or url_username or around.environ.get(f"{around.prefix}_USERNAME")
    password = url_password or around.environ.get(f"{around.prefix}_PASSWORD", url_password)
    if given.password_file is not None:
        password = read_password(given.password_file)
    if username and password is not None:
        return username, password
    if password is not None:
        raise ConfigError(f"{public_url(url)}: a password but no user name; add the user name")
    found = _from_files(url, username, around)
    if found is not None or username is None:
        return found
    kept = from_keyring(url, username, around.keyring)
    if kept is not None:
        return username, kept
    if around.ask is None and username == url_username:
        return username, ""
    if around.ask is None:
        raise ConfigError(
            f"{public_url(url)}: no password for user {username!r}: put it in a file, netrc, "
            f".pypirc, the keyring or {around.prefix}_PASSWORD, or run at a terminal"
        )
    return username, around.ask(question(url, username))


def question(url: str, username: str) -> str:
    """Return the prompt for a password."""
    return f"Password of {username} at {public_url(url)}: "


def url_login(url: str) -> tuple[str | None, str | None]:
    """Return user and password in a URL; None for what is not in it."""
    parts = urlsplit(url.removeprefix("simple+"))
    username = unquote(parts.username) if parts.username else None
    return username, unquote(parts.password) if parts.password is not None else None


def read_password(path: str) -> str:
    """Return the first line of a file.

    Raises:
        ConfigError: the file cannot be read, or is empty.
    """
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the password cannot be read: {error}") from error
    if not lines or not lines[0]:
        raise ConfigError(f"{path}: no password in the first line")
    return lines[0]


def _from_files(url: str, username: str | None, around: Surroundings) -> Login | None:
    found = _from_pypirc(url, username, around.pypirc)
    if found is not None:
        return found
    login = netrc_login(url, with_default=True)
    if login is None or (username is not None and login[0] != username):
        return None
    return login


def _from_pypirc(url: str, username: str | None, path: Path | None) -> Login | None:
    """Return the login of the section whose `repository` is this URL."""
    if path is None:
        return None
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError) as error:
        # Not its text: a broken line can contain the password.
        raise ConfigError(f"{path}: cannot be read ({type(error).__name__})") from None
    wanted = without_login(url).rstrip("/")
    for section in parser.sections():
        about = parser[section]
        name, password = about.get("username"), about.get("password")
        if about.get("repository", "").rstrip("/") != wanted or not name or password is None:
            continue
        if username is None or username == name:
            return name, password
    return None


def from_keyring(url: str, username: str, command: tuple[str, ...]) -> str | None:
    """Return a password from the keyring command, by URL or by host, or None."""
    for service in (without_login(url), urlsplit(url).hostname or "") if command else ():
        try:
            done = subprocess.run(
                [*command, "get", service, username],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_KEYRING_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
            return None
        if done.returncode == 0 and done.stdout.strip("\r\n"):
            return done.stdout.strip("\r\n")
    return None
