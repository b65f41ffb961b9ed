"""The plausibility check on small, written-down homes: what counts, what does not, when it is silent."""

import itertools
import random
from collections.abc import Callable, Sequence

import hypothesis
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasewise.explain import alarm_text
from phasewise.mapping.plausibility import (
    KEEP_S,
    Fits,
    PlausibilityMemory,
    advance,
    evidence_text,
    findings,
    forget,
    warnings,
)
from phasewise.model import (
    AlarmCode,
    Assignment,
    BatteryReading,
    BatterySettings,
    BatterySnapshot,
    Capabilities,
    Connection,
    GridReading,
    Phase,
    PhaseReading,
    Settings,
    Severity,
    Site,
    Snapshot,
)

ENOUGH = 40
"""Twice as many clear moves as the check needs."""
EVERY_S = 120.0
Powers = Callable[[float], Sequence[float]]


def settings_of(*configured: str, site: Site | None = None) -> Settings:
    batteries = tuple(
        BatterySettings(f"m{i}", f"Battery {i}", Capabilities(2500.0, 2500.0), phase=Assignment(phase))
        for i, phase in enumerate(configured)
    )
    return Settings(site or Site(), batteries)


def handovers(now_s: float) -> tuple[float, ...]:
    """Two batteries that hand 300 W to each other, back and forth."""
    more_w = 300.0 if int(now_s // EVERY_S) % 2 else 0.0
    return (-600.0 + more_w, -600.0 - more_w)


def live(
    settings: Settings,
    batteries_w: Powers,
    true: Sequence[str],
    *,
    until_s: float = ENOUGH * EVERY_S,
    loads_w: Powers = lambda now_s: (400.0, 300.0, 200.0),
    memory: PlausibilityMemory | None = None,
    telemetry_s: float = 2.0,
    late_s: float = 0.0,
    meter_s: float = 1.0,
    change: Callable[[Snapshot], Snapshot] = lambda snapshot: snapshot,
) -> PlausibilityMemory:
    """Show a home to the check, second by second. `true`: where each battery really is."""
    memory = memory or PlausibilityMemory()
    rng = random.Random(1)
    start_s = memory.samples[-1][0] + 2.0 if memory.samples else 0.0
    reading: list[BatteryReading | None] = [None] * len(true)
    for tick in range(int(until_s)):
        now_s = start_s + tick
        for index in range(len(true)):
            if (tick + index) % telemetry_s == 0:
                power_w = batteries_w(max(now_s - late_s, 0.0))[index]
                reading[index] = BatteryReading(now_s, power_w, 50.0)
        phases = list(loads_w(now_s - 1.0))
        for power_w, phase in zip(batteries_w(max(now_s - 1.0, 0.0)), true, strict=True):
            for on in (0, 1, 2) if phase == "three-phase" else (int(phase[1]) - 1,):
                phases[on] += power_w / (3.0 if phase == "three-phase" else 1.0)
        l1, l2, l3 = [PhaseReading(w + rng.gauss(0.0, 10.0)) for w in phases]
        snapshot = Snapshot(
            time_s=now_s,
            utc_s=now_s,
            grid=GridReading(now_s, sum(phases), (l1, l2, l3)),
            grid_is_new=tick % meter_s == 0,
            grid_cadence_s=meter_s,
            batteries=tuple(BatterySnapshot(f"m{i}", r, r is not None) for i, r in enumerate(reading)),
        )
        memory = advance(memory, change(snapshot), settings)
    return memory


def doubted(memory: PlausibilityMemory, settings: Settings) -> dict[str, Phase | None]:
    return {finding.id: finding.best for finding in findings(memory, settings) if finding.doubtful}


def test_right_phases_are_left_alone_and_swapped_ones_are_both_named() -> None:
    right, swapped = settings_of("L1", "L2"), settings_of("L2", "L1")
    memory = live(right, handovers, ["L1", "L2"])
    assert doubted(memory, right) == {}
    assert doubted(memory, swapped) == {"m0": Phase.L1, "m1": Phase.L2}
    assert all(finding.confidence > 0.999 for finding in findings(memory, right))


@pytest.mark.parametrize("telemetry_s", [1.0, 5.0, 10.0])
@pytest.mark.parametrize("late_s", [0.0, 4.0, 8.0])
@pytest.mark.parametrize("meter_s", [1.0, 10.0])
def test_slow_readings_do_not_mislead(telemetry_s: float, late_s: float, meter_s: float) -> None:
    memory = live(
        settings_of("L3", "L1"),
        handovers,
        ["L1", "L2"],
        telemetry_s=telemetry_s,
        late_s=late_s,
        meter_s=meter_s,
    )
    assert doubted(memory, settings_of("L1", "L2")) == {}
    assert doubted(memory, settings_of("L3", "L1")) == {"m0": Phase.L1, "m1": Phase.L2}


def test_silent_before_there_are_enough_moves() -> None:
    wrong = settings_of("L3", "L2")
    memory = live(wrong, handovers, ["L1", "L2"], until_s=7.5 * EVERY_S)
    assert findings(memory, wrong)[0].moves == 7
    assert doubted(memory, wrong) == {}
    memory = live(wrong, handovers, ["L1", "L2"], memory=memory, until_s=EVERY_S)
    assert findings(memory, wrong)[0].moves == 8
    assert doubted(memory, wrong) == {"m0": Phase.L1}


def test_what_two_swapped_batteries_show_is_added_up() -> None:
    swapped = settings_of("L2", "L1")
    memory = live(swapped, handovers, ["L1", "L2"], until_s=3.5 * EVERY_S)
    assert [finding.moves for finding in findings(memory, swapped)] == [3, 3]
    assert doubted(memory, swapped) == {}
    memory = live(swapped, handovers, ["L1", "L2"], memory=memory, until_s=EVERY_S)
    assert [finding.moves for finding in findings(memory, swapped)] == [4, 4]
    assert doubted(memory, swapped) == {"m0": Phase.L1, "m1": Phase.L2}
    assert [finding.swapped_with for finding in findings(memory, swapped)] == ["m1", "m0"]
    assert all(finding.confidence > 0.97 for finding in findings(memory, swapped))
    # The same moves are not enough where the other one is right, or its phase is not said.
    for configured in (("L2", "L2"), ("L3", "L1"), ("L2", "unassigned"), ("L2", "three-phase")):
        assert doubted(memory, settings_of(*configured)) == {}


def test_of_two_that_were_swapped_one_may_have_hardly_moved() -> None:
    def lopsided(now_s: float) -> tuple[float, float]:
        """One works all the time, and the other one moves once, near the end."""
        return handovers(now_s)[0], 500.0 * (7.7 * EVERY_S < now_s < 8.5 * EVERY_S)

    swapped = settings_of("L2", "L1")
    memory = live(swapped, lopsided, ["L1", "L2"], until_s=7.5 * EVERY_S)
    assert [finding.moves for finding in findings(memory, swapped)] == [7, 0]
    assert doubted(memory, swapped) == {}
    memory = live(swapped, lopsided, ["L1", "L2"], until_s=8.0 * EVERY_S)
    assert [finding.moves for finding in findings(memory, swapped)] == [7, 1]
    assert set(doubted(memory, swapped)) == {"m0", "m1"}
    # Where that one move speaks for the phase that is set, there is no pair.
    for until_s in (8.0 * EVERY_S, ENOUGH * EVERY_S):
        beside = live(swapped, lopsided, ["L1", "L1"], until_s=until_s)
        assert [finding.swapped_with for finding in findings(beside, swapped)] == [None, None]


def test_a_right_battery_is_not_taken_for_one_of_a_swapped_pair() -> None:
    """m0 and m1 are swapped; m2 is where it should be, on the phase that m0 shows on."""
    settings = settings_of("L2", "L1", "L1")
    memory = live(
        settings,
        lambda now_s: (*handovers(now_s), 400.0 * ((now_s + 60.0) // EVERY_S % 2)),
        ["L1", "L2", "L1"],
    )
    assert set(doubted(memory, settings)) == {"m0", "m1"}
    assert [finding.swapped_with for finding in findings(memory, settings)] == ["m1", "m0", None]


def test_a_phase_that_fits_better_but_badly_is_not_named() -> None:
    def battery(fit: float) -> PlausibilityMemory:
        ahead = 40.0 * (fit - 0.2) ** 2
        fits = (8.0, 40.0 * fit, 8.0)
        fits_l2 = Fits(
            "m0", ((0.0, 0.0),), (0.0, 0.0), moves=40, weight=40.0, fits=fits, spread=(ahead, 0.0, ahead)
        )
        return PlausibilityMemory(batteries=(fits_l2,))

    assert doubted(battery(0.8), settings_of("L1")) == {}
    assert doubted(battery(0.9), settings_of("L1")) == {"m0": Phase.L2}


def test_moves_of_one_pulsing_load_count_once_a_minute() -> None:
    settings = settings_of("L1")
    memory = live(settings, lambda now_s: (500.0 * (now_s // 20.0 % 2),), ["L1"], until_s=1200.0)
    assert 10 <= findings(memory, settings)[0].moves <= 1200.0 / 60.0


@pytest.mark.parametrize("w_s", [12.0, 40.0, 100.0])
@pytest.mark.parametrize("telemetry_s", [1.0, 2.0, 5.0])
def test_following_a_slope_is_no_move(w_s: float, telemetry_s: float) -> None:
    """The battery on L1 hides the sun of its phase at once: only the others would show what it did."""

    def sun_w(now_s: float) -> float:
        """Up for 40 s, steady for 80 s, down for 40 s, and so on."""
        return w_s * (min(now_s % 240.0, 40.0) - min(max(now_s % 240.0 - 120.0, 0.0), 40.0))

    settings = settings_of("L1")
    memory = live(
        settings,
        lambda now_s: (sun_w(now_s),),
        ["L1"],
        loads_w=lambda now_s: (-sun_w(now_s + 1.0), sun_w(now_s + 1.0), 0.0),
        telemetry_s=telemetry_s,
    )
    assert [finding.moves for finding in findings(memory, settings)] == [0]


def test_a_battery_that_turns_back_at_once_has_moved() -> None:
    settings = settings_of("L1")
    memory = live(settings, lambda now_s: (600.0 * (now_s % EVERY_S < 4.0),), ["L1"], telemetry_s=4.0)
    assert findings(memory, settings)[0].moves >= ENOUGH - 1


def test_a_meter_that_is_older_than_it_is_thought_to_be_shows_the_move_all_the_same() -> None:
    def younger(snapshot: Snapshot) -> Snapshot:
        assert snapshot.grid is not None
        return msgspec.structs.replace(
            snapshot, grid=msgspec.structs.replace(snapshot.grid, sample_age_s=0.0)
        )

    settings = settings_of("L2", "L1")
    memory = live(settings, handovers, ["L1", "L2"], telemetry_s=1.0, change=younger)
    assert findings(memory, settings)[0].moves >= ENOUGH - 2
    assert set(doubted(memory, settings)) == {"m0", "m1"}


def test_the_same_picture_again_changes_nothing() -> None:
    settings = settings_of("L2", "L1")
    seen: list[Snapshot] = []

    def keep(snapshot: Snapshot) -> Snapshot:
        seen.append(snapshot)
        return snapshot

    memory = live(settings, handovers, ["L1", "L2"], change=keep)
    assert advance(memory, seen[-1], settings) == memory


def test_a_step_that_all_share_tells_nothing() -> None:
    def shared(now_s: float) -> tuple[float, float, float]:
        power_w = -700.0 if int(now_s // EVERY_S) % 2 else 0.0
        return (power_w, power_w, power_w)

    wrong = settings_of("L2", "L3", "L1")
    memory = live(wrong, shared, ["L1", "L2", "L3"])
    assert [finding.moves for finding in findings(memory, wrong)] == [0, 0, 0]
    assert [finding.best for finding in findings(memory, wrong)] == [None, None, None]
    assert doubted(memory, wrong) == {}


@pytest.mark.parametrize("telemetry_s", [2.0, 10.0])
@pytest.mark.parametrize("slow", [False, True])
def test_a_move_that_another_battery_joined_does_not_count(telemetry_s: float, slow: bool) -> None:
    """Two hand over to a third. The one that shares its phase shows nothing there, and all on the other's."""

    def three(now_s: float) -> tuple[float, float, float]:
        part = abs((now_s % (2.0 * EVERY_S)) / EVERY_S - 1.0)
        joins_w = 600.0 * min(max(12.0 * part - 6.0, 0.0), 1.0) if slow else 600.0 * (part > 0.5)
        more_w = 600.0 * (part > 0.5)
        return (-more_w, -joins_w, 1200.0 * (part > 0.5))

    right = settings_of("L1", "L2", "L1")
    memory = live(right, three, ["L1", "L2", "L1"], telemetry_s=telemetry_s)
    assert [finding.moves for finding in findings(memory, right)][:2] == [0, 0]
    # Without the other one to be mistaken for it, there is nothing to see, and nothing counts either.
    alone = live(right, lambda now_s: (three(now_s)[0], 0.0, three(now_s)[2]), ["L1", "L2", "L1"])
    assert findings(alone, right)[0].moves == 0


def test_a_battery_that_is_seldom_heard_may_have_joined_too() -> None:
    def seldom(snapshot: Snapshot) -> Snapshot:
        """m1 is heard 8 s after it moved."""
        if snapshot.time_s % 10.0 == 8.0:
            return snapshot
        m0, m1, m2 = snapshot.batteries
        silent = msgspec.structs.replace(m1, reachable=False)
        return msgspec.structs.replace(snapshot, batteries=(m0, silent, m2))

    def traded(now_s: float) -> tuple[float, float, float]:
        more_w = 600.0 * (now_s // EVERY_S % 2)
        return (-more_w, -more_w, 2.0 * more_w)

    right = settings_of("L1", "L2", "L1")
    memory = live(right, traded, ["L1", "L2", "L1"], telemetry_s=1.0, change=seldom)
    assert findings(memory, right)[0].moves == 0


def test_the_slowest_battery_and_the_slowest_meter_can_be_judged() -> None:
    def slow(now_s: float) -> tuple[float]:
        """15 s up, and a long rest."""
        return (min(60.0 * (now_s % 300.0), 900.0) if now_s % 600.0 < 300.0 else 0.0,)

    settings = settings_of("L2")
    memory = live(settings, slow, ["L1"], until_s=40 * 300.0, telemetry_s=19.0, meter_s=10.0)
    assert findings(memory, settings)[0].moves >= 36
    assert doubted(memory, settings) == {"m0": Phase.L1}


def test_a_move_counts_though_one_that_does_not_ended_just_before() -> None:
    def pulses(now_s: float) -> tuple[float, float]:
        """Both go up; 12 s later one goes down again alone, and the other one follows after a while."""
        in_s = now_s % EVERY_S
        return (500.0 * (in_s < 12.0), 500.0 * (in_s < 60.0))

    wrong = settings_of("L2", "L1")
    memory = live(wrong, pulses, ["L1", "L2"])
    assert all(finding.moves >= ENOUGH - 2 for finding in findings(memory, wrong))
    assert set(doubted(memory, wrong)) == {"m0", "m1"}


def test_a_battery_at_rest_tells_nothing() -> None:
    wrong = settings_of("L2")
    steps = live(
        wrong, lambda now_s: (-500.0,), ["L1"], loads_w=lambda now_s: (2000.0 * (now_s // 60 % 2), 0.0, 0.0)
    )
    assert [finding.moves for finding in findings(steps, wrong)] == [0]


def test_a_small_move_is_lost_in_what_appliances_do() -> None:
    wrong = settings_of("L2")
    memory = live(wrong, lambda now_s: (150.0 * (now_s // EVERY_S % 2),), ["L1"])
    assert [finding.moves for finding in findings(memory, wrong)] == [0]


@pytest.mark.parametrize(("load_on", "battery_on"), list(itertools.product(("L1", "L2", "L3"), repeat=2)))
@pytest.mark.parametrize("period_s", [10.0, 20.0, 240.0])
def test_that_batteries_answer_to_loads_misleads_nobody(
    load_on: str, battery_on: str, period_s: float
) -> None:
    """A hob pulses on one phase; the battery covers it 3 s later, wherever it is."""

    def pulse_w(now_s: float) -> float:
        return 1500.0 if now_s % period_s < period_s / 2.0 else 0.0

    right = settings_of(battery_on)
    memory = live(
        right,
        lambda now_s: (-pulse_w(now_s - 3.0),),
        [battery_on],
        loads_w=lambda now_s: [pulse_w(now_s) if phase == load_on else 100.0 for phase in ("L1", "L2", "L3")],
    )
    assert doubted(memory, right) == {}


def test_random_loads_that_have_nothing_to_do_with_it_prove_nothing() -> None:
    """Readings that are not of this home at all: nothing fits well enough to be named."""
    rng = random.Random(7)
    steps_w = [[rng.choice((0.0, 800.0, 1600.0)) for _ in range(400)] for _ in range(3)]
    for configured in ("L1", "L2", "L3"):
        settings = settings_of(configured)
        memory = live(
            settings,
            lambda now_s: (500.0 * (now_s // EVERY_S % 2),),
            ["L1"],
            late_s=57.0,
            loads_w=lambda now_s: [phase[int(now_s // 31.0) % 400] for phase in steps_w],
        )
        assert doubted(memory, settings) == {}


def test_two_batteries_on_one_phase_that_trade_power_are_invisible() -> None:
    right = settings_of("L1", "L1")
    memory = live(right, handovers, ["L1", "L1"])
    assert [finding.moves for finding in findings(memory, right)] == [0, 0]


def test_put_right_again_the_warning_ends() -> None:
    swapped = settings_of("L2", "L1")
    memory = live(swapped, handovers, ["L1", "L2"])
    assert set(doubted(memory, swapped)) == {"m0", "m1"}
    # The user changes the configuration: at once.
    assert doubted(memory, settings_of("L1", "L2")) == {}
    # An electrician changes the wiring: after as many moves as it took.
    rewired = live(swapped, handovers, ["L2", "L1"], memory=memory)
    assert doubted(rewired, swapped) == {}


def test_wires_changed_later_are_found_out() -> None:
    settings = settings_of("L1", "L2")
    memory = live(settings, handovers, ["L1", "L2"], until_s=4.0 * ENOUGH * EVERY_S)
    assert doubted(memory, settings) == {}
    rewired = live(settings, handovers, ["L2", "L1"], memory=memory, until_s=4.0 * ENOUGH * EVERY_S)
    assert doubted(rewired, settings) == {"m0": Phase.L2, "m1": Phase.L1}


def test_unassigned_gets_evidence_but_no_warning_and_three_phase_neither() -> None:
    settings = settings_of("unassigned", "three-phase")
    memory = live(settings, handovers, ["L1", "three-phase"])
    (only,) = findings(memory, settings)
    assert (only.id, only.best, only.doubtful) == ("m0", Phase.L1, False)
    assert warnings([only]) == []


def test_a_three_phase_unit_that_is_said_to_be_on_one_phase_is_not_judged_either() -> None:
    settings = settings_of("L2")
    memory = live(settings, lambda now_s: (900.0 * (now_s // EVERY_S % 2),), ["three-phase"])
    assert [finding.moves for finding in findings(memory, settings)] == [0]


def test_the_warning_says_what_was_seen() -> None:
    settings = settings_of("L2", "L2")
    memory = live(settings, handovers, ["L1", "L2"])
    found = findings(memory, settings)
    (alarm,) = warnings(found)
    assert (alarm.code, alarm.severity, alarm.subject) == (AlarmCode.MAPPING_DOUBTFUL, Severity.WARNING, "m0")
    assert alarm.detail is not None
    assert alarm.detail.startswith("L1 fits best, not L2:")
    assert alarm.detail.endswith(evidence_text(found[0]))
    assert f"{found[0].moves} changes" in alarm.detail
    for lang in ("en", "nl", "de"):
        assert "L1 (L1 100 %, L2 " in alarm_text(alarm, lang)


def test_the_warning_names_the_battery_that_it_was_swapped_with() -> None:
    settings = settings_of("L2", "L1")
    found = findings(live(settings, handovers, ["L1", "L2"]), settings)
    first, second = warnings(found)
    assert first.detail is not None
    assert first.detail.endswith(f"it looks swapped with Battery 1: {evidence_text(found[1])}")
    assert second.detail is not None
    assert second.detail.endswith(f"it looks swapped with Battery 0: {evidence_text(found[0])}")
    for lang in ("en", "nl", "de"):
        assert "n = 39); Battery 1: L2 (L1 " in alarm_text(first, lang)


def _without_l2(snapshot: Snapshot) -> Snapshot:
    assert snapshot.grid is not None
    l1, _, l3 = snapshot.grid.phases
    return msgspec.structs.replace(
        snapshot, grid=msgspec.structs.replace(snapshot.grid, phases=(l1, None, l3))
    )


def _without_watts(snapshot: Snapshot) -> Snapshot:
    assert snapshot.grid is not None
    phases = (PhaseReading(current_a=3.0),) * 3
    return msgspec.structs.replace(snapshot, grid=msgspec.structs.replace(snapshot.grid, phases=phases))


def _unreachable(snapshot: Snapshot) -> Snapshot:
    batteries = tuple(msgspec.structs.replace(b, reachable=False) for b in snapshot.batteries)
    return msgspec.structs.replace(snapshot, batteries=batteries)


def _not_a_number(snapshot: Snapshot) -> Snapshot:
    batteries = tuple(
        msgspec.structs.replace(b, reading=BatteryReading(snapshot.time_s, float("nan"), None))
        for b in snapshot.batteries
    )
    return msgspec.structs.replace(snapshot, batteries=batteries)


def _meter_with_long_gaps(snapshot: Snapshot) -> Snapshot:
    return msgspec.structs.replace(snapshot, grid_is_new=snapshot.time_s % 15.0 == 0.0)


@pytest.mark.parametrize(
    "change", [_without_l2, _without_watts, _unreachable, _not_a_number, _meter_with_long_gaps]
)
def test_nothing_is_made_up_from_what_is_not_there(change: Callable[[Snapshot], Snapshot]) -> None:
    settings = settings_of("L2", "L1")
    memory = live(settings, handovers, ["L1", "L2"], change=change)
    assert sum(finding.moves for finding in findings(memory, settings)) == 0


@pytest.mark.parametrize("site", [Site(phase_count=1), Site(connection=Connection.DELTA)])
def test_no_judgement_where_phases_mean_nothing(site: Site) -> None:
    learnt = live(settings_of("L2", "L1"), handovers, ["L1", "L2"])
    settings = settings_of("L2", "L1", site=site)
    assert live(settings, handovers, ["L1", "L2"]) == PlausibilityMemory()
    assert findings(learnt, settings) == ()


def test_one_reading_that_is_no_number_is_passed_over() -> None:
    def now_and_then(snapshot: Snapshot) -> Snapshot:
        return _not_a_number(snapshot) if snapshot.time_s % 7.0 == 0.0 else snapshot

    settings = settings_of("L1", "L2")
    memory = live(settings, handovers, ["L1", "L2"], change=now_and_then, telemetry_s=1.0)
    assert [finding.moves for finding in findings(memory, settings)] == [ENOUGH - 1, ENOUGH - 1]


def test_a_gap_in_a_batterys_readings_is_no_move() -> None:
    def gaps(snapshot: Snapshot) -> Snapshot:
        return snapshot if snapshot.time_s % EVERY_S < 90.0 else _unreachable(snapshot)

    def hidden(now_s: float) -> tuple[float]:
        return (400.0 * ((now_s + 15.0) // EVERY_S % 2),)

    settings = settings_of("L2")
    assert findings(live(settings, hidden, ["L1"]), settings)[0].moves > 0
    memory = live(settings, hidden, ["L1"], change=gaps)
    assert [finding.moves for finding in findings(memory, settings)] == [0]


def test_memory_is_bounded_and_can_be_written_down() -> None:
    memory = live(settings_of("L1", "L2"), handovers, ["L1", "L2"])
    assert len(memory.samples) <= KEEP_S + 2.0
    encoded = msgspec.msgpack.encode(memory)
    assert len(encoded) < 8000
    assert msgspec.msgpack.decode(encoded, type=PlausibilityMemory) == memory


def test_memory_stays_bounded_while_the_meter_says_nothing() -> None:
    settings = settings_of("L1", "L2")

    def without_meter(snapshot: Snapshot) -> Snapshot:
        return snapshot if snapshot.time_s < 10.0 else msgspec.structs.replace(snapshot, grid_is_new=False)

    def restless(now_s: float) -> tuple[float, float]:
        return (500.0 * (now_s // 5.0 % 2), -500.0 * (now_s // 5.0 % 2))

    memory = live(settings, restless, ["L1", "L2"], until_s=1000.0, telemetry_s=1.0, change=without_meter)
    assert all(len(fits.ended) <= KEEP_S / 5.0 + 2.0 for fits in memory.batteries)
    assert all(len(fits.heard) <= KEEP_S + 2.0 for fits in memory.batteries)
    assert [fits.moves for fits in memory.batteries] == [0, 0]


def test_a_battery_that_was_replaced_begins_anew() -> None:
    settings = settings_of("L2", "L1")
    memory = forget(live(settings, handovers, ["L1", "L2"]), ["m0"])
    assert [finding.id for finding in findings(memory, settings)] == ["m1"]


def test_a_battery_that_left_is_forgotten_and_others_keep_what_they_have() -> None:
    both, alone = settings_of("L2", "L1"), settings_of("L2")
    memory = live(both, handovers, ["L1", "L2"])
    moves = findings(memory, both)[0].moves
    memory = live(alone, lambda now_s: handovers(now_s)[:1], ["L1"], memory=memory, until_s=5.0)
    assert [fits.id for fits in memory.batteries] == ["m0"]
    assert findings(memory, alone)[0].moves >= moves


@hypothesis.settings(deadline=None)  # machines may be busy
@given(
    order=st.permutations((0, 1, 2)),
    seed=st.integers(0, 1000),
    sign=st.sampled_from((1.0, -1.0)),
)
def test_no_phase_and_no_direction_is_special(order: list[int], seed: int, sign: float) -> None:
    """Renaming the phases renames the fits; turning all signs changes nothing."""
    rng = random.Random(seed)
    minutes = 8
    loads = [[rng.uniform(0.0, 1500.0) for _ in range(minutes * 3)] for _ in range(3)]
    battery_w = [rng.uniform(-1500.0, 1500.0) for _ in range(minutes * 3)]

    def fits(phases: Sequence[int], sign: float) -> tuple[tuple[float, ...], int]:
        memory = PlausibilityMemory()
        for now in range(minutes * 60):
            powers = [sign * loads[source][now // 20] for source in phases]
            powers[phases.index(0)] += sign * battery_w[now // 20]
            l1, l2, l3 = (PhaseReading(w) for w in powers)
            grid = GridReading(now, sum(powers), (l1, l2, l3))
            seen = BatterySnapshot("m0", BatteryReading(now, sign * battery_w[now // 20], 50.0), True)
            memory = advance(memory, Snapshot(now, now, grid, True, 1.0, (seen,)), settings_of("L1"))
        (only,) = memory.batteries
        return only.fits, only.moves

    plain, moves = fits((0, 1, 2), 1.0)
    renamed, moves_renamed = fits(order, sign)
    assert moves_renamed == moves
    assert renamed == pytest.approx([plain[source] for source in order])
