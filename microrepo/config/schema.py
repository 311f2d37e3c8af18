"""Declaration of every setting: type, default, group, help and example.

The loader, the command-line flags, the reference page, the JSON Schema and `sample_config.json`
are derived from this one declaration; see `microrepo.config.declared_options`.
"""

from __future__ import annotations

import sys
from enum import Enum
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

Words = list[str] | str
Size = int | str
EVERYTHING = "everything"
ALL = "all"
RUNNING_PYTHON = [f"{sys.version_info.major}.{sys.version_info.minor}"]


class Kind(Enum):
    """Form of a setting's value as text: in a flag or a variable."""

    SWITCH = "yes or no"
    NUMBER = "number"
    CHOICE = "one of a few words"
    TEXT = "text"
    COUNT = "number or word"
    DAYS = "number of days, or an ISO 8601 duration such as P3D"
    SIZE = "number of bytes, or a size such as 500 MB"
    PATH = "file or directory"
    URL = "http(s) URL"
    NAMES = "comma-separated names, or `all`"
    WORDS = "comma-separated words"
    REQUIREMENTS = "comma-separated requirements, or `everything`"
    PATTERNS = "comma-separated projects and releases, or `-r FILE`"
    REGEXES = "regular expression"
    ENTRIES = "comma-separated names, or JSON"
    TABLE = "JSON object"
    COMMAND = "command line"


class Group(Enum):
    """Section of a setting in help texts and on the reference page."""

    PROJECTS = "Projects and releases"
    FILES = "Files of a release"
    DEPENDENCIES = "Dependencies"
    TRUST = "Trust"
    REPOSITORY = "Repository"
    LIMITS = "Deletions and space"
    SOURCE = "Sources"
    NETWORK = "Network and workers"
    RUN = "After a run"


class Scope(Enum):
    """What a setting means to commands that copy between repositories."""

    ANYWHERE = "as for a refresh"
    FILTER = "counts if the command names it"
    REPOSITORY = "describes one repository and does not count"


