"""Every error microrepo raises on purpose, in one tree.

::

    MicrorepoError
    ├── ConfigError               the configuration or the command line is wrong
    ├── SourceError               a source could not say what it has
    │   ├── Unavailable               no answer, or a server error after all retries
    │   │   └── AccessDenied              credentials are missing, wrong or not enough
    │   ├── ProjectNotFound           the source does not know the project
    │   ├── NoProjectList             the source does not say which projects it has
    │   ├── MalformedResponse         an answer that cannot be read
    │   └── StalePage                 an answer older than the source promised
    ├── TransferError             a file could not be fetched whole
    │   ├── DigestMismatch
    │   ├── SizeMismatch
    │   └── Truncated
    ├── RepositoryError           the repository on disk is in the way
    │   ├── Locked                    another run holds the lock
    │   ├── StateCorrupt
    │   └── UnknownSchema             the state was written by a newer microrepo
    ├── PlanRefused               a guard stopped the plan before it was carried out
    │   ├── TooManyDeletions
    │   ├── NoSpace
    │   └── OverBudget
    ├── RuleFailed                a rule of somebody else's raised an error
    ├── Cancelled                 the caller wanted the operation to end
    ├── FailedCommand             release mirror: a precondition does not hold
    └── StorageOperationError     release mirror: network or files failed

Arguments go to ``Exception.__init__`` unchanged and the text is made in ``__str__``: an error that
cannot be unpickled would take the whole process pool down with it.
"""

from __future__ import annotations

from microrepo.exit_codes import ExitCode


class MicrorepoError(Exception):
    """Base of all errors that microrepo raises on purpose.

    Attributes:
        exit_code: what the command line ends with when the error reaches it.
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
    """A setting or an argument is wrong; the text names it and says what to do."""

    exit_code = ExitCode.USAGE


class SourceError(MicrorepoError):
    """A source could not say what it has. Arguments: what was asked for, what went wrong."""

    _is_named = True


class Unavailable(SourceError):
    """No answer, or a server error, after all retries."""


class AccessDenied(Unavailable):
    """Credentials are missing, wrong or not enough. Arguments: what was asked for, the answer."""


class ProjectNotFound(SourceError):
    """The source does not know the project (or keeps it in quarantine). Arguments: both names."""

    def _text(self) -> str:
        return f"project not found at {self.args[1]}"


class NoProjectList(SourceError):
    """The source does not say which projects it has; it may have some all the same."""


class MalformedResponse(SourceError):
    """An answer that is neither JSON nor an index page, or lacks what the specification requires."""


class StalePage(SourceError):
    """A page older than the serial that the index announced; it is asked for again later."""

    def _text(self) -> str:
        _, promised, got = self.args
        return f"page is at serial {got}, the index announced {promised}; retried later"


class TransferError(MicrorepoError):
    """A file could not be fetched whole. Arguments: file name, what went wrong."""

    _is_named = True


class DigestMismatch(TransferError):
    """Content does not have the announced digest. Arguments: file, algorithm, wanted, got."""

    def _text(self) -> str:
        _, algorithm, wanted, got = self.args
        return f"{algorithm} is {got}, the source announced {wanted}"


class SizeMismatch(TransferError):
    """Content does not have the announced size. Arguments: file, wanted bytes, got bytes."""

    def _text(self) -> str:
        _, wanted, got = self.args
        return f"received {got} bytes, the source announced {wanted}"


class Truncated(TransferError):
    """The connection ended before the body did. Arguments: file, what happened."""


class RepositoryError(MicrorepoError):
    """The repository on disk is in the way. Arguments: path, what is wrong and what to do."""

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
    """A guard stopped the plan. Arguments: the text, which names the setting that allows it."""


class TooManyDeletions(PlanRefused):
    """More files would be deleted without a replacement than `max_deletes` allows."""


class NoSpace(PlanRefused):
    """The file system has too little room for the plan and `min_free_space`."""


class OverBudget(PlanRefused):
    """The repository would grow beyond `max_total_size`."""


class RuleFailed(MicrorepoError):
    """A third-party rule raised an error. Arguments: the rule, what it was asked about, why."""

    def __str__(self) -> str:
        about = ": ".join(str(argument) for argument in self.args[1:])
        return f"rule {self.args[0]} failed on {about}"


class Cancelled(MicrorepoError):
    """The caller set the event that ends an operation; what is done stays."""

    exit_code = ExitCode.INTERRUPTED


class FailedCommand(MicrorepoError):
    """Release mirror: a precondition does not hold, nothing was copied."""


class StorageOperationError(MicrorepoError):
    """Release mirror: the network or the file system failed in mid-copy."""
