from itertools import pairwise
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from phasewise.control.freshness import (
    LOST_AT_LEAST_S,
    MeterWatch,
    Verdict,
    admit,
    freshness,
    implausible,
    lost_after_s,
)
from phasewise.devices.p1 import TelegramReader, parse
from phasewise.model import Connection, Freshness, GridReading, PhaseReading, Site

SITE = Site()
CAPTURE = (
    Path(__file__).parents[3]
    / "shared"
    / "data"
    / "telegrams"
    / "nl_iskra_am550_dsmr50_3phase_1s_566.raw.txt"
)


def telegram(
    received_s: float,
    *,
    total_w: float = 500.0,
    meter_s: float | None = None,
    content: int | None = None,
    import_wh: float | None = None,
) -> GridReading:
    return GridReading(
        received_s=received_s,
        total_power_w=total_w,
        meter_time_s=meter_s,
        content_id=content,
        energy_import_wh=import_wh,
    )


def run(telegrams: list[GridReading]) -> tuple[MeterWatch, list[Verdict]]:
    watch, verdicts = MeterWatch(), []
    for reading in telegrams:
        watch, verdict, problem = admit(watch, reading, SITE)
        assert (problem is None) == (verdict is Verdict.ACCEPTED)
        verdicts.append(verdict)
    return watch, verdicts


def phases(*powers_w: float, current_a: float | None = None, voltage_v: float | None = None) -> GridReading:
    p1, p2, p3 = (PhaseReading(power_w=w, current_a=current_a, voltage_v=voltage_v) for w in powers_w)
    return GridReading(received_s=0.0, total_power_w=sum(powers_w), phases=(p1, p2, p3))


# --- how long a reading stays good


@pytest.mark.parametrize(
    ("age_s", "cadence_s", "expected"),
    [
        (2.0, 1.0, Freshness.FRESH),
        (2.1, 1.0, Freshness.AGING),
        (8.0, 1.0, Freshness.AGING),
        (8.1, 1.0, Freshness.LOST),
        (20.0, 10.0, Freshness.FRESH),
        (30.0, 10.0, Freshness.AGING),
        (30.1, 10.0, Freshness.LOST),
        (180.1, 900.0, Freshness.FRESH),
    ],
)
def test_freshness_by_age_and_cadence(age_s: float, cadence_s: float, expected: Freshness) -> None:
    assert freshness(age_s, cadence_s) is expected


def test_lost_is_never_sooner_than_8_s_nor_later_than_3_minutes() -> None:
    assert lost_after_s(0.2) == LOST_AT_LEAST_S
    assert lost_after_s(3600.0) == 180.0


# --- what counts as new


def test_an_unchanged_value_in_a_new_telegram_is_fresh() -> None:
    _, verdicts = run([telegram(float(s), meter_s=1000.0 + s) for s in range(5)])
    assert set(verdicts) == {Verdict.ACCEPTED}


def test_the_same_telegram_again_is_not_fresh() -> None:
    watch, verdicts = run(
        [telegram(0.0, meter_s=1000.0)] + [telegram(float(s), meter_s=1000.0) for s in (1, 2)]
    )
    assert verdicts == [Verdict.ACCEPTED, Verdict.REPLAYED, Verdict.REPLAYED]
    assert watch.last is not None
    assert watch.last.received_s == 0.0


