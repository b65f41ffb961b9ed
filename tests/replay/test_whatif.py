"""What other settings would have decided, at every instant of a recording."""

import io
import itertools
from typing import Any

import pytest
from msgspec.structs import replace as changed
from replay_kit import SECONDS, STRATEGIES, home, opened, recorded, recording

from phasewise.model import Intent, Settings, Snapshot
from phasewise.model.memory import Memory
from phasewise.replay.change import changed_settings, parse_change
from phasewise.replay.recording import ReplayError, Step, read
from phasewise.replay.whatif import WhatIf, what_if, what_if_lines, what_if_rows


def tried(*changes: str, data: bytes | None = None, strategies: Any = STRATEGIES) -> WhatIf:
    parsed = [parse_change(text) for text in changes]
    header, records = read(io.BytesIO(recording() if data is None else data))
    return what_if(header, records, strategies, lambda now: changed_settings(now, parsed))


def test_unchanged_settings_decide_the_same() -> None:
    found = tried()
    assert (found.differing, found.unfaithful, found.first, found.alarms) == (0, 0, (), ())
    for battery in found.batteries:
        assert battery.changed_charge_wh == battery.recorded_charge_wh
        assert battery.changed_discharge_wh == battery.recorded_discharge_wh
        assert battery.mean_difference_w == 0.0
    assert sum(b.recorded_charge_wh for b in found.batteries) > 10
    assert sum(b.recorded_discharge_wh for b in found.batteries) > 20


def test_energies_are_those_of_the_recorded_setpoints() -> None:
    _, records = opened(recording())
    steps = [r for r in records if isinstance(r, Step)]
    expected_wh = {b.id: 0.0 for b in steps[0].decision.batteries}
    for step, following in itertools.pairwise(steps):
        hours = (following.snapshot.time_s - step.snapshot.time_s) / 3600
        for battery in step.decision.batteries:
            expected_wh[battery.id] += battery.setpoint_w * hours
    found = {b.id: b.recorded_charge_wh - b.recorded_discharge_wh for b in tried().batteries}
    assert found == pytest.approx(expected_wh)


def test_another_target_shifts_the_sum_by_as_much() -> None:
    found = tried("control.target_grid_w=150")
    shift_wh = sum(
        (b.changed_charge_wh - b.changed_discharge_wh) - (b.recorded_charge_wh - b.recorded_discharge_wh)
        for b in found.batteries
    )
    assert shift_wh == pytest.approx(150 * SECONDS / 3600, rel=0.1)
    assert found.differing > 0.9 * found.recorded.decisions
    at = found.first[0]
    assert at.changed_w - at.recorded_w == pytest.approx(150, abs=2)
    text = "\n".join(what_if_lines(found))
    assert "Open loop" in text
    assert f"{at.time} {at.id}: recorded {at.recorded_w:.0f} W" in text


def test_a_full_stop_would_have_told_nothing() -> None:
    found = tried("control.strategy=full-stop")
    assert all(b.changed_charge_wh == b.changed_discharge_wh == 0.0 for b in found.batteries)
    assert found.first[0].changed_why == "full-stop"
    for b in found.batteries:
        given_wh = b.recorded_charge_wh + b.recorded_discharge_wh
        assert b.mean_difference_w == pytest.approx(given_wh * 3600 / SECONDS, rel=0.02)


def test_control_that_was_stopped_would_have_run_all_the_time() -> None:
    """No battery passes for one that does not obey, though none did what it is told here."""
    found = tried("control.strategy=self-consumption", data=recorded(home(strategy="full-stop")))
    # 650 W of base load, a kettle of 2 kW for 20 s a minute, 2 kW of surplus for the last 80 s.
    given_ws = 650 * 120 + 2000 * 60 - 1350 * 80
    asked_wh = sum(b.changed_charge_wh - b.changed_discharge_wh for b in found.batteries)
    assert asked_wh == pytest.approx(-given_ws / 3600, rel=0.1)
    assert found.alarms == ()


