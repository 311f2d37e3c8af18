"""Generated settings of bandersnatch, an index to try them on, and what microrepo makes of both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version

from microrepo.cli.commands.translation_command import file_access
from microrepo.config.load import convert
from microrepo.formats.foreign.bandersnatch_conf import translate_bandersnatch
from microrepo.formats.index.pypi_json import parse_document
from microrepo.operations.run.goals import policy_of, requests_of
from microrepo.selection.rules.decisions import select
from tests.support.bandersnatch_filters import BandersnatchFilters

Document = dict[str, Any]

_NAMES = ("alpha", "Big.One", "gamma-nightly", "beta")
_VERSIONS = ("0.9", "1.0", "1.1", "1.2.post1", "2.0rc1", "2.0", "3.0.dev1", "3.0b2", "10.0")
_ENDINGS = {
    "-py3-none-any.whl": "bdist_wheel",
    "-py2.py3-none-any.whl": "bdist_wheel",
    "-py2-none-any.whl": "bdist_wheel",
    "-cp27-cp27mu-manylinux1_x86_64.whl": "bdist_wheel",
    "-cp38-cp38-win32.whl": "bdist_wheel",
    "-cp312-cp312-win_amd64.whl": "bdist_wheel",
    "-cp312-cp312-macosx_10_13_x86_64.macosx_11_0_universal2.whl": "bdist_wheel",
    "-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl": "bdist_wheel",
    "-cp312-cp312-manylinux2014_aarch64.manylinux_2_17_aarch64.whl": "bdist_wheel",
    "-cp312-cp312-musllinux_1_2_x86_64.whl": "bdist_wheel",
    ".tar.gz": "sdist",
    ".zip": "sdist",
    "-py2.7.egg": "bdist_egg",
    ".win32-py2.7.exe": "bdist_wininst",
    ".win-amd64-py3.5.msi": "bdist_msi",
    ".linux-x86_64.tar.gz": "bdist_dumb",
    "-1.noarch.rpm": "bdist_rpm",
}
_LICENSES = (None, "MIT", "GPL-3.0", "Apache 2.0")


@st.composite
def documents(draw: st.DrawFn) -> list[Document]:
    """Documents as PyPI's JSON API has them."""
    names = draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=4, unique=True))
    return [draw(_document(name)) for name in names]


@st.composite
def _document(draw: st.DrawFn, name: str) -> Document:
    found = draw(st.lists(st.sampled_from(_VERSIONS), min_size=1, max_size=5, unique=True))
    releases: dict[str, list[dict[str, Any]]] = {}
    for version in sorted(found, key=Version):
        yanked = draw(st.sampled_from((False, False, False, True)))
        day = draw(st.integers(1, 28))
        endings = draw(st.lists(st.sampled_from(list(_ENDINGS)), min_size=1, max_size=4))
        releases[version] = [
            _file(draw, name, version, ending, day, yanked=yanked)
            for ending in dict.fromkeys(endings)
        ]
    latest = min(releases, key=lambda text: _latest_first(text, releases[text]))
    info = {
        "name": name,
        "version": latest,
        "license": draw(st.sampled_from(_LICENSES)),
        "classifiers": draw(
            st.lists(st.sampled_from(("Python :: 2", "Python :: 3", "Beta")), max_size=2)
        ),
        "requires_python": releases[latest][0]["requires_python"],
        "author": draw(st.sampled_from((None, "Ann", "Ben"))),
    }
    return {"info": info, "releases": releases, "last_serial": 1}


def _latest_first(text: str, files: Sequence[dict[str, Any]]) -> tuple[Any, ...]:
    version = Version(text)
    order = sorted(map(Version, _VERSIONS), reverse=True).index(version)
    return all(file["yanked"] for file in files), version.is_prerelease, order


def _file(
    draw: st.DrawFn, name: str, version: str, ending: str, day: int, *, yanked: bool
) -> dict[str, Any]:
    stem = name.replace("-", "_") if ending.startswith("-") else name
    filename = f"{stem}-{version}{ending}"
    return {
        "filename": filename,
        "url": f"https://files.example/packages/{filename}",
        "packagetype": _ENDINGS[ending],
        "python_version": "source" if _ENDINGS[ending] == "sdist" else "py3",
        "size": draw(st.sampled_from((10, 20_000, 60_000))),
        "digests": {"sha256": hashlib.sha256(filename.encode()).hexdigest()},
        "requires_python": draw(st.sampled_from((None, ">=3.6", ">=3.13", "<3"))),
        "upload_time_iso_8601": f"2024-01-{day:02}T00:00:00.{day:06}Z",
        "yanked": yanked,
    }


def _lines(*values: str, most: int = 3) -> st.SearchStrategy[str]:
    found = st.lists(st.sampled_from(values), min_size=1, max_size=most, unique=True)
    return found.map(lambda lines: "".join(f"\n    {line}" for line in lines))


_REQUIREMENTS = ("alpha", "alpha>=1.1", "Big_One<2", "big-one==1.0", "beta", "beta!=1.0",
                 "gamma.nightly>=2.0rc1", "other==1")  # fmt: skip