@pytest.mark.parametrize(
    ("length", "with_registers"),
    [(2, False), (10, False), (60, False), (300, False), (60, True), (1500, True)],
)
def test_a_loop_of_old_telegrams_is_seen_through(length: int, with_registers: bool) -> None:
    """A gateway that plays its buffer again and again: nothing of the second round counts."""
    once = [
        telegram(
            float(s), meter_s=1000.0 + s, content=s, import_wh=float(s // 10) if with_registers else None
        )
        for s in range(length)
    ]
    again = [
        telegram(
            length * turn + t.received_s,
            meter_s=t.meter_time_s,
            content=t.content_id,
            import_wh=t.energy_import_wh,
        )
        for turn in (1, 2, 3)
        for t in once
    ]
    _, verdicts = run(once + again)
    assert set(verdicts[:length]) == {Verdict.ACCEPTED}
    assert set(verdicts[length:]) == {Verdict.REPLAYED}


def test_a_clock_that_is_set_back_is_tolerated_once() -> None:
    before = [telegram(float(s), meter_s=5000.0 + s, content=s) for s in range(3)]
    after = [telegram(3.0 + s, meter_s=1400.0 + s, content=100 + s) for s in range(3)]
    again = [telegram(10.0 + s, meter_s=1000.0 + s, content=200 + s) for s in range(3)]
    _, verdicts = run(before + after + again)
    assert verdicts == [Verdict.ACCEPTED] * 6 + [Verdict.REPLAYED] * 3


def test_a_clock_may_be_set_back_again_after_an_hour() -> None:
    _, verdicts = run(
        [
            telegram(0.0, meter_s=9000.0),
            telegram(1.0, meter_s=8000.0),
            telegram(3700.0, meter_s=8100.0),
            telegram(3701.0, meter_s=8050.0),
        ]
    )
    assert verdicts == [Verdict.ACCEPTED] * 4


def test_a_meter_without_summer_time_mark_recovers_from_the_autumn_hour() -> None:
    """Its clock goes from 02:59:59 back to 02:00:00, and then on."""
    telegrams = [telegram(float(s), meter_s=10_000.0 + s, content=s) for s in range(60)]
    telegrams += [telegram(60.0 + s, meter_s=10_000.0 + 60 - 3600 + s, content=60 + s) for s in range(60)]
    _, verdicts = run(telegrams)
    assert set(verdicts) == {Verdict.ACCEPTED}


def test_without_a_meter_clock_only_new_content_counts() -> None:
    _, verdicts = run([telegram(0.0, content=1), telegram(1.0, content=1), telegram(2.0, content=2)])
    assert verdicts == [Verdict.ACCEPTED, Verdict.REPLAYED, Verdict.ACCEPTED]


def test_without_clock_and_content_every_telegram_counts() -> None:
    _, verdicts = run([telegram(float(s)) for s in range(3)])
    assert verdicts == [Verdict.ACCEPTED] * 3


@given(st.lists(st.sampled_from(["next", "same", "older"]), min_size=1, max_size=40))
def test_meter_time_never_goes_back_twice(steps: list[str]) -> None:
    """Whatever arrives, the accepted timestamps rise, but for one step back."""
    watch, clock_s, accepted = MeterWatch(), 1000.0, []
    for index, step in enumerate(steps):
        clock_s += {"next": 1.0, "same": 0.0, "older": -7.0}[step]
        watch, verdict, _ = admit(watch, telegram(float(index), meter_s=clock_s, content=index), SITE)
        if verdict is Verdict.ACCEPTED:
            accepted.append(clock_s)
    assert sum(b < a for a, b in pairwise(accepted)) <= 1
    assert all(a != b for a, b in pairwise(accepted))


# --- cadence


def test_cadence_is_the_usual_interval_and_ignores_a_gap() -> None:
    watch, _ = run([telegram(float(s), meter_s=float(s)) for s in (0, 1, 2, 3, 43, 44)])
    assert watch.cadence_s == 1.0


def test_cadence_of_a_ten_second_meter() -> None:
    watch, _ = run([telegram(10.0 * s, meter_s=10.0 * s) for s in range(4)])
    assert watch.cadence_s == 10.0


def test_one_outage_just_after_the_start_is_not_taken_for_the_cadence() -> None:
    """Telegrams at 0 s and 1 s, then a minute of silence: a second loss is still noticed after 8 s."""
    watch, _ = run([telegram(float(s), meter_s=float(s)) for s in (0, 1, 61)])
    assert lost_after_s(watch.cadence_s) == LOST_AT_LEAST_S


# --- kW taken for W


def of_phases(*powers_and_amps: tuple[float, float]) -> GridReading:
    known = [PhaseReading(power_w, current_a, 230.0) for power_w, current_a in powers_and_amps]
    return GridReading(0.0, sum(w for w, _ in powers_and_amps), (known[0], known[1], known[2]))


@given(st.tuples(*[st.floats(-17_000.0, 17_000.0)] * 3), st.floats(0.3, 1.0))
def test_a_meter_in_kw_is_never_believed(powers_w: tuple[float, float, float], factor: float) -> None:
    amps = [round(abs(w) / 230.0 / factor) for w in powers_w]
    assume(max(amps) >= 7 and max(amps) <= 74)
    in_kw = of_phases(*[(w / 1000.0, a) for w, a in zip(powers_w, amps, strict=True)])
    before = of_phases(*[(w, a) for w, a in zip(powers_w, amps, strict=True)])
    for watch in (MeterWatch(), MeterWatch(last=before)):
        assert admit(watch, in_kw, SITE)[1] is Verdict.IMPLAUSIBLE


@pytest.mark.parametrize("power_w", [0.0, 1.0, -2.0])
def test_a_phase_near_0_w_beside_a_motor_is_believed_where_another_value_is_surely_in_w(
    power_w: float,
) -> None:
    reading = of_phases((power_w, 10.0), (300.0, 1.0), (0.0, 0.0))
    assert admit(MeterWatch(), reading, SITE)[1] is Verdict.ACCEPTED


def test_all_near_0_w_is_believed_where_it_came_down_to_that() -> None:
    watch = MeterWatch()
    for power_w, verdict in [
        (1.0, Verdict.IMPLAUSIBLE),
        (800.0, Verdict.ACCEPTED),
        (1.0, Verdict.IMPLAUSIBLE),
        (200.0, Verdict.ACCEPTED),
        (1.0, Verdict.ACCEPTED),
        (-1.0, Verdict.ACCEPTED),
    ]:
        watch, found, _ = admit(watch, of_phases((power_w, 8.0), (0.0, 0.0), (0.0, 0.0)), SITE)
        assert found is verdict
    assert admit(watch, of_phases((3.0, 14.0), (0.0, 0.0), (0.0, 0.0)), SITE)[1] is Verdict.IMPLAUSIBLE


# --- what cannot be true


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (telegram(0.0, total_w=float("nan")), "not a number"),
        (telegram(0.0, total_w=float("-inf")), "not a number"),
        (telegram(0.0, total_w=51_800.0), "main fuse"),
        (telegram(0.0, total_w=-51_800.0), "main fuse"),
        (phases(17_300.0, 0.0, 0.0), "L1: 17300 W"),
        (phases(100.0, float("nan"), 0.0), "number"),
        (phases(100.0, 0.0, 0.0, current_a=76.0), "76.0 A"),
        (phases(1.15, 1.15, 1.15, current_a=8.0, voltage_v=230.0), "kW taken for W"),
        (
            GridReading(0.0, 3000.0, (PhaseReading(3000.0), PhaseReading(1500.0), PhaseReading(-3000.0))),
            "add up to 1500 W",
        ),
    ],
)
def test_impossible_readings_are_rejected_in_words(reading: GridReading, words: str) -> None:
    watch, verdict, problem = admit(MeterWatch(), reading, SITE)
    assert verdict is Verdict.IMPLAUSIBLE
    assert watch == MeterWatch()
    assert problem is not None
    assert words in problem


