"""The first run: answers, messages and the file that comes of them; nobody sits at a terminal."""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from microrepo.cli.prompt.answer_parsers import (
    Estimate,
    estimate_everything,
    parse_processes,
    parse_pythons,
    split_names,
)
from microrepo.cli.prompt.config_file import (
    Defaults,
    defaults_here,
    values_from_flags,
    write_config,
)
from microrepo.cli.prompt.dialogue import ask, complete_path, describe_estimate, require_terminal
from microrepo.config.load import load
from microrepo.errors import ConfigError

Dialogue = Callable[..., tuple[object, str]]
SMALL = Estimate(
    projects=1234, all_bytes=5e12, selected_bytes=6e9, hours=7, line_bytes_per_s=12.5e6
)


@pytest.fixture
def defaults(tmp_path: Path) -> Defaults:
    home = tmp_path / "home"
    home.mkdir()
    base = tmp_path / "work"
    base.mkdir()
    return Defaults(
        config_path=tmp_path / "config.json",
        repository=str(home / "microrepo"),
        python="3.11",
        processes=4,
        base=base,
        home=home,
    )


@pytest.fixture
def answer(defaults: Defaults) -> Dialogue:
    """``answer(*lines)``: hold the dialogue; returns the values and all that was shown."""

    def hold(*lines: str) -> tuple[object, str]:
        given = iter(lines)
        shown = io.StringIO()

        def read(prompt: str) -> str:
            shown.write(prompt)
            line = next(given, None)
            if line is None:
                raise EOFError
            return line

        values = ask(read, shown.write, defaults, SMALL)  # type: ignore[arg-type]
        assert next(given, None) is None, "a question was not asked"
        return values, shown.getvalue()

    return hold


def test_enter_takes_the_defaults(answer: Dialogue, defaults: Defaults) -> None:
    values, shown = answer("", "flask", "", "", "")
    assert values == {
        "repository": defaults.repository,
        "packages": ["flask"],
        "python_versions": ["3.11"],
        "processes": 4,
    }
    assert f"[{defaults.repository}]" in shown
    assert json.dumps(values, indent=2) in shown
    assert shown.endswith("Write it? [Y/n] ")


def test_answers_are_taken(answer: Dialogue, tmp_path: Path) -> None:
    values, _ = answer(f" {tmp_path}/new ", "flask numpy>=1.26,<3", "cp312, 3.10", "8", "YES")
    assert values == {
        "repository": f"{tmp_path}/new",
        "packages": ["flask", "numpy>=1.26,<3"],
        "python_versions": ["cp312", "3.10"],
        "processes": 8,
    }


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("flask numpy", ["flask", "numpy"]),
        ("flask,numpy , tqdm", ["flask", "numpy", "tqdm"]),
        ("numpy >= 1.26, < 3, flask", ["numpy>=1.26,<3", "flask"]),
        ("numpy>=1.26,<3,flask", ["numpy>=1.26,<3", "flask"]),
        ("requests[socks, security]>=2 x", ["requests[socks, security]>=2", "x"]),
        ("a===1.0 b ~= 2.1 c!=3", ["a===1.0", "b~=2.1", "c!=3"]),
        ("'numpy>=1.26' \"flask\"", ["numpy>=1.26", "flask"]),
        (" , ", []),
    ],
)
def test_names_are_split_at_spaces_and_commas(typed: str, words: list[str]) -> None:
    assert split_names(typed) == words


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "name at least one project"),
        ("flask num py>>1", "'py>>1' is not a requirement"),
        ("flask; python_version<'3.9'", "Put markers and URLs"),
        ("x @ https://files.example/x.whl", "Put markers and URLs"),
        ("*", "type everything"),
        ("ALL", "type everything"),
        ("everything flask", "type everything"),
        ("Everything", "type everything"),
        ("-r", "-r: requirements file not found"),
        ("-r missing.txt", "missing.txt: requirements file not found"),
        ("missing.txt", "missing.txt: file not found"),
        ("-r empty.txt", "is empty"),
        ("-r binary.txt", "cannot be read"),
        ("a" * 5000 + "!", "is not a requirement"),
    ],
)
def test_a_wrong_package_is_explained_and_asked_again(
    answer: Dialogue, defaults: Defaults, typed: str, message: str
) -> None:
    (defaults.base / "empty.txt").write_text("# nothing\n\n")
    (defaults.base / "binary.txt").write_bytes(b"\xff\xfe\x00")
    values, shown = answer("", typed, "flask", "", "", "")
    assert message in shown
    assert isinstance(values, dict)
    assert values["packages"] == ["flask"]
    assert shown.count("What to mirror") == 2


