"""What the laws are tried on: records, settings and answers, plausible and hostile."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from microrepo.config.declared_options import KEYS
from microrepo.config.schema import MetadataRule
from microrepo.model import (
    Digests,
    File,
    Info,
    LocalFile,
    NormalizedName,
    Project,
    Vulnerability,
)
from microrepo.plan import Wanted
from microrepo.selection.environments.python_versions import PythonFilter, parse_python_words
from microrepo.selection.rules.metadata_rules import parse_rules
from microrepo.selection.rules.patterns import parse_patterns
from microrepo.selection.rules.policy import Policy

NOW = "2026-05-31T12:00:00.000000Z"
PROJECTS = tuple(map(NormalizedName, ("bar", "baz", "foo")))
# Names that meet each other: same, differing in case only, differing in all.
FILENAMES = ("Foo-1.0.zip", "bar-1.0.zip", "bar-2.0.zip", "baz-1.0.zip", "foo-1.0.zip")
CONTENTS = tuple(Digests(sha256=letter * 64) for letter in "abc")
VERSIONS = ("0.9", "1.0", "1.0.post1", "2.0b1", "2.0", "10.0", "10.0.dev3", "not-a-version")
TAGS = (
    "py3-none-any",
    "py2.py3-none-any",
    "py2-none-any",
    "cp311-cp311-manylinux_2_17_x86_64",
    "cp312-cp312-win_amd64",
    "cp38-abi3-macosx_11_0_arm64",
    "cp313-cp313t-manylinux_2_28_aarch64",
)
TIMES = tuple(
    f"{day}T00:00:00.000000Z" for day in ("2020-01-01", "2026-05-01", "2026-05-30", "2026-06-01")
)

# --- plans --------------------------------------------------------------------------------------------


@st.composite
def wanted_files(draw: st.DrawFn, contents: tuple[Digests, ...] = CONTENTS) -> Wanted:
    """A wanted file; few names and contents, so that claims collide."""
    file = File(
        draw(st.sampled_from(FILENAMES)),
        "https://f.example/x",
        draw(st.sampled_from(("1.0", "2.0"))),
        "sdist",
        draw(st.sampled_from(contents)),
        draw(st.sampled_from((None, 1, 2))),
    )
    return Wanted(draw(st.sampled_from(PROJECTS)), file)


@st.composite
def local_files(draw: st.DrawFn, filename: str) -> LocalFile:
    """What may be known of one name on disk."""
    recorded = draw(st.booleans())
    there = draw(st.booleans()) if recorded else True
    return LocalFile(
        filename,
        draw(st.sampled_from((1, 2))) if there else None,
        recorded=recorded,
        digests=draw(st.sampled_from(CONTENTS)) if there else Digests(),
        project=draw(st.sampled_from(PROJECTS)) if recorded else "",
    )


@st.composite
def presents(draw: st.DrawFn) -> dict[str, LocalFile]:
    """What is known of a directory."""
    names = draw(st.sets(st.sampled_from((*FILENAMES, "other-1.0.zip", "README"))))
    return {name: draw(local_files(name)) for name in sorted(names)}


EXCLUDED = tuple(
    parse_patterns(entries, "exclude") for entries in ((), (), (), ["foo"], ["b*"], ["foo<1.0"])
)

# --- selection ----------------------------------------------------------------------------------------


@st.composite
def source_files(draw: st.DrawFn) -> File:
    """A file as a source may list it."""
    version = draw(st.sampled_from(VERSIONS))
    kind = draw(st.sampled_from(("bdist_wheel", "bdist_wheel", "sdist", "bdist_egg")))
    if kind == "bdist_wheel":
        filename = f"foo-{version.replace('-', '_')}-{draw(st.sampled_from(TAGS))}.whl"
    else:
        filename = f"foo-{version}" + draw(st.sampled_from((".tar.gz", ".zip", "-py2.7.egg")))
    return File(
        draw(st.sampled_from((filename,) * 9 + ("../../etc/x",))),
        "https://f.example/x",
        version,
        kind,
        draw(st.sampled_from((*CONTENTS, Digests()))),
        draw(st.sampled_from((None, 5, 50, 500))),
        draw(st.sampled_from((None, ">=3.8", ">=3.12", "<3", ">=3.6.*", "nonsense"))),
        draw(st.sampled_from((None, *TIMES))),
        draw(st.sampled_from((None, "py3", "2.7", "source"))),
        yanked=draw(st.integers(0, 4)) == 0,
    )


@st.composite
def projects(draw: st.DrawFn) -> Project:
    """A project with some files; some are listed twice."""
    files = draw(st.lists(source_files(), max_size=12))
    twice = draw(st.booleans())
    files += files[:1] if twice else []
    return Project(
        NormalizedName("foo"),
        "Foo",
        files=tuple(files),
        info=Info(
            version=draw(st.sampled_from((None, *VERSIONS))),
            license=draw(st.sampled_from((None, "MIT", "GPL"))),
        ),
        vulnerabilities=draw(st.sampled_from(((), (FLAW,)))),
    )


def _subset(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...] | None]:
    return st.none() | st.sets(st.sampled_from(values)).map(lambda found: tuple(sorted(found)))


def python_filters() -> st.SearchStrategy[PythonFilter | None]:
    """The `python_versions` setting, understood."""
    words = ("2.7", "3.8", "3.11", "3.12", "3.13t", "py3", "py2.py3", "any", "source", "ip27")
    lists = st.lists(st.sampled_from(words), max_size=4, unique=True)
    return st.none() | lists.map(parse_python_words)


@st.composite
def policies(draw: st.DrawFn, newest: st.SearchStrategy[int | None] | None = None) -> Policy:
    """Rules; `newest` limits how many releases they keep."""
    specifiers = ("", ">=1.0", "<2.0", "==1.0", "==2.0b1", ">=2.0b1")
    requested = st.sets(st.sampled_from(specifiers), min_size=1).map(lambda s: tuple(sorted(s)))
    return Policy(
        package_types=draw(_subset(("bdist_wheel", "sdist", "bdist_egg"))),
        extensions=draw(_subset(("whl", "gz", "zip", "egg"))),
        pythons=draw(python_filters()),
        platforms=draw(_subset(("any", "win*", "manylinux*_x86_64", "macosx_*"))),
        requested=draw(st.none() | requested.map(lambda s: {NormalizedName("foo"): s})),
        excluded=draw(st.sampled_from(EXCLUDED)),
        newest=draw(st.sampled_from((None, 1, 2, 3)) if newest is None else newest),
        prereleases=draw(st.booleans()),
        yanked=draw(st.booleans()),
        max_file_bytes=draw(st.sampled_from((None, 10, 100))),
        uploaded_before=draw(st.sampled_from((None, *TIMES))),
        min_age_days=draw(st.sampled_from((0, 3, 60))),
        require_digests=draw(st.booleans()),
        **draw(operator_rules()),
    )


# Rules of operators: for each some settings, one of which is none.
OPERATOR_RULES: dict[str, tuple[Any, ...]] = {
    "allowed": tuple(
        parse_patterns(entries, "allow")
        for entries in (["foo"], ["re:^f", "foo<1.0"], ["foo>=1.0", "foo==0.9"], ["b*"])
    ),
    "metadata": (parse_rules({"license": MetadataRule(any=["MIT"], missing="drop")}),),
    "max_project_bytes": (100,),
    "min_versions": (2,),
    "max_versions": (3,),
    "allow_releases": (("^1",),),
    "exclude_releases": (("b\\d",), ("^2", "dev")),
    "allow_files": (("whl$", "zip$"),),
    "exclude_files": (("-cp3",),),
    "exclude_platforms": (("win*",), ("any", "manylinux*")),
    "requires_python": (("3.9",), ("2.7", "3.12.1")),
    "vulnerabilities": ("report", "refuse"),
    "newest_by": ("time",),
    "keep_stable": (True,),
    "min_age_exempt": (parse_patterns(["foo>=2"], "min_age_exempt"),),
}


def operator_rules() -> st.SearchStrategy[dict[str, Any]]:
    """Few of the rules at a time, so that something passes them."""
    names = st.sets(st.sampled_from(sorted(OPERATOR_RULES)), max_size=2).map(sorted)
    return names.flatmap(
        lambda found: st.fixed_dictionaries(
            {name: st.sampled_from(OPERATOR_RULES[name]) for name in found}
        )
    )


FLAW = Vulnerability("PYSEC-1", fixed_in=("1.0.post1", "10.0"))

# --- settings -----------------------------------------------------------------------------------------


def json_values() -> st.SearchStrategy[Any]:
    """Any JSON value, numbers beyond all bounds and lone surrogates included."""
    leaves = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=8)
        | st.text(st.characters(categories=("Cs", "Cc", "Nd", "No", "Ll")), max_size=4)
        | st.sampled_from(("all", "everything", "latest", "5 MB", "50 %", "~nobody/x", "2026"))
    )
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=6,
    )


def settings_objects() -> st.SearchStrategy[dict[str, Any]]:
    """An object of a config file: known keys most of the time, any values."""
    keys = st.sampled_from(KEYS) | st.text(max_size=5)
    return st.dictionaries(keys, json_values(), max_size=3)


_WORDS = st.lists(
    st.text(st.characters(categories=("Ll", "Nd")), min_size=1, max_size=5), max_size=3
)
_SIZES = st.integers(0, 2**50) | st.builds(
    "{} {}".format, st.integers(0, 999), st.sampled_from(("B", "MB", "GiB", "tb"))
)
_FOR_KEY: dict[str, st.SearchStrategy[Any]] = {
    "repository": st.text(st.characters(categories=("Ll", "Lo", "Zs")), min_size=1).filter(
        str.strip
    ),
    "processes": st.none() | st.integers(1, 256),
    "connections": st.integers(1, 1000),
    "package_types": _WORDS | st.just("all"),
    "extensions": _WORDS | st.just("all"),
    "python_versions": st.none() | _WORDS.filter(bool) | st.just("all"),
    "platforms": _WORDS.filter(bool) | st.just("all"),
    "packages": st.none() | _WORDS | st.just("everything"),
    **dict.fromkeys(("exclude", "allow", "min_age_exempt", "exclude_platforms"), _WORDS),
    **dict.fromkeys(("allow_files", "exclude_files"), _WORDS),
    **dict.fromkeys(("allow_releases", "exclude_releases"), _WORDS),
    "requires_python": st.lists(st.sampled_from(("3.9", "2.7", "3.12.1")), max_size=2),
    "metadata": st.dictionaries(
        st.sampled_from(("license", "classifiers", "project_urls.Home")),
        st.fixed_dictionaries({}, optional={"any": _WORDS, "missing": st.just("drop")}),
        max_size=2,
    ),
    **dict.fromkeys(("min_versions", "max_versions"), st.none() | st.integers(1, 9)),
    "max_project_size": st.none() | _SIZES,
    "vulnerabilities": st.sampled_from(("ignore", "report", "refuse")),
    "newest_by": st.sampled_from(("version", "time")),
    "keep_stable": st.booleans(),
    "over_budget": st.sampled_from(("refuse", "evict")),
    "dependencies": st.none() | st.booleans(),
    "environments": st.lists(st.text(max_size=3), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.text(max_size=3) | st.just({"a": [1]}), max_size=2),
    "resolve": st.sampled_from(("solve", "latest", "all")),
    "versions": st.integers(1, 9) | st.sampled_from(("latest", "all", "3")),
    "uploaded_before": st.none() | st.dates().map(str) | st.datetimes().map(str),
    "min_age_days": st.floats(0, 36_500),
    "max_file_size": st.none() | _SIZES,
    "max_total_size": st.none() | _SIZES,
    "min_free_space": _SIZES,
    "max_deletes": st.integers(0, 999) | st.integers(0, 100).map("{} %".format),
    "removed": st.sampled_from(("delete", "keep", "quarantine")),
    "api": st.sampled_from(("json", "simple")),
    "requests_per_second": st.none() | st.floats(0.01, 1000),
    "bandwidth": st.none() | _SIZES,
    "timeout_s": st.floats(0.01, 1000),
    "retries": st.integers(0, 100),
    "hook": st.lists(st.sampled_from(("notify", "--now", "é")), max_size=3),
    "hook_timeout_s": st.floats(0.01, 86_400),
    "lock": st.none() | st.just("locks"),
    "change_list": st.none() | st.just("lists"),
    "metrics_file": st.none() | st.just("m.prom"),
}
_BOOLEANS = (
    *("build_requirements", "allow_urls", "prereleases", "yanked", "prune", "simple", "server"),
    *("allow_http", "require_digests", "change_list_history"),
)
_TEXTS = ("source", "contact", "proxy")


def valid_settings() -> st.SearchStrategy[dict[str, Any]]:
    """An object of a config file that is right."""
    values = {
        **_FOR_KEY,
        **dict.fromkeys(_BOOLEANS, st.booleans()),
        **dict.fromkeys(_TEXTS, st.text(max_size=5)),
    }
    return st.fixed_dictionaries({}, optional=values)


# --- answers of a source ------------------------------------------------------------------------------


def documents() -> st.SearchStrategy[Any]:
    """A document of PyPI's JSON API with hostile values in likely places."""
    keys = "filename url size digests yanked upload_time_iso_8601 packagetype requires_python"
    entry = st.dictionaries(
        st.sampled_from((*keys.split(), "md5_digest", "core-metadata")),
        json_values() | st.sampled_from(("foo-1.0.tar.gz", "https://f.example/x", "../x")),
    )
    info = st.dictionaries(
        st.sampled_from(("name", "version", "classifiers", "project_urls", "license")),
        json_values() | st.just("foo"),
    )
    return st.fixed_dictionaries(
        {"info": st.just({"name": "foo"}) | info | json_values()},
        optional={
            "releases": st.dictionaries(
                st.sampled_from(VERSIONS), st.lists(entry | json_values(), max_size=3) | entry
            )
            | json_values(),
            "last_serial": json_values(),
            "vulnerabilities": json_values(),
            "project-status": json_values(),
            "urls": json_values(),
        },
    )


