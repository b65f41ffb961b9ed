"""Editing the user's file: exactly one value changes, every other character stays."""

import copy
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from phasewise.config import EditError, set_battery_override, set_battery_phase, set_strategy, set_value
from phasewise.model import Assignment, Override

L2 = Assignment.L2


def data(text: str) -> Any:
    """What an ordinary YAML reader makes of the text: the independent oracle."""
    return YAML(typ="safe", pure=True).load(text)


REPLACED = {
    "plain": ("phase: L1  # note\n", "phase: L2  # note\n"),
    "single quotes": ("phase: 'L1'\n", "phase: 'L2'\n"),
    "double quotes": ('phase:   "L1"\n', 'phase:   "L2"\n'),
    "longer": ("phase: three-phase # x\n", "phase: L2 # x\n"),
    "no value": ("phase:   # which?\n", "phase: L2   # which?\n"),
    "null": ("phase: null\n", "phase: L2\n"),
    "tilde": ("phase: ~\n", "phase: L2\n"),
    "empty text": ("phase: ''\n", "phase: 'L2'\n"),
    "space before the colon": ("phase : L1\n", "phase : L2\n"),
    "quoted key": ('"phase": L1\n', '"phase": L2\n'),
    "value on the next line": ("phase:\n      L1\n", "phase:\n      L2\n"),
    "wrong value": ("phase: l-one\n", "phase: L2\n"),
    "list": ("phase: [L1] # x\n", "phase: L2 # x\n"),
}


@pytest.mark.parametrize(("before", "after"), REPLACED.values(), ids=REPLACED.keys())
def test_a_value_is_replaced_where_it_stands(before: str, after: str) -> None:
    head, tail = "batteries:\n  - id: m1\n    ", "    name: Garage\n# end\n"
    assert set_battery_phase(head + before + tail, "m1", L2) == head + after + tail


FLOW = {
    "plain": ("{id: m1, phase: L1, name: x}", "{id: m1, phase: L2, name: x}"),
    "json": ('{"id":"m1","phase":"L1"}', '{"id":"m1","phase":"L2"}'),
    "no value": ("{id: m1, phase: , name: x}", "{id: m1, phase: L2 , name: x}"),
    "bare key": ("{id: m1, phase}", "{id: m1, phase: L2}"),
    "missing": ("{id: m1}", "{id: m1, phase: L2}"),
    "missing, spaces": ("{ id: m1  }", "{ id: m1, phase: L2  }"),
    "missing, comma at the end": ("{id: m1, }", "{id: m1, phase: L2, }"),
    "missing, several lines": (
        "{id: m1,   # one\n   name: x  # two\n  }",
        "{id: m1,   # one\n   name: x, phase: L2  # two\n  }",
    ),
}


@pytest.mark.parametrize(("before", "after"), FLOW.values(), ids=FLOW.keys())
def test_a_battery_in_braces(before: str, after: str) -> None:
    assert set_battery_phase(f"batteries:\n- {before}\n", "m1", L2) == f"batteries:\n- {after}\n"


