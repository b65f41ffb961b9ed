"""Replay: identical when nothing changed, and any difference is found and named."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed
from replay_kit import STRATEGIES, file_of, home, opened, recorded, recording, replayed, step_numbers

from phasewise import __version__
from phasewise.model import BatteryDecision, Command, Intent, Reason, ReasonCode, Settings, Snapshot
from phasewise.model.memory import Memory
from phasewise.replay.differ import differences
from phasewise.replay.recording import Changed, Checkpoint, Failed, Record, ReplayError, Step, Torn
from phasewise.replay.replay import replay, replay_lines


def test_what_was_recorded_comes_out_the_same() -> None:
    found = replayed(recording())
    assert found.identical
    assert (found.first, found.differing, found.memory_checks) == (None, 0, 4)
    assert found.recorded.decisions >= 195
    assert found.recorded.by == found.replayed_by == __version__
    text = "\n".join(replay_lines(found))
    assert "Identical" in text
    assert "1970-01-01T00:00:00.000Z to 1970-01-01T00:03:" in text


def test_a_changed_constant_in_control_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phasewise.control.regulate.TRIM_GAIN", 0.26)
    found = replayed(recording())
    assert not found.identical
    assert found.first is not None
    text = "\n".join(replay_lines(found))
    assert "Different" in text
    assert f"decision {found.first.decision}" in text


def test_the_first_difference_says_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phasewise.control.steer.SHARE_W", 1e9)
    found = replayed(recording())
    assert found.first is not None
    assert found.first.of == "decision"
    _, records = opened(recording())
    step = records[step_numbers(records)[found.first.decision - 1]]
    assert isinstance(step, Step)
    recorded_w = {f"batteries {b.id} setpoint_w": str(b.setpoint_w) for b in step.decision.batteries}
    values = {value.what: value for value in found.first.values}
    both = set(values) & set(recorded_w)
    assert both
    assert all(values[what].recorded == recorded_w[what] != values[what].here for what in both)
    assert 0 < found.differing < found.recorded.decisions


def _bump(value: Any) -> Any:
    """The smallest change of a field: the last bit of a float."""
    match value:
        case bool():
            return not value
        case float():
            return value * (1 + 2**-52) if value else 5e-324
        case None:
            return 0.0
        case Command():
            return Command.WAKE if value is Command.SET else Command.SET
        case str():
            return value + "x"
        case tuple():
            return (*value, Reason(ReasonCode.HOLD))
    raise AssertionError(f"what is a change of {value!r}?")


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_smallest_change_of_any_recorded_value_is_found(data: st.DataObject) -> None:
    header, records = opened(recording())
    number = data.draw(st.sampled_from(step_numbers(records)))
    step = records[number]
    assert isinstance(step, Step)
    field = data.draw(st.sampled_from(["wanted_w", "load_w", "time_s", "executing", "batteries"]))
    value: Any
    if field == "batteries":
        first, *others = step.decision.batteries
        inner = data.draw(st.sampled_from(BatteryDecision.__struct_fields__))
        value = (changed(first, **{inner: _bump(getattr(first, inner))}), *others)
    else:
        value = _bump(getattr(step.decision, field))
    records[number] = Step(step.snapshot, changed(step.decision, **{field: value}))
    found = replay(header, records, STRATEGIES)
    assert found.first is not None
    assert found.first.decision == step_numbers(records).index(number) + 1
    assert (found.first.of, len(found.first.values), found.differing) == ("decision", 1, 1)
    assert found.first.values[0].what.startswith(field)


@pytest.mark.parametrize("which", [0, 1, -1])
def test_a_difference_in_memory_alone_is_found(which: int) -> None:
    header, records = opened(recording())
    number = [n for n, record in enumerate(records) if isinstance(record, Checkpoint)][which]
    checkpoint = records[number]
    assert isinstance(checkpoint, Checkpoint)
    regulate = checkpoint.memory.regulate
    other = changed(regulate, trim_w=regulate.trim_w + 1e-9)
    records[number] = Checkpoint(changed(checkpoint.memory, regulate=other))
    found = replay(header, records, STRATEGIES)
    assert found.first is not None
    assert found.first.of == "memory"
    assert [value.what for value in found.first.values] == ["regulate trim_w"]


def test_a_difference_ends_where_the_recording_has_memory_again() -> None:
    header, records = opened(recording())
    other = changed(header, settings=home(target_grid_w=300.0))
    end = next(n for n, record in enumerate(records) if isinstance(record, Checkpoint))
    found = replay(other, [*records[: end + 1], Changed(header.settings), *records[end + 1 :]], STRATEGIES)
    assert 0 < found.differing <= end
    assert found.recorded.decisions > end


def test_another_version_is_named_when_something_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    header, records = opened(recording())
    monkeypatch.setattr("phasewise.control.regulate.TRIM_GAIN", 0.26)
    text = "\n".join(replay_lines(replay(changed(header, version="0.0.1"), records, STRATEGIES)))
    assert "recorded by Phasewise 0.0.1" in text
    assert f"This is Phasewise {__version__}" in text


def test_a_torn_end_is_left_out_and_said() -> None:
    data = recording()
    found = replayed(data[:-5])
    assert found.identical
    assert found.recorded.decisions == replayed(data).recorded.decisions
    assert found.memory_checks == 3
    assert f"{found.recorded.torn_bytes} bytes" in "\n".join(replay_lines(found))


def test_a_recording_without_decisions_is_no_error() -> None:
    header, _ = opened(recording())
    found = replay(header, [], STRATEGIES)
    assert found.identical
    assert "No decisions" in "\n".join(replay_lines(found))


class Eager:
    """A strategy of somebody's own."""

    def intent(self, snapshot: Snapshot, settings: Settings, memory: Memory) -> Intent:
        return Intent(battery_power_w=500.0)


