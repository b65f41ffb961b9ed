"""Prices and forecasts are in every snapshot, and in a recording only once."""

import math

import pytest
from msgspec.structs import replace
from replay_kit import STRATEGIES, home, opened, recording, replayed

from phasewise.engine.recorder import Recorder
from phasewise.model import Snapshot
from phasewise.model.forecast import ForecastInterval
from phasewise.model.memory import Memory
from phasewise.model.prices import PriceInterval
from phasewise.replay.recording import Outlook, Step, frame

PRICES = tuple(PriceInterval(t * 900.0, t * 900.0 + 900.0, 0.1 + t / 1000, 0.05) for t in range(192))
FORECAST = tuple(ForecastInterval(t * 3600.0, t * 3600.0 + 3600.0, 100.0 * t) for t in range(48))
LATER = PRICES[96:]
KNOWN_S, CHANGED_S = 20.0, 150.0


def known_in(snapshot: Snapshot) -> Snapshot:
    """Nothing at first, then two days, then one."""
    if snapshot.time_s < KNOWN_S:
        return snapshot
    return replace(snapshot, prices=PRICES if snapshot.time_s < CHANGED_S else LATER, forecast=FORECAST)


def steps_of(data: bytes) -> list[Step]:
    return [record for record in opened(data)[1] if isinstance(record, Step)]


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    """As the replay kit's, with prices."""
    made = Recorder(STRATEGIES)
    settings = home()
    for step in steps_of(recording()):
        made.decided(known_in(step.snapshot), settings, step.decision, Memory())
    return made


@pytest.mark.parametrize("seconds", [math.inf, 100.0, 10.0])
def test_every_snapshot_has_what_was_known_wherever_the_recording_begins(
    recorder: Recorder, seconds: float
) -> None:
    parts = recorder.export(seconds)
    assert parts is not None
    told = [step.snapshot for step in steps_of(b"".join(parts))]
    assert told == [known_in(s.snapshot) for s in steps_of(recording())][-len(told) :]
    assert len({id(snapshot.prices) for snapshot in told}) <= 3, "the identical object while unchanged"


def test_a_recording_stays_small(recorder: Recorder) -> None:
    parts = recorder.export(math.inf)
    assert parts is not None
    steps = steps_of(recording())
    alone = sum(len(frame(step)) for step in steps)
    outlooks = len(frame(Outlook(PRICES, FORECAST))) + len(frame(Outlook(LATER, FORECAST)))
    memories = 6 * len(frame(Outlook())) + 10_000
    assert len(b"".join(parts)) < alone + outlooks + memories


def test_a_recording_of_before_there_were_prices_still_replays() -> None:
    assert replayed(recording()).identical
