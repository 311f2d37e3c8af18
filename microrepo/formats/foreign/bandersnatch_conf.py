"""Translator of bandersnatch's configuration (all versions).

The translation selects what bandersnatch selects: all releases, pre-releases and yanked files of
the whole index, unless a filter plugin excludes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from pathlib import PurePosixPath

from microrepo.config.schema import ALL, EVERYTHING
from microrepo.formats.foreign.bandersnatch_ini import (
    enabled_plugins,
    read_sections,
    resolved,
)
from microrepo.formats.foreign.bandersnatch_plugins import PLUGIN_SECTIONS, PLUGINS, apply_plugins
from microrepo.formats.foreign.translation import (
    Lookups,
    Sections,
    Translating,
    Translation,
    truth,
)

_SHOWN = "microrepo always does this"
# What becomes of these depends on `release-files` and on `directory`.
_READ_LAST = frozenset({"root_uri", "diff_file"})
# Directories of a repository that hold nothing but what microrepo writes there.
_OWN_FOLDERS = frozenset({".microrepo", "simple", "pypi", "browse"})

_Handler = Callable[[Translating, str, str, Lookups], None]


def translate_bandersnatch(text: str, name: str, world: Lookups) -> Translation:
    """Translate a configuration.

    Args:
        name: of the file, for messages.

    Raises:
        ConfigError: it is not an INI file, or has no `[mirror]`.
    """
    to = Translating()
    sections, inherited = read_sections(to, text, name)
    _start(to)
    _translate_mirror(to, sections, inherited, world)
    apply_plugins(to, enabled_plugins(to, sections, PLUGINS), sections, world)
    for section in sections:
        if section == "s3":
            to.note("s3", "object stores are not supported; the repository is a directory")
        elif section == "statistics":
            to.note(section, "not a setting: `microrepo stats --downloads LOG...` counts downloads")
        elif section not in PLUGIN_SECTIONS:
            to.note(section, "not a section of bandersnatch; skipped")
    return to.done()


def _translate_mirror(
    to: Translating, sections: Sections, inherited: Collection[str], world: Lookups
) -> None:
    """Translate `[mirror]` and remove it from the sections."""
    mirror = sections.pop("mirror", {})
    for option, value in sorted(mirror.items(), key=lambda item: _plain(item[0]) in _READ_LAST):
        about = f"mirror.{option}"
        handler = MIRROR_OPTIONS.get(_plain(option))
        if handler is not None:
            if option != option.lower():
                to.note(about, f"read as `{option.lower()}`, as in version 1; later ones skip it")
            handler(to, resolved(value, {**sections, "mirror": mirror}), about, world)
        elif option not in inherited:  # other values refer to what is inherited
            to.note(about, "not an option of bandersnatch; skipped")
    if to.get("repository") is None:
        to.note("mirror.directory", "missing; set `repository`")
    if to.get("removed") is None:
        _delete_missing(to, "false", "mirror.delete_missing_packages", world)


def _plain(option: str) -> str:
    return option.lower().replace("-", "_")


def _start(to: Translating) -> None:
    """Begin with what a bandersnatch without filters selects."""
    for key, value in (
        ("package_types", ALL), ("extensions", ALL), ("python_versions", ALL),
        ("packages", EVERYTHING), ("dependencies", False), ("versions", ALL),
        ("prereleases", True), ("yanked", True),
    ):  # fmt: skip
        to.put(key, value, "")


# --- [mirror] ---------------------------------------------------------------------------------------


def _as_text(key: str) -> _Handler:
    def handle(to: Translating, value: str, about: str, _world: Lookups) -> None:
        if value:
            to.put(key, value, about)

    return handle


def _as_number(key: str) -> _Handler:
    def handle(to: Translating, value: str, about: str, _world: Lookups) -> None:
        if not value.isdecimal() or not int(value):
            to.note(about, f"{value!r} is not a whole number above 0; left out")
        else:
            to.put(key, int(value), about)

    return handle


def _timeout(to: Translating, value: str, about: str, _world: Lookups) -> None:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < math.inf:
        to.note(about, f"{value!r} is not a number of seconds above 0; left out")
    else:
        to.put("timeout_s", int(seconds) if seconds.is_integer() else seconds, about)


def _as_truth(key: str, default: bool, *, inverted: bool = False) -> _Handler:
    def handle(to: Translating, value: str, about: str, _world: Lookups) -> None:
        meant = truth(value)
        if meant is None:
            to.note(about, f"{value!r} is neither true nor false; left out")
        elif (meant is not inverted) is not default:
            to.put(key, not default, about)

    return handle


def _always(text: str, silent_for: tuple[str, ...] = ()) -> _Handler:
    """Say how it is here, unless the value means just that."""

    def handle(to: Translating, value: str, about: str, _world: Lookups) -> None:
        if value.strip().lower() not in silent_for:
            to.note(about, text)

    return handle


def _directory(to: Translating, value: str, about: str, _world: Lookups) -> None:
    to.put("repository", value, about)
    to.note(about, f"`microrepo adopt {value}` adopts its files without downloading them")


def _master(to: Translating, value: str, about: str, world: Lookups) -> None:
    if value:
        to.put("source", "pypi" if world.is_pypi(value) else value.rstrip("/"), about)


def _proxy(to: Translating, value: str, about: str, _world: Lookups) -> None:
    if value:
        to.put("proxy", value, about)
        if value.startswith("socks"):
            to.note(about, "needs `pip install microrepo[socks]`")


def _workers(to: Translating, value: str, about: str, world: Lookups) -> None:
    _as_number("connections")(to, value, about, world)


def _delete_missing(to: Translating, value: str, about: str, _world: Lookups) -> None:
    meant = truth(value)
    to.put("removed", "delete" if meant else "keep", about)
    if not meant:
        to.note(
            about,
            'projects that were removed upstream stay, as in bandersnatch; `"removed": "delete"` '
            'or `"quarantine"` is safer, since malware is removed that way',
        )


def _diff_file(to: Translating, value: str, about: str, _world: Lookups) -> None:
    if "{{" in value:
        to.note(about, f"{value!r} refers to an option that is missing; left out")
        return
    if not value:
        return
    place = PurePosixPath(value)
    if len(place.parts) > 1 and (place.name == "mirrored-files" or place.suffix):
        place = place.parent
    repository = PurePosixPath(str(to.get("repository") or "\0"))
    inside = place.is_relative_to(repository) and place.relative_to(repository).parts[:1]
    if place == repository or (inside and inside[0] in _OWN_FOLDERS):
        place = repository / "changes"
    to.put("change_list", str(place), about)
    to.note(
        about,
        "`change_list` is a directory: `adds.txt` has what the diff file had, with paths "
        "relative to the repository, and `deletes.txt` what has to be deleted",
    )


def _diff_epoch(to: Translating, value: str, about: str, _world: Lookups) -> None:
    if truth(value):
        to.put("change_list_history", value=True, about=about)


def _root_uri(to: Translating, value: str, about: str, _world: Lookups) -> None:
    """Pages that link elsewhere: the same paths, when there are no files here."""
    if not value:
        return
    if to.get("files") is False:
        to.put("files_url", value, about)
    else:
        to.note(
            about,
            "left out, so pages link to the repository's own files; `files_url` may name a copy of "
            "the flat directory",
        )


def _storage(to: Translating, value: str, about: str, _world: Lookups) -> None:
    if value and value != "filesystem":
        to.note(about, f"{value!r} is not supported; the repository is a directory")


MIRROR_OPTIONS: dict[str, _Handler] = {
    "directory": _directory,
    "storage_backend": _storage,
    "storage_filesystem_manage_permissions": _always(
        "modes follow the umask of the user who runs microrepo", ("true", "")
    ),
    "master": _master,
    "allow_non_https": _as_truth("allow_http", default=False),
    "proxy": _proxy,
    "download_mirror": _as_text("file_host"),
    "download_mirror_no_fallback": _as_truth("file_host_fallback", default=True, inverted=True),
    "json": _always(f"documents under pypi/<project>/json: {_SHOWN}", ("true",)),
    "release_files": _as_truth("files", default=True),
    "core_metadata": _always("all wheels have their metadata files", ("true", "")),
    "hash_index": _always("pages are under simple/<project>/ only, where pip looks", ("false", "")),
    "simple_format": _always("pages are written as HTML and JSON, both", ("all", "")),
    "compare_method": _always(
        "a file is read again when its size or time changed; `verify --deep` reads all"
    ),
    "digest_name": _always(
        "the strongest digest that the source announces decides", ("sha256", "")
    ),
    "keep_index_versions": _always(
        "earlier pages are not kept: a page is never replaced by an emptier one by mistake",
        ("0", ""),
    ),
    "cleanup": _always("microrepo does not make these directories", ("false", "")),
    "cleanup_todo": _always("not needed: each failing project is retried by itself", ("false", "")),
    "delete_missing_packages": _delete_missing,
    "delete_packages": _delete_missing,  # 1.x
    "stop_on_error": _always(
        "a failing project does not stop the others; the run ends with exit code 3", ("false", "")
    ),
    "timeout": _timeout,
    "global_timeout": _always("only stalls are limited, not whole transfers", ("1800", "")),
    "workers": _workers,
    "verifiers": _always("`verify` uses as many threads as `processes` says", ("3", "")),
    "root_uri": _root_uri,
    "diff_file": _diff_file,
    "diff_append_epoch": _diff_epoch,
    "log_config": _always("logs go to stderr and, with `--log-file`, to a file", ("",)),
}
