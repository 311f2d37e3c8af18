"""Hosts that let requests time out."""

from __future__ import annotations

import pytest

from microrepo.client.silent_hosts import ObservedResponse, SilentHosts
from microrepo.client.transport.response_protocol import BrokenAnswer, TimedOut
from microrepo.client.transport.sent_secrets import SentSecrets
from microrepo.errors import Unavailable

DEAD, GOOD = "http://dead.example/a", "http://good.example/a"
TIMEOUT_S = 10.0


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hosts(clock: Clock) -> SilentHosts:
    return SilentHosts(TIMEOUT_S, 1, clock)


def time_out(hosts: SilentHosts, clock: Clock, times: int, url: str = DEAD) -> None:
    for _ in range(times):
        began_at = hosts.begin()
        clock.passes(TIMEOUT_S)
        hosts.note_failure(url, began_at)


def test_a_silent_host_is_given_up_and_no_other(hosts: SilentHosts, clock: Clock) -> None:
    time_out(hosts, clock, 8)
    hosts.check(DEAD)
    time_out(hosts, clock, 1)
    with pytest.raises(Unavailable, match="9 requests in a row to this host timed out"):
        hosts.check("http://dead.example/other?signature=secret")
    hosts.check(GOOD)


def test_each_attempt_of_a_request_counts(clock: Clock) -> None:
    hosts = SilentHosts(TIMEOUT_S, 6, clock)
    time_out(hosts, clock, 17)
    hosts.check(DEAD)
    time_out(hosts, clock, 1)
    with pytest.raises(Unavailable):
        hosts.check(DEAD)


def test_quick_failures_do_not_count(hosts: SilentHosts, clock: Clock) -> None:
    for _ in range(20):
        began_at = hosts.begin()
        clock.passes(1)
        hosts.note_failure(DEAD, began_at)
    hosts.check(DEAD)


def test_an_answer_meanwhile_shows_that_the_host_is_there(hosts: SilentHosts, clock: Clock) -> None:
    time_out(hosts, clock, 8)
    began = [hosts.begin() for _ in range(5)]
    clock.passes(TIMEOUT_S / 2)
    hosts.note_answer(DEAD)
    clock.passes(TIMEOUT_S / 2)
    for began_at in began:
        hosts.note_failure(DEAD, began_at)
    hosts.check(DEAD)


def test_a_host_is_tried_again_later(hosts: SilentHosts, clock: Clock) -> None:
    time_out(hosts, clock, 9)
    clock.passes(21 * TIMEOUT_S)
    hosts.check(DEAD)
    time_out(hosts, clock, 1)
    with pytest.raises(Unavailable):
        hosts.check(DEAD)
    clock.passes(21 * TIMEOUT_S)
    hosts.note_answer(DEAD)
    time_out(hosts, clock, 8)
    hosts.check(DEAD)


class Reply:
    """A response that breaks."""

    url: str | None = None
    status, reason, keeps_connection = 200, "OK", True

    def __init__(self, error: OSError, clock: Clock) -> None:
        self.headers: dict[str, str] = {}
        self._error = error
        self._clock = clock

    def hold_to(self, pace: object) -> None:
        pass

    def read(self, amt: int | None = None) -> bytes:
        self._clock.passes(TIMEOUT_S)
        raise self._error

    def release_conn(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("error", "counts"), [(TimedOut("x"), True), (BrokenAnswer("x"), False)])
def test_a_body_counts_if_it_times_out(
    hosts: SilentHosts, clock: Clock, error: OSError, counts: bool
) -> None:
    for _ in range(9):
        response = ObservedResponse(
            Reply(error, clock), DEAD, hosts, hosts.begin(), SentSecrets({})
        )
        with pytest.raises(BrokenAnswer):
            response.read(10)
    if counts:
        with pytest.raises(Unavailable):
            hosts.check(DEAD)
    else:
        hosts.check(DEAD)
