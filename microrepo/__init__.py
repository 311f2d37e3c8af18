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
    from microrepo.errors import (
        Cancelled,
        FailedCommand,
        MicrorepoError,
        StorageOperationError,
    )
    from microrepo.operations.checking import check
    from microrepo.operations.copy_between import copy_between as copy
    from microrepo.operations.distributions import Distribution, RemoteDistribution
    from microrepo.operations.library import Repository, UploadResult
    from microrepo.operations.mirror_library import (
        CommandParameters,
        SchedulerContext,
        mirror,
        mirror_with_dependencies,
    )
    from microrepo.operations.mirror_model import UniquePackageLocation
    from microrepo.operations.refresh import refresh
    from microrepo.operations.requirements import read_requests
    from microrepo.operations.verify import verify
    from microrepo.transfer.progress import Reporter, SilentReporter

__all__ = [
    "Cancelled",
    "CommandParameters",
    "Config",
    "Distribution",
    "FailedCommand",
    "MicrorepoError",
    "RemoteDistribution",
    "Reporter",
    "Repository",
    "SchedulerContext",
    "SilentReporter",
    "StorageOperationError",
    "UniquePackageLocation",
    "UploadResult",
    "__version__",
    "check",
    "copy",
    "load_config",
    "mirror",
    "mirror_with_dependencies",
    "read_requests",
    "refresh",
    "verify",
]
_PLACES = {
    "Cancelled": "errors:Cancelled",
    "CommandParameters": "operations.mirror_library:CommandParameters",
    "Config": "config.schema:Config",
    "Distribution": "operations.distributions:Distribution",
    "FailedCommand": "errors:FailedCommand",
    "MicrorepoError": "errors:MicrorepoError",
    "RemoteDistribution": "operations.distributions:RemoteDistribution",
    "Reporter": "transfer.progress:Reporter",
    "Repository": "operations.library:Repository",
    "SchedulerContext": "operations.mirror_library:SchedulerContext",
    "SilentReporter": "transfer.progress:SilentReporter",
    "StorageOperationError": "errors:StorageOperationError",
    "UniquePackageLocation": "operations.mirror_model:UniquePackageLocation",
    "UploadResult": "operations.library:UploadResult",
    "check": "operations.checking:check",
    "copy": "operations.copy_between:copy_between",
    "load_config": "config.load:load",
    "mirror": "operations.mirror_library:mirror",
    "mirror_with_dependencies": "operations.mirror_library:mirror_with_dependencies",
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
