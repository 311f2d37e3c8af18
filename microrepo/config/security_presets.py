"""Presets of `security`: defaults of several settings at once. A setting that is given wins."""

from __future__ import annotations

from collections.abc import Mapping

STRICT: dict[str, object] = {
    "min_age_days": 3,
    "trust_policy": "no-downgrade",
    "vulnerabilities": "refuse",
    "substitution": "refuse",
    "confusable_names": "refuse",
}
_PRESETS: dict[object, dict[str, object]] = {"strict": STRICT}


def preset_values(values: Mapping[str, object]) -> dict[str, object]:
    """Return the settings that the preset in `values` adds to them."""
    security = values.get("security")
    preset = _PRESETS.get(security, {}) if isinstance(security, str) else {}
    return {key: value for key, value in preset.items() if key not in values}
