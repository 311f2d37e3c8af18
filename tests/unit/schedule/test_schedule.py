"""Schedules as values: intervals, texts and quoting; installing with a runner that is told."""

from __future__ import annotations

import shlex
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from microrepo.errors import ConfigError
from microrepo.schedule import (
    KINDS,
    Kind,
    Machine,
    Schedule,
    build_schedule,
    install,
    remove,
    render_schedule,
    this_machine,
)
from microrepo.schedule.cron import replace_block
from microrepo.schedule.intervals import parse_every
from microrepo.schedule.systemd import quote_argument, quote_path
from microrepo.stores.atomic_write import write_atomically

FACTS = Machine(
    python="/usr/bin/python3",
    config=Path("/home/ann/.microrepo"),
    repository=Path("/srv/packages"),
    user="ann",
    home=Path("/home/ann"),
    host="alpha",
)


def facts(**changes: object) -> Machine:
    return msgspec.structs.replace(FACTS, **changes)


def first_text(schedule: Schedule) -> str:
    return next(iter(schedule.files.values()))


class FakeSystem:
    """A runner that answers from a table and remembers what was run."""

    def __init__(self, **codes: int) -> None:
        self.codes = codes
        self.ran: list[tuple[str, ...]] = []
        self.crontab: bytes | None = None
        self.crontab_error = b"no crontab for ann"

    def __call__(self, args: Sequence[str], stdin: bytes) -> subprocess.CompletedProcess[bytes]:
        self.ran.append(tuple(args))
        name = Path(args[0]).name
        if self.codes.get(name) == -1:
            raise FileNotFoundError(2, "No such file or directory", args[0])
        if name == "crontab":
            return self.edit(args[1], stdin)
        if name == "test":
            return subprocess.run(args, capture_output=True)
        return subprocess.CompletedProcess(args, self.codes.get(name, 0), b"", b"its words")

    def edit(self, option: str, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
        if option == "-l" and self.crontab is None:
            return subprocess.CompletedProcess([], 1, b"", self.crontab_error)
        if option != "-l":
            self.crontab = stdin if option == "-" else None
        return subprocess.CompletedProcess([], 0, self.crontab or b"", b"")


@pytest.mark.parametrize(
    ("every", "calendar", "delay_s"),
    [
        ("15min", "*-*-* *:00/15:00", 180),
        ("60min", "hourly", 720),
        ("6h", "*-*-* 00/06:00:00", 1800),
        ("24h", "daily", 1800),
        ("weekly", "weekly", 1800),
        ("4:05", "*-*-* 04:05:00", 300),
        (" Mon..Fri   06:00 ", "Mon..Fri 06:00", 60),
        ("monthly", "monthly", 60),
    ],
)
def test_intervals_of_systemd(every: str, calendar: str, delay_s: int) -> None:
    found = parse_every(every)
    assert (found.calendar, found.delay_s) == (calendar, delay_s)


@pytest.mark.parametrize(
    ("every", "fields"),
    [
        ("1min", "* * * * *"),
        ("15min", "7-59/15 * * * *"),
        ("hourly", "37 * * * *"),
        ("6h", "37 */6 * * *"),
        ("daily", "37 0 * * *"),
        ("weekly", "37 0 * * 1"),
        ("04:05", "5 4 * * *"),
        ("*/10 8-18 1,15 jan-mar mon-fri", "*/10 8-18 1,15 jan-mar mon-fri"),
        ("0 0 31 2 sun", "0 0 31 2 sun"),
    ],
)
def test_intervals_of_cron(every: str, fields: str) -> None:
    assert parse_every(every, spread=157).cron == fields


@pytest.mark.parametrize("every", ["7min", "90min", "5h", "0min", "36h", "999999h"])
def test_uneven_intervals_are_refused_with_a_near_one(every: str) -> None:
    with pytest.raises(ConfigError, match=r"did you mean \d+(min|h)"):
        parse_every(every)


@pytest.mark.parametrize("every", ["", "often", "25:00", "12:60", "15 minutes", "0 0 *\x1b * *"])
def test_words_that_mean_nothing_are_refused(every: str) -> None:
    with pytest.raises(ConfigError, match="--every"):
        parse_every(every)


@pytest.mark.parametrize(
    "every",
    [
        "60 * * * *",
        "* 24 * * *",
        "0 0 0 * *",
        "0 0 * 13 *",
        "0 0 * * 8",
        "a-b * * * *",
        "0 0 * foo *",
        "Mon..Fri 06:00",
        "* * * *",
    ],
)
def test_cron_expressions_that_cannot_be_are_refused(every: str) -> None:
    with pytest.raises(ConfigError, match="--every"):
        build_schedule("crontab", FACTS, every)


def test_cron_fields_are_not_for_systemd() -> None:
    with pytest.raises(ConfigError, match="are for cron"):
        build_schedule("systemd-user", FACTS, "0 4 * * *")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_runs_the_same_command(kind: Kind) -> None:
    text = render_schedule(build_schedule(kind, FACTS))
    assert "/usr/bin/python3 -m microrepo refresh --config /home/ann/.microrepo --quiet" in text
    assert "LC_ALL=" in text
    assert "C.UTF-8" in text


def test_user_units_lie_in_the_home_directory() -> None:
    schedule = build_schedule("systemd-user", FACTS, "15min", name="big")
    directory = Path("/home/ann/.config/systemd/user")
    assert list(schedule.files) == [
        directory / "microrepo-big.service",
        directory / "microrepo-big.timer",
    ]
    service, timer = schedule.files.values()
    assert "Type=oneshot\n" in service
    assert "SuccessExitStatus=4\n" in service
    assert "User=" not in service
    # These need privileges that the systemd of a user may not have.
    assert "ProtectSystem" not in service
    assert "OnCalendar=*-*-* *:00/15:00\nRandomizedDelaySec=180s\nPersistent=true\n" in timer
    assert any("enable-linger ann" in note for note in schedule.notes)


def test_the_system_service_may_write_to_the_repository_only() -> None:
    lines = first_text(build_schedule("systemd-system", FACTS)).splitlines()
    wanted = {"User=ann", "NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes"}
    assert wanted <= set(lines)
    assert [line for line in lines if line.startswith("ReadWrite")] == [
        'ReadWritePaths="/srv/packages"'
    ]
    assert "CapabilityBoundingSet=" in lines


def test_the_system_service_may_write_where_the_settings_say() -> None:
    schedule = build_schedule(
        "systemd-system", facts(writable=(Path("/srv/lists %"), Path("/var/tmp/metrics")))
    )
    lines = first_text(schedule).splitlines()
    assert [line for line in lines if line.startswith("ReadWrite")] == [
        'ReadWritePaths="/srv/packages"',
        'ReadWritePaths="/srv/lists %%"',
        'ReadWritePaths="/var/tmp/metrics"',
    ]
    assert "PrivateTmp=no" in lines
    assert any(probe.args[-1] == "/srv/lists %" for probe in schedule.probes)
    with pytest.raises(ConfigError, match="absolute"):
        build_schedule("systemd-system", facts(writable=(Path("lists"),)))


def test_root_keeps_the_capability_to_write_for_others() -> None:
    text = first_text(build_schedule("systemd-system", facts(user="root")))
    assert "CapabilityBoundingSet" not in text


def test_a_repository_below_tmp_is_not_hidden_by_a_private_one() -> None:
    text = first_text(build_schedule("systemd-system", facts(repository=Path("/var/tmp/x"))))
    assert "PrivateTmp=no\n" in text


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("plain-1.0", "plain-1.0"),
        ("", '""'),
        ("a b", '"a b"'),
        ("100%", "100%%"),
        ("$HOME", "$$HOME"),
        ('say "x" \\ y', '"say \\"x\\" \\\\ y"'),
        ("it's", '"it\'s"'),
        ("größe", '"größe"'),
    ],
)
def test_words_are_quoted_for_systemd(word: str, quoted: str) -> None:
    assert quote_argument(word, "$") == quoted