def test_a_strategy_that_is_not_installed_is_named_with_those_that_are() -> None:
    data = recorded(home(strategy="eager"), {"eager": Eager()})
    assert replayed(data, {"eager": Eager()}).identical
    with pytest.raises(ReplayError, match=r"no strategy 'eager' here; there are: full-stop, self-consump"):
        replayed(data)


def test_a_strategy_that_was_selected_later_is_asked_for_too() -> None:
    header, records = opened(recording())
    with pytest.raises(ReplayError, match="'eager'"):
        replay(
            changed(header, strategies=("eager", "self-consumption")),
            [*records, Changed(home(strategy="eager"))],
            STRATEGIES,
        )


def test_a_strategy_that_was_missing_then_fails_again() -> None:
    found = replayed(recorded(home(strategy="gone")))
    assert found.identical
    assert found.recorded.decisions > 190


def test_a_failure_of_control_that_happens_again_is_identical(monkeypatch: pytest.MonkeyPatch) -> None:
    header, records = opened(recording())
    first = records[step_numbers(records)[0]]
    assert isinstance(first, Step)
    failed: list[Record | Torn] = [Failed(first.snapshot, "ZeroDivisionError: none left")]

    def broken(*_: object) -> None:
        raise ZeroDivisionError("none left")

    assert not replay(header, failed, STRATEGIES).identical
    monkeypatch.setattr("phasewise.replay.replay.decide", broken)
    found = replay(header, failed, STRATEGIES)
    assert found.identical
    assert found.recorded.failed == 1
    assert "control failed" in "\n".join(replay_lines(found))


def test_after_a_gap_it_goes_on_as_recorded_there() -> None:
    header, records = opened(recording())
    kept = list(records)
    twice = replay(header, [*kept, header, *kept], STRATEGIES)
    once = replay(header, kept, STRATEGIES)
    assert twice.identical
    assert twice.recorded.decisions == 2 * once.recorded.decisions
    newer = changed(header, version="99.0")
    assert replay(header, [*kept, newer, *kept], STRATEGIES).recorded.by == f"{header.version}, 99.0"
    forgetful = [*kept, *kept]
    assert not replay(header, forgetful, STRATEGIES).identical


def test_a_strategy_that_is_missing_after_a_gap_is_named() -> None:
    header, records = opened(recording())
    control = changed(header.settings.control, strategy="other")
    settings = changed(header.settings, control=control)
    other = changed(header, settings=settings, strategies=("other",))
    with pytest.raises(ReplayError, match="other"):
        replay(header, [*records, other], STRATEGIES)


def test_differences_see_through_nan_and_the_sign_of_zero_only() -> None:
    nan, inf = float("nan"), float("inf")
    assert differences((nan, inf, -0.0, 1), (nan, inf, 0, 1.0)) == ()
    assert [d.what for d in differences((nan, 1.0, -inf), (1.0, nan, inf))] == ["1", "2", "3"]
    assert [d.what for d in differences(Memory(), "none: a bug")] == ["outcome"]
    assert [(d.recorded, d.here) for d in differences((1.0,), (1.0, None))] == [("1.0", "1.0, nothing")]


def test_a_file_made_of_its_records_is_the_same_file() -> None:
    assert file_of(*opened(recording())) == recording()
