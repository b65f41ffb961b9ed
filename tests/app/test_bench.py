"""The benchmark: what it says of its rounds, and that a short one runs."""

from phasewise.bench import BenchResult, DecideTime, DecideTimes, bench_decide, bench_rows, quietest
from phasewise.registry import load_plugins


def test_of_several_rounds_the_quietest_counts_and_the_slowest_is_named() -> None:
    rounds = [DecideTime(us, 2.0 * us, us) for us in (130.0, 120.0, 190.0)]
    assert quietest(rounds) == DecideTime(120.0, 240.0, slowest_us=190.0)


def test_the_table_says_what_was_measured_beside_what_it_should_be() -> None:
    decide = DecideTimes(
        DecideTime(70.0, 130.0, 75.0), DecideTime(140.0, 300.0, 150.0), DecideTime(1200.0, 3000.0, 1300.0)
    )
    result = BenchResult(decide, 50.0, 66.0, 4, 0.7, 89.0, 2.0)
    rows = {what: (measured, most) for what, measured, most in bench_rows(result)}
    assert rows["decide, 6 batteries, everything on"] == ("140 / 300 us (slowest 150 us)", "150 us")
    assert rows["the same against plain"] == ("2.00 x", "")
    assert rows["decide, 100 batteries, everything on"][0] == "1,200 / 3,000 us (slowest 1,300 us)"
    assert rows["resident memory"] == ("89.0 MB", "120 MB")


def test_a_short_round_times_every_decision_of_it() -> None:
    took = bench_decide(dict(load_plugins().strategies), 20.0, everything=True)
    assert 0.0 < took.median_us <= took.p99_us
    assert took.slowest_us == took.median_us
