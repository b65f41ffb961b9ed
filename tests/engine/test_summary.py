"""What goes on and why: typical situations, with the sentences that people read."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from phasewise.engine.summary import CONTROL_FAILED, Scene, Spans, summary
from phasewise.model import (
    Alarm,
    AlarmCode,
    BatteryDecision,
    BatterySettings,
    BatterySnapshot,
    Capabilities,
    Command,
    ControlSettings,
    Decision,
    Freshness,
    GridReading,
    Phase,
    PhaseDecision,
    PhaseReading,
    Reason,
    ReasonCode,
    Settings,
    Severity,
    Site,
    Snapshot,
)
from phasewise.model.prices import PriceInterval
from phasewise.model.strategy_options import (
    Algorithm,
    DynamicOptions,
    EvOverride,
    FollowUp,
    TimedOptions,
    Window,
)

R = ReasonCode
NAMES = ("Garage", "Attic")
MIDNIGHT_S = datetime(2026, 6, 1, tzinfo=ZoneInfo("Europe/Amsterdam")).timestamp()
GRID = GridReading(10.0, 0.0, (PhaseReading(4140.0, 18.0, 230.0),) + (PhaseReading(0.0, 0.0, 230.0),) * 2)
SNAPSHOT = Snapshot(10.0, MIDNIGHT_S, GRID, True, 1.0, (BatterySnapshot("m0"), BatterySnapshot("m1")))


def told(index: int, power_w: float, *reasons: Reason, **changes: Any) -> BatteryDecision:
    plain = BatteryDecision(f"m{index}", power_w, can_lo_w=-2500.0, can_hi_w=2500.0, reasons=reasons)
    return replace(plain, **changes)


def scene(
    powers_w: tuple[float, float] = (0.0, 0.0),
    *reasons: Reason,
    executing: str = "self-consumption",
    control: dict[str, Any] | None = None,
    batteries: tuple[BatteryDecision, ...] | None = None,
    until: str = "",
    **changes: Any,
) -> Scene:
    """Two batteries; the reasons are the first one's."""
    options = {"strategy": executing} | (control or {})
    settings = Settings(
        Site(),
        tuple(BatterySettings(f"m{n}", name, Capabilities(2500.0, 2500.0)) for n, name in enumerate(NAMES)),
        ControlSettings(**options),
    )
    decided = batteries or (told(0, powers_w[0], *reasons), told(1, powers_w[1]))
    decision = Decision(10.0, options["strategy"], executing, decided, load_w=-sum(powers_w))
    return Scene(SNAPSHOT, settings, replace(decision, **changes), until=until)


def priced(found: Scene) -> Scene:
    """With a price for now."""
    price = PriceInterval(MIDNIGHT_S, MIDNIGHT_S + 3600.0, 0.2, 0.1)
    return replace(found, snapshot=replace(found.snapshot, prices=(price,)))


BETWEEN = DynamicOptions(neutral="self-consumption")


def on_l1(**changes: Any) -> tuple[PhaseDecision, ...]:
    return (replace(PhaseDecision(Phase.L1, Freshness.FRESH, 4140.0, -5520.0, 5520.0), **changes),)


FULL = {"can_hi_w": 0.0}
EMPTY = {"can_lo_w": 0.0}
AWAY = {"command": Command.NONE, "can_lo_w": 0.0, "can_hi_w": 0.0}

