"""Sessions and the slowing down of guesses, on a clock that is set by hand."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasewise.config import PasswordHash
from phasewise.web import Access
from phasewise.web.access import Role
from phasewise.web.doorkeeper import (
    FAILURE_WINDOW_S,
    MAX_FAILURES,
    MAX_FAILURES_IN_TOTAL,
    MAX_PEERS,
    MAX_SESSIONS,
    OVERLAP_S,
    RENEW_S,
    SESSION_S,
    Doorkeeper,
    Sessions,
    Throttle,
)

TOKEN, VIEWERS = "correct-horse-battery", "staple-correct-horse"


class Plain(PasswordHash):
    """Compares without hashing: real hashes are slow on purpose."""

    def matches(self, password: str) -> bool:
        return password.encode() == self.digest


class Time:
    """A clock that is set by hand."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def door(time: Time) -> Doorkeeper:
    return Doorkeeper(Access(TOKEN, viewer_token=VIEWERS), time)


def test_failures_are_forgotten_after_a_while_and_count_per_peer(time: Time, door: Doorkeeper) -> None:
    for _ in range(MAX_FAILURES):
        assert door.role_of_token(b"wrong", "a") is None
        time.now_s += 1.0
    assert door.wait_s("a") == pytest.approx(FAILURE_WINDOW_S - MAX_FAILURES)
    assert door.wait_s("b") == 0.0
    time.now_s += FAILURE_WINDOW_S - MAX_FAILURES
    assert door.wait_s("a") == 0.0
    assert door.role_of_token(TOKEN.encode(), "a") is Role.OWNER
    assert door.role_of_token(VIEWERS.encode(), "a") is Role.VIEWER


def test_addresses_of_one_network_of_ipv6_are_one_guesser(door: Doorkeeper) -> None:
    for n in range(MAX_FAILURES):
        door.role_of_token(b"wrong", f"2001:db8:0:1::{n}")
    assert door.wait_s("2001:db8:0:1:ffff::1") > 0
    assert door.wait_s("2001:db8:0:2::1") == 0


async def test_guessing_from_many_addresses_is_no_faster_but_tokens_still_work(door: Doorkeeper) -> None:
    for n in range(MAX_FAILURES_IN_TOTAL):
        assert door.login_wait_s(f"10.0.0.{n}") == 0
        assert await door.role_of_login(token="wrong", password=None, peer=f"10.0.0.{n}") is None
    assert door.login_wait_s("10.0.1.1") > 0
    assert door.wait_s("10.0.1.1") == 0
    assert door.role_of_token(TOKEN.encode(), "10.0.1.1") is Role.OWNER


async def test_right_logins_are_never_held_up(door: Doorkeeper) -> None:
    for _ in range(3 * MAX_FAILURES_IN_TOTAL):
        assert door.login_wait_s("a") == 0
        assert await door.role_of_login(token=TOKEN, password=None, peer="a") is Role.OWNER


async def test_attempts_at_once_are_all_counted_before_the_first_is_checked(time: Time) -> None:
    door = Doorkeeper(Access(password=Plain(b"", b"correct horse")), time)
    allowed = 0

    async def attempt() -> None:
        nonlocal allowed
        if door.login_wait_s("a") == 0:
            allowed += 1
            assert await door.role_of_login(token=None, password="a wrong one", peer="a") is None

    await asyncio.gather(*(attempt() for _ in range(MAX_FAILURES + 5)))
    assert allowed == MAX_FAILURES


async def test_passwords_have_roles_and_are_no_tokens(time: Time) -> None:
    access = Access(password=Plain(b"", b"correct horse"), viewer_password=Plain(b"", b"battery staple"))
    door = Doorkeeper(access, time)
    assert await door.role_of_login(token=None, password="correct horse", peer="") is Role.OWNER
    assert await door.role_of_login(token=None, password="battery staple", peer="") is Role.VIEWER
    assert await door.role_of_login(token="correct horse", password=None, peer="") is None
    assert door.role_of_token(b"correct horse", "") is None
    assert door.role_of_token(b"", "") is None


@given(st.lists(st.tuples(st.integers(0, 3 * MAX_PEERS), st.floats(0, 2)), max_size=50))
def test_failures_take_bounded_memory(steps: list[tuple[int, float]]) -> None:
    time = Time()
    throttle = Throttle(time)
    for n in range(MAX_PEERS):
        throttle.count(f"filler {n}")
    for n, seconds in steps:
        time.now_s += seconds
        throttle.count(f"peer {n}")
        assert throttle.wait_s(f"peer {n}", 1) > 0
        assert len(throttle._failures) <= MAX_PEERS


def test_sessions_expire_and_stay_few(time: Time) -> None:
    sessions = Sessions(time)
    first = sessions.open(Role.OWNER)
    time.now_s += SESSION_S - 1
    assert sessions.role(first) is Role.OWNER
    time.now_s += 1
    assert sessions.role(first) is None
    ids = [sessions.open(Role.OWNER) for _ in range(MAX_SESSIONS + 1)]
    assert [sessions.role(id_) is Role.OWNER for id_ in ids] == [False] + [True] * MAX_SESSIONS
    for unknown in (None, "", "forged"):
        assert sessions.role(unknown) is None


def test_viewers_cannot_push_out_the_owner(time: Time) -> None:
    sessions = Sessions(time)
    owner = sessions.open(Role.OWNER)
    viewers = [sessions.open(Role.VIEWER) for _ in range(MAX_SESSIONS + 5)]
    assert sessions.role(owner) is Role.OWNER
    assert sum(sessions.role(id_) is Role.VIEWER for id_ in viewers) == MAX_SESSIONS


def test_a_session_is_renewed_once_a_day_and_the_old_id_ends(time: Time) -> None:
    sessions = Sessions(time)
    first = sessions.open(Role.VIEWER)
    time.now_s += RENEW_S - 1
    assert sessions.renewed(first) is None
    time.now_s += 1
    second = sessions.renewed(first)
    assert second not in {None, first}
    assert sessions.renewed(first) is None
    assert sessions.role(first) is sessions.role(second) is Role.VIEWER
    time.now_s += OVERLAP_S
    assert sessions.role(first) is None
    assert sessions.role(second) is Role.VIEWER
    sessions.close(second)
    assert sessions.role(second) is None
    assert sessions.renewed(second) is None
    assert sessions.renewed("forged") is None
