"""The configuration as values: what is shown, and what becomes of changes."""

import math
from pathlib import Path
from typing import Any

import pytest
from config_fakes import CONTRACT, REGISTRY
from ruamel.yaml import YAML

from phasewise.config import Change, EditError, WrongSettingsError
from phasewise.config.secrets import MASK
from phasewise.config.settings import setting_values, with_changes

FILE = Path("home.yaml")
HOME = """\
# Our home
site: {name: Home, main_fuse_a: 25}   # 3 x 25 A
meter:
  driver: dsmr
  url: "tcp://user:secret@10.0.0.2:23?token=abc"
batteries:
  # the left one
  - id: m1
    driver: marstek
    url: modbus-tcp://10.0.0.3   # fixed in the router
    phase: L1
  - id: m2
    driver: marstek
    url: modbus-tcp://10.0.0.4
    max_charge_w: 1200
control:
  priority: [m2, m1]
"""


def data(text: str) -> Any:
    """What an ordinary YAML reader makes of the text: the independent oracle."""
    return YAML(typ="safe", pure=True).load(text)


def changed(*changes: Change, text: str = HOME) -> str:
    return with_changes(text, FILE, REGISTRY, changes)


def wrong(*changes: Change, text: str = HOME) -> dict[tuple[str | int, ...], str]:
    with pytest.raises(WrongSettingsError) as caught:
        changed(*changes, text=text)
    return {one.path: one.message for one in caught.value.wrong}


MADE = {
    "a number": (Change(("batteries", "m2", "max_charge_w"), 900), "1200\n", "900\n"),
    "a word in braces": (Change(("site", "name"), "Ours"), "name: Home", "name: Ours"),
    "a whole float": (Change(("site", "main_fuse_a"), 32.0), "main_fuse_a: 25", "main_fuse_a: 32"),
    "fuses": (
        Change(("site", "main_fuse_a"), {"L1": 25, "L2": 25, "L3": 35}),
        "main_fuse_a: 25",
        "main_fuse_a: {L1: 25, L2: 25, L3: 35}",
    ),
    "one key of a section that is not there": (
        Change(("control", "peak", "import_w"), 4000),
        "  priority: [m2, m1]\n",
        "  priority: [m2, m1]\n  peak: {import_w: 4000}\n",
    ),
    "a section of the file": (
        Change(("web",), {"port": 8081}),
        "  priority: [m2, m1]\n",
        "  priority: [m2, m1]\nweb:\n  port: 8081\n",
    ),
    "a list": (Change(("control", "priority"), ["m1"]), "[m2, m1]", "[m1]"),
    "an item": (Change(("control", "priority", 0), remove=True), "[m2, m1]", "[m1]"),
    "windows": (
        Change(
            ("control", "timed", "windows"),
            [{"start": "23:00", "end": "06:00", "days": ["fri", "sat"], "strategy": "full-stop"}],
        ),
        "  priority: [m2, m1]\n",
        "  priority: [m2, m1]\n  timed:\n    windows:\n"
        '      - start: "23:00"\n        end: "06:00"\n'
        "        days: [fri, sat]\n        strategy: full-stop\n",
    ),
    "a new battery": (
        Change(("batteries", "m3"), {"driver": "marstek", "url": "modbus-tcp://10.0.0.5", "name": "Attic"}),
        "    max_charge_w: 1200\n",
        "    max_charge_w: 1200\n  - id: m3\n    driver: marstek\n"
        '    url: "modbus-tcp://10.0.0.5"\n    name: Attic\n',
    ),
    "a key taken out": (
        Change(("batteries", "m2", "max_charge_w"), remove=True), "    max_charge_w: 1200\n", "",
    ),
    "a key without value": (
        Change(("batteries", "m2", "max_charge_w")), "max_charge_w: 1200", "max_charge_w: null",
    ),
    "nothing where nothing is": (Change(("control", "peak", "import_w")), "", ""),
    "what is not there, taken out": (Change(("batteries", "m9"), remove=True), "", ""),
    "the whole battery, only what differs": (
        Change(
            ("batteries", "m1"),
            {"driver": "marstek", "url": "modbus-tcp://10.0.0.9", "phase": "L1", "name": "A"},
        ),
        "    url: modbus-tcp://10.0.0.3   # fixed in the router\n    phase: L1\n",
        '    url: "modbus-tcp://10.0.0.9"   # fixed in the router\n    phase: L1\n    name: A\n',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "old", "new"), MADE.values(), ids=MADE.keys())
