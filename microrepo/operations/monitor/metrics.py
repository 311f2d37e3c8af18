"""Health as Prometheus metrics, in text format."""

from __future__ import annotations

from datetime import datetime

from microrepo.operations.monitor.health import Health


def prometheus_text(found: Health) -> str:
    """Return the text format that Prometheus' textfile collector reads."""
    repository = found.repository.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    lines = []
    for name, about, value in _metrics(found):
        if value is None:
            continue
        metric = f"microrepo_{name}"
        lines += [
            f"# HELP {metric} {about}",
            f"# TYPE {metric} gauge",
            f'{metric}{{repository="{repository}"}} {value!r}',
        ]
    return "\n".join(lines) + "\n"


def _metrics(found: Health) -> list[tuple[str, str, float | None]]:
    run, refresh = found.last_run, found.last_refresh
    return [
        ("health", "Exit code of microrepo health: 0 fine, 1 failed, 3 incomplete.",
         int(found.exit_code)),
        ("last_refresh_timestamp_seconds", "Start of the last successful refresh.",
         _timestamp(refresh.started_at if refresh else None)),
        ("last_run_timestamp_seconds", "End of the last run.",
         _timestamp(run.ended_at if run else None)),
        ("last_run_exit_code", "Exit code of the last run.", run.exit_code if run else None),
        ("last_run_duration_seconds", "Duration of the last run.", run.seconds if run else None),
        ("last_run_downloaded_files", "Files that the last run downloaded.",
         run.downloaded if run else None),
        ("last_run_downloaded_bytes", "Bytes of the files that the last run downloaded.",
         run.downloaded_bytes if run else None),
        ("last_run_deleted_files", "Files that the last run deleted.",
         run.deleted if run else None),
        ("last_run_failed", "Files and projects that failed in the last run.",
         run.failed if run else None),
        ("projects", "Known projects.", found.projects),
        ("files", "Files in the repository.", found.files),
        ("bytes", "Bytes of the files in the repository.", found.size_bytes),
        ("failing_projects", "Projects that failed when they were last tried.", found.failing),
        ("waiting_projects", "Failing projects whose next attempt is not due.", found.waiting),
        ("damaged_files", "Files found damaged and not repaired.", found.damaged),
        ("unpublished_projects", "Projects whose pages are older than their files.",
         found.unpublished),
        ("advisories_timestamp_seconds", "Time of the kept advisories.",
         _timestamp(found.advisories_as_of)),
        ("free_bytes", "Free bytes of the file system.", found.free_bytes),
        ("free_inodes", "Free inodes of the file system.", found.free_inodes),
    ]  # fmt: skip


def _timestamp(moment: str | None) -> float | None:
    if moment is None:
        return None
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()
