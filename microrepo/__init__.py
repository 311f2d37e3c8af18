"""microrepo: make and keep the repository that offline machines install Python packages from.

The names below are the public library (docs/how-to/library.md). Each is loaded when it is first
used: workers import this package too, and need none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from microrepo._version import __version__

if TYPE_CHECKING:
    from microrepo.config.load import load as load_config
    from microrepo.config.schema import Config
    from microrepo.errors import Cancelled, MicrorepoError
    from microrepo.operations.checking import check
    from microrepo.operations.copy_between import copy_between as copy
    from microrepo.operations.distributions import Distribution, RemoteDistribution
    from microrepo.operations.library import Repository, UploadResult
    from microrepo.operations.refresh import refresh
    from microrepo.operations.requirements import read_requests
    from microrepo.operations.verify import verify
    from microrepo.transfer.progress import Reporter, SilentReporter

__all__ = [
    "Cancelled",
    "Config",
    "Distribution",
    "MicrorepoError",
    "RemoteDistribution",
    "Reporter",
    "Repository",
    "SilentReporter",
    "UploadResult",
    "__version__",
    "check",
    "copy",
    "load_config",
    "read_requests",
    "refresh",
    "verify",
]
_PLACES = {
    "Cancelled": "errors:Cancelled",
    "Config": "config.schema:Config",
    "Distribution": "operations.distributions:Distribution",
    "MicrorepoError": "errors:MicrorepoError",
    "RemoteDistribution": "operations.distributions:RemoteDistribution",
    "Reporter": "transfer.progress:Reporter",
    "Repository": "operations.library:Repository",
    "SilentReporter": "transfer.progress:SilentReporter",
    "UploadResult": "operations.library:UploadResult",
    "check": "operations.checking:check",
    "copy": "operations.copy_between:copy_between",
    "load_config": "config.load:load",
    "read_requests": "operations.requirements:read_requests",
    "refresh": "operations.refresh:refresh",
    "verify": "operations.verify:verify",
}


def __getattr__(name: str) -> object:
    """Load a public name at its first use (PEP 562)."""
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = place.partition(":")
    value: object = getattr(import_module(f"{__name__}.{module}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