@pytest.mark.parametrize(
    "reading",
    [
        telegram(0.0, total_w=51_000.0),
        phases(17_000.0, -3000.0, 0.0),
        phases(5750.0, 5750.0, 5750.0, current_a=25.0, voltage_v=230.0),
        # Whole amps: 0.5 A is shown as 1 A or 0 A.
        phases(115.0, 0.0, 0.0, current_a=1.0, voltage_v=230.0),
        # One phase is absent: no sum to compare with.
        GridReading(0.0, 3000.0, (PhaseReading(100.0), None, PhaseReading(100.0))),
        GridReading(0.0, 3000.0, (PhaseReading(100.0), PhaseReading(None, 3.0), PhaseReading(100.0))),
    ],
)
def test_possible_readings_pass(reading: GridReading) -> None:
    assert implausible(reading, SITE) is None


@pytest.mark.parametrize("power_w", [-25.0, 8.0, 40.0])
def test_a_motor_whose_real_power_the_batteries_take_over_is_possible(power_w: float) -> None:
    """2 kW at power factor 0.75 leaves 7.7 A of reactive current when its phase is held at 0 W."""
    of_phase = PhaseReading(power_w=power_w, current_a=8.0, voltage_v=230.0)
    assert implausible(GridReading(0.0, power_w, (of_phase, None, None)), SITE) is None