SITUATIONS: dict[str, tuple[Scene, str]] = {
    "surplus, and a phase that holds one back": (
        scene((1200.0, 1900.0), Reason(R.PHASE_LIMIT, -1300.0, "L1"), phases=on_l1()),
        "Charging with 3.1 kW of surplus. Garage is held at 1.2 kW because the house draws 18 A on L1.",
    ),
    "covering": (scene((-850.0, 0.0)), "The house gets 850 W from the batteries."),
    "charging to a goal": (
        scene((2500.0, 2500.0), executing="charge", load_w=400.0),
        "Charging with 5.0 kW until the goal is reached.",
    ),
    "timed charging": (
        scene((2500.0, 0.0), executing="charge", control={"strategy": "timed"}, until="05:00"),
        "Charging with 2.5 kW until 05:00.",
    ),
    "cheap hours": (
        priced(scene((2500.0, 0.0), executing="charge", control={"strategy": "dynamic"}, until="05:00")),
        "Charging with 2.5 kW while energy is cheap, until 05:00.",
    ),
    "by plan": (
        priced(scene((2500.0, 0.0), executing="charge", control={"strategy": "dynamic"})),
        "Charging with 2.5 kW while energy is cheap.",
    ),
    "no price": (
        scene((-700.0, 0.0), control={"strategy": "dynamic"}),
        "The house gets 700 W from the batteries.",
    ),
    "in between": (
        priced(scene((-700.0, 0.0), control={"strategy": "dynamic", "dynamic": BETWEEN})),
        "The house gets 700 W from the batteries.",
    ),
    "more than the surplus": (scene((1500.0, 0.0), load_w=-500.0), "Charging with 1.5 kW."),
    "more than the house draws": (scene((-1500.0, 0.0), load_w=500.0), "Discharging with 1.5 kW."),
    "dear hours": (
        priced(scene((-700.0, 0.0), control={"strategy": "dynamic"}, until="21:00")),
        "The house gets 700 W from the batteries while energy is expensive, until 21:00.",
    ),
    "selling": (
        scene((-2500.0, -2500.0), executing="sell", load_w=300.0),
        "Discharging with 5.0 kW to sell it.",
    ),
    "peak": (
        scene((-1200.0, 0.0), Reason(R.PEAK, -1200.0), executing="standby", load_w=3700.0),
        "Discharging with 1.2 kW to keep the import of the home inside its limit.",
    ),
    "held by the user": (
        scene((500.0, 0.0), Reason(R.HOLD, 500.0), load_w=200.0),
        "Charging with 500 W, as you set.",
    ),
    "one held, the other at work": (
        scene((500.0, 2000.0), Reason(R.HOLD, -600.0)),
        "Charging with 2.5 kW of surplus. Garage is held at 500 W, as you set.",
    ),
    "both ways": (
        scene((1000.0, -600.0), load_w=-400.0),
        "Charging with 1.0 kW and discharging with 600 W at the same time.",
    ),
    "relief": (
        scene((-1200.0, 1200.0), Reason(R.RELIEF, -1200.0, "L1"), phases=on_l1(relief_w=-1200.0)),
        "Discharging with 1.2 kW to keep L1 inside its limits.",
    ),
    "relief that the strategy gives anyway": (
        scene((-2500.0, 0.0), Reason(R.RELIEF, 0.0, "L1"), phases=on_l1(relief_w=-500.0)),
        "The house gets 2.5 kW from the batteries.",
    ),
    "too much": (
        scene(
            (-2500.0, 0.0), Reason(R.RELIEF, -2500.0, "L1"), phases=on_l1(relief_w=-3400.0, missing_w=-900.0)
        ),
        "L1 draws 900 W too much, and its batteries can't take it back. Garage is at 2.5 kW to keep L1 "
        "inside its limits.",
    ),
    "feeding in too much": (
        scene((0.0, 0.0), phases=on_l1(relief_w=900.0, missing_w=900.0)),
        "L1 feeds in 900 W too much, and its batteries can't take it back.",
    ),
    "meter lost": (
        scene(
            executing="safe",
            alarms=(Alarm(AlarmCode.METER_LOST, Severity.ALARM, "meter"),),
            load_w=None,
            control={"strategy": "charge"},
        ),
        "Nothing is heard from the smart meter, so all batteries are at 0 W.",
    ),
    "a strategy with a fault": (
        scene(
            control={"strategy": "mine"}, alarms=(Alarm(AlarmCode.STRATEGY_FAILED, Severity.ALARM, "mine"),)
        ),
        "The strategy mine failed with an error, so all batteries are at 0 W.",
    ),
    "starting": (
        scene(batteries=(told(0, 0.0, Reason(R.STARTING)), told(1, 0.0, Reason(R.STARTING))), load_w=None),
        "Control is starting; it waits for the first values of the meter.",
    ),
    "full stop": (scene(executing="full-stop"), "Full stop: all batteries rest at 0 W."),
    "a car": (
        replace(
            scene(
                executing="full-stop",
                control={
                    "strategy": "self-consumption",
                    "ev_override": EvOverride(FollowUp.FULL_STOP, input="car"),
                },
                load_w=7400.0,
            ),
            snapshot=replace(SNAPSHOT, inputs=("car",)),
        ),
        "A car is charging or another large load runs, so the batteries stay out of it.",
    ),
    "full": (
        scene(batteries=(told(0, 0.0, **FULL), told(1, 0.0, **FULL)), load_w=-2100.0, wanted_w=2100.0),
        "The batteries are full, so 2.1 kW of surplus goes to the grid.",
    ),
    "full and away": (
        scene(
            batteries=(
                told(0, 0.0, Reason(R.SOC_LIMIT, -2100.0), **FULL),
                told(1, 0.0, Reason(R.UNREACHABLE), **AWAY),
            ),
            load_w=-2100.0,
            wanted_w=2100.0,
        ),
        "The batteries are full, so 2.1 kW of surplus goes to the grid. Attic can't be reached.",
    ),
    "empty": (
        scene(batteries=(told(0, 0.0, **EMPTY), told(1, 0.0, **EMPTY)), load_w=800.0, wanted_w=-800.0),
        "The batteries are empty, so the house draws 800 W from the grid.",
    ),
    "none usable": (
        scene(
            batteries=(
                told(0, 0.0, Reason(R.OUT_OF_SERVICE), **AWAY),
                told(1, 0.0, Reason(R.NOT_RESPONDING), **AWAY),
            ),
            load_w=800.0,
        ),
        "No battery can be used now. Attic does not do what it is told.",
    ),
    "no batteries": (
        replace(
            scene(),
            decision=Decision(10.0, "self-consumption", "self-consumption", (), load_w=300.0),
            settings=Settings(Site(), ()),
        ),
        "No battery is set up, so Phasewise only watches.",
    ),
    "waiting for the sun": (
        scene((0.0, 0.0), Reason(R.DIRECTION, 800.0), executing="charge-pv", load_w=800.0, wanted_w=-800.0),
        "Waiting for surplus from the sun.",
    ),
    "waiting for a load": (
        scene(executing="zero-import", load_w=-800.0),
        "Waiting for the house to need power.",
    ),
    "standby": (scene(executing="standby", load_w=800.0), "Standby: the batteries rest."),
    "by plan it waits": (
        scene(executing="standby", control={"strategy": "dynamic"}, load_w=800.0),
        "The batteries rest, because by the plan their energy is worth more later.",
    ),
    "balanced": (scene(load_w=30.0), "The batteries rest."),
    "not set": (
        scene((0.0, 0.0), Reason(R.UNASSIGNED, 900.0), load_w=900.0),
        "The batteries rest while the house draws 900 W from the grid. Garage takes no part because its "
        "phase is not set.",
    ),
    "the most of all reasons": (
        scene(
            batteries=(
                told(0, 500.0, Reason(R.UNASSIGNED_WORST_CASE, -400.0, "L2"), Reason(R.STEP, -900.0)),
                told(1, 2500.0, Reason(R.BATTERY_LIMIT, -300.0)),
            ),
            load_w=-4600.0,
        ),
        "Charging with 3.0 kW of surplus. Garage is held at 500 W because its phase is not set.",
    ),
    "identifying": (
        replace(scene((1000.0, 0.0)), identifying="m1"),
        "The phase of Attic is being identified; the other batteries rest meanwhile.",
    ),
}


