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
    from microrepo.errors import Cancelled, FailedCommand, MicrorepoError, StorageOperationError
    from microrepo.operations.api.copy_api import copy_between as copy
    from microrepo.operations.api.distributions import Distribution, RemoteDistribution
    from microrepo.operations.api.mirror_api import (
        CommandParameters,
        SchedulerContext,
        mirror,
        mirror_with_dependencies,
    )
    from microrepo.operations.api.refresh_api import refresh
    from microrepo.operations.api.repository_api import Repository
    from microrepo.operations.api.uploads import UploadResult
    from microrepo.operations.closure.check import check
    from microrepo.operations.maintain.verify import verify
    from microrepo.operations.mirror.mirror_records import UniquePackageLocation
    from microrepo.operations.run.goals import read_requests
    from microrepo.reporting import Reporter, SilentReporter

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
    "CommandParameters": "operations.api.mirror_api:CommandParameters",
    "Config": "config.schema:Config",
    "Distribution": "operations.api.distributions:Distribution",
    "FailedCommand": "errors:FailedCommand",
    "MicrorepoError": "errors:MicrorepoError",
    "RemoteDistribution": "operations.api.distributions:RemoteDistribution",
    "Reporter": "reporting:Reporter",
    "Repository": "operations.api.repository_api:Repository",
    "SchedulerContext": "operations.api.mirror_api:SchedulerContext",
    "SilentReporter": "reporting:SilentReporter",
    "StorageOperationError": "errors:StorageOperationError",
    "UniquePackageLocation": "operations.mirror.mirror_records:UniquePackageLocation",
    "UploadResult": "operations.api.uploads:UploadResult",
    "check": "operations.closure.check:check",
    "copy": "operations.api.copy_api:copy_between",
    "load_config": "config.load:load",
    "mirror": "operations.api.mirror_api:mirror",
    "mirror_with_dependencies": "operations.api.mirror_api:mirror_with_dependencies",
    "read_requests": "operations.run.goals:read_requests",
    "refresh": "operations.api.refresh_api:refresh",
    "verify": "operations.maintain.verify:verify",
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
