"""Statistics, from a state."""

from __future__ import annotations

from pathlib import Path

from microrepo.config.schema import Config
from microrepo.model import File, NormalizedName, Project
from microrepo.operations.inspect.statistics import Tally, stats
from microrepo.state import ProjectRow, open_state, pack


def test_stats_of_what_is_held(config: Config) -> None:
    found = stats(config)
    assert (found.projects, found.files, found.size_bytes) == (2, 3, 30)
    one = Tally(1, 10)
    assert found.by_type == {"bdist_wheel": one, "sdist": one, "bdist_egg": one}
    assert found.by_extension == {"whl": one, "gz": one, "egg": one}
    assert found.by_python == {"py3": one, "source": one, "2.7": one}
    assert found.by_platform == {"any": Tally(2, 20), "source": one}


def test_stats_of_what_the_source_has(config: Config) -> None:
    assert stats(config).seen == {
        "package_types": {"bdist_wheel": 2, "sdist": 1, "bdist_egg": 1, "bdist_wininst": 1},
        "extensions": {"whl": 2, "gz": 1, "egg": 1, "exe": 1},
        "python_versions": {"py3": 1, "cp311": 1, "source": 1, "2.7": 1, "any": 1},
        "platforms": {"any": 1, "win32": 1, "win_amd64": 1},
    }


def test_more_projects_than_are_read_at_once(config: Config, tmp_path: Path) -> None:
    state, _ = open_state(tmp_path / ".microrepo" / "state.db")
    with state.transaction():
        for number in range(1100):
            name = NormalizedName(f"p{number}")
            file = File(f"{name}-1.zip", "https://f.example/x", "1", "sdist")
            state.save_projects([ProjectRow(name, name)])
            state.save_documents([(name, pack(Project(name, name, files=(file,))))])
    state.close()
    assert stats(config).seen["extensions"]["zip"] == 1100