@pytest.mark.parametrize(
    "typed", ["-r {}", "--requirement={}", "{}", "'{}'", "-r '{}'", "--requirement   {}"]
)
def test_a_requirements_file_is_named_by_its_whole_path(
    answer: Dialogue, defaults: Defaults, typed: str
) -> None:
    path = defaults.base / "my needs é.txt"
    path.write_text("flask\n")
    for name in (path.name, str(path)):
        values, _ = answer("", typed.format(name), "", "", "")
        assert isinstance(values, dict)
        assert values["packages"] == [f"-r {path}"]


def test_names_and_files_may_be_mixed(answer: Dialogue, defaults: Defaults) -> None:
    (defaults.base / "a.txt").write_text("flask\n")
    (defaults.base / "b").write_text("rich\n")
    values, _ = answer("", "tqdm -r a.txt -r b", "", "", "")
    assert isinstance(values, dict)
    assert values["packages"] == ["tqdm", f"-r {defaults.base}/a.txt", f"-r {defaults.base}/b"]


def test_everything_is_estimated_and_confirmed(answer: Dialogue) -> None:
    values, shown = answer("", "everything", "yes", "", "", "")
    assert isinstance(values, dict)
    assert values["packages"] == "everything"
    for figure in ("1,234 projects", "6.0 GB", "7 hours", "100 Mbit/s", "5.0 TB"):
        assert figure in shown


def test_everything_can_be_taken_back(answer: Dialogue) -> None:
    values, shown = answer("", "everything", "", "flask", "", "", "")
    assert isinstance(values, dict)
    assert values["packages"] == ["flask"]
    assert "Mirror everything? [y/N] " in shown


def test_the_estimate_for_pypi_has_the_right_order() -> None:
    estimate = estimate_everything()
    assert estimate.projects == 736_000
    assert 1e12 < estimate.selected_bytes < 1e13 < estimate.all_bytes
    # The documents alone: 736,000 at 20 a second are 10.2 hours.
    assert estimate_everything(1e15).hours == pytest.approx(10.2, abs=0.1)
    assert "736,000" in describe_estimate(estimate)


def make_checkout(home: Path) -> str:
    (home / "src/.git").mkdir(parents=True)
    return "src"


def make_project(home: Path) -> str:
    (home / "proj").mkdir()
    (home / "proj/setup.py").touch()
    return "proj"


def make_file(home: Path) -> str:
    (home / "file").touch()
    return "file"


def make_link_home(home: Path) -> str:
    (home.parent / "link").symlink_to(home)
    return "../link"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda home: ".", "too general"),
        (lambda home: "/", "too general"),
        (make_link_home, "too general"),
        (make_checkout, "contains .git"),
        (make_project, "contains setup.py"),
        (make_file, "is not a directory"),
        (lambda home: make_file(home) + "/below", "no permission to write"),
        (lambda home: "$NO_SUCH_VARIABLE/x", "is not set"),
        (lambda home: "~no-such-user/x", "home directory not found"),
        (lambda home: "a\x1b[Db", "write the path of a directory"),
        (lambda home: "''", "write the path of a directory"),
    ],
)
def test_directories_that_cannot_be_repositories_are_refused(
    answer: Dialogue, defaults: Defaults, make: Callable[[Path], str], message: str
) -> None:
    typed = make(defaults.home)
    path = typed if typed[0] in "/$~a'" else str(defaults.home / typed)
    values, shown = answer(path, str(defaults.home / "fine"), "flask", "", "", "")
    assert message in shown
    assert isinstance(values, dict)
    assert values["repository"] == str(defaults.home / "fine")