class SourceEntry(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One of several sources, written as a table.

    Attributes:
        url: as in the setting `source`.
        api: API of a PyPI-like source; None = the setting `api`.
        packages: names, globs and ``re:`` patterns of projects that come only from this source.
        merged: the same for projects that come from all sources that name them here, together.
        name: its name in messages and in the state; "" = its URL.
    """

    url: str
    api: Literal["json", "simple"] | None = None
    packages: list[str] = []
    merged: list[str] = []
    name: str = ""


class MetadataRule(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """Conditions on one field of a project's metadata; all of them must hold.

    Attributes:
        any: regular expressions; at least one must match some value of the field.
        all: regular expressions; each must match some value.
        none: regular expressions; none may match.
        missing: what to do with projects that leave the field empty.
    """

    any: list[str] = []
    all: list[str] = []
    none: list[str] = []
    missing: Literal["keep", "drop"] = "keep"


def _about(
    group: Group,
    text: str,
    *,
    kind: Kind | None = None,
    default: str = "",
    example: object = None,
    basic: bool = False,
    scope: Scope = Scope.ANYWHERE,
    **limits: Any,
) -> Meta:
    """Return what is declared about a setting.

    Args:
        group: section in help texts and on the reference page.
        text: help; its first sentence is also the short help.
        kind: form as text; None = derived from the type.
        default: default as text, if the value itself is not clear.
        example: a value, as in the config file.
        basic: show it in the short help of `refresh`.
        scope: its meaning for `copy`, `push` and `mirror`.
        limits: bounds of a number.
    """
    extra = {"group": group, "kind": kind, "default": default, "basic": basic, "scope": scope}
    examples = None if example is None else [example]
    declared: Meta = Meta(description=text, examples=examples, extra=extra, **limits)
    return declared


_projects = partial(_about, Group.PROJECTS)
_files = partial(_about, Group.FILES)
_dependencies = partial(_about, Group.DEPENDENCIES)
_trust = partial(_about, Group.TRUST, scope=Scope.REPOSITORY)
_repository = partial(_about, Group.REPOSITORY)
_limits = partial(_about, Group.LIMITS)
_source = partial(_about, Group.SOURCE)
_network = partial(_about, Group.NETWORK)
_run = partial(_about, Group.RUN)


class Config(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of one repository; the config file sets any of them.

    `None` is a default that depends on the machine, which `load.resolve` fills in, or "no limit".
    """

    packages: Annotated[
        Words | None,
        _projects(
            "Projects to mirror: requirements such as `flask` or `numpy>=1.26,<3`, `-r FILE` for a "
            'requirements file, or `"everything"` for the whole index.',
            kind=Kind.REQUIREMENTS,
            example=["requests", "numpy>=1.26,<3"],
            basic=True,
        ),
    ] = None
    exclude: Annotated[
        list[str],
        _projects(
            "Projects and releases to skip. Names, globs (`*-nightly`), regular expressions on "
            "normalised names (`re:^evil-`), requirements (`numpy<1.20`), or `-r FILE` for a file "
            "with one of these per line and `#` comments. Takes precedence over every other rule, "
            "even pins.",
            kind=Kind.PATTERNS,
            example=["*-nightly", "numpy<1.20"],
            basic=True,
            scope=Scope.REPOSITORY,
        ),
    ] = msgspec.field(default_factory=list)
    allow: Annotated[
        list[str],
        _projects(
            "Keep only these projects and releases, dependencies included. Written like `exclude`; "
            "what `packages` pins is kept anyway. Empty: no such rule.",
            kind=Kind.PATTERNS,
            example=["flask", "re:^acme-"],
            scope=Scope.REPOSITORY,
        ),
    ] = msgspec.field(default_factory=list)
    versions: Annotated[
        Annotated[int, Meta(ge=1)] | str,
        _projects(
            'Releases of each project to keep: `"latest"`, the number of the newest, or `"all"`. '
            "Counted separately for each Python version.",
            kind=Kind.COUNT,
            example=3,
            basic=True,
            scope=Scope.REPOSITORY,
        ),
    ] = "latest"
    newest_by: Annotated[
        Literal["version", "time"],
        _projects(
            "Meaning of newest in `versions`: the highest version, or the latest first upload.",
            scope=Scope.REPOSITORY,
        ),
    ] = "version"
    keep_stable: Annotated[
        bool,
        _projects(
            "Count the newest stable release among the `versions` newest. Stable is final and not "
            "yanked; it is kept even when pre-releases or yanked releases are newer.",
            scope=Scope.REPOSITORY,
        ),
    ] = False
    prereleases: Annotated[
        bool | None,
        _projects(
            "Keep pre-releases. Off: never, unless a requirement names one (`>=2.0b1`).",
            default="only where a project has nothing else that fits, as pip",
            basic=True,
            scope=Scope.FILTER,
        ),
    ] = None
    yanked: Annotated[
        bool,
        _projects(
            "Keep yanked files. A flat directory cannot show that a file is yanked, so pip would "
            "install it; a release pinned with `==` is kept anyway.",
            scope=Scope.FILTER,
        ),
    ] = False
    uploaded_before: Annotated[
        str | None,
        _projects(
            "Only files uploaded before this date or time (ISO 8601, UTC).",
            kind=Kind.TEXT,
            example="2026-05-31",
            scope=Scope.FILTER,
        ),
    ] = None
    min_age_days: Annotated[
        Annotated[float, Meta(ge=0, le=36_500)] | str,
        _projects(
            "Only files at least this many days old: a number, or an ISO 8601 duration such as "
            "`P3D` or `PT36H`. A cool-down against fresh malware.",
            kind=Kind.DAYS,
            example="P3D",
            scope=Scope.FILTER,
        ),
    ] = 0
    min_age_exempt: Annotated[
        list[str],
        _projects(
            "Projects and releases that `min_age_days` does not apply to. Written like `exclude`.",
            kind=Kind.PATTERNS,
            example=["acme-*"],
            scope=Scope.REPOSITORY,
        ),
    ] = msgspec.field(default_factory=list)
    min_age_security_exempt: Annotated[
        bool,
        _projects(
            "Do not apply `min_age_days` to a release that one of the `advisories` names as the fix "
            "for a release in the repository.",
            scope=Scope.REPOSITORY,
        ),
    ] = True
    min_age_unknown: Annotated[
        Literal["refuse", "first-seen"],
        _projects(
            "What `min_age_days` does with files of sources that list no upload times: refuse them, "
            "or count from the refresh that first saw them.",
            scope=Scope.FILTER,
        ),
    ] = "refuse"
    allow_releases: Annotated[
        list[str],
        _projects(
            "Keep only releases whose version matches one of these regular expressions.",
            kind=Kind.REGEXES,
            example=["^1\\."],
            scope=Scope.REPOSITORY,
        ),
    ] = msgspec.field(default_factory=list)
    exclude_releases: Annotated[
        list[str],
        _projects(
            "Skip releases whose version matches one of these regular expressions.",
            kind=Kind.REGEXES,
            example=["(a|b|rc)\\d+$"],
            scope=Scope.REPOSITORY,
        ),
    ] = msgspec.field(default_factory=list)
    metadata: Annotated[
        dict[str, MetadataRule],
        _projects(
            "Conditions on the metadata of a project's newest release. Field of the JSON API's "
            "`info` (`classifiers`, `license_expression`, `project_urls.Homepage`) -> table of "
            "`any`, `all`, `none` (lists of regular expressions) and `missing` (`keep`, the "
            "default, or `drop`, for projects without the field). All must hold.",
            kind=Kind.TABLE,
            example={"classifiers": {"none": ["Private"]}},
            scope=Scope.REPOSITORY,
        ),
    ] = msgspec.field(default_factory=dict)
    max_project_size: Annotated[
        Size | None,
        _projects(
            "Skip projects whose files add up to more than this. Projects that are pinned or named "
            "in `allow` are exempt.",
            kind=Kind.SIZE,
            example="20 GB",
            scope=Scope.REPOSITORY,
        ),
    ] = None
    min_versions: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        _projects(
            "Skip projects with fewer releases that have files. Exempt as for `max_project_size`.",
            example=2,
            scope=Scope.REPOSITORY,
        ),
    ] = None
    max_versions: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        _projects(
            "Skip projects with more releases that have files. Exempt as for `max_project_size`.",
            example=1000,
            scope=Scope.REPOSITORY,
        ),
    ] = None
    rules: Annotated[
        dict[str, Any] | list[str],
        _projects(
            "Rules of other distributions, see docs/how-to/own-rules.md. Their names, or name -> "
            "table of the rule's own settings.",
            kind=Kind.ENTRIES,
            example=["licences"],
            scope=Scope.REPOSITORY,
        ),
    ] = msgspec.field(default_factory=dict)
    python_versions: Annotated[
        Words | None,
        _files(
            "Python versions the files must work with: `3.11` or `cp311`, `cp313t`, `pp310`, or "
            '`"all"`. The words `py3`, `py2.py3`, `any` and `source` add no Python; a list of '
            "only these selects files by their own tags.",
            kind=Kind.NAMES,
            default="the running Python",
            example=["3.11", "3.12"],
            basic=True,
            scope=Scope.FILTER,
        ),
    ] = None
    platforms: Annotated[
        Words,
        _files(
            'Platform tags of wheels to keep, as patterns, or `"all"`. `any`, '
            "`manylinux*_x86_64`, `win_amd64`, ...; a wheel is kept if one of its tags matches.",
            kind=Kind.NAMES,
            example=["any", "manylinux*_x86_64"],
            basic=True,
            scope=Scope.FILTER,
        ),
    ] = ALL
    variants: Annotated[
        Words,
        _files(
            "Variant wheels to keep (PEP 825): patterns of their labels, such as `x86_64_v3`, "
            '`cu*`, or `null` for the fallback variant; or `"all"`. Wheels without a label are '
            "kept anyway. Current installers do not read variant wheels. Empty: keep none.",
            kind=Kind.NAMES,
            default="none",
            example=["null", "x86_64_v*"],
            scope=Scope.FILTER,
        ),
    ] = msgspec.field(default_factory=list)
    exclude_platforms: Annotated[
        list[str],
        _files(
            "Platforms to skip: patterns as in `platforms`, or `windows`, `macos`, `linux`, "
            "`freebsd`. A wheel is kept if one of its tags is not among them; sdists are always "
            "kept.",
            kind=Kind.WORDS,
            example=["windows", "macos"],
            scope=Scope.REPOSITORY,
        ),
    ] = msgspec.field(default_factory=list)
    package_types: Annotated[
        Words,
        _files(
            'Package types to keep, as PyPI names them, or `"all"`. `bdist_wheel`, `sdist`, '
            "`bdist_egg`, ...",
            kind=Kind.NAMES,
            example=["bdist_wheel"],
            basic=True,
            scope=Scope.FILTER,
        ),
    ] = msgspec.field(default_factory=lambda: ["bdist_wheel", "sdist"])
    extensions: Annotated[
        Words,
        _files(
            'File name extensions to keep, without the dot, or `"all"`. `gz` includes `tar.gz`.',
            kind=Kind.NAMES,
            example=["whl", "gz"],
            scope=Scope.FILTER,
        ),
    ] = msgspec.field(default_factory=lambda: ["whl", "gz", "zip"])
    requires_python: Annotated[
        list[str],
        _files(
            "Keep only files whose `requires_python` allows one of these versions, whatever their "
            "tags. `3.9`, `3.12.4`. Empty: no such rule.",
            kind=Kind.WORDS,
            example=["3.9", "3.12"],
            scope=Scope.REPOSITORY,
        ),
    ] = msgspec.field(default_factory=list)
    allow_files: Annotated[
        list[str],
        _files(
            "Keep only files whose name matches one of these regular expressions. Empty: no such "
            "rule.",
            kind=Kind.REGEXES,
            example=["\\.whl$"],
            scope=Scope.REPOSITORY,
        ),
    ] = msgspec.field(default_factory=list)
    exclude_files: Annotated[
        list[str],
        _files(
            "Skip files whose name matches one of these regular expressions.",
            kind=Kind.REGEXES,
            example=["-cp2\\d-"],
            scope=Scope.REPOSITORY,
        ),
    ] = msgspec.field(default_factory=list)
    max_file_size: Annotated[
        Size | None,
        _files(
            "Skip files larger than this.",
            kind=Kind.SIZE,
            example="500 MB",
            basic=True,
            scope=Scope.FILTER,
        ),
    ] = None
    dependencies: Annotated[
        bool | None,
        _dependencies(
            "Follow dependencies.",
            default="on with named packages, off with everything",
            basic=True,
        ),
    ] = None
    environments: Annotated[
        dict[str, str | dict[str, Any]] | list[str],
        _dependencies(
            "Target environments for dependencies: presets such as "
            "`cp312-manylinux_2_28_x86_64`. Or name -> preset or table: as `microrepo env` prints "
            "it, or with a `preset`. In a table, `local_versions` (project -> local version label, "
            "such as `cu128`) limits a project to one build.",
            kind=Kind.ENTRIES,
            default="the listed Python versions on this platform",
            example=["cp312-manylinux_2_28_x86_64"],
            basic=True,
        ),
    ] = msgspec.field(default_factory=dict)
    resolve: Annotated[
        Literal["solve", "latest", "all"],
        _dependencies(
            "How to choose dependencies: `solve` = one installable set per goal, `latest` = the "
            "newest match of each requirement, `all` = every match.",
            basic=True,
        ),
    ] = "solve"
    build_requirements: Annotated[
        bool, _dependencies("Also follow the build requirements of sdists.", basic=True)
    ] = False
    allow_urls: Annotated[
        bool,
        _dependencies(
            "Download requirements of the form `name @ URL`. The URL should end with a digest "
            "(`#sha256=...`). Off: such a requirement cannot be met. Version control URLs are "
            "never followed."
        ),
    ] = False
    lock: Annotated[
        str | None,
        _dependencies(
            "Directory for lock files. For each environment and group a "
            "`pylock.<environment>.toml` (PEP 751) that names the repository's files by path, so "
            "that installers need neither index nor solver. A relative path is relative to the "
            "config file.",
            kind=Kind.PATH,
            example="locks",
        ),
    ] = None
    security: Annotated[
        Literal["default", "strict"],
        _trust(
            "Preset for the settings about trust. `strict` sets the defaults `min_age_days` 3, "
            "`trust_policy` no-downgrade, and `vulnerabilities`, `substitution` and "
            "`confusable_names` refuse; a setting that is given takes precedence.",
            basic=True,
        ),
    ] = "default"
    provenance: Annotated[
        Literal["off", "keep", "verify"],
        _trust(
            "What to do with the provenance objects (PEP 740) of kept files. `keep` puts each beside "
            "its file, as `<file>.provenance`, and lists it on pages. Costs one request for each "
            "attested file. `verify` also verifies the signatures, and refuses files with forged "
            "ones; it needs the extra `provenance`.",
        ),
    ] = "off"
    trusted_root: Annotated[
        str | None,
        _trust(
            "File with the keys of Sigstore's authorities and logs (`trusted_root.json`), with "
            "which `provenance` verifies. A relative path is relative to the config file.",
            kind=Kind.PATH,
            default="the one in the installed sigstore",
            example="trusted_root.json",
        ),
    ] = None
    trust_policy: Annotated[
        Literal["off", "no-downgrade"],
        _trust(
            "What to do about releases whose provenance (PEP 740) is weaker than before. "
            "`no-downgrade` refuses a release that is not attested although an earlier release of "
            "its project is, or that another publisher published. The earlier release stays. "
            "Applies to pinned releases, too.",
        ),
    ] = "off"
    trust_exceptions: Annotated[
        list[str],
        _trust(
            "Projects and releases that `trust_policy` does not apply to. Written like `exclude`. "
            "Later releases are compared with an accepted exception.",
            kind=Kind.PATTERNS,
            example=["django<5", "acme-tool==2.0"],
        ),
    ] = msgspec.field(default_factory=list)
    trust_lookback_days: Annotated[
        Annotated[float, Meta(gt=0, le=36_500)] | None,
        _trust(
            "Compare a release only with releases uploaded at most this many days before it.",
            default="no limit",
            example=365,
        ),
    ] = None
    advisories: Annotated[
        str,
        _trust(
            "Advisories about vulnerabilities and malware: URL or file of OSV's archive for PyPI "
            "(`all.zip`). A relative path is relative to the config file. Each refresh requests it, "
            "conditionally; it is kept in `.microrepo/osv`, and bundles carry it. Empty: only "
            "`vulnerabilities` counts, by PyPI's JSON API.",
            kind=Kind.TEXT,
            example="https://osv.example/PyPI/all.zip",
        ),
    ] = ""
    advisories_max_age: Annotated[
        Annotated[float, Meta(gt=0, le=36_500)] | str,
        _trust(
            "Age above which the kept advisories are stale: `health` then fails, and so does a "
            "refresh that cannot renew them (exit code 3).",
            kind=Kind.DAYS,
            example=3,
        ),
    ] = "P7D"
    ignore_advisories: Annotated[
        list[str],
        _trust(
            "Ids of advisories that do not count, under any of their names. For those that do not "
            "apply to you, and for false alarms.",
            kind=Kind.WORDS,
            example=["PYSEC-2024-1", "CVE-2024-0001"],
        ),
    ] = msgspec.field(default_factory=list)
    malware: Annotated[
        Literal["ignore", "report", "refuse"],
        _trust(
            "What to do about releases that `advisories` report as malware: ignore, report or "
            "refuse them. `refuse` includes pinned releases, and moves files that are in the "
            "repository to quarantine, whatever `prune`, `max_deletes` and unmet requirements say."
        ),
    ] = "refuse"
    vulnerabilities: Annotated[
        Literal["ignore", "report", "refuse", "quarantine"],
        _trust(
            "What to do about releases with known vulnerabilities: ignore, report or refuse them; "
            "`quarantine` is `refuse`, but files are moved to quarantine instead of being deleted. "
            "A pinned release is never refused. By `advisories`; without, by PyPI's JSON API, which "
            "costs one request for each kept release that is not its project's latest.",
            basic=True,
        ),
    ] = "ignore"
    substitution: Annotated[
        Literal["report", "refuse"],
        _trust(
            "What to do if a source lists other content than before under the name of a file that the "
            "repository holds: `report` it and replace the file, or `refuse` it, which keeps the file "
            "(exit code 3). `refuse` also requests a project only from the source that it came from, "
            "or from sources before that. `refresh --replace` accepts both.",
        ),
    ] = "report"
    reserved_names: Annotated[
        dict[str, str] | list[str],
        _trust(
            "Projects that the public index must never provide, against dependency confusion: names, "
            "globs and `re:` patterns. A list is for every source except the public one, which is "
            "PyPI if it is among the sources, else the last. Or pattern -> name of the only source.",
            kind=Kind.ENTRIES,
            scope=Scope.ANYWHERE,
            example=["acme-*"],
        ),
    ] = msgspec.field(default_factory=list)
    confusable_names: Annotated[
        Literal["ignore", "report", "refuse"],
        _trust(
            "What to do about a new dependency whose name can be taken for that of a well-known "
            "project (`requets`, `nurnpy`): ignore, report or refuse it. New is what no goal names and "
            "the repository does not hold.",
        ),
    ] = "report"
    trusted_names: Annotated[
        list[str],
        _trust(
            "Projects that `confusable_names` does not apply to. Written like `exclude`.",
            kind=Kind.PATTERNS,
            example=["acme-*"],
        ),
    ] = msgspec.field(default_factory=list)
    profiles: Annotated[
        dict[str, dict[str, Any]],
        _repository(
            "Several repositories from one config file: name -> settings that differ. A refresh "
            "updates all of them, with one request per project and one copy of each file; "
            "`--profile NAME` chooses one. By default, a profile's repository is the directory "
            "NAME in `repository`, and `store` is `repository`/.store.",
            kind=Kind.TABLE,
            example={"lab": {"packages": ["numpy"]}, "web": {"packages": ["flask"]}},
            scope=Scope.REPOSITORY,
        ),
    ] = msgspec.field(default_factory=dict)
    repository: Annotated[
        str,
        _repository(
            "Directory of the repository. It holds the files and is the flat directory that `pip "
            "install --find-links` reads. `~` and `$VAR` are expanded; a relative path is relative "
            "to the config file.",
            kind=Kind.PATH,
            basic=True,
        ),
    ] = "~/microrepo"
    store: Annotated[
        str | None,
        _repository(
            "Directory that several repositories share: content by digest, each once. Before a "
            "download, the content is looked up there; downloads are added. On the same file "
            "system, files are hard links to it. A relative path is relative to the config file.",
            kind=Kind.PATH,
            example="/srv/packages/store",
        ),
    ] = None
    snapshots: Annotated[
        int,
        _repository(
            "Keep what each refresh that changed something left as a snapshot, and of these the "
            "newest N. Snapshots that people make stay. Contents that only snapshots still hold do "
            "not count for `max_total_size`; `stats` and `health` say how large they are.",
            example=12,
            ge=0,
        ),
    ] = 0
    simple: Annotated[bool, _repository("Write the static `simple/` index.", basic=True)] = True
    server: Annotated[bool, _repository("Write `server.py`, the one-file server.")] = True
    browse: Annotated[
        bool,
        _repository(
            "Write `browse/`, pages for people. They work from a disk and any web server and need "
            "`simple`; `server.py` shows such pages without them."
        ),
    ] = False
    files: Annotated[
        bool,
        _repository(
            "Keep the files. Off: the repository is only an index; nothing is downloaded, and the "
            "pages link to the source's files, or to `files_url`."
        ),
    ] = True
    files_url: Annotated[
        str | None,
        _repository(
            "URL of the files, for pages with absolute links. A copy of the flat directory; with "
            "`files` off, a host that has the source's files under the same paths. Without it the "
            "links are relative.",
            kind=Kind.URL,
            example="https://files.example/",
        ),
    ] = None
    prune: Annotated[
        bool,
        _limits("Delete files that are no longer wanted, after their replacement.", basic=True),
    ] = True
    max_deletes: Annotated[
        Annotated[int, Meta(ge=0)] | str,
        _limits(
            "Refuse to delete more files than this without a replacement in the same run. A "
            "number, or a share (`50 %`) of the existing files, which counts from 10 files on.",
            kind=Kind.COUNT,
            example=1000,
            basic=True,
        ),
    ] = "50 %"
    removed: Annotated[
        Literal["delete", "keep", "quarantine"],
        _limits(
            "What to do with files of projects that upstream removed or quarantined.", basic=True
        ),
    ] = "delete"
    max_total_size: Annotated[
        Size | None,
        _limits(
            "Limit on the size of all files together; see `over_budget`.",
            kind=Kind.SIZE,
            example="2 TB",
            basic=True,
        ),
    ] = None
    over_budget: Annotated[
        Literal["refuse", "evict"],
        _limits(
            "What to do when `max_total_size` would be exceeded. `refuse` the plan, or `evict` "
            "releases, those uploaded longest ago first, but never pins, dependencies or the "
            "newest release of a project."
        ),
    ] = "refuse"
    allowed_signers: Annotated[
        str | None,
        _run(
            "File of the keys that may sign bundles, in the form of OpenSSH (`ssh-keygen`, ALLOWED "
            "SIGNERS). With it, `import` refuses bundles that nobody of them has signed. Without "
            "it, the file `.microrepo/allowed_signers` of the repository counts, if it exists.",
            kind=Kind.PATH,
            default="none: signatures are not verified",
            example="/etc/microrepo/allowed_signers",
        ),
    ] = None
    min_free_space: Annotated[
        Size, _limits("Refuse a plan that would leave less free space than this.", kind=Kind.SIZE)
    ] = "1 GB"
    source: Annotated[
        str,
        _source(
            'Where files come from: `"pypi"`, a URL or a directory. The root URL of a server like '
            "PyPI, the URL of a Simple API index (its path ends in `simple/`, or it is written "
            "`simple+https://...`), or a directory (an absolute path or a `file:` URL).",
            kind=Kind.TEXT,
            example="https://index.example/simple/",
            basic=True,
        ),
    ] = "pypi"
    sources: Annotated[
        list[str | SourceEntry],
        _source(
            "Several sources instead of one `source`, the most trusted first. Texts as in "
            '`source`, or tables `{"url": ..., "api": ..., "packages": [...], "merged": [...], '
            '"name": ...}`. A project comes from the first source that lists it; a project that '
            "matches the `packages` of a source (names, globs, `re:` patterns) comes only from that "
            "source; the files of a project that matches the `merged` of several sources come from "
            "all of these.",
            kind=Kind.ENTRIES,
            example=[{"url": "https://index.example/simple/", "packages": ["acme-*"]}, "pypi"],
        ),
    ] = msgspec.field(default_factory=list)
    api: Annotated[Literal["json", "simple"], _source("API to read from a PyPI-like source.")] = (
        "json"
    )
    project_status: Annotated[
        bool,
        _source(
            "Also read the status of projects (archived, deprecated, quarantined) with the JSON API, "
            "which does not report it: each project whose document changed costs one more request, "
            "for its Simple API page. Without `simple`, it is not read."
        ),
    ] = True
    file_host: Annotated[
        str | None,
        _source(
            "Another host for the files, such as a near mirror of PyPI's. It is asked first for "
            "each file, under the path at the source; digests are verified as usual.",
            kind=Kind.URL,
            example="https://files.example/",
        ),
    ] = None
    file_host_fallback: Annotated[
        bool,
        _source(
            "Download from the source if `file_host` fails. A file without an announced digest is "
            "then only downloaded from the source."
        ),
    ] = True
    require_digests: Annotated[
        bool,
        _source(
            "Skip files for which the source announces no digest. A local directory needs none."
        ),
    ] = True
    processes: Annotated[
        Annotated[int, Meta(ge=1, le=256)] | None,
        _network("Worker processes.", default="number of CPUs", example=4, basic=True),
    ] = None
    connections: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | None,
        _network(
            "Parallel downloads or uploads. Each process runs connections / processes of them. By "
            "default, servers other than PyPI get 6 requests at a time until one keeps a connection "
            "open after its answer: small servers that close each one refuse more.",
            default="32, of which 16 download files; 6 uploads",
            example=20,
            basic=True,
        ),
    ] = None
    transport: Annotated[
        Literal["auto", "libcurl", "requests"],
        _network(
            "HTTP client. `auto` is libcurl if the extra `microrepo[fast]` is installed, which takes "
            "less CPU time and uses HTTP/2."
        ),
    ] = "auto"
    requests_per_second: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        _network(
            "Limit on API requests, shared by all workers. Downloads of files do not count.",
            default="a burst of 500, then 20 a second; no limit on loopback",
            example=50,
        ),
    ] = None
    bandwidth: Annotated[
        Size | None,
        _network(
            "Limit on bytes per second, shared by all workers.",
            kind=Kind.SIZE,
            example="10 MB",
            basic=True,
        ),
    ] = None
    contact: Annotated[
        str | None,
        _network(
            "E-mail address or URL for the User-Agent. The operators of the source can reach you.",
            kind=Kind.TEXT,
            example="mirror@acme.example",
        ),
    ] = None
    proxy: Annotated[
        str | None,
        _network(
            "Proxy URL. `http://`, `https://`, or `socks5://` with the extra `microrepo[fast]` or "
            "`microrepo[socks]`.",
            kind=Kind.TEXT,
            default="the usual environment variables",
            example="http://proxy.example:3128",
            basic=True,
        ),
    ] = None
    ca_bundle: Annotated[
        str | None,
        _network(
            "File of trusted certificates.",
            kind=Kind.PATH,
            default="REQUESTS_CA_BUNDLE, else certifi's",
            example="/etc/ssl/certs/ca-certificates.crt",
        ),
    ] = None
    client_cert: Annotated[
        str | None,
        _network(
            "Client certificate with its key, one PEM file.", kind=Kind.PATH, example="client.pem"
        ),
    ] = None
    timeout_s: Annotated[
        float,
        _network(
            "Seconds to wait for a connection and for each part of an answer. A transfer as a "
            "whole has no limit.",
            gt=0,
        ),
    ] = 30
    retries: Annotated[int, _network("Retries of a failed request.", ge=0, le=100)] = 5
    allow_http: Annotated[bool, _network("Allow plain http to other hosts than this one.")] = False
    max_document_size: Annotated[
        Size,
        _network(
            "Largest document or index page of one project, unpacked. A project with a larger one "
            "fails; nothing else is affected. Raise it for a project with very many files.",
            kind=Kind.SIZE,
            example="256 MB",
        ),
    ] = "64 MiB"
    internal_hosts: Annotated[
        list[str],
        _network(
            "Hosts of this machine or of private networks that a source may lead to, by the address "
            "of a file or by a redirect. A source on a private network may lead to others there.",
            kind=Kind.WORDS,
            example=["files.corp.example"],
        ),
    ] = msgspec.field(default_factory=list)
    change_list: Annotated[
        str | None,
        _run(
            "Directory for the change list of each run. `changes.json` with sizes and digests, "
            "`adds.txt` and `deletes.txt` with only the paths, for `rsync --files-from` and "
            "similar tools. A relative path is relative to the config file.",
            kind=Kind.PATH,
            example="lists",
        ),
    ] = None
    change_list_history: Annotated[
        bool,
        _run(
            "Keep the change list of every run that changed something. Its name has the run's "
            "number (`changes-000042.json`). Off: each run replaces the list."
        ),
    ] = False
    max_age: Annotated[
        Annotated[float, Meta(gt=0, le=36_500)] | str | None,
        _run(
            "Age above which the repository is out of date, counted from its last refresh or import: "
            "`health` then fails, unless `--max-age` says otherwise, and the pages of `server.py` "
            "for people say so.",
            kind=Kind.DAYS,
            example="P40D",
        ),
    ] = None
    metrics_file: Annotated[
        str | None,
        _run(
            "File for Prometheus' textfile collector, replaced after each run. Its name ends in "
            "`.prom`.",
            kind=Kind.PATH,
            example="/var/lib/node_exporter/microrepo.prom",
        ),
    ] = None
    scan: Annotated[
        list[str],
        _run(
            "Command that sees each file before it is kept, as a list of words; the path follows, "
            "and `MICROREPO_FILE` has the name. Exit code 0 keeps the file, 1 refuses it: it goes to "
            "quarantine with the command's words, and is not downloaded again.",
            kind=Kind.COMMAND,
            example=["clamdscan", "--no-summary"],
        ),
    ] = msgspec.field(default_factory=list)
    scan_timeout_s: Annotated[
        float, _run("Seconds after which the scan of one file is stopped.", gt=0, le=86_400)
    ] = 600
    hook: Annotated[
        list[str],
        _run(
            "Command to run after each run, as a list of words. It is not run by a shell; variables "
            "describe the run (`MICROREPO_EXIT_CODE`, `MICROREPO_REPORT`, ...).",
            kind=Kind.COMMAND,
            example=["notify", "--mirror"],
        ),
    ] = msgspec.field(default_factory=list)
    hook_timeout_s: Annotated[
        float, _run("Seconds after which the hook is stopped.", gt=0, le=86_400)
    ] = 600