@pytest.mark.parametrize(("found", "said"), SITUATIONS.values(), ids=SITUATIONS)
def test_typical_situations(found: Scene, said: str) -> None:
    text = summary(found)
    assert str(text) == said
    for lang in ("nl", "de"):
        assert text.say(lang) != said
        assert text.say(lang).count(".") >= 1


@pytest.mark.parametrize(
    ("situation", "lang", "said"),
    [
        (
            "surplus, and a phase that holds one back",
            "nl",
            "Laden met 3,1 kW overschot. Garage wordt op 1,2 kW gehouden omdat het huis 18 A afneemt op L1.",
        ),
        (
            "surplus, and a phase that holds one back",
            "de",
            "Laden mit 3,1 kW Überschuss. Garage wird bei 1,2 kW gehalten, weil das Haus auf L1 18 A "
            "bezieht.",
        ),
        ("cheap hours", "nl", "Laden met 2,5 kW zolang energie goedkoop is, tot 05:00 uur."),
        ("cheap hours", "de", "Laden mit 2,5 kW, solange Energie billig ist, bis 05:00 Uhr."),
        ("empty", "nl", "De batterijen zijn leeg, dus neemt het huis 800 W af van het net."),
        ("empty", "de", "Die Batterien sind leer, deshalb bezieht das Haus 800 W aus dem Netz."),
        ("meter lost", "nl", "De slimme meter is niet te horen, dus staan alle batterijen op 0 W."),
        ("relief", "de", "Entladen mit 1,2 kW, um L1 in den Grenzen zu halten."),
    ],
)
def test_in_other_languages(situation: str, lang: str, said: str) -> None:
    assert summary(SITUATIONS[situation][0]).say(lang) == said