def test_a_directory_stays_as_typed_where_that_means_the_same(
    answer: Dialogue, defaults: Defaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(defaults.home))
    monkeypatch.setenv("PLACE", str(defaults.home))
    for typed, kept in [
        ("~/my repo", "~/my repo"),
        ("$PLACE/é", "$PLACE/é"),
        ("here/../there", str(defaults.base / "there")),
        ("'quoted dir'", str(defaults.base / "quoted dir")),
    ]:
        values, _ = answer(typed, "flask", "", "", "")
        assert isinstance(values, dict)
        assert values["repository"] == kept


@pytest.mark.parametrize("typed", ["0", "257", "-1", "two", "1.5", "9" * 5000, "²"])
def test_numbers_of_processes_are_checked(typed: str) -> None:
    with pytest.raises(ConfigError, match="number from 1 to 256"):
        parse_processes(typed)


@pytest.mark.parametrize("typed", ["snake", "3.11 snake", "3", "any", ","])
def test_pythons_are_checked(typed: str) -> None:
    with pytest.raises(ConfigError):
        parse_pythons(typed)


def test_all_pythons_can_be_meant() -> None:
    assert parse_pythons(" all ") == "all"
    assert parse_pythons("3.13t,pp310") == ["3.13t", "pp310"]


@pytest.mark.parametrize("count", range(5))
def test_the_end_of_input_stops_the_dialogue(answer: Dialogue, count: int) -> None:
    with pytest.raises(ConfigError, match="nothing was written"):
        answer(*("", "flask", "", "", "")[:count])


def test_no_at_the_end_writes_nothing(answer: Dialogue) -> None:
    with pytest.raises(ConfigError, match="nothing was written"):
        answer("", "flask", "", "", "maybe", "n")