def test_exactly_what_is_changed_is_written(change: Change, old: str, new: str) -> None:
    assert changed(change) == HOME.replace(old, new, 1)


def test_a_battery_goes_and_comments_stay() -> None:
    text = changed(Change(("batteries", "m1"), remove=True), Change(("control", "priority"), remove=True))
    assert [battery["id"] for battery in data(text)["batteries"]] == ["m2"]
    assert "# the left one" in text
    assert "# fixed in the router" in text


def test_several_changes_are_one() -> None:
    text = changed(
        Change(("batteries", "m2", "id"), "roof"),
        Change(("control", "priority"), ["roof", "m1"]),
        Change(("batteries", "roof", "phase"), "L3"),
    )
    assert data(text)["batteries"][1] == {**data(HOME)["batteries"][1], "id": "roof", "phase": "L3"}
    assert data(text)["control"] == {"priority": ["roof", "m1"]}


def test_the_first_and_the_last_battery() -> None:
    empty = "meter: {driver: dsmr, url: x}\nbatteries: []  # none yet\n"
    entry = {"driver": "marstek", "url": "modbus-tcp://10.0.0.5"}
    one = changed(Change(("batteries", "m1"), entry), text=empty)
    assert one == (
        "meter: {driver: dsmr, url: x}\nbatteries:  # none yet\n"
        '  - id: m1\n    driver: marstek\n    url: "modbus-tcp://10.0.0.5"\n'
    )
    none = changed(Change(("batteries", "m1"), remove=True), text=one)
    assert data(none) == data(empty)


WRONG = {
    "too low": (("control", "peak", "import_w"), -5, "-5 is too low"),
    "battery by id": (("batteries", "m2", "max_charge_w"), 9000, "9000 W is more than"),
    "inside of a list": (("control", "priority", 1), "m7", "'m7' is not the id of a battery"),
    "unknown key": (("site", "colour"), "red", "unknown key"),
    "no such battery": (("batteries", "m9", "phase"), "L1", "no battery 'm9'"),
    "through a word": (("site", "name", "x"), 1, "no such place"),
    "beyond the end": (("control", "priority", 7), "m1", "no such place"),
    "not a battery": (("batteries", "m3"), 5, "a battery is a mapping"),
    "two ids": (("batteries", "m1"), {"id": "m2"}, "another one"),
    "not finite": (("site", "main_fuse_a"), math.inf, "too large"),
    "huge": (("site", "main_fuse_a"), 10**400, "too large"),
    "half a character": (("site", "name"), "\ud800", "half a character"),
}


