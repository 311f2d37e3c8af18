"""Terminal: the only place that reads standard input and writes standard output and error.

Every text passes `escape` or `escape_line`, so that names and messages from servers and files cannot
send control sequences, fake lines or reorder what a person reads.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, TextIO

PROGRAM = "microrepo"


def escape(text: str) -> str:
    """Return the text with control characters spelt out, except line ends and tabs."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in "\n\t" else repr(char)[1:-1] for char in text
    )


def escape_line(text: str) -> str:
    """Return the text as one line, with all control characters spelt out."""
    return escape(text).replace("\n", "\\n")


def join_lines(lines: Iterable[str]) -> str:
    """Return lines as one text; a line end inside a line is spelt out."""
    return "".join(f"{escape_line(line)}\n" for line in lines)


def write_out(text: str) -> None:
    """Write text to standard output."""
    with _named_output():
        sys.stdout.write(escape(text))


def write_bytes(content: bytes) -> None:
    """Write data to standard output."""
    with _named_output():
        sys.stdout.buffer.write(content)


def write_err(text: str) -> None:
    """Write text to standard error at once; a run goes on when nobody can read it."""
    try:
        sys.stderr.write(escape(text))
        sys.stderr.flush()
    except OSError:
        _abandon(sys.stderr)


def write_path(path: str) -> None:
    """Write one path to standard output in the bytes of the file system."""
    with _named_output():
        sys.stdout.buffer.write(os.fsencode(escape_line(path)) + b"\n")


def write_json(value: object) -> None:
    """Write a record to standard output as indented JSON."""
    import msgspec  # not needed for help and usage errors

    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    with _named_output():
        sys.stdout.write(_json_escaped(text) + "\n")


def _json_escaped(text: str) -> str:
    """Return JSON with JSON's escapes for what is not printable or not in the encoding."""
    encoding = sys.stdout.encoding or "utf-8"

    def escaped(char: str) -> str:
        if char == "\n" or (char.isprintable() and _encodable(char, encoding)):
            return char
        units = char.encode("utf-16-be", "surrogatepass")
        return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))

    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(map(escaped, text))


def _encodable(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def note(text: str) -> None:
    """Write one line about what was done to standard error."""
    write_err(f"{PROGRAM}: {escape_line(text)}\n")


def warn(text: str) -> None:
    """Write a warning to standard error."""
    note(f"warning: {text}")


def fail(text: str) -> None:
    """Write an error to standard error."""
    note(f"error: {text}")


def usage_error(what: str, hint: str, command: str) -> None:
    """Write a usage error to standard error: what is wrong, a hint if there is one, the help."""
    fail(what)
    lines = [f"hint: {hint}"] if hint else []
    write_err(join_lines([*lines, f"For help: {command} --help"]))


def print_traceback() -> None:
    """Write the traceback of the current exception to standard error."""
    import traceback  # only `--debug` needs it

    write_err(traceback.format_exc())


def prepare() -> None:
    """Open standard streams that are closed; spell out what standard output's encoding lacks.

    The number of a closed stream would go to the next file that is opened, such as the state, and
    what a library or a child process prints would be written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest number
    # They are None where Python found them closed.
    sys.stdin = sys.stdin or _null_stream("r")
    sys.stdout = sys.stdout or _null_stream("w")
    sys.stderr = sys.stderr or _null_stream("w")
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _null_stream(mode: Literal["r", "w"]) -> TextIO:
    return Path(os.devnull).open(mode, encoding="utf-8")


def finish() -> None:
    """Flush standard output.

    Raises:
        OSError: it cannot be written; nothing more is.
    """
    with _named_output():
        sys.stdout.flush()


@contextlib.contextmanager
def _named_output() -> Iterator[None]:
    """Name standard output in errors of writing it, and write nothing more to it after one."""
    try:
        yield
    except OSError as error:
        _abandon(sys.stdout)
        raise type(error)(error.errno, error.strerror, "standard output") from error


def _abandon(stream: TextIO) -> None:
    """Send what is written to a stream from now on nowhere, as its device or reader is gone."""
    with contextlib.suppress(OSError):  # a stream without a number, in tests
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def progress_stream() -> TextIO:
    """Return the stream for progress bars; whatever they show must be escaped before."""
    return sys.stderr


def shows_bars() -> bool:
    """Return whether standard error is a terminal."""
    return sys.stderr.isatty()


def has_reader() -> bool:
    """Return whether a person can answer questions on standard input."""
    return not sys.stdin.closed and sys.stdin.isatty()


def edits_lines() -> bool:
    """Return whether questions can be asked with line editing."""
    return sys.stdout.isatty()


def read_line(prompt: str) -> str:
    """Ask a question and return the line that was typed.

    With standard output on the terminal, lines can be edited; else the question goes to standard
    error, because standard output is for data.

    Raises:
        EOFError: the input has ended.
    """
    if edits_lines():
        return input(escape(prompt))
    write_err(prompt)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")


def read_password(prompt: str) -> str:
    """Ask for a password without showing it.

    Raises:
        EOFError: the input has ended.
    """
    import getpass

    return getpass.getpass(escape_line(prompt))