def test_an_interrupt_goes_through(defaults: Defaults) -> None:
    def read(prompt: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(read, lambda text: None, defaults)


def test_what_was_asked_can_be_loaded(answer: Dialogue, defaults: Defaults) -> None:
    values, _ = answer("", "flask", "3.12", "2", "")
    assert isinstance(values, dict)
    write_config(defaults.config_path, values)
    loaded = load(defaults.config_path, {}, {})
    assert loaded.config.packages == ["flask"]
    assert loaded.config.repository == defaults.repository
    assert loaded.config.processes == 2


def test_nobody_is_asked_without_a_terminal(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no terminal to ask .*`microrepo init --yes --packages"):
        require_terminal(tmp_path / "c.json", has_reader=False)


def test_flags_make_the_same_values(answer: Dialogue, defaults: Defaults) -> None:
    asked, _ = answer("", "flask", "", "", "")
    assert values_from_flags(defaults, ["flask"]) == asked


def test_flags_take_files_and_further_keys(defaults: Defaults) -> None:
    (defaults.base / "r.txt").write_text("flask\n")
    values = values_from_flags(
        defaults,
        ["tqdm>=4", "-r r.txt"],
        ["r.txt"],
        others={"repository": "there", "processes": 1, "versions": 2},
    )
    path = defaults.base / "r.txt"
    assert values["packages"] == ["tqdm>=4", f"-r {path}", f"-r {path}"]
    assert values["repository"] == str(defaults.base / "there")
    assert (values["processes"], values["versions"]) == (1, 2)
    assert values_from_flags(defaults, everything=True)["packages"] == "everything"


def test_flags_that_leave_something_open_are_refused(defaults: Defaults) -> None:
    with pytest.raises(ConfigError, match="--packages NAME, -r FILE, or --everything"):
        values_from_flags(defaults)
    with pytest.raises(ConfigError, match="cannot be combined"):
        values_from_flags(defaults, ["flask"], everything=True)
    with pytest.raises(ConfigError, match="not a requirement"):
        values_from_flags(defaults, ["flask>>1"])
    with pytest.raises(ConfigError, match="too general"):
        values_from_flags(defaults, ["flask"], others={"repository": str(defaults.home)})
    with pytest.raises(ConfigError, match=r"did you mean 'processes'"):
        values_from_flags(defaults, ["flask"], others={"proceses": 1})


@pytest.mark.parametrize(
    ("extra", "mode"),
    [
        ({}, 0o644),
        ({"contact": "ann@mail.example"}, 0o644),
        ({"proxy": "http://proxy.example:3128"}, 0o644),
        ({"proxy": "http://ann:secret@proxy.example:3128"}, 0o600),
        ({"source": "https://token@index.example/simple/"}, 0o600),
    ],
)
def test_a_file_with_a_secret_is_private(
    tmp_path: Path, extra: dict[str, object], mode: int
) -> None:
    path = tmp_path / "new/config.json"
    write_config(path, {"repository": "~/größe", **extra})
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert '"~/größe"' in path.read_text(encoding="utf-8")


def test_a_config_is_never_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("{ broken")
    with pytest.raises(ConfigError, match="is not overwritten"):
        write_config(path, {"packages": ["flask"]})
    assert path.read_text() == "{ broken"
    write_config(path, {"packages": ["flask"]}, overwrite=True)
    assert json.loads(path.read_text()) == {"packages": ["flask"]}
    assert list(tmp_path.iterdir()) == [path]


def test_wrong_values_and_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\$\.processes"):
        write_config(tmp_path / "c.json", {"processes": 0})
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        write_config(tmp_path / "file/c.json", {})
    assert not (tmp_path / "c.json").exists()


@pytest.mark.parametrize(
    "values",
    [
        {"python_versions": ["3.9.18"]},
        {"python_versions": "all"},
        {"platforms": ["win64"]},
        {"environments": ["cp39"]},
        {"package_types": ["whel"]},
    ],
)
def test_words_that_name_nothing_are_refused(tmp_path: Path, values: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        write_config(tmp_path / "c.json", {"packages": ["flask"], **values})
    assert not (tmp_path / "c.json").exists()


def test_defaults_are_those_of_this_machine(tmp_path: Path) -> None:
    found = defaults_here(tmp_path / "c.json")
    assert found.repository == "~/microrepo"
    assert found.processes == os.cpu_count()
    assert found.python.startswith("3.")


def test_paths_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some dir").mkdir()
    (tmp_path / "some.txt").touch()
    (tmp_path / ".hidden").touch()
    monkeypatch.chdir(tmp_path)
    assert complete_path("so") == ["some dir/", "some.txt"]
    assert complete_path("-r some.") == ["-r some.txt"]
    assert complete_path(f"{tmp_path}/.h") == [f"{tmp_path}/.hidden"]
    assert complete_path("") == ["some dir/", "some.txt"]
    assert complete_path("missing/x") == []


OLD: dict[str, object] = {
    "contact": "ops@acme.example",
    "packages": ["six", "idna<4"],
    "python_versions": ["3.9", "3.12"],
    "repository": "/srv/x",
}


def test_forcing_keeps_what_is_not_named(tmp_path: Path) -> None:
    defaults = defaults_here(tmp_path / "c.json", OLD)
    assert values_from_flags(defaults, others={"versions": 2}) == {**OLD, "versions": 2}
    assert values_from_flags(defaults, ["flask"]) == {**OLD, "packages": ["flask"]}
    assert values_from_flags(defaults, everything=True)["packages"] == "everything"
    assert list(values_from_flags(defaults, others={"versions": 2}))[:4] == list(OLD)


def test_forced_questions_keep_what_is_not_answered(tmp_path: Path) -> None:
    answers = iter(["", "", "3.13", "", ""])
    shown = io.StringIO()

    def read(prompt: str) -> str:
        shown.write(prompt)
        return next(answers)

    values = ask(read, shown.write, defaults_here(tmp_path / "c.json", OLD))  # type: ignore[arg-type]
    assert values.pop("processes") == os.cpu_count()
    assert values == {**OLD, "python_versions": ["3.13"]}
    assert "What to mirror [six idna<4]: " in shown.getvalue()
    assert "[3.9,3.12]" in shown.getvalue()