@pytest.mark.parametrize(("path", "value", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_where_it_is(path: tuple[str | int, ...], value: Any, message: str) -> None:
    assert message in wrong(Change(path, value))[path]


def test_nesting_without_end_is_refused() -> None:
    value: Any = 1
    for _ in range(500):
        value = [value]
    assert "nested" in wrong(Change(("control", "priority"), value))["control", "priority"]


def test_one_wrong_change_stops_all_and_all_wrong_ones_are_told() -> None:
    found = wrong(
        Change(("site", "name"), "Ours"),
        Change(("batteries", "m1", "phase"), "L4"),
        Change(("web", "port"), 0),
    )
    assert set(found) == {("batteries", "m1", "phase"), ("web", "port")}


@pytest.mark.parametrize("key", ["batteries", "meter"])
def test_what_is_needed_cannot_be_taken_out(key: str) -> None:
    assert (key,) in wrong(Change((key,), remove=True))


def test_a_place_that_cannot_be_edited_is_refused() -> None:
    text = HOME.replace("phase: L1", "phase: &p L1")
    with pytest.raises(EditError, match=r"batteries\[m1\].phase|batteries\[#1\].phase"):
        changed(Change(("batteries", "m1", "phase"), "L2"), text=text)


# What is shown


def test_defaults_are_filled_in_and_what_is_given_is_told() -> None:
    shown = setting_values(HOME, FILE, REGISTRY)
    assert shown.wrong == ()
    assert shown.values["site"] == {
        "name": "Home", "main_fuse_a": 25, "nominal_voltage_v": 230.0, "phases": 3, "connection": "star",
        "time_zone": "Europe/Amsterdam", "language": "en",
    }  # fmt: skip
    first = shown.values["batteries"][0]
    assert (first["name"], first["max_charge_w"], first["timeout_s"], first["min_soc_pct"]) == (
        "m1",
        2500,
        3,
        12,
    )
    assert shown.values["control"]["phase_protection"]["enabled"] is False
    assert ("batteries", "m2", "max_charge_w") in shown.given
    assert ("batteries", "m1", "max_charge_w") not in shown.given
    assert ("control", "priority") in shown.given
    assert ("control", "peak") not in {path[:2] for path in shown.given}


def test_the_whole_contract_is_shown_as_it_is() -> None:
    assert setting_values(CONTRACT, FILE, REGISTRY).wrong == ()


def test_a_broken_file_is_shown_as_far_as_possible() -> None:
    shown = setting_values(HOME.replace("phase: L1", "phase: L4"), FILE, REGISTRY)
    assert [one.path for one in shown.wrong] == [("batteries", "m1", "phase")]
    assert shown.values["batteries"][0]["phase"] == "L4"
    nothing = setting_values("batteries: [", FILE, REGISTRY)
    assert (nothing.values, nothing.given, len(nothing.wrong)) == ({}, (), 1)


@pytest.mark.parametrize(
    "text",
    ["site: 5\nmeter: []\nbatteries: [1, {}, {id: m1, driver: 3}]\ncontrol: [x]\n"
     "prices: no\nforecast: {driver: ~}\n",
     "site: {main_fuse_a: {L1: x}}\nbatteries: {m1: 3}\ncontrol: {timed: {windows: [1, {}]}}\n"],
)  # fmt: skip
def test_anything_can_be_shown(text: str) -> None:
    assert setting_values(text, FILE, REGISTRY).wrong != ()


# Secrets

MASKED_URL = f"tcp://user:{MASK}@10.0.0.2:23?token={MASK}"


def test_secrets_are_masked() -> None:
    shown = setting_values(HOME, FILE, REGISTRY)
    assert shown.values["meter"]["url"] == MASKED_URL
    assert "secret" not in repr(shown)
    assert "abc" not in repr(shown)


def test_a_mask_that_comes_back_leaves_the_secret() -> None:
    entry = {"driver": "dsmr", "url": MASKED_URL}
    assert changed(Change(("meter",), entry), Change(("meter", "url"), MASKED_URL)) == HOME


@pytest.mark.parametrize("url", [MASKED_URL.replace("10.0.0.2", "evil.example"), f"tcp://x?key={MASK}"])
def test_a_mask_in_another_text_is_refused(url: str) -> None:
    assert "masked" in wrong(Change(("meter", "url"), url))["meter", "url"]


def test_messages_hold_no_secret() -> None:
    text = HOME.replace("url: modbus-tcp://10.0.0.4", "url: http://me:hidden@x")
    shown = setting_values(text, FILE, REGISTRY)
    assert [one.path for one in shown.wrong] == [("batteries", "m2", "url")]
    assert "hidden" not in repr(shown)
