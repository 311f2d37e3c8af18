"""Limits of a run, from its settings."""

from __future__ import annotations

from microrepo.config.schema import Config
from microrepo.config.sizes import parse_deletes, parse_size
from microrepo.guards import Limits


def limits_of(config: Config) -> Limits:
    """Return the limits that guards compare a plan with."""
    count, share = parse_deletes(config.max_deletes, "max_deletes")
    return Limits(
        max_deletes=count,
        max_deletes_share=share,
        max_total_bytes=(
            parse_size(config.max_total_size, "$.max_total_size")
            if config.max_total_size is not None and config.over_budget == "refuse"
            else None
        ),
        min_free_bytes=parse_size(config.min_free_space, "$.min_free_space"),
    )
