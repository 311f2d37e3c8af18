"""Trusted root: the keys of certificate authorities and logs that signatures are verified with."""

from __future__ import annotations

import hashlib
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.standalone.importer.control_files import CONTROL_FOLDER, TRUSTED_ROOT
from microrepo.stores.plain_files import read_plain_file

_MOST_BYTES = 1 << 20
_BUILT_IN = "trusted_root.json"
# The part of the name of its folder in sigstore that the public instance has.
_PUBLIC = "sigstore.dev"


class _Log(Struct):
    log_id: dict[str, str] = msgspec.field(name="logId", default_factory=dict)


class _RootLogs(Struct):
    tlogs: list[_Log]
    ctlogs: list[_Log]


class TrustedRootFile(Struct, frozen=True):
    """A trusted root, as read from a file.

    Attributes:
        path: the file.
        sha256: digest of its content.
        logs: ids of the transparency logs that it knows, in base64.
        certificate_logs: the same for logs of certificates.
    """

    path: Path
    sha256: str
    logs: frozenset[str]
    certificate_logs: frozenset[str]


def read_trusted_root(config: Config) -> TrustedRootFile:
    """Return the trusted root of the settings: `trusted_root`, or the one that sigstore brings.

    Raises:
        ConfigError: it cannot be read, or the extra `provenance` is not installed.
    """
    if find_spec("sigstore") is None or find_spec("pypi_attestations") is None:
        raise ConfigError(
            "$.provenance: \"verify\" needs the extra `provenance`; install 'microrepo[provenance]', "
            'or set `provenance` to "keep"'
        )
    path = _path_of(config)
    try:
        content = read_plain_file(path)
        if len(content) > _MOST_BYTES:
            raise ConfigError(f"$.trusted_root: {path}: too large for a trusted root")
        root = msgspec.json.decode(content, type=_RootLogs)
    except OSError as error:
        raise ConfigError(f"$.trusted_root: {path}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"$.trusted_root: {path}: not a trusted root: {error}") from error
    return TrustedRootFile(
        path,
        hashlib.sha256(content).hexdigest(),
        _ids(root.tlogs),
        _ids(root.ctlogs),
    )


def _path_of(config: Config) -> Path:
    """Return the file: that of the setting, the one that a bundle brought, or sigstore's own."""
    if config.trusted_root:
        return Path(config.trusted_root)
    imported = Path(config.repository) / CONTROL_FOLDER / TRUSTED_ROOT
    return imported if imported.is_file() else _built_in()


def _ids(logs: list[_Log]) -> frozenset[str]:
    return frozenset(log.log_id["keyId"] for log in logs if "keyId" in log.log_id)


def _built_in() -> Path:
    store = resources.files("sigstore._store")
    for folder in store.iterdir():
        if folder.name.endswith(_PUBLIC):
            return Path(str(folder.joinpath(_BUILT_IN)))
    raise ConfigError("$.trusted_root: this sigstore brings none; name a file")


def carried_root(config: Config) -> Path | None:
    """Return the trusted root that a bundle carries: the one that verifies here.

    Raises:
        ConfigError: as for `read_trusted_root`.
    """
    if config.provenance != "verify":
        return None
    return read_trusted_root(config).path
