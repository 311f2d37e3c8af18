"""Local version labels of an environment: which build of a project it uses (``cpu``, ``cu128``)."""

from __future__ import annotations

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from microrepo.errors import ConfigError
from microrepo.model import NormalizedName
from microrepo.selection.environments.environment_block import block_of

LocalVersions = tuple[tuple[NormalizedName, str], ...]


def parse_local_versions(value: object, path: str) -> LocalVersions:
    """Return the label of each project, normalised; "" for releases without a label.

    Args:
        value: as in the settings, name -> label.
        path: of the key, for messages.

    Raises:
        ConfigError: a name or a label is invalid.
    """
    found: dict[NormalizedName, str] = {}
    for text, label in block_of(value, path, "a table").items():
        try:
            name = canonicalize_name(text, validate=True)
        except InvalidName:
            raise ConfigError(f"{path}: {text!r} is not the name of a project") from None
        if name in found:
            raise ConfigError(f"{path}: {text!r} is named twice")
        found[name] = _label(label, f"{path}.{text}")
    return tuple(sorted(found.items()))


def _label(value: object, path: str) -> str:
    if value == "":
        return ""
    try:
        label = Version(f"0+{value}").local if isinstance(value, str) else None
    except InvalidVersion:
        label = None
    if label is None:
        raise ConfigError(
            f'{path}: must be a local version label such as "cu128" (the part of the version after '
            f'the `+`), or "" for releases without one, not {value!r}'
        )
    return label