def test_paths_to_write_are_quoted_for_systemd() -> None:
    assert quote_path("/a b/100%") == '"/a b/100%%"'
    assert quote_path('/a "b"') == "'/a \"b\"'"
    with pytest.raises(ConfigError, match="quotes"):
        quote_path("/a\"b'c")


@pytest.mark.parametrize("python", ["/a'b/python", "/a$b/python", "/a\\b/python"])
def test_systemd_refuses_programs_it_cannot_start(python: str) -> None:
    with pytest.raises(ConfigError, match="systemd cannot start"):
        build_schedule("systemd-user", facts(python=python))


def test_the_cron_file_has_a_user_field_and_its_own_environment() -> None:
    schedule = build_schedule("cron.d", facts(home=Path("/home/ann b")), "04:05", name="big")
    ((path, text),) = schedule.files.items()
    assert path == Path("/etc/cron.d/microrepo-big")
    *environment, line = text.splitlines()
    assert 'HOME="/home/ann b"' in environment
    assert 'MAILTO=""' in environment
    assert line.split()[:6] == ["5", "4", "*", "*", "*", "ann"]
    assert "| logger -t microrepo" in line
    assert text.endswith("\n")


def test_percent_signs_are_escaped_for_cron() -> None:
    block = build_schedule("crontab", facts(config=Path("/srv/100%/c d.json"))).block
    assert "'/srv/100\\%/c d.json'" in block


