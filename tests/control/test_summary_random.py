"""The summary of homes at random: there always is one, in every language, and it claims nothing untrue."""

from random import Random

from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from msgspec.structs import replace
from test_decide_random import changed, random_home, turn

from phasewise.engine.summary import Scene, summary
from phasewise.explain import CATALOGUES, Topic
from phasewise.explain.summary_words import SUMMARY_WORDS
from phasewise.model import BatterySnapshot, Snapshot

QUICK = examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(st.integers(0, 2**32))
def test_there_is_always_something_to_say_in_every_language(seed: int) -> None:
    dice = Random(seed)
    found, loads_w = random_home(dice, per_phase=True), [300.0, 200.0, 100.0]
    for _ in range(15):
        if dice.random() < 0.15:
            found.settings = changed(dice, found.settings, per_phase=True)
        turn(dice, found, loads_w)
        assert found.decision is not None
        batteries = tuple([BatterySnapshot(b.id) for b in found.settings.batteries])
        snapshot = Snapshot(found.now_s, found.now_s, found.grid, True, found.cadence_s, batteries)
        scene = Scene(
            snapshot,
            found.settings,
            replace(found.decision, executing=dice.choice([found.decision.executing, "charge", "standby"])),
            notes=found.memory.notes,
            identifying=dice.choice([None] * 9 + [found.settings.batteries[0].id]),
            until=dice.choice(["", "05:00"]),
        )
        text = summary(scene)
        for lang in CATALOGUES:
            said = text.say(lang)
            assert said.endswith(".")
            assert "{" not in said
            assert len(said) <= 260
        total_w = sum(b.setpoint_w for b in found.decision.batteries)
        english = str(text)
        if english.startswith("Charging"):
            assert total_w > 0.0 or "at the same time" in english or "inside its limits" in english
        if english == SUMMARY_WORDS["en"][Topic.RESTING]:
            assert all(abs(b.setpoint_w) < 50.0 for b in found.decision.batteries)
