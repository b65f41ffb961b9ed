"""The report: one well-formed HTML file that needs nothing else."""

import re
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from phasewise.control.strategies import Strategy
from phasewise.control.strategies.self_consumption import SelfConsumption
from phasewise.model import Reason
from phasewise.sim.report import simulation_report, stability_report
from phasewise.sim.scenario import Loaded, load_packaged
from phasewise.sim.scorecard import Cell
from phasewise.sim.simulate import Simulation, simulate
from phasewise.sim.svg import Line, Mark, chart

STRATEGIES: dict[str, Strategy] = {"self-consumption": SelfConsumption()}
VOID = {"meta", "path", "br"}


class Strict(HTMLParser):
    """Every tag that opens closes, in order; notes what there is."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def check(html: str) -> Strict:
    parsed = Strict()
    parsed.feed(html)
    parsed.close()
    assert parsed.open == []
    assert not {"script", "link", "img", "iframe", "object"} & set(parsed.tags)
    assert not [pair for pair in parsed.attributes if pair[0] in {"src", "href", "srcset", "onload"}]
    assert not re.search(r"https?:|url\(|@import|//[a-z]", html)
    return parsed


def sentence(reason: Reason) -> str:
    return f"because of <{reason.code}>"


@pytest.fixture(scope="module")
def lag() -> Simulation:
    return simulate(load_packaged("step-lag"), STRATEGIES)


def test_a_report_is_one_well_formed_file_without_references(lag: Simulation) -> None:
    parsed = check(simulation_report(lag, sentence))
    assert parsed.tags.count("h1") == 1
    text = " ".join(parsed.text)
    for title in (
        "Grid total",
        "Current of the phases",
        "Batteries",
        "State of charge",
        "Energy",
        "Thermal budget",
    ):
        assert title in text
    # Grid, phases, three batteries, state of charge; the keys of legends are small ones.
    labels = [value for name, value in parsed.attributes if name == "aria-label"]
    assert len(labels) == 6
    assert "prefers-color-scheme: dark" in text


def test_a_report_is_the_same_for_the_same_run(lag: Simulation) -> None:
    again = simulate(load_packaged("step-lag"), STRATEGIES)
    assert simulation_report(lag, sentence) == simulation_report(again, sentence)


def test_words_of_a_scenario_are_only_words() -> None:
    loaded = load_packaged("meter-dies")
    evil = "<script>alert('x')</script> & \"more\""
    scenario = replace(loaded.scenario, title=evil, description=evil)
    simulation = simulate(Loaded(evil, scenario, loaded.loads_w), STRATEGIES)
    parsed = check(simulation_report(simulation, sentence))
    assert evil in " ".join(parsed.text)


def test_reasons_and_alarms_are_told() -> None:
    simulation = simulate(load_packaged("meter-dies"), STRATEGIES)
    text = " ".join(check(simulation_report(simulation, sentence)).text)
    assert "because of <meter-lost>" in text
    assert "nothing new for more than" in text


def test_a_warm_fuse_gets_a_chart() -> None:
    loaded = load_packaged("meter-dies")
    scenario = replace(loaded.scenario, site=replace(loaded.scenario.site, main_fuse_a=10.0))
    simulation = simulate(Loaded("hot", scenario, loaded.loads_w), STRATEGIES)
    assert simulation.summary.phases[0].fuse_budget_pct > 0.0
    parsed = check(simulation_report(simulation, sentence))
    labels = [value for name, value in parsed.attributes if name == "aria-label"]
    assert "Thermal budget of the fuses" in labels


def test_no_peak_is_lost_when_a_day_is_drawn_on_a_screen() -> None:
    values = [0.0] * 86_400
    values[43_210] = 9000.0
    drawn = chart([Line("x", 1, values)], label="x", unit="W", tick_s=1.0)
    path = re.findall(r'class="line c1" d="M([^"]*)"', drawn)[0]
    points = [tuple(map(float, point.split())) for point in path.split("L")]
    assert len(points) < 4000
    highest = min(points, key=lambda point: point[1])
    assert sum(point[1] < points[0][1] - 50.0 for point in points) == 1
    assert highest[0] == pytest.approx(76 + 870 * 43_210 / 86_399, abs=1.0)
    assert "12:00" in drawn


@pytest.mark.parametrize("value", [-4000.0, -0.4, 0.0, 0.3, 7.0, 123_456.0])
def test_any_constant_can_be_drawn(value: float) -> None:
    drawn = chart([Line("x", 1, [value] * 3)], label="x", unit="W", tick_s=1.0)
    assert "nan" not in drawn
    heights = [float(y) for y in re.findall(r'class="line c1" d="M[\d.]+ ([\d.]+)', drawn)]
    assert 0.0 <= heights[0] <= 220.0


def test_a_limit_is_drawn_when_the_values_come_near_it() -> None:
    marks = [Mark("fuse 25 A", 5750.0)]
    near = chart([Line("x", 1, [0.0, 4500.0])], label="x", unit="W", tick_s=1.0, marks=marks)
    far = chart([Line("x", 1, [0.0, 500.0])], label="x", unit="W", tick_s=1.0, marks=marks)
    assert "fuse 25 A" in near
    assert "fuse 25 A" not in far


def test_an_overload_is_drawn_against_the_fuse_and_the_limit_inside_it() -> None:
    simulation = simulate(load_packaged("overload-L1"), STRATEGIES)
    html = simulation_report(simulation, sentence)
    text = " ".join(check(html).text)
    assert "fuse 25 A" in text
    assert "limit 24 A" in text
    heights = [float(y) for y in re.findall(r'class="limit(?: inner)?" d="M\d+ ([\d.]+)H', html)]
    # Fuse, limit, limit, fuse: symmetrical about 0 A, the limits inside.
    assert len(heights) == 4
    outer, inner = sorted(heights)[::3], sorted(heights)[1:3]
    assert sum(outer) == pytest.approx(sum(inner), abs=0.3)
    assert outer[0] < inner[0] < inner[1] < outer[1]
    assert sorted(heights) != heights


def test_the_stability_map_says_where_it_never_settles() -> None:
    cells = [
        Cell(dead, ramp, cadence, None if dead == 4.0 and cadence == 10.0 else 3.0 + dead)
        for cadence in (1.0, 10.0)
        for ramp in (500.0, 1250.0)
        for dead in (0.3, 4.0)
    ]
    parsed = check(stability_report(cells))
    assert parsed.tags.count("td") == 8
    assert parsed.text.count("never") == 2
    assert parsed.text.count("3.3") == 4