def test_phases_of_a_home_that_has_one_are_not_judged_beyond_it() -> None:
    one_phase = Site(phase_count=1)
    reading = GridReading(0.0, 3000.0, (PhaseReading(3000.0), PhaseReading(float("nan")), None))
    assert implausible(reading, one_phase) is None


def test_phases_need_not_add_up_without_a_neutral() -> None:
    reading = GridReading(0.0, 3000.0, (PhaseReading(3000.0), PhaseReading(1500.0), PhaseReading(-3000.0)))
    assert implausible(reading, Site(connection=Connection.DELTA)) is None


def apart(received_s: float, total_w: float, phase_sum_w: float) -> GridReading:
    """A telegram whose total and phases do not say the same."""
    return GridReading(
        received_s,
        total_w,
        (PhaseReading(phase_sum_w), PhaseReading(0.0), PhaseReading(0.0)),
        meter_time_s=received_s,
    )


def test_total_and_phases_may_differ_while_the_power_changes() -> None:
    """They are averaged over slightly different moments: 302 W apart on a step of 856 W was seen."""
    _, verdicts = run([apart(0.0, 370.0, 370.0), apart(1.0, 3370.0, 1900.0), apart(2.0, 3370.0, 3370.0)])
    assert verdicts == [Verdict.ACCEPTED] * 3


def test_a_phase_with_the_wrong_sign_is_rejected_at_once() -> None:
    """The gap is twice the power, the step is not."""
    _, verdicts = run([apart(0.0, 0.0, 0.0)] + [apart(1.0 + s, 1500.0, -1500.0) for s in range(5)])
    assert verdicts == [Verdict.ACCEPTED] + [Verdict.IMPLAUSIBLE] * 5


def test_a_phase_in_the_wrong_unit_is_rejected_as_soon_as_the_power_is_steady() -> None:
    wrong = [apart(1.0 + s, 1500.0, 1.5) for s in range(5)]
    _, verdicts = run([apart(0.0, 0.0, 0.0), *wrong])
    assert verdicts == [Verdict.ACCEPTED] * 2 + [Verdict.IMPLAUSIBLE] * 4
    _, verdicts = run(wrong)
    assert set(verdicts) == {Verdict.IMPLAUSIBLE}


def test_a_rejected_telegram_does_not_keep_the_meter_fresh() -> None:
    watch, verdicts = run([telegram(0.0, meter_s=0.0), telegram(1.0, total_w=float("nan"), meter_s=1.0)])
    assert verdicts == [Verdict.ACCEPTED, Verdict.IMPLAUSIBLE]
    assert watch.last is not None
    assert watch.last.received_s == 0.0


# --- a real meter


def real_readings() -> list[GridReading]:
    if not CAPTURE.exists():
        pytest.skip(f"the real capture is not here: {CAPTURE}")
    readings = []
    for index, raw in enumerate(TelegramReader().feed(CAPTURE.read_bytes())):
        parsed = parse(raw)
        readings.append(
            GridReading(
                received_s=float(index),
                total_power_w=parsed.total_power_w,
                phases=parsed.phases,
                meter_time_s=parsed.time_utc_s,
                content_id=crc32(raw),
                current_quantum_a=parsed.current_quantum_a,
                energy_import_wh=parsed.energy_import_wh,
                energy_export_wh=parsed.energy_export_wh,
            )
        )
    return readings


def test_every_telegram_of_a_real_meter_counts() -> None:
    readings = real_readings()
    assert len(readings) >= 560
    watch, verdicts = run(readings)
    assert set(verdicts) == {Verdict.ACCEPTED}
    assert watch.cadence_s == 1.0


def test_a_real_capture_that_is_played_again_does_not_count() -> None:
    readings = real_readings()
    again = [replace(r, received_s=r.received_s + len(readings)) for r in readings]
    _, verdicts = run(readings + again)
    assert set(verdicts[len(readings) :]) == {Verdict.REPLAYED}