_ALLOWED = _lines("alpha", "alpha>=1.1", "big-one", "big_one<2", "beta==1.0", "gamma-nightly")
_BLOCKED = _lines("alpha", "alpha<1.1", "Big.One>=2", "beta[x]", "gamma-nightly!=1.0")
_PLATFORMS = _lines(
    *("windows", "win", "macos", "linux", "freebsd", "py2", "py2.7", "py3", "py3.12", "py3.99"),
    *("win32", "win_amd64", "-win32", "manylinux1_x86_64", "manylinux2014_x86_64", "musllinux"),
    *("-manylinux_", "linux-x86_64", "manylinux2014_aarch64", "macosx_11_0_arm64"),
)
_NAME_PATTERNS = _lines(".+-nightly$", "a", "(?i)BIG", "b|g")
_VERSION_PATTERNS = _lines(r".+rc\d$", "^1", r"\d+\.0$", "(?i).*DEV", r"1|2\.0")
_FILE_RULES = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(("", "any:", "all:", "none:", "not-null:")),
            st.just("release_file.packagetype"),
            _lines("sdist", "bdist_wheel", "bdist_.*", "^bdist_w", "(?i)SDIST|x", ".*egg$"),
        ),
        st.tuples(
            st.sampled_from(("", "any:", "all:", "none:")),
            st.just("release_file.filename"),
            _lines(r".*\.whl$", "alpha", "(?i)BIG", r".*py3|.*tar", r".*-1\.\d"),
        ),
        st.tuples(st.just(""), st.just("release_file.python_version"), _lines("py3", "source")),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda rule: rule[0] + rule[1],
)
_PROJECT_RULES = st.lists(
    st.tuples(
        st.sampled_from(("", "any:", "all:", "none:", "not-null:", "not-null:all:", "match-null:")),
        st.sampled_from(("info.license", "info.classifiers", "info.author", "info.name")),
        _lines("MIT", "GPL", ".*3", "Python", "(?i)a", "[A-Z]"),
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda rule: rule[0] + rule[1],
)


def _rules(found: Sequence[tuple[str, str, str]], *, search: bool) -> str:
    head = "search = yes\n" if search else ""
    return head + "".join(f"{tags}{field} = {text}\n" for tags, field, text in found)


@st.composite
def settings(draw: st.DrawFn) -> str:
    """Sections of a configuration; `{home}` stands for a directory with `pins.txt`."""
    plugins = draw(st.lists(st.sampled_from(_PLUGINS), min_size=1, max_size=5, unique=True))
    sections = {
        "allowlist": f"packages = {draw(_ALLOWED)}\nrequirements_path = {{home}}\n"
        "requirements = pins.txt\n",
        "blocklist": f"packages = {draw(_BLOCKED)}\nplatforms = {draw(_PLATFORMS)}\n",
        "filter_regex": f"packages = {draw(_NAME_PATTERNS)}\nreleases = {draw(_VERSION_PATTERNS)}\n",
        "latest_release": f"keep = {draw(st.integers(0, 3))}\n"
        f"sort_by = {draw(st.sampled_from(('version', 'time')))}\n",
        "regex_release_file_metadata": _rules(draw(_FILE_RULES), search=draw(st.booleans())),
        "version_range_release_file_metadata": draw(
            st.sampled_from(("release_file.requires_python", "info.requires_python"))
        )
        + f" = {draw(_lines('3.9', '2.7', '3', '3.13.1'))}\n",
        "regex_project_metadata": _rules(draw(_PROJECT_RULES), search=draw(st.booleans())),
        "size_project_metadata": f"max_package_size = {draw(st.sampled_from(('40K', '0.1M', '9')))}\n",
        "versions_count_project_metadata": f"min_versions = {draw(st.integers(0, 3))}\n"
        f"max_versions = {draw(st.integers(0, 4))}\n",
    }
    if not draw(st.booleans()):
        del sections["allowlist"]
        assume(not any(plugin.startswith(("allowlist", "project_req")) for plugin in plugins))
    text = "".join(f"[{name}]\n{body}" for name, body in sections.items())
    return "[plugins]\nenabled =" + "".join(f"\n    {name}" for name in plugins) + f"\n{text}"


_PLUGINS = (
    *("allowlist_project", "allowlist_release", "project_requirements"),
    *("project_requirements_pinned", "blocklist_project", "blocklist_release", "regex_project"),
    *("regex_release", "prerelease_release", "latest_release", "exclude_platform"),
    *("regex_release_file_metadata", "version_range_release_file_metadata"),
    *("version_range_project_metadata", "regex_project_metadata", "size_project_metadata"),
    "versions_count_project_metadata",
)
pins = _lines(*_REQUIREMENTS)


def check_translation(
    filters: BandersnatchFilters, home: Path, text: str, required: str, index: list[Document]
) -> bool:
    """Compare what both programs select; return whether no note had to excuse a difference.

    Raises:
        AssertionError: the files differ, and no note names an option of a plugin.
    """
    (home / "pins.txt").write_text(required.replace("    ", ""))
    conf = home / "conf"
    conf.write_text(f"[mirror]\ndirectory = {home}/mirror\n{text.format(home=home)}")
    theirs = filters.select(conf, index)
    assume(theirs is not None)
    translation = translate_bandersnatch(conf.read_text(), str(conf), file_access())
    config = convert(translation.values, "translated")
    policy = policy_of(config, requests_of(config, home))
    ours = set()
    for document in index:
        name = document["info"]["name"]
        if policy.requested is None or canonicalize_name(name) in policy.requested:
            project = parse_document(json.dumps(document).encode(), name).project
            decisions = select(project, policy, "2026-01-01T00:00:00.000000Z")
            ours |= {decision.file.filename for decision in decisions if decision.keep}
    if ours == theirs:
        return True
    about = [note for note in translation.notes if not note.about.startswith("mirror.")]
    named = [note for note in about if "had no effect" not in note.text]
    assert named, f"ours {sorted(ours)}\ntheirs {sorted(theirs or ())}\n{conf.read_text()}"
    return False