def test_a_limit_is_kept_and_another_battery_does_more() -> None:
    found = tried("batteries.m2.max_discharge_w=100")
    m1, m2 = found.batteries
    assert (m1.id, m2.id) == ("m1", "m2")
    assert 0 < m2.changed_discharge_wh <= 100 * SECONDS / 3600
    assert m1.changed_discharge_wh > m1.recorded_discharge_wh
    assert len({(at.time, at.id) for at in found.first}) == len(found.first) <= 5


def test_a_limit_that_leaves_the_house_short_is_the_reason() -> None:
    found = tried("batteries.m1.max_discharge_w=100", "batteries.m2.max_discharge_w=100")
    assert {(at.changed_w, at.changed_why) for at in found.first} == {(-100.0, "battery-limit")}
    assert any("changed -100 W (battery-limit)" in line for line in what_if_lines(found))


def test_a_reserve_that_was_reached_stays_reached() -> None:
    found = tried("batteries.m1.min_soc_pct=60", "batteries.m2.min_soc_pct=60")
    assert all(b.changed_discharge_wh == 0.0 < b.recorded_discharge_wh for b in found.batteries)


def test_other_settings_from_a_file_may_list_the_batteries_otherwise() -> None:
    header, records = opened(recording())
    reordered = changed(header.settings, batteries=header.settings.batteries[::-1])
    found = what_if(header, records, STRATEGIES, lambda _: reordered)
    by_id = {b.id: b for b in found.batteries}
    assert by_id["m1"].changed_discharge_wh > by_id["m1"].recorded_discharge_wh
    assert by_id["m2"].changed_discharge_wh < by_id["m2"].recorded_discharge_wh


def test_other_batteries_are_refused_with_both_lists() -> None:
    header, records = opened(recording())
    fewer = changed(header.settings, batteries=header.settings.batteries[:1])
    with pytest.raises(ReplayError, match="have the batteries m1, the recording has m1, m2 at 1970"):
        what_if(header, records, STRATEGIES, lambda _: fewer)


def test_an_unknown_strategy_is_refused_with_those_there_are() -> None:
    with pytest.raises(ReplayError, match="no strategy 'sell' here; there are: full-stop, self-consumption"):
        tried("control.strategy=sell")


class Broken:
    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent:
        raise ValueError(f"at {snapshot.time_s}")


def test_an_alarm_that_only_the_change_raises_is_said_once() -> None:
    found = tried("control.strategy=broken", strategies={**STRATEGIES, "broken": Broken()})
    assert len(found.alarms) == 1
    assert found.alarms[0].startswith("strategy-failed broken ValueError: at ")
    assert any(found.alarms[0] in line for line in what_if_lines(found))


def test_a_failure_in_the_recording_is_passed_over() -> None:
    found = tried(data=recorded(home(), fails_after_s=50.0))
    assert found.recorded.failed == found.unfaithful == 1
    assert found.differing == 0
    assert " 1 of 200 decisions come out otherwise" in "\n".join(what_if_lines(found))


def test_a_core_that_fails_on_the_change_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from phasewise.control.decide import decide

    def fails_when_stopped(snapshot: Any, settings: Any, *rest: Any) -> Any:
        if settings.control.strategy == "full-stop":
            raise ZeroDivisionError("none left")
        return decide(snapshot, settings, *rest)

    monkeypatch.setattr("phasewise.replay.replay.decide", fails_when_stopped)
    with pytest.raises(ReplayError, match=r"No decision with these settings at 1970.*none left"):
        tried("control.strategy=full-stop")


def test_rows_name_every_battery_twice() -> None:
    rows = list(what_if_rows(tried()))
    assert [row[0] for row in rows] == [
        "m1 told to charge",
        "m1 told to discharge",
        "m2 told to charge",
        "m2 told to discharge",
    ]
    assert all(row[1] == row[2] for row in rows)