INSERTED = {
    "after the last simple key, before comments": (
        "batteries:\n  - id: m1\n    url: x # y\n    # about m2\n\n  - id: m2\n",
        "batteries:\n  - id: m1\n    url: x # y\n    phase: L2\n    # about m2\n\n  - id: m2\n",
    ),
    "not inside a nested mapping": (
        "batteries:\n- id: m1\n  override:\n    hold:\n      power_w: 1\nweb: {}\n",
        "batteries:\n- id: m1\n  phase: L2\n  override:\n    hold:\n      power_w: 1\nweb: {}\n",
    ),
    "no line break at the end": ("batteries:\r\n- id: m1", "batteries:\r\n- id: m1\r\n  phase: L2"),
    "after a key without a value": (
        "batteries:\n- id: m1\n  name:\n",
        "batteries:\n- id: m1\n  name:\n  phase: L2\n",
    ),
    "own value over a merged one": (
        "d: &d {phase: L3}\nbatteries:\n- id: m1\n  <<: *d\n",
        "d: &d {phase: L3}\nbatteries:\n- id: m1\n  phase: L2\n  <<: *d\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), INSERTED.values(), ids=INSERTED.keys())
def test_a_missing_key_is_inserted(before: str, after: str) -> None:
    assert set_battery_phase(before, "m1", L2) == after


STRATEGY = {
    "plain": ("control:\n  strategy: standby   # s\n", "control:\n  strategy: full-stop   # s\n"),
    "key missing": (
        "control:\n    idle_minutes: 5\n",
        "control:\n    idle_minutes: 5\n    strategy: full-stop\n",
    ),
    "only nested keys": (
        "control:\n  peak:\n    import_w:\nweb: {}\n",
        "control:\n  strategy: full-stop\n  peak:\n    import_w:\nweb: {}\n",
    ),
    "section without keys": (
        "control:\n  # strategy: x\nweb: {}\n",
        "control:\n  strategy: full-stop\n  # strategy: x\nweb: {}\n",
    ),
    "null section": ("control: null # c\n", "control: {strategy: full-stop} # c\n"),
    "empty braces": ("control: {}\n", "control: {strategy: full-stop}\n"),
    "no section": ("web:\n    port: 80\n", "web:\n    port: 80\ncontrol:\n    strategy: full-stop\n"),
    "no section, no line break": ("web: {}", "web: {}\ncontrol:\n  strategy: full-stop"),
    "whole file in braces": ("{web: {}}\n", "{web: {}, control: {strategy: full-stop}}\n"),
    "byte order mark": (
        "\ufeffcontrol:\r\n  strategy: 'x'\r\n",
        "\ufeffcontrol:\r\n  strategy: 'full-stop'\r\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), STRATEGY.values(), ids=STRATEGY.keys())
def test_strategy(before: str, after: str) -> None:
    assert set_strategy(before, "full-stop") == after


HELD = Override(hold_power_w=-500.0, hold_until_utc_s=1_798_131_600.0)  # 18:00 in Amsterdam, 24 December 2026
HELD_TEXT = '{hold: {power_w: -500, until: "2026-12-24T18:00:00+01:00"}}'
OVERRIDES = {
    "word": ("override: auto  # note\n", HELD, f"override: {HELD_TEXT}  # note\n"),
    "missing": ("", HELD, f"override: {HELD_TEXT}\n"),
    "no end": ("override: auto\n", Override(hold_power_w=0.5), "override: {hold: {power_w: 0.5}}\n"),
    "braces to a word": (
        "override: {hold: {power_w: 5, until: ~}}  # note\n", Override(), "override: auto  # note\n",
    ),
    "lines to a word": (
        "override:\n      hold:\n        power_w: 5   # W\n", Override(True),
        "override: out-of-service   # W\n",
    ),
    "lines stay lines": (
        "override:\n      hold:  # away\n        until: 2026-01-01T08:00\n        power_w:  # W\n",
        HELD,
        "override:\n      hold:  # away\n"
        '        until: "2026-12-24T18:00:00+01:00"\n        power_w: -500  # W\n',
    ),
    "lines with a comment to a word": (
        "override:\n      hold:  # away\n        power_w: 5   # W\n", Override(),
        "override: auto   # W\n      # away\n",
    ),
    "nothing to auto": ("override:\n", Override(), "override:\n"),
    "missing to auto": ("", Override(), ""),
}  # fmt: skip


@pytest.mark.parametrize(("before", "override", "after"), OVERRIDES.values(), ids=OVERRIDES.keys())
def test_an_override_is_written_and_nothing_else(before: str, override: Override, after: str) -> None:
    head, tail = "batteries:\n  - id: m1\n    name: Garage  # red\n", "# end\n"
    body = f"    {before}" if before else ""
    wanted = f"    {after}" if after else ""
    changed = set_battery_override(head + body + tail, "m1", override, "Europe/Amsterdam")
    assert changed == head + wanted + tail


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("{id: m1, override: {hold: {power_w: 5},  # away\n   }}\n", "a comment inside, which would be lost"),
        ("{id: m1, override: &o {hold: {power_w: 5}}}\n", "anchor"),
        ("id: m1\n  override: &o\n    hold: {power_w: 5}\n", "anchor"),
    ],
)
def test_an_override_that_would_cost_something_else_is_refused(entry: str, why: str) -> None:
    with pytest.raises(EditError, match=why):
        set_battery_override(f"batteries:\n- {entry}", "m1", Override(), "Europe/Amsterdam")


REFUSED = {
    "anchor": ("batteries:\n- id: m1\n  phase: &p L1\n  x: *p\n", "anchor, an alias or a tag"),
    "alias": ("p: &p L1\nbatteries:\n- id: m1\n  phase: *p\n", "anchor, an alias or a tag"),
    "tag": ("batteries:\n- id: m1\n  phase: !!str L1\n", "anchor, an alias or a tag"),
    "several lines": ("batteries:\n- id: m1\n  phase: >\n   L1\n", "several lines"),
    "battery used twice": ("batteries:\n- &m {id: m1, phase: L1}\nx: *m\n", "this value alone"),
    "merged into another": (
        "batteries:\n- &m {id: m1, phase: L1}\n- {<<: *m, id: m2}\n",
        "this value alone",
    ),
    "explicit key": ("batteries:\n- id: m1\n  ? phase\n", "this value alone"),
    "no such battery": ("batteries:\n- id: m2\n", "no battery with id 'm1'"),
    "no batteries": ("web: {}\n", "no battery with id 'm1'"),
    "twice the same id": ("batteries:\n- id: m1\n- id: m1\n", "more than one battery with id 'm1'"),
    "key twice": ("batteries:\n- id: m1\n  phase: L1\n  phase: L3\n", "file:4: .*twice, first on line 3"),
    "not YAML": ("batteries: [\n", "not closed"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_ambiguous_is_refused(text: str, why: str) -> None:
    with pytest.raises(EditError, match=why):
        set_battery_phase(text, "m1", L2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("control: x\n", "is not a mapping"),
        ("control: []\n", "is not a mapping"),
        ("web: {}\n...\n", "this value alone"),
        ("web:\n  x: |\n    no line break", "this value alone"),
        ("control: &c\nweb: *c\n", "anchor"),
    ],
)
def test_strategy_that_has_no_place_is_refused(text: str, why: str) -> None:
    with pytest.raises(EditError, match=rf"control(\.strategy)? was not changed: .*{why}"):
        set_strategy(text, "full-stop")


@pytest.mark.parametrize("text", ["- id: m1\n", "- id: m1\n  phase:\n", "- id: m1\n  phase: ''\n"])
def test_unassigning_what_is_unassigned_changes_nothing(text: str) -> None:
    assert set_battery_phase("batteries:\n" + text, "m1", Assignment.UNASSIGNED) == "batteries:\n" + text


def test_the_same_value_changes_nothing() -> None:
    text = "batteries:\n- {id: m1, phase: 'L2' }"
    assert set_battery_phase(text, "m1", L2) == text


@pytest.mark.parametrize("name", ["yes", "null", "1e3", "a: b", "it's", 'say "x"', "#1", "naïve", "a\tb"])
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_any_name_is_read_back_as_it_was_given(name: str, quote: str) -> None:
    text = f"control: {{strategy: {quote}old{quote}, idle_minutes: 5}}\n"
    assert data(set_strategy(text, name)) == {"control": {"strategy": name, "idle_minutes": 5}}


@pytest.mark.parametrize("path", [("a", "b", 1), ("a", "b", 7, "x"), ("c", "x"), ("a", "x", 0)])
def test_a_path_that_leads_to_no_key_is_refused(path: tuple[str | int, ...]) -> None:
    with pytest.raises(EditError, match=r"was not changed: (there is no such|the value around it)"):
        set_value("a:\n  b:\n  - one\n  - two\nc: 1\n", path, "y")


def test_a_key_inside_a_list_inside_a_mapping() -> None:
    assert set_value("a:\n  b:\n  - c: one # 1\n", ("a", "b", 0, "c"), "two") == "a:\n  b:\n  - c: two # 1\n"


# Generated files: a template with the place of the phase known by construction.

unhurried = settings(deadline=None, max_examples=40)  # pure-Python YAML, on machines that do other work too
MARK = "\N{PLACE OF INTEREST SIGN}"
comments = st.sampled_from(["", " # c", "   # phase: L3", "  ", " #\ttab, ü, {[:"])
blank_lines = st.sampled_from(["", "\n", "# about: {nothing}\n", "  \n", "    # phase: L1\n\n"])
spaces = st.sampled_from([" ", "  ", "     "])
others = st.sampled_from(
    ["name: Garage", 'url: "x://h:1?unit=1"', "name: 'it''s # no comment'", "max_charge_w: 2_500",
     "min_soc_pct: 12.50", "override: {hold: {power_w: 5, until: ~}}", "list: [1, 'phase: L1', {phase: L3}]",

     "off: ~", "when: 2026-12-24T18:00:00Z"]
)  # fmt: skip


def key_of(pair: str) -> str:
    return pair.split(":", maxsplit=1)[0]


@st.composite
def entries(draw: st.DrawFn, id_: str, phase: str | None) -> list[str]:
    """`key: value` texts of one battery in any order; `phase` (with its quotes or the mark) if not None."""
    pairs = draw(st.lists(others, max_size=5, unique_by=key_of))
    pairs += [f"id:{draw(spaces)}{id_}", *([] if phase is None else [f"phase:{phase}"])]
    return list(draw(st.permutations(pairs)))


@st.composite
def block(draw: st.DrawFn, pairs: list[str], column: int) -> str:
    dash = " " * column + "-" + draw(spaces)
    lines = [dash + pairs[0], *(" " * len(dash) + pair for pair in pairs[1:])]
    return "".join(line + draw(comments) + "\n" + draw(blank_lines) for line in lines)


@st.composite
def braces(draw: st.DrawFn, pairs: list[str], column: int) -> str:
    gap = draw(st.sampled_from([", ", " , ", ",\n" + " " * (column + 4), ", # c\n" + " " * (column + 4)]))
    inner = gap.join(pairs)
    edge = draw(st.sampled_from(["", " "]))
    return " " * column + "- {" + edge + inner + edge + "}" + draw(comments) + "\n"


@st.composite
def files(draw: st.DrawFn, phase: str | None) -> str:
    """A whole file in one of many formats; battery m2 is the one to change."""
    column = draw(st.sampled_from([0, 2, 5]))
    batteries = []
    for id_, own_phase in (("m1", " L1"), ("m2", phase), ("m3", None)):
        pairs = draw(entries(id_, own_phase))
        batteries.append(draw(st.one_of(block(pairs, column), braces(pairs, column))))
    sections = [
        "batteries:" + draw(comments) + "\n" + "".join(batteries),
        "site: {name: 'A # b', phases: 3}" + draw(comments) + "\n",
        "meter:\n   driver: dsmr\n" + draw(blank_lines),
    ]
    text = draw(blank_lines) + draw(blank_lines).join(draw(st.permutations(sections)))
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    return draw(st.sampled_from(["", "\ufeff"])) + text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


def with_phase(before: Any, value: str) -> Any:
    wanted = copy.deepcopy(before)
    next(battery for battery in wanted["batteries"] if battery["id"] == "m2")["phase"] = value
    return wanted


phases = st.sampled_from([a.value for a in Assignment])


@unhurried
@given(st.data(), st.sampled_from(["", "'", '"']), phases, phases)
def test_only_the_value_changes_in_any_file(draws: st.DataObject, quote: str, old: str, new: str) -> None:
    template = draws.draw(files(draws.draw(spaces) + quote + MARK + quote))
    after = set_battery_phase(template.replace(MARK, old), "m2", Assignment(new))
    assert after == template.replace(MARK, new)


@unhurried
@given(st.data(), phases)
def test_a_value_is_put_where_none_was_in_any_file(draws: st.DataObject, new: str) -> None:
    assume(new != Assignment.UNASSIGNED)
    template = draws.draw(files(MARK + " "))  # not `phase:}`, which to the parser is a key named "phase:"
    before = template.replace(MARK, "")
    after = set_battery_phase(before, "m2", Assignment(new))
    assert after == template.replace(MARK, " " + new)
    assert data(after) == with_phase(data(before), new)


@unhurried
@given(files(None), phases)
def test_a_missing_key_is_added_and_nothing_else_in_any_file(before: str, new: str) -> None:
    assume(new != Assignment.UNASSIGNED)
    after = set_battery_phase(before, "m2", Assignment(new))
    added = len(after) - len(before)
    places = [
        i for i in range(len(before) + 1) if before[:i] == after[:i] and before[i:] == after[i + added :]
    ]
    assert places, "more than one place changed"
    assert any(after[i : i + added].strip(" ,\r\n") == f"phase: {new}" for i in places)
    assert data(after) == with_phase(data(before), new)


@unhurried
@given(files(" L3"), st.sampled_from(["full-stop", "my-own", "yes"]))
def test_selecting_a_strategy_leaves_the_rest_of_any_file(before: str, name: str) -> None:
    after = set_strategy(before, name)
    assert after.startswith(before)
    assert data(after) == {**data(before), "control": {"strategy": name}}
