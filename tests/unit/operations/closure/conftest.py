"""A target environment, and the settings for it: dependencies and pages are on, as by default."""

from __future__ import annotations

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.selection.environments.environment import Environment
from microrepo.selection.environments.presets import environment_from_preset

PRESET = "cp311-manylinux_2_28_x86_64"


@pytest.fixture
def linux() -> Environment:
    """The environment that the settings name."""
    return environment_from_preset("linux", PRESET)


@pytest.fixture
def config(config: Config) -> Config:
    """The default settings, for one target environment."""
    return msgspec.structs.replace(config, environments={"linux": PRESET})
