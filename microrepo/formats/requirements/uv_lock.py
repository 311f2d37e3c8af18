"""Parser of uv's lock files (`uv.lock`): the project's dependencies at locked versions.

The locked packages are constraints; their own metadata decides which of them an environment needs.
The project and other members of its workspace are skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
from packaging.markers import InvalidMarker, Marker
from packaging.utils import canonicalize_name

from microrepo.errors import ConfigError
from microrepo.formats.requirements.requirement import Requirement, pinned_requirement
from microrepo.formats.requirements.requirement_set import ALL, RequirementSet
from microrepo.formats.toml import read_table, strings_of, table_of

_LOCAL = ("editable", "virtual", "directory")
# The groups that `uv sync` installs by itself.
_DEFAULT_GROUPS = ("dev",)


def parse_uv_lock(
    body: bytes, name: str, *, extras: Sequence[str] = (), groups: Sequence[str] = ()
) -> RequirementSet:
    """Return the requirements of a `uv.lock`.

    Raises:
        ConfigError: not such a file, one from version control, or an unknown extra or group.
    """
    table = read_table(body, name)
    listed = table.get("package")
    packages = [table_of(one) for one in listed] if isinstance(listed, list) else []
    if table.get("version") != 1 or not all(isinstance(p.get("name"), str) for p in packages):
        raise ConfigError(
            f"{name}: not a lock file of uv that is understood; "
            "run `uv export --format pylock.toml` and name its output"
        )
    local = [one for one in packages if table_of(one.get("source")).keys() & {*_LOCAL}]
    others = [one for one in packages if one not in local]
    own = {str(one["name"]) for one in local}
    python = table.get("requires-python")
    wanted = [edge for one in local for edge in _edges(one, name, extras, groups)]
    found = (_required(edge, others, name) for edge in wanted if edge.get("name") not in own)
    return RequirementSet(
        tuple(dict.fromkeys(found)),
        tuple(_pinned(one, name) for one in others),
        requires_python=python if isinstance(python, str) else "",
        notes=tuple(f"{name}: {one['name']} is the project itself, not mirrored" for one in local),
    )


def _edges(
    package: Mapping[str, object], place: str, extras: Sequence[str], groups: Sequence[str]
) -> Iterator[dict[str, object]]:
    """Yield the dependencies of a project, with those of the extras and groups that are asked for."""
    own_groups = table_of(package.get("dev-dependencies"))
    groups = (*groups, *(name for name in _DEFAULT_GROUPS if name in own_groups))
    yield from _tables(package.get("dependencies"))
    for kind, key, names in (
        ("extra", "optional-dependencies", extras),
        ("group", "dev-dependencies", groups),
    ):
        known = table_of(package.get(key))
        for name in known if ALL in names else names:
            if canonicalize_name(name) not in known:
                raise ConfigError(f"{place}: no {kind} {name!r} (it has: {', '.join(known)})")
            yield from _tables(known[canonicalize_name(name)])


def _tables(value: object) -> Iterator[dict[str, object]]:
    return (table_of(item) for item in value) if isinstance(value, list) else iter(())


def _required(
    edge: Mapping[str, object], packages: Iterable[Mapping[str, object]], place: str
) -> Requirement:
    """Return the requirement that a dependency of the project is."""
    name, version = str(edge.get("name")), edge.get("version")
    matches = [
        one for one in packages if one["name"] == name and version in {None, one.get("version")}
    ]
    if not matches:
        raise ConfigError(f"{place}: {name} is required, but not locked")
    marker = _marker(edge.get("marker"), place)
    # Where forks lock several versions, their constraints choose.
    url = _url_of(matches[0], place) if len(matches) == 1 else ""
    pin = pinned_requirement(name, str(version or "0"), url=url, marker=marker, origin=place)
    extras = tuple(sorted(strings_of(edge.get("extra"))))
    listed = f"[{','.join(extras)}]" if extras else ""
    specifiers = pin.specifiers if version else ""
    label = pin.label if url else f"{name}{listed}{specifiers}"
    return msgspec.structs.replace(pin, extras=extras, specifiers=specifiers, label=label)


def _pinned(package: Mapping[str, object], place: str) -> Requirement:
    """Return the constraint that a locked package is."""
    marker = " or ".join(f"({one})" for one in strings_of(package.get("resolution-markers")))
    pin = pinned_requirement(
        str(package["name"]),
        str(package.get("version", "")),
        url=_url_of(package, place),
        marker=_marker(marker, place),
        origin=place,
    )
    files = [*_tables(package.get("wheels")), table_of(package.get("sdist"))]
    hashes = (str(file["hash"]).lower() for file in files if "hash" in file)
    return msgspec.structs.replace(pin, hashes=tuple(dict.fromkeys(hashes)))


def _url_of(package: Mapping[str, object], place: str) -> str:
    """Return the URL that a package was locked from, "" for one from an index."""
    source = table_of(package.get("source"))
    if "git" in source or "path" in source:
        raise ConfigError(
            f"{place}: {package['name']} is not from an index (version control or a path)"
        )
    url = source.get("url")
    if not isinstance(url, str):
        return ""
    files = [*_tables(package.get("wheels")), table_of(package.get("sdist"))]
    digest = next((str(file["hash"]) for file in files if "hash" in file), "")
    return f"{url}#{digest.replace(':', '=')}" if digest else url


def _marker(text: object, place: str) -> str:
    try:
        return str(Marker(str(text))) if text else ""
    except InvalidMarker as error:
        first_line = str(error).partition("\n")[0]
        raise ConfigError(f"{place}: marker {text!r}: {first_line}") from error
