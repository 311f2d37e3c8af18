"""Every option once: its name, type, default and help.

The loader, the command-line flags, the reference page, the JSON Schema and `sample_config.json`
are all made from this one declaration.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

Words = list[str] | str
Size = int | str
EVERYTHING = "everything"
ALL = "all"


class SourceEntry(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One of several sources, written as a table.

    Attributes:
        url: what the setting `source` may be.
        api: which API of a PyPI-like source is read; None = as the setting `api` says.
        packages: names, globs and ``re:`` patterns of projects that come from here or not at all.
        name: how messages and the state call it; "" = its URL.
    """

    url: str
    api: Literal["json", "simple"] | None = None
    packages: list[str] = []
    name: str = ""


class MetadataRule(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """What one field of a project's metadata must look like; all four must hold.

    Attributes:
        any: regular expressions of which one must be found in some value of the field.
        all: regular expressions that must each be found in some value.
        none: regular expressions that must be found in none.
        missing: what becomes of projects that do not fill the field in.
    """

    any: list[str] = []
    all: list[str] = []
    none: list[str] = []
    missing: Literal["keep", "drop"] = "keep"


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings of one repository; the JSON file holds any part of them.

    `None` stands for a default that depends on the machine or means "no limit"; `load.resolve`
    fills in the former.
    """

    repository: Annotated[
        str,
        Meta(
            description="Directory that holds the files: the flat directory that `pip install "
            "--find-links` reads. `~` and `$VAR` are expanded; a relative path is relative to the "
            "config file."
        ),
    ] = "~/microrepo"
    processes: Annotated[
        Annotated[int, Meta(ge=1, le=256)] | None,
        Meta(description="Worker processes. Default: the number of CPUs."),
    ] = None
    connections: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="Connections in all; each process runs connections / processes threads.",
        ),
    ] = 10
    package_types: Annotated[
        Words,
        Meta(
            description="Package types to keep, as PyPI names them: `bdist_wheel`, `sdist`, "
            '`bdist_egg`, ...; or `"all"`.'
        ),
    ] = msgspec.field(default_factory=lambda: ["bdist_wheel", "sdist"])
    extensions: Annotated[
        Words,
        Meta(
            description="File name endings to keep, without the dot (`gz` stands for `tar.gz` "
            'too); or `"all"`.'
        ),
    ] = msgspec.field(default_factory=lambda: ["whl", "gz", "zip"])
    python_versions: Annotated[
        Words | None,
        Meta(
            description="Pythons that shall be able to use the files: `3.11` or `cp311`, `cp313t`, "
            "`pp310`. The words `py3`, `py2.py3`, `any` and `source` add no Python; without any "
            'Python in the list they choose by the files\' own tags. Or `"all"`. Default: the '
            "running Python."
        ),
    ] = None
    platforms: Annotated[
        Words,
        Meta(
            description="Patterns for the platform tags of wheels: `any`, `manylinux*_x86_64`, "
            '`win_amd64`, ...; a wheel stays when one of its tags matches. Or `"all"`.'
        ),
    ] = ALL
    exclude_platforms: Annotated[
        list[str],
        Meta(
            description="Platforms that are not served: patterns as in `platforms`, or the words "
            "`windows`, `macos`, `linux`, `freebsd`. A wheel stays when one of its tags is not "
            "among them; source distributions always do."
        ),
    ] = msgspec.field(default_factory=list)
    requires_python: Annotated[
        list[str],
        Meta(
            description="Pythons (`3.9`, `3.12.4`) of which a file's `requires_python` must admit "
            "one; its tags do not matter. Empty: no such rule."
        ),
    ] = msgspec.field(default_factory=list)
    packages: Annotated[
        Words | None,
        Meta(
            description="What to mirror: requirement strings (`flask`, `numpy>=1.26,<3`), "
            '`-r FILE` for a requirements file; or `"everything"` for the whole index.'
        ),
    ] = None
    exclude: Annotated[
        list[str],
        Meta(
            description="Projects and releases to leave out: names, globs (`*-nightly`), regular "
            "expressions on normalised names (`re:^evil-`), requirement strings (`numpy<1.20`), or "
            "`-r FILE` for a file with one of these per line and `#` comments. Goes before all "
            "other rules, pins included."
        ),
    ] = msgspec.field(default_factory=list)
    allow: Annotated[
        list[str],
        Meta(
            description="The only projects and releases that may pass, dependencies included; "
            "written like `exclude`. Empty: all may. What `packages` pins passes anyway."
        ),
    ] = msgspec.field(default_factory=list)
    allow_files: Annotated[
        list[str],
        Meta(
            description="Regular expressions, one of which must be found in a file's name. Empty: "
            "all names pass."
        ),
    ] = msgspec.field(default_factory=list)
    exclude_files: Annotated[
        list[str],
        Meta(description="Regular expressions; files in whose name one is found are left out."),
    ] = msgspec.field(default_factory=list)
    allow_releases: Annotated[
        list[str],
        Meta(
            description="Regular expressions, one of which must be found in the text of a "
            "release's version. Empty: all pass."
        ),
    ] = msgspec.field(default_factory=list)
    exclude_releases: Annotated[
        list[str],
        Meta(
            description="Regular expressions; releases in the text of whose version one is found "
            "are left out (`(a|b|rc)\\d+$`)."
        ),
    ] = msgspec.field(default_factory=list)
    metadata: Annotated[
        dict[str, MetadataRule],
        Meta(
            description="Rules on what a project's newest release says of itself: field of the JSON "
            "API's `info` (`classifiers`, `license_expression`, `project_urls.Homepage`) -> table "
            "of `any`, `all`, `none` (lists of regular expressions) and `missing` (`keep`, the "
            "default, or `drop`: projects without the field). All must hold."
        ),
    ] = msgspec.field(default_factory=dict)
    max_project_size: Annotated[
        Size | None,
        Meta(
            description="Leave out projects all of whose files together are larger (`20 GB`), "
            "unless they are pinned, or named in `allow`."
        ),
    ] = None
    min_versions: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="Leave out projects with fewer releases that have files; exempt as for "
            "`max_project_size`."
        ),
    ] = None
    max_versions: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="Leave out projects with more releases that have files; exempt as for "
            "`max_project_size`."
        ),
    ] = None
    vulnerabilities: Annotated[
        Literal["ignore", "report", "refuse"],
        Meta(
            description="What PyPI's advisories mean that are not withdrawn: nothing; a line in "
            "the report for each release kept; or that the release is left out, unless it is "
            "pinned. Costs a request for each kept release that is not its project's latest."
        ),
    ] = "ignore"
    rules: Annotated[
        dict[str, Any] | list[str],
        Meta(
            description="Rules that other distributions offer, see docs/how-to/own-rules.md: their "
            "names, or name -> table of the rule's own settings."
        ),
    ] = msgspec.field(default_factory=dict)
    dependencies: Annotated[
        bool | None,
        Meta(
            description="Follow dependencies. Default: yes with named packages, no with everything."
        ),
    ] = None
    environments: Annotated[
        dict[str, str | dict[str, Any]] | list[str],
        Meta(
            description="Named target environments for dependencies: a preset such as "
            '`"cp312-manylinux_2_28_x86_64"`, or a table as `microrepo env` prints it. Without '
            "any: the listed Pythons on this platform."
        ),
    ] = msgspec.field(default_factory=dict)
    resolve: Annotated[
        Literal["solve", "latest", "all"],
        Meta(
            description="How dependencies are chosen: `solve` = one installable set per goal, "
            "`latest` = the newest match of each requirement, `all` = every match."
        ),
    ] = "solve"
    build_requirements: Annotated[
        bool, Meta(description="Follow what kept sdists need to be built.")
    ] = False
    allow_urls: Annotated[
        bool,
        Meta(
            description="Fetch what requirements of the form `name @ URL` name, with the digest "
            "behind the URL (`#sha256=...`). Without it they cannot be met. Version control is "
            "never followed."
        ),
    ] = False
    lock: Annotated[
        str | None,
        Meta(
            description="Directory for lock files: for each environment and group a "
            "`pylock.<environment>.toml` (PEP 751) that names the files of the repository by path, "
            "so that installers need neither index nor solver. A relative path is relative to "
            "the config file."
        ),
    ] = None
    versions: Annotated[
        Annotated[int, Meta(ge=1)] | str,
        Meta(
            description='Releases of each project: `"latest"`, a number N for the newest N, or '
            '`"all"`. Counted for each listed Python by itself.'
        ),
    ] = "latest"
    newest_by: Annotated[
        Literal["version", "time"],
        Meta(
            description="What `versions` takes for the newest releases: those with the highest "
            "versions, or those whose first file was uploaded last."
        ),
    ] = "version"
    keep_stable: Annotated[
        bool,
        Meta(
            description="Always count the newest stable release (final and not yanked) among the "
            "`versions` newest, even when pre-releases or yanked releases are newer."
        ),
    ] = False
    prereleases: Annotated[
        bool,
        Meta(
            description="Keep pre-releases. A requirement that names one (`>=2.0b1`) does so too."
        ),
    ] = False
    yanked: Annotated[
        bool,
        Meta(
            description="Keep yanked files. A flat directory cannot show the mark, so pip would "
            "install them; a release pinned with `==` is kept anyway."
        ),
    ] = False
    uploaded_before: Annotated[
        str | None,
        Meta(description="Only files uploaded before this date or time (ISO 8601, UTC)."),
    ] = None
    min_age_days: Annotated[
        float,
        Meta(
            ge=0,
            le=36_500,
            description="Only files that are at least so many days old: a cool-down against "
            "fresh malware.",
        ),
    ] = 0
    min_age_exempt: Annotated[
        list[str],
        Meta(
            description="Projects and releases that `min_age_days` does not hold back; written "
            "like `exclude`."
        ),
    ] = msgspec.field(default_factory=list)
    max_file_size: Annotated[
        Size | None, Meta(description="Leave out files larger than this (`500 MB`, `2 GiB`).")
    ] = None
    max_total_size: Annotated[
        Size | None,
        Meta(description="What the files of the repository may take; see `over_budget`."),
    ] = None
    over_budget: Annotated[
        Literal["refuse", "evict"],
        Meta(
            description="What happens when `max_total_size` would be exceeded: the plan is refused, "
            "or releases give way, those uploaded longest ago first, but never pins, dependencies "
            "or the newest release of a project."
        ),
    ] = "refuse"
    min_free_space: Annotated[
        Size, Meta(description="Refuse a plan that would leave less free space than this.")
    ] = "1 GB"
    prune: Annotated[
        bool, Meta(description="Delete files that are no longer wanted, after their replacement.")
    ] = True
    max_deletes: Annotated[
        Annotated[int, Meta(ge=0)] | str,
        Meta(
            description="Refuse to delete more than this without a replacement in the same run: a "
            "number, or a share (`50 %`) of the files there, which counts above 100 files."
        ),
    ] = "50 %"
    removed: Annotated[
        Literal["delete", "keep", "quarantine"],
        Meta(
            description="What becomes of the files of projects that were removed upstream, or that "
            "the index holds in quarantine."
        ),
    ] = "delete"
    simple: Annotated[
        bool, Meta(description="Write the static `simple/` index beside the files.")
    ] = True
    server: Annotated[
        bool, Meta(description="Put `server.py`, the one-file server, beside the files.")
    ] = True
    browse: Annotated[
        bool,
        Meta(
            description="Keep `browse/`, pages for people that work from a disk and any web server. "
            "Needs `simple`; `server.py` shows such pages without."
        ),
    ] = False
    files: Annotated[
        bool,
        Meta(
            description="Keep the files. Without them the repository is an index alone: nothing is "
            "downloaded, and the pages link to the source's files, or to `files_url`."
        ),
    ] = True
    files_url: Annotated[
        str | None,
        Meta(
            description="URL of the place where clients find the files, for pages with absolute "
            "links: a copy of the flat directory; with `files` off, a host that has the source's "
            "files under the same paths. Without it the links are relative."
        ),
    ] = None
    source: Annotated[
        str,
        Meta(
            description='Where files come from: `"pypi"`, the root URL of a server like it, the '
            "URL of a Simple API index (its path ends in `simple/`, or it is written "
            "`simple+https://...`), or a directory (an absolute path or a `file:` URL)."
        ),
    ] = "pypi"
    sources: Annotated[
        list[str | SourceEntry],
        Meta(
            description="Several sources instead of one `source`, the most trusted first: texts as "
            'in `source`, or tables `{"url": ..., "api": ..., "packages": [...], "name": ...}`. A '
            "project comes from the first source that lists it; a project that the `packages` of a "
            "source name (names, globs, `re:` patterns) comes from that source or not at all."
        ),
    ] = msgspec.field(default_factory=list)
    file_host: Annotated[
        str | None,
        Meta(
            description="Another host for the files, such as a near mirror of PyPI's: each file is "
            "asked for there first, under the path it has at the source, and verified all the same."
        ),
    ] = None
    file_host_fallback: Annotated[
        bool,
        Meta(
            description="Ask the source for a file that cannot be had from `file_host`, or is wrong "
            "there. A file without an announced digest is then asked for at the source alone."
        ),
    ] = True
    api: Annotated[
        Literal["json", "simple"],
        Meta(description="Which API of a PyPI-like source is read."),
    ] = "json"
    requests_per_second: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(
            description="Limit on API requests, shared by all workers (files do not count). "
            "Default: a burst of 500, then 20 a second; no limit on loopback."
        ),
    ] = None
    bandwidth: Annotated[
        Size | None,
        Meta(description="Limit on bytes per second, shared by all workers (`10 MB`)."),
    ] = None
    contact: Annotated[
        str | None,
        Meta(
            description="E-mail or URL for the User-Agent, so that the source's operators can "
            "reach you."
        ),
    ] = None
    proxy: Annotated[
        str | None,
        Meta(
            description="Proxy URL (`http://`, `https://`, `socks5://` with the extra "
            "`microrepo[socks]`). Default: the usual environment variables."
        ),
    ] = None
    ca_bundle: Annotated[
        str | None,
        Meta(
            description="File of trusted certificates. Default: `REQUESTS_CA_BUNDLE`, else "
            "certifi's."
        ),
    ] = None
    client_cert: Annotated[
        str | None, Meta(description="Client certificate with its key, one PEM file.")
    ] = None
    timeout_s: Annotated[
        float,
        Meta(
            gt=0,
            description="Seconds to wait for a connection, and for each next piece of an "
            "answer. A transfer as a whole has no limit.",
        ),
    ] = 30
    retries: Annotated[
        int, Meta(ge=0, le=100, description="Further attempts after a failed request.")
    ] = 5
    allow_http: Annotated[
        bool, Meta(description="Allow plain http to other hosts than this one.")
    ] = False
    require_digests: Annotated[
        bool,
        Meta(
            description="Leave out files for which the source announces no digest. A directory of "
            "this machine needs none."
        ),
    ] = True
    change_list: Annotated[
        str | None,
        Meta(
            description="Directory for the change list of each run: `changes.json` with sizes and "
            "digests, `adds.txt` and `deletes.txt` with paths alone, for `rsync --files-from` and "
            "the like. Relative to the config file."
        ),
    ] = None
    change_list_history: Annotated[
        bool,
        Meta(
            description="Keep the list of each run that changed something, under the run's number "
            "(`changes-000042.json`), instead of replacing the one before."
        ),
    ] = False
    metrics_file: Annotated[
        str | None,
        Meta(
            description="File for Prometheus' textfile collector (its name ends in `.prom`), "
            "replaced after each run."
        ),
    ] = None
    hook: Annotated[
        list[str],
        Meta(
            description="Command to run after each run, as a list of words; no shell reads it. It "
            "learns of the run through variables (`MICROREPO_EXIT_CODE`, `MICROREPO_REPORT`, ...)."
        ),
    ] = msgspec.field(default_factory=list)
    hook_timeout_s: Annotated[
        float, Meta(gt=0, le=86_400, description="Seconds after which the hook is ended.")
    ] = 600


KEYS: tuple[str, ...] = Config.__struct_fields__
# Lists of projects and releases, in which `-r FILE` stands for the lines of a file.
PATTERN_KEYS = ("exclude", "allow", "min_age_exempt")
# Lists of regular expressions.
REGEX_KEYS = ("allow_files", "exclude_files", "allow_releases", "exclude_releases")
# Rules that describe what one repository wants, and not what else is carried about.
OPERATOR_KEYS = (
    *("allow", *REGEX_KEYS, "metadata", "max_project_size", "min_versions", "max_versions"),
    *(
        "vulnerabilities",
        "exclude_platforms",
        "requires_python",
        "newest_by",
        "keep_stable",
        "min_age_exempt",
        "rules",
    ),
)


class Option(Struct, frozen=True):
    """One option as the flags, the reference page and `config` show it."""

    key: str
    help: str
    type: object
    default: object


@lru_cache(maxsize=1)
def options() -> tuple[Option, ...]:
    """Return all options in the order of their declaration."""
    found = []
    for declared in msgspec.structs.fields(Config):
        meta = declared.type.__metadata__[-1]
        default = declared.default
        if default is msgspec.NODEFAULT and declared.default_factory is not msgspec.NODEFAULT:
            default = declared.default_factory()
        found.append(
            Option(declared.name, meta.description or "", declared.type.__origin__, default)
        )
    return tuple(found)


def defaults() -> dict[str, object]:
    """Return the default of every key, as JSON values."""
    return {option.key: option.default for option in options()}


def without_operator_rules(config: Config) -> Config:
    """Return settings in which no rule of `OPERATOR_KEYS` is set."""
    standard = Config()
    return msgspec.structs.replace(config, **{key: getattr(standard, key) for key in OPERATOR_KEYS})


def sample() -> bytes:
    """Return the text of `sample_config.json`: a small working configuration."""
    config = {
        "repository": "~/microrepo",
        "processes": 2,
        "packages": ["requests", "tqdm>=4.60", "numpy"],
        "python_versions": ["3.11", "3.12"],
        "package_types": ["bdist_wheel", "sdist"],
        "extensions": ["whl", "gz", "zip"],
        "platforms": ["any", "manylinux*_x86_64"],
        "versions": "latest",
        "min_free_space": "1 GB",
    }
    msgspec.convert(config, Config)
    return msgspec.json.format(msgspec.json.encode(config), indent=2) + b"\n"


def json_schema() -> dict[str, object]:
    """Return the JSON Schema of the configuration file."""
    schema: dict[str, object] = msgspec.json.schema(Config)
    schema["title"] = "microrepo configuration"
    return schema


__all__ = [
    "ALL",
    "EVERYTHING",
    "KEYS",
    "OPERATOR_KEYS",
    "PATTERN_KEYS",
    "REGEX_KEYS",
    "UNSET",
    "Config",
    "MetadataRule",
    "Option",
    "Size",
    "SourceEntry",
    "UnsetType",
    "Words",
    "defaults",
    "json_schema",
    "options",
    "sample",
    "without_operator_rules",
]