@pytest.mark.parametrize("kind", ["crontab", "cron.d"])
def test_cron_refuses_what_it_would_misread(kind: Kind) -> None:
    with pytest.raises(ConfigError, match="cron programs treat"):
        build_schedule(kind, facts(config=Path("/srv/a\\%b")))
    with pytest.raises(ConfigError, match="shorten the paths"):
        build_schedule(kind, facts(config=Path("/srv/" + "long/" * 180)))


@pytest.mark.parametrize(
    "changes",
    [
        {"config": Path("relative.json")},
        {"repository": Path("/srv/a\nb")},
        {"config": Path("/srv/\udcff")},
        {"user": "ann smith"},
        {"user": "ann; rm"},
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_facts_no_scheduler_can_express_are_refused(kind: Kind, changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        build_schedule(kind, facts(**changes))


def test_unknown_kinds_and_bad_names_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"choose from systemd-user"):
        build_schedule("at", FACTS)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="name"):
        build_schedule("cron.d", FACTS, name="a.b")


def test_machines_spread_over_the_hour() -> None:
    minutes = {
        build_schedule("crontab", facts(host=f"host{n}"), "hourly").block.split("\n")[1].split()[0]
        for n in range(40)
    }
    assert len(minutes) > 15


def test_a_block_replaces_itself_and_leaves_the_rest_alone() -> None:
    others = "MAILTO=ann\n0 1 * * * backup 100\\%\n"
    first = replace_block(others, "x", "# BEGIN microrepo x\none\n# END microrepo x\n")
    second = replace_block(first, "x", "# BEGIN microrepo x\ntwo\n# END microrepo x\n")
    assert second == others + "# BEGIN microrepo x\ntwo\n# END microrepo x\n"
    assert replace_block(second, "y", "") == second
    assert replace_block(second, "x", "") == others
    assert replace_block("0 1 * * * last", "x", "block\n") == "0 1 * * * last\nblock\n"


@pytest.mark.parametrize(
    "crontab",
    [
        "# BEGIN microrepo x\n* * * * * mine\n",
        "# END microrepo x\n# BEGIN microrepo x\n",
        "# BEGIN microrepo x\n# END microrepo x\n" * 2,
    ],
)
def test_a_crontab_with_broken_markers_is_left_alone(crontab: str) -> None:
    with pytest.raises(ConfigError, match="fix it"):
        replace_block(crontab, "x", "")


def system_schedule(kind: Kind, tmp_path: Path, every: str = "daily") -> Schedule:
    (tmp_path / "etc/cron.d").mkdir(parents=True, exist_ok=True)
    (tmp_path / "packages").mkdir(exist_ok=True)
    here = facts(etc=tmp_path / "etc", home=tmp_path / "home", repository=tmp_path / "packages")
    return build_schedule(kind, here, every)


def test_installing_and_removing_a_timer(tmp_path: Path) -> None:
    system = FakeSystem()
    schedule = system_schedule("systemd-system", tmp_path)
    written = install(schedule, system)
    assert [Path(path).name for path in written] == [
        "microrepo-refresh.service",
        "microrepo-refresh.timer",
    ]
    for path, text in schedule.files.items():
        assert path.read_text() == text
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert system.ran[-3:] == [
        ("systemctl", "daemon-reload"),
        ("systemctl", "enable", "microrepo-refresh.timer"),
        ("systemctl", "restart", "microrepo-refresh.timer"),
    ]
    stranger = next(iter(schedule.files)).parent / "other.service"
    stranger.write_text("mine")
    assert remove(schedule, system) == written
    assert list(stranger.parent.iterdir()) == [stranger]
    assert system.ran[-2:] == [
        ("systemctl", "disable", "--now", "microrepo-refresh.timer"),
        ("systemctl", "daemon-reload"),
    ]


def test_removing_what_is_not_there_does_nothing(tmp_path: Path) -> None:
    system = FakeSystem()
    for kind in ("systemd-user", "systemd-system", "cron.d"):
        assert remove(system_schedule(kind, tmp_path), system) == ()
    assert system.ran == []
    assert remove(system_schedule("crontab", tmp_path), system) == ()
    assert system.crontab is None


def test_a_timer_goes_even_where_systemd_no_longer_runs(tmp_path: Path) -> None:
    schedule = system_schedule("systemd-user", tmp_path)
    install(schedule, FakeSystem())
    link = next(iter(schedule.files)).parent / "timers.target.wants/microrepo-refresh.timer"
    link.parent.mkdir()
    link.symlink_to("../microrepo-refresh.timer")
    assert len(remove(schedule, FakeSystem(systemctl=-1))) == 2
    assert not link.is_symlink()


@pytest.mark.parametrize(
    ("kind", "codes", "advice"),
    [
        ("systemd-user", {"systemctl": -1}, "choose a cron kind"),
        ("systemd-user", {"systemctl": 1}, r"does not run for ann.*its words"),
        ("systemd-system", {"python3": 1}, "pip install"),
        ("crontab", {"sh": 1}, "install cron"),
        ("cron.d", {"sh": 1}, "logger"),
    ],
)
def test_missing_programs_are_named_and_nothing_is_written(
    tmp_path: Path, kind: Kind, codes: dict[str, int], advice: str
) -> None:
    system = FakeSystem(**codes)
    with pytest.raises(ConfigError, match=advice):
        install(system_schedule(kind, tmp_path), system)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert system.crontab is None


def test_missing_directories_are_named(tmp_path: Path) -> None:
    schedule = system_schedule("systemd-system", tmp_path)
    (tmp_path / "packages").rmdir()
    with pytest.raises(ConfigError, match="install -d -o ann"):
        install(schedule, FakeSystem())
    schedule = system_schedule("cron.d", tmp_path)
    (tmp_path / "etc/cron.d").rmdir()
    with pytest.raises(ConfigError, match="is missing; install cron"):
        install(schedule, FakeSystem())


def test_a_raw_time_is_checked_by_systemd(tmp_path: Path) -> None:
    schedule = system_schedule("systemd-user", tmp_path, "Mon..Fru 06:00")
    system = FakeSystem(**{"systemd-analyze": 1})
    with pytest.raises(ConfigError, match=r"'Mon..Fru 06:00'.*does not accept.*its words"):
        install(schedule, system)
    assert not any(path.exists() for path in schedule.files)


def test_a_failing_command_says_that_the_files_are_there(tmp_path: Path) -> None:
    class FailsLate(FakeSystem):
        def __call__(self, args: Sequence[str], stdin: bytes) -> subprocess.CompletedProcess[bytes]:
            done = super().__call__(args, stdin)
            return subprocess.CompletedProcess(args, int("enable" in args), b"", done.stderr)

    with pytest.raises(ConfigError, match=r"enable.*its words; the files are in place"):
        install(system_schedule("systemd-user", tmp_path), FailsLate())


def test_a_crontab_is_edited_in_place(tmp_path: Path) -> None:
    system = FakeSystem()
    theirs = b"# caf\xe9\r\n0 1 * * * backup\n"
    system.crontab = theirs
    install(system_schedule("crontab", tmp_path, "hourly"), system)
    schedule = system_schedule("crontab", tmp_path, "15min")
    assert install(schedule, system) == ("crontab",)
    assert system.crontab == theirs + schedule.block.encode()
    assert remove(schedule, system) == ("crontab",)
    assert system.crontab == theirs


def test_an_unreadable_crontab_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    system = FakeSystem()
    system.crontab_error = b"You (ann) are not allowed to use this program (crontab)"
    with pytest.raises(ConfigError, match=r"nothing was changed: You \(ann\)"):
        install(system_schedule("crontab", tmp_path), system)
    assert ("crontab", "-") not in system.ran


def test_a_crontab_of_ours_alone_is_removed_whole(tmp_path: Path) -> None:
    system = FakeSystem()
    schedule = system_schedule("crontab", tmp_path)
    install(schedule, system)
    remove(schedule, system)
    assert system.ran[-1] == ("crontab", "-r")


def test_rendered_text_shows_paths_and_commands() -> None:
    text = render_schedule(build_schedule("systemd-user", FACTS))
    assert "# /home/ann/.config/systemd/user/microrepo-refresh.timer\n[Unit]\n" in text
    assert f"# {shlex.join(['systemctl', '--user', 'daemon-reload'])}\n" in text


def test_facts_of_this_machine_can_be_scheduled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = this_machine(Path("config.json"), Path("packages"))
    assert here.config == tmp_path / "config.json"
    assert Path(here.python).is_absolute()
    assert here.home.is_absolute()
    assert build_schedule("crontab", here).block
    with pytest.raises(ConfigError, match="user not found"):
        this_machine(Path("c"), Path("r"), user="nobody-of-this-name")


@pytest.mark.parametrize("overwrite", [True, False])
def test_atomic_writes_leave_no_temporary_file(tmp_path: Path, *, overwrite: bool) -> None:
    target = tmp_path / "new/deep/file"
    write_atomically(target, b"content", 0o600, overwrite=overwrite)
    assert target.read_bytes() == b"content"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(target.parent.iterdir()) == [target]


def test_atomic_writes_do_not_overwrite_unasked(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("theirs")
    with pytest.raises(FileExistsError):
        write_atomically(target, b"ours", 0o644, overwrite=False)
    assert target.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [target]


def test_atomic_writes_follow_a_symlink(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "dotfiles/real")
    write_atomically(link, b"x", 0o644)
    assert link.is_symlink()
    assert (tmp_path / "dotfiles/real").read_bytes() == b"x"


def test_unwritable_places_are_reported(tmp_path: Path) -> None:
    schedule = system_schedule("systemd-user", tmp_path)
    folder = next(iter(schedule.files)).parent
    folder.parent.mkdir(parents=True)
    folder.write_text("a file")
    with pytest.raises(ConfigError, match="cannot be changed"):
        install(schedule, FakeSystem())