def test_without_a_decision_it_says_so() -> None:
    assert str(CONTROL_FAILED).startswith("Phasewise had an error of its own")


def until(strategy: str, executing: str, hour: float, **control: Any) -> str:
    prices = tuple(
        PriceInterval(MIDNIGHT_S + n * 3600.0, MIDNIGHT_S + (n + 1) * 3600.0, eur, eur)
        for n, eur in enumerate([0.1] * 6 + [0.3] * 11 + [0.5] * 7)
    )
    snapshot = replace(SNAPSHOT, utc_s=MIDNIGHT_S + hour * 3600.0, prices=prices)
    found = scene(executing=executing, control={"strategy": strategy, **control})
    return Spans().until(snapshot, found.settings, executing)


def test_until_when_prices_stay_cheap_or_a_window_lasts() -> None:
    cheap = DynamicOptions(max_cheap_h=6.0, max_expensive_h=6.0)
    assert until("dynamic", "charge", 2.5, dynamic=cheap) == "06:00"
    assert until("dynamic", "charge-pv", 7.0, dynamic=cheap) == "17:00"
    assert until("dynamic", "charge", 2.5, dynamic=replace(cheap, algorithm=Algorithm.PLAN)) == ""
    assert until("dynamic", "self-consumption", 30.0, dynamic=cheap) == ""
    assert until("self-consumption", "self-consumption", 2.5) == ""
    night = TimedOptions(windows=(Window(1320, 330, "charge"), Window(600, 720, "sell")))
    assert until("timed", "charge", 23.0, timed=night) == "05:30"
    assert until("timed", "charge", 3.0, timed=night) == "05:30"
    assert until("timed", "sell", 10.5, timed=night) == "12:00"
    assert until("timed", "charge-pv", 10.5, timed=night) == "", "the goal is reached: its follow-up runs"
    assert until("timed", "charge", 10.5, timed=TimedOptions(default="charge")) == "", "every day, all day"


def test_what_was_found_is_kept_for_the_minute_and_not_beyond_new_settings() -> None:
    spans = Spans()
    night = scene(control={"strategy": "timed", "timed": TimedOptions(windows=(Window(0, 330, "charge"),))})
    later = scene(control={"strategy": "timed", "timed": TimedOptions(windows=(Window(0, 390, "charge"),))})
    assert spans.until(SNAPSHOT, night.settings, "charge") == "05:30"
    assert spans.until(replace(SNAPSHOT, utc_s=MIDNIGHT_S + 5.0), night.settings, "charge") == "05:30"
    assert spans.until(SNAPSHOT, later.settings, "charge") == "06:30"
    assert spans.until(replace(SNAPSHOT, utc_s=MIDNIGHT_S + 6.6 * 3600), later.settings, "charge") == ""
