"""Phase identification on simulated homes: a wrong answer is the worst outcome."""

from collections import Counter

import pytest

from phasewise.sim.identify_trials import trial

pytestmark = pytest.mark.simulated

TRIALS = range(40)


def test_no_answer_is_wrong_and_most_runs_give_one() -> None:
    trials = [trial(seed) for seed in TRIALS]
    assert [found for found in trials if found.verdict == "wrong"] == []
    verdicts = Counter(found.verdict for found in trials)
    assert verdicts["right"] >= len(TRIALS) / 2
    assert verdicts["aborted"] + verdicts["refused"] <= len(TRIALS) / 4
