"""What the generated index holds: the records, and a seeded plan of projects and releases.

Everything follows from the seed and the numbers in `Shape`; nothing here touches the disk.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

# Stands in every stored page for the server's root URL; replaced when a tree is served.
BASE_URL = "https://mirror.example"

SYLLABLES = [a + b for a in "bcdfghjklmnprstvwz" for b in "aeiou"]
NATIVE_TAGS = [
    f"cp3{minor}-cp3{minor}-{platform}"
    for minor in (10, 11, 12, 13)
    for platform in (
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "win_amd64",
        "macosx_11_0_arm64",
    )
]
EPOCH = datetime(2024, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Shape:
    """How big the index is; sizes in bytes."""

    projects: int = 2000
    old_releases: int = 9
    files_per_old_release: float = 0.77
    median_bytes: int = 48_000
    sigma: float = 1.70
    max_bytes: int = 5_000_000
    min_bytes: int = 1_500
    description_bytes: int = 8_500
    share_sdist: float = 0.95
    share_native: float = 0.15
    share_odd_formats: float = 0.03
    share_title_case: float = 0.045
    projects_without_files: int = 10
    new_releases: int = 20
    yanks: int = 3
    deletions: int = 2
    seed: str = "microrepo"


@dataclass(frozen=True)
class FileRecord:
    """One file of a release, as the documents describe it; `real` says that it can be fetched."""

    filename: str
    package_type: str
    python_version: str
    size: int
    md5: str
    sha256: str
    blake2b: str
    metadata_sha256: str | None
    real: bool

    @property
    def path(self) -> str:
        """Path below `packages/`, split as PyPI splits the BLAKE2b digest."""
        return f"{self.blake2b[:2]}/{self.blake2b[2:4]}/{self.blake2b[4:]}/{self.filename}"


@dataclass(frozen=True)
class Release:
    """One release: its version, upload time, files and yank mark."""

    version: str
    uploaded: datetime
    files: tuple[FileRecord, ...] = ()
    yanked: bool = False


@dataclass(frozen=True)
class Project:
    """One project of the index, newest release last."""

    display_name: str
    serial: int
    releases: tuple[Release, ...] = ()
    summary: str = ""
    description: str = ""

    @property
    def name(self) -> str:
        """The normalised name (PEP 503)."""
        return self.display_name.lower().replace("_", "-").replace(".", "-")

    def latest(self) -> Release | None:
        """Return the newest release that is not yanked."""
        return next((r for r in reversed(self.releases) if not r.yanked), None)


@dataclass(frozen=True)
class FilePlan:
    """A file to be made: its name parts and payload size."""

    package_type: str
    tag: str
    payload_bytes: int


@dataclass(frozen=True)
class ProjectPlan:
    """What is decided about a project before any byte is made."""

    display_name: str
    serial: int
    role: str  # "plain", "release", "yank", "delete", "empty"
    versions: tuple[str, ...]
    latest_files: tuple[FilePlan, ...] = field(default=())


def make_names(count: int, seed: str) -> list[str]:
    """Return `count` distinct names made of letters, a third of them in two parts."""
    rng = random.Random(f"{seed}:names")
    names: dict[str, None] = {}
    while len(names) < count:
        parts = [
            "".join(rng.choices(SYLLABLES, k=rng.choice((2, 3, 3, 4))))
            for _ in range(rng.choice((1, 1, 2)))
        ]
        names["-".join(parts)] = None
    return list(names)


def plan_projects(shape: Shape) -> list[ProjectPlan]:
    """Decide names, roles in the refresh, versions and file sizes of all projects."""
    rng = random.Random(f"{shape.seed}:plan")
    names = make_names(shape.projects, shape.seed)
    roles = (
        ["empty"] * shape.projects_without_files
        + ["release"] * shape.new_releases
        + ["yank"] * shape.yanks
        + ["delete"] * shape.deletions
    )
    roles += ["plain"] * (shape.projects - len(roles))
    rng.shuffle(roles)
    return [
        _plan_project(name, role, 20_000_000 + 37 * position, shape)
        for position, (name, role) in enumerate(zip(names, roles, strict=True))
    ]


def _plan_project(name: str, role: str, serial: int, shape: Shape) -> ProjectPlan:
    rng = random.Random(f"{shape.seed}:project:{name}")
    display_name = name
    if role == "plain" and rng.random() < shape.share_title_case:
        display_name = name.title().replace("-", "_")
    if role == "empty":
        return ProjectPlan(display_name, serial, role, ())
    count = 1 + max(0, round(rng.gauss(shape.old_releases, shape.old_releases / 3)))
    if role == "yank":
        count = max(count, 2)
    major = rng.randrange(4)
    versions = tuple(f"{major}.{minor}.{rng.randrange(5)}" for minor in range(count))
    return ProjectPlan(display_name, serial, role, versions, plan_files(rng, shape))


def plan_files(rng: random.Random, shape: Shape) -> tuple[FilePlan, ...]:
    """Decide the files of a release: an sdist and one or more wheels, now and then an egg."""
    plans = []
    if rng.random() < shape.share_sdist:
        plans.append(FilePlan("sdist", "zip" if rng.random() < 0.02 else "tar.gz", 0))
    if rng.random() < shape.share_native:
        tags = rng.sample(NATIVE_TAGS, k=rng.randrange(2, 8))
        plans.extend(FilePlan("bdist_wheel", tag, 0) for tag in sorted(tags))
    else:
        tag = "py2.py3-none-any" if rng.random() < 0.1 else "py3-none-any"
        plans.append(FilePlan("bdist_wheel", tag, 0))
    if rng.random() < shape.share_odd_formats:
        kind = rng.choice(("bdist_egg", "bdist_wininst"))
        plans.append(FilePlan(kind, "py3.11" if kind == "bdist_egg" else "win-amd64", 0))
    return tuple(replace(plan, payload_bytes=_payload_size(rng, shape)) for plan in plans)


def _payload_size(rng: random.Random, shape: Shape) -> int:
    size = shape.median_bytes * 2.718281828 ** rng.gauss(0, shape.sigma)
    return int(min(max(size, shape.min_bytes), shape.max_bytes))


def python_version_of(plan: FilePlan) -> str:
    """Return the `python_version` label that PyPI shows for the file."""
    if plan.package_type == "sdist":
        return "source"
    if plan.package_type == "bdist_egg":
        return plan.tag.removeprefix("py")
    return "any" if plan.package_type == "bdist_wininst" else plan.tag.partition("-")[0]


def python_versions() -> list[str]:
    """Return every `python_version` label of wheels and sdists that the index can hold."""
    wheels = {tag.partition("-")[0] for tag in NATIVE_TAGS}
    return sorted(wheels | {"py3", "py2.py3", "source"})


def listed_only(name: str, version: str, package_type: str, rng: random.Random) -> FileRecord:
    """Describe a file of an old release: digests and size are made up, it can't be fetched."""
    stem = f"{name.replace('-', '_')}-{version}"
    is_sdist = package_type == "sdist"
    filename = f"{stem}.tar.gz" if is_sdist else f"{stem}-py3-none-any.whl"
    seed = filename.encode()
    return FileRecord(
        filename=filename,
        package_type=package_type,
        python_version="source" if is_sdist else "py3",
        size=rng.randrange(2_000, 500_000),
        md5=hashlib.md5(seed).hexdigest(),
        sha256=hashlib.sha256(seed).hexdigest(),
        blake2b=hashlib.blake2b(seed, digest_size=32).hexdigest(),
        metadata_sha256=None if is_sdist else hashlib.sha256(seed + b"m").hexdigest(),
        real=False,
    )


def upload_time(position: int, serial: int) -> datetime:
    """Return the upload time of the release at `position`: one a month, UTC."""
    return EPOCH + timedelta(days=30 * position, seconds=serial % 86_400)


def wanted_files(project: Project) -> tuple[FileRecord, ...]:
    """Return the right answer: wheels and sdists of the latest release."""
    latest = project.latest()
    files = latest.files if latest else ()
    return tuple(f for f in files if f.package_type in {"sdist", "bdist_wheel"})
