"""The run: its levels, what it refuses, what ends it, and that it leaves nothing behind."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from phasewise.mapping import identify
from phasewise.mapping.identify import IdentifyRun, Refusal, Stage
from phasewise.model import (
    Assignment,
    BatteryReading,
    BatterySettings,
    BatterySnapshot,
    Capabilities,
    Connection,
    ControlSettings,
    GridReading,
    Override,
    PhaseProtection,
    PhaseReading,
    Settings,
    Site,
    Snapshot,
)

CAPABILITIES = Capabilities(2500.0, 2500.0)
SETTINGS = Settings(
    Site(),
    (
        BatterySettings("m1", "Garage", CAPABILITIES, Assignment.UNASSIGNED, 2500.0, 2500.0),
        BatterySettings("m2", "Attic", CAPABILITIES, Assignment.L2, 2500.0, 2500.0),
    ),
)
Change = Callable[[Snapshot], Snapshot]


def grid(
    now_s: float = 0.0, powers_w: tuple[float | None, ...] = (300.0, 200.0, 100.0), age_s: float = 0.2
) -> GridReading:
    one, two, three = (None if w is None else PhaseReading(w, abs(w) / 230.0, 230.0) for w in powers_w)
    return GridReading(now_s - age_s, sum(w or 0.0 for w in powers_w), (one, two, three), 0.5)


def snapshot(now_s: float = 0.0, *powers_w: float, soc_pct: float = 50.0) -> Snapshot:
    batteries = tuple(
        BatterySnapshot(f"m{n}", BatteryReading(now_s, w, soc_pct), reachable=True)
        for n, w in enumerate(powers_w or (0.0, 0.0), start=1)
    )
    return Snapshot(now_s, now_s, grid(now_s), True, 1.0, batteries)


def with_reading(seen: Snapshot, **changes: object) -> Snapshot:
    first = seen.batteries[0]
    assert first.reading is not None
    return replace(
        seen, batteries=(replace(first, reading=replace(first.reading, **changes)), seen.batteries[1])
    )


def begun(seen: Snapshot | None = None, settings: Settings = SETTINGS) -> IdentifyRun:
    run = identify.begin("m1", seen or snapshot(), settings)
    assert isinstance(run, IdentifyRun), run
    return run


def refused(seen: Snapshot, settings: Settings = SETTINGS, battery_id: str = "m1") -> str:
    run = identify.begin(battery_id, seen, settings)
    assert isinstance(run, Refusal)
    return run.reason


class Plant:
    """The plainest house: it does what it is told after a second, and shows it on one phase."""

    def __init__(self, index: int | None = 1, *, obeys: float = 1.0) -> None:
        self.index = index
        self.obeys = obeys
        self.now_s = 0.0
        self.told_w: list[float] = [0.0] * 3

    def step(
        self, run: IdentifyRun, settings: Settings = SETTINGS, change: Change | None = None
    ) -> IdentifyRun:
        self.now_s += 1.0
        power_w = self.told_w[0] * self.obeys
        powers_w = [300.0, 200.0, 100.0]
        if self.index is not None:
            powers_w[self.index] += power_w
        seen = replace(snapshot(self.now_s, power_w, 0.0), grid=grid(self.now_s, tuple(powers_w)))
        run = identify.advance(run, seen if change is None else change(seen), settings)
        self.told_w = [*self.told_w[1:], run.power_w if run.stage is Stage.RUNNING else 0.0]
        return run

    def to_the_end(self, run: IdentifyRun) -> tuple[IdentifyRun, list[float]]:
        told_w = []
        for _ in range(600):
            run = self.step(run)
            told_w.append(run.power_w)
            if run.stage is not Stage.RUNNING:
                return run, told_w
        raise AssertionError("the run never ends")


def test_a_run_goes_up_and_down_from_rest_and_finds_the_phase() -> None:
    run, told_w = Plant(1).to_the_end(begun())
    assert (run.stage, identify.result(run).outcome.value) == (Stage.DONE, "L2")
    changes = [w for before, w in zip([None, *told_w], told_w, strict=False) if w != before]
    assert changes[:7] == [0.0, 1000.0, -1000.0, 1000.0, -1000.0, 1000.0, -1000.0]
    assert len(run.levels) == 7
    assert run.ended_s is not None
    assert run.ended_s < 150.0
    assert run.progress == 1.0


def test_progress_never_goes_back() -> None:
    plant, run, before = Plant(1), begun(), 0.0
    while run.stage is Stage.RUNNING:
        run = plant.step(run)
        assert before <= run.progress <= 1.0
        before = run.progress


def test_a_unit_that_gives_less_than_told_is_measured_by_what_it_gives() -> None:
    run, _ = Plant(2, obeys=0.6).to_the_end(begun())
    evidence = identify.result(run)
    assert evidence.outcome.value == "L3"
    assert max(evidence.expected_w) == pytest.approx(1200.0)


@pytest.mark.parametrize(
    ("obeys", "code", "says"), [(0.0, "not-following", "does not move"), (-1.0, "wrong-direction", "sign")]
)
def test_a_battery_that_does_not_do_it_ends_the_run(obeys: float, code: str, says: str) -> None:
    run, _ = Plant(1, obeys=obeys).to_the_end(begun())
    assert (run.stage, run.code) == (Stage.ABORTED, code)
    assert says in run.detail


def test_effective_settings_hold_every_battery_and_nothing_else() -> None:
    run = begun()
    held = identify.effective(run, SETTINGS)
    assert [b.override.hold_power_w for b in held.batteries] == [0.0, 0.0]
    plant = Plant()
    while not run.levels:
        run = plant.step(run)
    held = identify.effective(run, SETTINGS)
    assert [b.override.hold_power_w for b in held.batteries] == [1000.0, 0.0]
    assert replace(held, batteries=SETTINGS.batteries) == SETTINGS
    assert [replace(b, override=Override()) for b in held.batteries] == list(SETTINGS.batteries)


def test_a_battery_out_of_service_stays_so() -> None:
    out = replace(SETTINGS.batteries[1], override=Override(out_of_service=True))
    settings = replace(SETTINGS, batteries=(SETTINGS.batteries[0], out))
    assert identify.effective(begun(settings=settings), settings).batteries[1] == out


def test_when_it_has_ended_the_settings_are_the_users_own() -> None:
    done, _ = Plant(1).to_the_end(begun())
    for run in (done, identify.abort(begun(), 5.0)):
        assert identify.effective(run, SETTINGS) is SETTINGS
        assert identify.advance(run, snapshot(99.0), SETTINGS) is run


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (replace(SETTINGS, site=Site(phase_count=1)), "one phase"),
        (replace(SETTINGS, site=Site(connection=Connection.DELTA)), "delta"),
        (replace(SETTINGS, control=ControlSettings(strategy="full-stop")), "Full stop"),
        (
            replace(
                SETTINGS,
                batteries=(
                    replace(SETTINGS.batteries[0], override=Override(out_of_service=True)),
                    SETTINGS.batteries[1],
                ),
            ),
            "out of service",
        ),
        (
            replace(
                SETTINGS,
                batteries=(
                    replace(SETTINGS.batteries[0], override=Override(hold_power_w=0.0)),
                    SETTINGS.batteries[1],
                ),
            ),
            "hold the battery",
        ),
        (replace(SETTINGS, site=Site(main_fuse_a=(25.0, 25.0, 2.0))), "L3 has room for"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_what_the_settings_forbid_is_refused_in_words(settings: Settings, says: str) -> None:
    assert says in refused(snapshot(), settings)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: replace(s, grid=None), "meter says nothing new"),
        (lambda s: replace(s, grid=grid(0.0, age_s=3.0)), "meter says nothing new"),
        (lambda s: replace(s, grid=grid(0.0, (300.0, None, 100.0))), "no power of L2"),
        (lambda s: replace(s, grid_cadence_s=15.0), "every 15 s"),
        (lambda s: replace(s, grid=grid(0.0, (300.0, 6000.0, 100.0))), "L2 carries 26.1 A"),
        (lambda s: replace(s, grid=grid(0.0, (5400.0, -5400.0, 0.0))), "not enough room"),
        (lambda s: replace(s, batteries=(BatterySnapshot("m1"), s.batteries[1])), "cannot be reached"),
        (lambda s: with_reading(s, ac_power_w=None), "cannot be reached"),
        (lambda s: with_reading(s, soc_pct=None), "how full"),
        (lambda s: with_reading(s, controllable=False, state="update"), "no commands now (update)"),
        (lambda s: with_reading(s, pv_power_w=200.0), "sun"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_what_is_seen_may_forbid_it_in_words(change: Change, says: str) -> None:
    assert says in refused(change(snapshot()))


def test_a_battery_that_is_not_set_up_is_refused() -> None:
    assert "not set up" in refused(snapshot(), battery_id="m9")


@pytest.mark.parametrize(
    ("soc_pct", "high_w", "low_w"), [(50.0, 1000.0, -1000.0), (98.0, 0.0, -1000.0), (14.0, 1000.0, 0.0)]
)
def test_the_wave_keeps_within_the_charge(soc_pct: float, high_w: float, low_w: float) -> None:
    wave = begun(snapshot(soc_pct=soc_pct)).wave
    assert (wave.high_w, wave.low_w) == (high_w, low_w)


def test_a_wave_that_only_discharges_begins_with_that() -> None:
    run = begun(snapshot(soc_pct=98.0))
    plant = Plant()
    while not run.levels:
        run = plant.step(run)
    assert run.power_w == -1000.0


def test_the_wave_is_smaller_where_the_fuse_leaves_less_room() -> None:
    # 24 A x 230 V = 5,520 W; half an amp of rounding is not there, 100 W are spared.
    seen = replace(snapshot(), grid=grid(0.0, (4820.0, -4720.0, 0.0)))
    wave = begun(seen).wave
    assert wave.high_w == pytest.approx(600.0, abs=1.0)
    assert wave.low_w == pytest.approx(-700.0, abs=1.0)


def test_room_counts_without_what_the_batteries_hide() -> None:
    """The battery under test discharges 2 kW somewhere: with it at 0 W, any phase may draw that more."""
    seen = replace(snapshot(0.0, -2000.0, 0.0), grid=grid(0.0, (3000.0, 0.0, 0.0)))
    assert begun(seen).wave.high_w == pytest.approx(420.0, abs=1.0)
    # The other one is known to be on L2, where it makes no difference to L1.
    other = replace(snapshot(0.0, 0.0, -2000.0), grid=grid(0.0, (3000.0, 0.0, 0.0)))
    assert begun(other).wave.high_w == 1000.0


def test_reactive_current_takes_room() -> None:
    reading = PhaseReading(3000.0, 19.0, 230.0)
    seen = snapshot()
    assert seen.grid is not None
    seen = replace(seen, grid=replace(seen.grid, phases=(reading, *seen.grid.phases[1:])))
    # 19 A are 4,370 VA: 1,370 above the real power.
    assert begun(seen).wave.high_w == 1000.0
    reading = PhaseReading(3000.0, 21.0, 230.0)
    assert seen.grid is not None
    seen = replace(seen, grid=replace(seen.grid, phases=(reading, *seen.grid.phases[1:])))
    assert begun(seen).wave.high_w == pytest.approx(590.0, abs=1.0)


def test_watt_limits_of_protection_count_too() -> None:
    protection = PhaseProtection(enabled=True, limit_import_w=(1000.0, None, None))
    settings = replace(SETTINGS, control=ControlSettings(phase_protection=protection))
    assert begun(settings=settings).wave.high_w == pytest.approx(600.0)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda s: replace(s, grid=grid(s.time_s, (6000.0, 0.0, 0.0))), "overload"),
        (lambda s: replace(s, grid=grid(s.time_s, (0.0, 0.0, -6000.0))), "overload"),
        (lambda s: replace(s, grid=grid(s.time_s, (0.0, None, 0.0))), "meter"),
        (lambda s: replace(s, grid=grid(s.time_s - 3.0), grid_is_new=False), "meter"),
        (
            lambda s: replace(s, batteries=(replace(s.batteries[0], reachable=False), s.batteries[1])),
            "battery",
        ),
        (lambda s: with_reading(s, controllable=False), "battery"),
        (lambda s: with_reading(s, soc_pct=100.0), "soc"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_it_ends_at_once_when_something_is_wrong(change: Change, code: str) -> None:
    plant, run = Plant(), begun()
    while not run.levels:
        run = plant.step(run)
    ended = plant.step(run, change=change)
    assert (ended.stage, ended.code) == (Stage.ABORTED, code)
    assert ended.detail.endswith(".")
    assert identify.effective(ended, SETTINGS) is SETTINGS


def test_it_ends_when_the_settings_change_but_not_when_they_are_merely_read_again() -> None:
    plant, run = Plant(), begun()
    again = replace(SETTINGS, site=Site())
    assert plant.step(run, again).stage is Stage.RUNNING
    other = replace(SETTINGS, control=ControlSettings(target_grid_w=100.0))
    assert plant.step(run, other).code == "settings"
    assert plant.step(run, replace(SETTINGS, batteries=SETTINGS.batteries[1:])).code == "settings"


def test_the_user_ends_it() -> None:
    run = identify.abort(begun(), 7.0)
    assert (run.stage, run.code, run.ended_s) == (Stage.ABORTED, "user", 7.0)


def test_a_slow_meter_makes_longer_levels() -> None:
    plant, run = Plant(0), begun()
    for _ in range(900):
        tenth = plant.now_s % 10.0 == 0.0
        run = plant.step(run, change=lambda s, new=tenth: replace(s, grid_is_new=new, grid_cadence_s=10.0))
        if run.stage is not Stage.RUNNING:
            break
    assert identify.result(run).outcome.value == "L1"
    assert run.levels[2].at_s - run.levels[1].at_s >= 20.0


def test_samples_are_those_of_the_last_minutes() -> None:
    run, _ = Plant(None).to_the_end(begun())
    assert run.samples[-1].at_s - run.samples[0].at_s <= identify.SHOWN_S
    assert all(sample.phases_w == (300.0, 200.0, 100.0) for sample in run.samples)