def pages() -> st.SearchStrategy[Any]:
    """A JSON page of the Simple API with hostile values in likely places."""
    entry = st.dictionaries(
        st.sampled_from(
            ("filename", "url", "size", "hashes", "yanked", "upload-time", "core-metadata")
        ),
        json_values() | st.sampled_from(("foo-1.0.tar.gz", "https://f.example/x", "file:///x")),
    )
    return st.fixed_dictionaries(
        {"files": st.lists(entry | json_values(), max_size=3) | json_values()},
        optional={
            "name": st.just("foo") | json_values(),
            "meta": st.just({"api-version": "1.0"}) | json_values(),
            "versions": json_values(),
            "project-status": json_values(),
        },
    )


_HTML = """
<a foo-1.0.tar.gz " > </a> <! <![ [ ]]> <!-- --> file:///x pypi:repository-version &# xD800;
#sha256= data-yanked <? </ CDATA[ http://[ %ff 1
"""


def html_pages() -> st.SearchStrategy[str]:
    """Pieces of HTML in any order, some of them broken."""
    pieces = st.sampled_from(
        (*_HTML.split(), ' href="', " ", "\x00", "<meta name=", "<base href=", "SERIAL 5")
    )
    return st.lists(pieces | st.text(max_size=3), max_size=25).map("".join)
