"""Age of the kept advisories: a mirror that decides by stale ones is not healthy."""

from __future__ import annotations

from pathlib import Path

from microrepo.config.schema import Config
from microrepo.config.sizes import parse_days
from microrepo.formats.times import shift
from microrepo.operations.advisories.kept_advisories import AdvisoryFiles


def advisories_as_of(repository: Path) -> str | None:
    """Return the time of the kept advisories, None if there are none."""
    return AdvisoryFiles(repository).as_of()


def is_stale(as_of: str | None, moment: str, config: Config) -> bool:
    """Return whether advisories of a time are older than the settings allow."""
    limit_days = parse_days(config.advisories_max_age, "advisories_max_age")
    return as_of is not None and shift(as_of, limit_days) < moment


def advisory_problem(as_of: str | None, moment: str, config: Config) -> str:
    """Return how old the advisories are, if they are too old; "" if they are not.

    Args:
        as_of: their time, None if there are none.
        moment: the current time.
    """
    if as_of is None:
        return "no advisories have been read yet" if config.advisories else ""
    if not is_stale(as_of, moment, config):
        return ""
    limit_days = parse_days(config.advisories_max_age, "advisories_max_age")
    return f"the advisories are of {as_of[:10]}, and stale after {limit_days:g} days"
