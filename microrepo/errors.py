"""Error classes of microrepo.

::

    MicrorepoError
    ├── ConfigError               the configuration or the command line is invalid
    ├── SourceError               a source could not be read
    │   ├── Unavailable               no response, or a server error after all retries
    │   │   └── AccessDenied              credentials are missing, wrong or insufficient
    │   ├── ProjectNotFound           the source does not have the project
    │   ├── NoProjectList             the source does not list its projects
    │   ├── MalformedResponse         a response that cannot be parsed
    │   └── StalePage                 a response older than the source promised
    ├── TransferError             a file could not be transferred completely
    │   ├── DigestMismatch
    │   ├── SizeMismatch
    │   ├── Truncated
    │   ├── ScanRefused               the scan command refused the file
    │   └── ScanFailed                the file could not be scanned
    ├── RepositoryError           the repository on disk cannot be used
    │   ├── Locked                    another run holds the lock
    │   ├── StateCorrupt
    │   └── UnknownSchema             the state was written by a newer microrepo
    ├── PlanRefused               a guard refused the plan
    │   ├── TooManyDeletions
    │   ├── NoSpace
    │   └── OverBudget
    ├── BundleRefused             a bundle is malformed, forged or not accepted
    ├── RuleFailed                a third-party rule raised an error
    ├── Cancelled                 the caller cancelled the operation
    ├── FailedCommand             release mirror: a precondition failed
    └── StorageOperationError     release mirror: network or files failed

Arguments go to ``Exception.__init__`` unchanged and ``__str__`` makes the text: an error that
cannot be unpickled would break the whole process pool.
"""

from __future__ import annotations

from microrepo.exit_codes import ExitCode


class MicrorepoError(Exception):
    """Base of all microrepo errors.

    Attributes:
        exit_code: exit code of a command that ends with the error.
    """

    exit_code = ExitCode.FAILED

    _is_named = False  # the first argument is the name of what the error is about

    def __str__(self) -> str:
        if self._is_named:
            return ": ".join(filter(None, (str(self.args[0]), self._text())))
        return " ".join(str(argument) for argument in self.args)

    def _text(self) -> str:
        return ": ".join(str(argument) for argument in self.args[1:])

    def why(self, what: str) -> str:
        """Return the text for a reader who sees the name `what` beside it: it is not repeated."""
        return self._text() if self._is_named and str(self.args[0]) == what else str(self)


class ConfigError(MicrorepoError):
    """A setting or an argument is invalid; the text names it and says what to do."""

    exit_code = ExitCode.USAGE


class SourceError(MicrorepoError):
    """A source could not be read. Arguments: what was requested, the problem."""

    _is_named = True


class Unavailable(SourceError):
    """No response, or a server error, after all retries."""


class AccessDenied(Unavailable):
    """Credentials are missing, wrong or insufficient. Arguments: the request, the response."""


class ProjectNotFound(SourceError):
    """The source does not have the project (or has quarantined it). Arguments: both names."""

    def _text(self) -> str:
        return f"project not found at {self.args[1]}"


class NoProjectList(SourceError):
    """The source does not list its projects, but can have some."""


class MalformedResponse(SourceError):
    """A response that is neither JSON nor an index page, or lacks required fields."""


class StalePage(SourceError):
    """A page older than the serial that the index announced; requested again later."""

    def _text(self) -> str:
        _, promised, got = self.args
        return f"page is at serial {got}, the index announced {promised}; retried later"


class TransferError(MicrorepoError):
    """A file could not be transferred completely. Arguments: file name, the problem."""

    _is_named = True


class DigestMismatch(TransferError):
    """The digest of the content differs. Arguments: file, algorithm, expected, actual."""

    def _text(self) -> str:
        _, algorithm, wanted, got = self.args
        return f"{algorithm} is {got}, the source announced {wanted}"


class SizeMismatch(TransferError):
    """The size of the content differs. Arguments: file, expected bytes, actual bytes."""

    def _text(self) -> str:
        _, wanted, got = self.args
        return f"received {got} bytes, the source announced {wanted}"


class Truncated(TransferError):
    """The connection closed before the end of the body. Arguments: file, the problem."""


class ScanRefused(TransferError):
    """The scan command refused a file. Arguments: file name, what the command said."""

    def _text(self) -> str:
        return (
            f"refused by the scan: {self.args[1]}. To skip it, add it to `exclude_files`; to accept "
            "it, delete its verdict in .microrepo/refused"
        )


class ScanFailed(TransferError):
    """A file could not be scanned, so it was not kept. Arguments: file name, the problem."""


class RepositoryError(MicrorepoError):
    """The repository on disk cannot be used. Arguments: path, the problem and what to do."""

    _is_named = True


class Locked(RepositoryError):
    """Another run holds the repository's lock. Arguments: repository path, holder or ""."""

    exit_code = ExitCode.LOCKED

    def _text(self) -> str:
        by = f" ({self.args[1]})" if self.args[1] else ""
        return f"locked by another run{by}. Try again when it has finished."


class StateCorrupt(RepositoryError):
    """The state database cannot be read."""


class UnknownSchema(RepositoryError):
    """The state was written by a newer microrepo. Arguments: path, schema found, newest known."""

    def _text(self) -> str:
        _, found, known = self.args
        return (
            f"written by a newer microrepo (schema {found}, this one supports {known}). "
            "Upgrade microrepo, or move the file away to rebuild it."
        )


class PlanRefused(MicrorepoError):
    """A guard refused the plan. Arguments: the text, with the setting that allows it."""


class TooManyDeletions(PlanRefused):
    """More files would be deleted without a replacement than `max_deletes` allows."""


class NoSpace(PlanRefused):
    """The file system has too little room for the plan and `min_free_space`."""


class OverBudget(PlanRefused):
    """The repository would grow beyond `max_total_size`."""


class BundleRefused(MicrorepoError):
    """A bundle is malformed, or its signature is not accepted; nothing has changed."""


class RuleFailed(MicrorepoError):
    """A third-party rule raised an error. Arguments: the rule, its arguments, the error."""

    def __str__(self) -> str:
        about = ": ".join(str(argument) for argument in self.args[1:])
        return f"rule {self.args[0]} failed on {about}"


class Cancelled(MicrorepoError):
    """The caller cancelled an operation; completed work is kept."""

    exit_code = ExitCode.INTERRUPTED


class FailedCommand(MicrorepoError):
    """Release mirror: a precondition failed, nothing was copied."""


class StorageOperationError(MicrorepoError):
    """Release mirror: the network or the file system failed during a copy."""
