"""Wrong files, and exactly what they are answered with."""

# ruff: noqa: E501 - a message and the text that causes it are easier to compare unbroken
from pathlib import Path

import pytest
from config_fakes import REGISTRY
from hypothesis import given, settings
from hypothesis import strategies as st

from phasewise.config import ConfigError, parse_config
from phasewise.config.errors import without_secrets

HEAD = "meter: {driver: dsmr, url: x}\n"
END = "batteries: []\n"
BATTERY = HEAD + "batteries:\n  - id: m1\n    driver: marstek\n    url: modbus-tcp://h\n"


def problems(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, Path("home.yaml"), REGISTRY)
    return str(caught.value)


WHOLE_FILE = {
    "": "home.yaml:1: the file is empty; at least 'meter' and 'batteries' are needed",
    "# only a comment\n": "home.yaml:1: the file is empty; at least 'meter' and 'batteries' are needed",
    "- a\n": "home.yaml:1: the file must consist of keys such as 'meter:' and 'batteries:'",
    "hello": "home.yaml:1: the file must consist of keys such as 'meter:' and 'batteries:'",
    "site:\n\tname: x\n": "home.yaml:2: there is a tab here; indent with spaces only (column 1)",
    "a: [1,\n": "home.yaml:2: a '{' or '[' before this place is not closed, or a value is missing (column 1)",
    "a: {b: 1\nc: 2\n": "home.yaml:1: the '{' or '[' that opens here is not closed, or a ',' is missing (column 4)",
    "a: b: c\n": "home.yaml:1: this ':' does not fit: check the indentation, or quote the text (column 5)",
    "a: 1\n b: 2\n": "home.yaml:2: this ':' does not fit: check the indentation, or quote the text (column 3)",
    "a: 1\nb\nc: 2\n": "home.yaml:2: there is no ':' after this key (column 1)",
    "a:\n  - x\n b: 1\n": "home.yaml:3: the indentation does not fit the lines above (column 2)",
    "a: 'x\n": "home.yaml:1: the quoted text that starts here does not end, or contains a wrong escape (column 4)",
    'a: "\\q"\n': "home.yaml:1: the quoted text that starts here does not end, or contains a wrong escape (column 4)",
    "a: @x\n": "home.yaml:1: this character cannot start a value; put the text in quotes (column 4)",
    "a: *x\n": "home.yaml:1: '*' refers to an anchor that does not exist; put a plain text in quotes (column 4)",
    "a: 1\n---\nb: 2\n": "home.yaml:2: there is a second document ('---'); one file is one document (column 1)",
    "a: 1\nb: \x01\n": "home.yaml:2: there is a control character here (code 0x01); remove it",
    "[" * 1000: "home.yaml:1: the file is nested too deeply",
}  # fmt: skip


@pytest.mark.parametrize(("text", "says"), WHOLE_FILE.items(), ids=range(len(WHOLE_FILE)))
def test_a_file_that_is_not_a_configuration(text: str, says: str) -> None:
    assert problems(text) == says


SECTIONS = {
    # top level
    "site: {}\n": "home.yaml:1: meter: missing: nothing can be controlled without a meter\n"
    "home.yaml:1: batteries: missing: write 'batteries: []' to measure only",
    HEAD + "batteries:\n": "home.yaml:2: batteries: missing: write 'batteries: []' to measure only",
    HEAD + "batteries: {id: m1}\n": "home.yaml:2: batteries: must be a list: begin each battery with '- id: ...' on a line of its own",
    HEAD + END + "sitee: {}\n": "home.yaml:3: sitee: unknown key (did you mean 'site'?)",
    HEAD + END + "site: {(: 1}\n": "home.yaml:3: site.(: unknown key; allowed: connection, language, main_fuse_a, name, nominal_voltage_v, phases, time_zone",
    HEAD + END + "sitee:\n": "home.yaml:3: sitee: unknown key (did you mean 'site'?)",
    HEAD + END + "x: 1\n": "home.yaml:3: x: unknown key; allowed: alarms, batteries, control, forecast, history, meter, meters, mqtt, prices, site, web",
    HEAD + END + "site: Home\n": "home.yaml:3: site: 'Home' is not a mapping (key: value)",
    HEAD + END + "1: x\n": "home.yaml:3: 1: unknown key; allowed: alarms, batteries, control, forecast, history, meter, meters, mqtt, prices, site, web",
    HEAD + END + "? [a]\n: b\n": "home.yaml:3: a key must be plain text; put it in quotes",
    HEAD + END + "site: {}\nweb: {}\nsite: {}\n": "home.yaml:5: site: given twice, first on line 3; keep one",
    HEAD + END + "site:\n  name: a\n  name: b\n": "home.yaml:5: site.name: given twice, first on line 4; keep one",
    HEAD + END + "site: !secret x\n": "home.yaml:3: site: the tag !secret is not supported; write the value itself",
    HEAD + END + "site: {name: !secret x}\n": "home.yaml:3: site.name: the tag !secret is not supported; write the value itself",
    HEAD + END + "site: &s {name: *s}\n": "home.yaml:3: site.name: refers to itself",
    HEAD + END + "site: {<<: x}\n": "home.yaml:3: site: '<<' must refer to another mapping",
    # site
    HEAD + END + "site: {phases: 2}\n": "home.yaml:3: site.phases: 2 is not a number of phases; allowed: 1, 3",
    HEAD + END + "site: {phases: true}\n": "home.yaml:3: site.phases: true is not a whole number",
    HEAD + END + "site:\n  main_fuse_a: 0\n": "home.yaml:4: site.main_fuse_a: 0 is too low; allowed: above 0",
    HEAD + END + "site:\n  main_fuse_a: '25'\n": "home.yaml:4: site.main_fuse_a: '25' is text, not a number: remove the quotes",
    HEAD + END + "site:\n  main_fuse_a: 25 A\n": "home.yaml:4: site.main_fuse_a: '25 A' is not a number",
    HEAD + END + "site:\n  main_fuse_a: [25, 25, 25]\n": "home.yaml:4: site.main_fuse_a: a list is not a number",
    HEAD + END + "site:\n  main_fuse_a:\n    {L1: 25,\n     L2: -1}\n": "home.yaml:6: site.main_fuse_a.L2: -1 is too low; allowed: above 0",
    HEAD + END + "site:\n  main_fuse_a: {L1: 25, L2: 25}\n": "home.yaml:4: site.main_fuse_a.L3: missing: give L1, L2 and L3, or one number for all",
    HEAD + END + "site:\n  main_fuse_a: {L4: 25}\n": "home.yaml:4: site.main_fuse_a.L1: missing\n"
    "home.yaml:4: site.main_fuse_a.L4: unknown key; allowed: L1, L2, L3",
    HEAD + END + "site: {phases: 1, main_fuse_a: {L1: 25, L3: 25}}\n": "home.yaml:3: site.main_fuse_a.L3: a home with 'phases: 1' has only L1; allowed: L1",
    HEAD + END + "site: {phases: 1, connection: delta}\n": "home.yaml:3: site.connection: delta has three phases; a home with 'phases: 1' is always star; allowed: star",
    HEAD + END + "site: {connection: Star}\n": "home.yaml:3: site.connection: 'Star' is not a connection (did you mean 'star'?); allowed: star, delta",
    HEAD + END + "site: {time_zone: Europe/Amsterdm}\n": "home.yaml:3: site.time_zone: 'Europe/Amsterdm' is not a known time zone "
    "(did you mean 'Europe/Amsterdam'?); allowed: a name such as Europe/Amsterdam",
    HEAD + END + "site: {language: fr}\n": "home.yaml:3: site.language: 'fr' is not one of the allowed values; allowed: en, nl, de",
    HEAD + END + "site: {time_zone: ../etc/passwd}\n": "home.yaml:3: site.time_zone: '../etc/passwd' is not a known time zone; allowed: a name such as Europe/Amsterdam",
    HEAD + END + "site: {nominal_voltage_v: 23}\n": "home.yaml:3: site.nominal_voltage_v: 23 is out of range; allowed: 100 to 250",
    HEAD + END + "site: {nominal_voltage_v: .inf}\n": "home.yaml:3: site.nominal_voltage_v: .inf is not a finite number",
    HEAD + END + "site: {nominal_voltage_v: 1e999}\n": "home.yaml:3: site.nominal_voltage_v: 1e999 is not a finite number",
    HEAD + END + f"web: {{port: 0x{'f' * 5000}}}\n": "home.yaml:3: web.port: this number is too large",
    HEAD + END + f"web: {{port: {'9' * 5000}}}\n": f"home.yaml:3: web.port: '{'9' * 56}... is not a valid int",
    HEAD + END + "site: {nominal_voltage_v: !!int abc}\n": "home.yaml:3: site.nominal_voltage_v: 'abc' is not a valid int",
    HEAD + END + "site: {name: 12}\n": "home.yaml:3: site.name: 12 is not text: put it in quotes",
    HEAD + END + "site: {name: '  '}\n": "home.yaml:3: site.name: '  ' is empty; allowed: some text",
    # meter
    "meter: dsmr\n" + END: "home.yaml:1: meter: 'dsmr' is not a mapping (key: value)",
    "meter: {url: x}\n" + END: "home.yaml:1: meter.driver: missing; allowed: dsmr, shelly",
    "meter: {driver: dmsr}\n" + END: "home.yaml:1: meter.driver: 'dmsr' is not a driver in this version (did you mean 'dsmr'?); allowed: dsmr, shelly",
    "meter: {driver: [dsmr]}\n" + END: "home.yaml:1: meter.driver: a list is not a driver in this version; allowed: dsmr, shelly",
    "meter:\n  driver: dsmr\n  ulr: x\n" + END: "home.yaml:1: meter.url: missing\nhome.yaml:3: meter.ulr: unknown key (did you mean 'url'?)",
    "meter:\n  driver: dsmr\n  url: 5\n" + END: "home.yaml:3: meter.url: 5 is not text: put it in quotes",
    # control
    HEAD + END + "control: {strategy: charge}\n": "home.yaml:3: control.strategy: 'charge' is not a strategy in this version; allowed: self-consumption, full-stop, my-own",
    HEAD + END + "control: {strategy: Full-Stop}\n": "home.yaml:3: control.strategy: 'Full-Stop' is not a strategy in this version (did you mean 'full-stop'?); allowed: self-consumption, full-stop, my-own",
    HEAD + END + "control: {priority: [m1]}\n": "home.yaml:3: control.priority[#1]: 'm1' is not the id of a battery; allowed: nothing, there are no batteries",
    HEAD + END + "control: {priority: m1}\n": "home.yaml:3: control.priority: 'm1' is not a list",
    HEAD + END + "control: {idle_minutes: -1}\n": "home.yaml:3: control.idle_minutes: -1 is too low; allowed: 0 or more",
    HEAD + END + "control: {target_grid_w: .nan}\n": "home.yaml:3: control.target_grid_w: .nan is not a finite number",
    HEAD + END + "control: {prefer_own_phase: 'no'}\n": "home.yaml:3: control.prefer_own_phase: 'no' is not true or false",
    HEAD + END + "control: {split: even}\n": "home.yaml:3: control.split: 'even' is not a way to split; allowed: priority, fair, soc-balance, efficient",
    HEAD + END + "control:\n  phase_protection: {margin: 1}\n": "home.yaml:4: control.phase_protection.margin: unknown key (did you mean 'margin_a'?)",
    HEAD + END + "control:\n  phase_protection: {unassigned: ignore}\n": "home.yaml:4: control.phase_protection.unassigned: 'ignore' is not a policy; allowed: worst-case, aggregate",
    HEAD + END + "control: {charge: 5}\n": "home.yaml:3: control.charge: 5 is not a mapping (key: value)",
    # the rest
    HEAD + END + "history: {keep_days: 0}\n": "home.yaml:3: history.keep_days: 0 is too low; allowed: above 0",
    HEAD + END + "web: {port: 70000}\n": "home.yaml:3: web.port: 70000 is out of range; allowed: 1 to 65535",
    HEAD + END + "web: {port: 80.5}\n": "home.yaml:3: web.port: 80.5 is not a whole number",
    HEAD + END + "web:\n  host: 0.0.0.0\n": "home.yaml:3: web.token_file: missing: with host '0.0.0.0' others on the network can reach Phasewise; "
    "make a token with 'openssl rand -hex 32 > token' and write 'token_file: token', or a "
    "password with 'phasewise password FILE' and write 'password_file: FILE'",
}  # fmt: skip


@pytest.mark.parametrize(("text", "says"), SECTIONS.items(), ids=range(len(SECTIONS)))
def test_a_wrong_section(text: str, says: str) -> None:
    assert problems(text) == says


BATTERIES = {
    # `key: value` on line 6, below id, driver and url: what is said after "home.yaml:6: batteries[m1]."
    "phase: L4": "phase: 'L4' is not a phase; allowed: L1, L2, L3, three-phase, unassigned",
    "phase: l2": "phase: 'l2' is not a phase (did you mean 'L2'?); allowed: L1, L2, L3, three-phase, unassigned",
    "phase: 1": "phase: 1 is not a phase (did you mean 'L1'?); allowed: L1, L2, L3, three-phase, unassigned",
    "phase: [L1]": "phase: a list is not a phase; allowed: L1, L2, L3, three-phase, unassigned",
    "phase: true": "phase: true is not a phase; allowed: L1, L2, L3, three-phase, unassigned",
    "phase: ' '": "phase: ' ' is not a phase; allowed: L1, L2, L3, three-phase, unassigned",
    "phase: unasigned": "phase: 'unasigned' is not a phase (did you mean 'unassigned'?); allowed: L1, L2, L3, three-phase, unassigned",
    "phase: 3-phase": "phase: '3-phase' is not a phase (did you mean 'three-phase'?); allowed: L1, L2, L3, three-phase, unassigned",
    "phse: L1": "phse: unknown key (did you mean 'phase'?)",
    "phse:": "phse: unknown key (did you mean 'phase'?)",
    "max_charge: 5": "max_charge: unknown key (did you mean 'max_charge_w'?)",
    "modl: x": "modl: unknown key (did you mean 'model'?)",
    "xyz: x": "xyz: unknown key; allowed: driver, id, max_charge_w, max_discharge_w, max_soc_pct, min_soc_pct, model, name, override, phase, timeout_s, url",
    "max_charge_w: 2501": "max_charge_w: 2501 W is more than the 2500 W that this model can do; allowed: 0 to 2500",
    "max_discharge_w: 9e9": "max_discharge_w: 9e+09 W is more than the 2500 W that this model can do; allowed: 0 to 2500",
    "max_charge_w: -1": "max_charge_w: -1 is too low; allowed: 0 or more",
    "max_charge_w: '25'": "max_charge_w: '25' is text, not a number: remove the quotes",
    "max_charge_w: 2.5kW": "max_charge_w: '2.5kW' is not a number",
    "max_charge_w: true": "max_charge_w: true is not a number",
    "min_soc_pct: 101": "min_soc_pct: 101 is out of range; allowed: 0 to 100",
    "min_soc_pct: 100": "min_soc_pct: min_soc_pct (100) must be below max_soc_pct (100)",
    "max_soc_pct: 12": "max_soc_pct: min_soc_pct (12) must be below max_soc_pct (12)",
    "name: [a]": "name: a list is not text",
    "model: venus-z": "model: 'venus-z' is not one of the allowed values (did you mean 'venus-a'?); allowed: venus-e-v3, venus-a",
    "timeout_s: '3'": "timeout_s: '3' is text, not a number: remove the quotes",
    "override: hold": "override: 'hold' is not an override; allowed: auto, out-of-service, {hold: {power_w: 500, until: 2026-12-24T18:00}}",
    "override: out of service": "override: 'out of service' is not an override (did you mean 'out-of-service'?); "
    "allowed: auto, out-of-service, {hold: {power_w: 500, until: 2026-12-24T18:00}}",
    "override: {}": "override.hold: missing",
    "override: {hold: {}}": "override.hold.power_w: missing",
    "override: {hold: {power: 1}}": "override.hold.power_w: missing\nhome.yaml:6: batteries[m1].override.hold.power: unknown key (did you mean 'power_w'?)",
    "override: {hold: {power_w: 1, until: soon}}": "override.hold.until: 'soon' is not a date and time; "
    "allowed: such as 2026-12-24T18:00 (time of the site) or 2026-12-24T18:00+01:00",
    "override: {hold: {power_w: 1, until: 2026-12-24}}": "override.hold.until: '2026-12-24' is not a date and time; "
    "allowed: such as 2026-12-24T18:00 (time of the site) or 2026-12-24T18:00+01:00",
}  # fmt: skip


@pytest.mark.parametrize(("line", "says"), BATTERIES.items(), ids=range(len(BATTERIES)))
def test_a_wrong_battery(line: str, says: str) -> None:
    assert problems(f"{BATTERY}    {line}\n") == f"home.yaml:6: batteries[m1].{says}"


ENTRIES = {
    "  - x\n": "home.yaml:3: batteries[#1]: 'x' is not a battery: write 'id:', 'driver:' and so on",
    "  -\n": "home.yaml:3: batteries[#1]: nothing is not a battery: write 'id:', 'driver:' and so on",
    "  - {driver: marstek, url: modbus-tcp://h}\n": "home.yaml:3: batteries[#1].id: missing",
    "  - {id: 1, driver: marstek, url: modbus-tcp://h}\n": "home.yaml:3: batteries[#1].id: 1 is not text: put it in quotes",
    "  - {id: a b, driver: marstek, url: modbus-tcp://h}\n": "home.yaml:3: batteries[a b].id: 'a b' cannot be an id; "
    "allowed: 1 to 32 letters (a-z), digits, '-' and '_', with a letter or digit first",
    "  - id: m1\n": "home.yaml:3: batteries[m1].driver: missing; allowed: marstek, broken",
    "  - {id: m1, driver: zendure, ip: x}\n": "home.yaml:3: batteries[m1].driver: 'zendure' is not a driver in this version; allowed: marstek, broken",
    "  - id: m1\n    driver: marstek\n": "home.yaml:3: batteries[m1].url: missing",
    "  - id: m1\n    driver: marstek\n    url: ftp://h\n": "home.yaml:5: batteries[m1].url: 'ftp://h' is not an address; allowed: modbus-tcp://HOST:PORT",
    "  - id: m1\n    driver: broken\n    url: x\n": "home.yaml:3: batteries[m1]: the driver 'broken' failed on these settings "
    '(TypeError: can only concatenate str (not "int") to str); report this to its maker',
    "  - id: m1\n    driver: broken\n": "home.yaml:3: batteries[m1]: the driver 'broken' failed on these settings "
    "(AttributeError: 'BrokenOptions' object has no attribute 'model'); report this to its maker",
}  # fmt: skip


@pytest.mark.parametrize(("entry", "says"), ENTRIES.items(), ids=range(len(ENTRIES)))
def test_a_wrong_entry(entry: str, says: str) -> None:
    assert problems(f"{HEAD}batteries:\n{entry}") == says


def test_the_same_id_twice() -> None:
    twice = BATTERY + "  - {id: m1, driver: marstek, url: modbus-tcp://i}\n"
    says = "home.yaml:6: batteries[m1].id: 'm1' is also the id of battery number 1; ids must differ"
    assert problems(twice) == says


@pytest.mark.parametrize("phase", ["L2", "L3", "three-phase"])
def test_a_phase_that_the_home_does_not_have(phase: str) -> None:
    text = f"{BATTERY}    phase: {phase}\nsite: {{phases: 1}}\n"
    says = f"'{phase}' is not a phase of this home, which has 'phases: 1'; allowed: L1, unassigned"
    assert problems(text) == f"home.yaml:6: batteries[m1].phase: {says}"


def test_priority_names_batteries_once() -> None:
    assert problems(BATTERY + "control: {priority: [m1, m1, m2]}\n") == (
        "home.yaml:6: control.priority[#2]: 'm1' is listed twice\n"
        "home.yaml:6: control.priority[#3]: 'm2' is not the id of a battery; allowed: m1"
    )


FURTHER = {
    "meters: [{driver: dsmr, url: x}]": "meters[#1].role: missing",
    "meters: [{driver: dsmr, role: sun, url: x}]": "meters[#1].role: 'sun' is not one of the allowed values; allowed: pv, ev",
    "meters: [{role: pv, url: x}]": "meters[#1].driver: missing; allowed: dsmr, shelly",
    "meters: [{driver: dsmr, role: pv, urll: x}]": "meters[#1].url: missing\nhome.yaml:3: meters[#1].urll: unknown key (did you mean 'url'?)",
    "meters: [dsmr]": "meters[#1]: 'dsmr' is not a meter: write 'driver:', 'role:' and so on",
    "meters: {driver: dsmr}": "meters: a mapping is not a list",
    "alarms: {webhook: example.org/a}": "alarms.webhook: '***' is not a web address; allowed: an address such as https://example.org/alarm",
    "alarms: {webhook: 'ftp://me:pw@example.org/a'}": "alarms.webhook: '***' is not a web address; allowed: an address such as https://example.org/alarm",
    "alarms: {webhook: 'https://[broken/a'}": "alarms.webhook: '***' is not a web address; allowed: an address such as https://example.org/alarm",
    "alarms: {mail: x}": "alarms.mail: unknown key; allowed: webhook",
}  # fmt: skip


@pytest.mark.parametrize(("line", "says"), FURTHER.items(), ids=FURTHER.keys())
def test_further_meters_and_alarms(line: str, says: str) -> None:
    assert problems(HEAD + END + line) == f"home.yaml:3: {says}"


BROKER = (
    "is not the address of a broker; allowed: mqtt://HOST:1883 or mqtts://HOST:8883, "
    "the name of a user in 'username' and not in here"
)
TOPIC = (
    "can't be a topic; allowed: letters (a-z), digits, '-' and '_', parts divided by '/', such as phasewise"
)
MQTT = {
    "mqtt: true": "mqtt: true is not a mapping (key: value)",
    "mqtt: {host: x}": "mqtt.host: unknown key; allowed: ca_file, discovery_prefix, password_file, topic, url, username",
    "mqtt: {url: 192.168.1.10}": f"mqtt.url: '192.168.1.10' {BROKER}",
    "mqtt: {url: 'http://x'}": f"mqtt.url: 'http://x' {BROKER}",
    "mqtt: {url: 'mqtt://me:pw@x'}": f"mqtt.url: 'mqtt://me:********@x' {BROKER}",
    "mqtt: {url: 'mqtt://x:99999'}": f"mqtt.url: 'mqtt://x:99999' {BROKER}",
    "mqtt: {url: 'mqtt://x/y'}": f"mqtt.url: 'mqtt://x/y' {BROKER}",
    "mqtt: {topic: 'a/+'}": f"mqtt.topic: 'a/+' {TOPIC}",
    "mqtt: {discovery_prefix: '/ha'}": f"mqtt.discovery_prefix: '/ha' {TOPIC}",
    "mqtt: {password: x}": "mqtt.password: unknown key (did you mean 'password_file'?)",
}  # fmt: skip


@pytest.mark.parametrize(("line", "says"), MQTT.items(), ids=MQTT.keys())
def test_a_wrong_link_to_a_broker(line: str, says: str) -> None:
    assert problems(HEAD + END + line) == f"home.yaml:3: {says}"


PROTECTION = {
    "phase_protection: {margin_a: 25}": "margin_a: 25 leaves nothing of the fuse of L1, 25 A; allowed: 0 or more, below 25",
    "phase_protection: {margin_a: -1}": "margin_a: -1 is too low; allowed: 0 or more",
    "phase_protection: {limit_import_w: -1}": "limit_import_w: -1 is too low; allowed: 0 or more",
    "phase_protection: {limit_import_w: 3 kW}": "limit_import_w: '3 kW' is not a number",
    "phase_protection: {limit_export_w: [1, 2, 3]}": "limit_export_w: a list is not a number",
    "phase_protection: {limit_export_w: {L2: -5}}": "limit_export_w.L2: -5 is too low; allowed: 0 or more",
    "phase_protection: {limit_export_w: {L4: 5}}": "limit_export_w.L4: unknown key; allowed: L1, L2, L3",
    "phase_protection: {unassigned: worst}": "unassigned: 'worst' is not a policy (did you mean 'worst-case'?); allowed: worst-case, aggregate",
}  # fmt: skip


@pytest.mark.parametrize(("line", "says"), PROTECTION.items(), ids=PROTECTION.keys())
def test_a_wrong_setting_of_protection(line: str, says: str) -> None:
    found = problems(HEAD + END + f"control: {{{line}}}\n")
    assert found == f"home.yaml:3: control.phase_protection.{says}"


def test_the_margin_is_smaller_than_every_fuse() -> None:
    text = (
        HEAD
        + END
        + "site: {main_fuse_a: {L1: 25, L2: 16, L3: 35}}\ncontrol: {phase_protection: {margin_a: 20}}\n"
    )
    assert problems(text) == (
        "home.yaml:4: control.phase_protection.margin_a: 20 leaves nothing of the fuse of L2, 16 A; allowed: 0 or more, below 16"
    )


def test_phase_protection_is_refused_on_delta_and_says_why() -> None:
    text = HEAD + END + "site: {connection: delta}\ncontrol:\n  phase_protection:\n    enabled: true\n"
    assert problems(text) == (
        "home.yaml:6: control.phase_protection.enabled: true cannot work with 'connection: delta': without a neutral, "
        "what the meter says of a phase is not what its fuse carries; allowed: false"
    )
    assert (
        parse_config(text.replace("true", "false"), Path("home.yaml"), REGISTRY).control.phase_aware is False
    )


def test_a_home_with_one_phase_has_limits_of_one_phase() -> None:
    text = (
        HEAD
        + END
        + "site: {phases: 1}\ncontrol: {phase_protection: {limit_import_w: {L1: 3000, L2: 3000}}}\n"
    )
    assert problems(text) == (
        "home.yaml:4: control.phase_protection.limit_import_w.L2: a home with 'phases: 1' has only L1; allowed: L1"
    )


def test_phases_of_a_delta_connection_cannot_be_regulated() -> None:
    text = HEAD + END + "site: {connection: delta}\ncontrol: {regulate: per-phase}\n"
    assert problems(text) == (
        "home.yaml:4: control.regulate: 'per-phase' cannot work with 'connection: delta': without a neutral, the "
        "meter does not tell what each phase draws; allowed: total"
    )


def test_every_problem_is_reported_at_once_in_the_order_of_the_lines() -> None:
    text = (
        "site:\n  phases: 2\n  nam: x\n"
        "meter: {driver: dmsr}\n"
        "batteries:\n  - {id: m1, driver: marstek, url: x, phase: L4, max_charge_w: 9000}\n"
        "  - {id: m1, driver: marstek, url: modbus-tcp://h, min_soc_pct: 5, max_soc_pct: 4}\n"
        "control: {strategy: nap, cycle: hourly, priority: [m7]}\n"
        "web: {port: 0, host: 0.0.0.0}\n"
    )
    found = [line.split(": ")[1] for line in problems(text).splitlines()]
    assert found == [
        "site.phases", "site.nam", "meter.driver", "batteries[m1].url", "batteries[m1].phase",
        "batteries[m1].id", "batteries[m1].min_soc_pct", "control.strategy", "control.cycle",
        "control.priority[#1]", "web.token_file", "web.port",
    ]  # fmt: skip


def test_problems_can_be_read_by_programs() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(BATTERY + "    phase:  L9\n", Path("/etc/home.yaml"), REGISTRY)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.column) == ("/etc/home.yaml", 6, 5)
    assert (problem.key, problem.value) == ("batteries[m1].phase", "'L9'")
    assert problem.allowed == "L1, L2, L3, three-phase, unassigned"


def test_long_values_are_cut_and_secrets_not_shown() -> None:
    assert problems(HEAD + END + f"site: {{time_zone: {'x' * 500}}}").count("x") < 70
    assert "hunter2" not in problems(f"{BATTERY}    api_token: hunter2\n")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "there is no file {path}; make one with 'openssl rand -hex 32 > FILE'"),
        (b"short\n", "the token in {path} has 5 characters, at least 16 are needed; make one with 'openssl rand -hex 32 > FILE'"),
        (b"\xff" * 20, "the file {path} is not UTF-8 text; make one with 'openssl rand -hex 32 > FILE'"),
    ],
)  # fmt: skip
def test_a_token_file_that_is_of_no_use(tmp_path: Path, content: bytes | None, says: str) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        parse_config(HEAD + END + "web: {token_file: token}", tmp_path / "home.yaml", REGISTRY)
    assert caught.value.problems[0].message == says.format(path=token)


def test_a_token_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"the file {tmp_path} cannot be read: Is a directory"):
        parse_config(HEAD + END + "web: {token_file: .}", tmp_path / "home.yaml", REGISTRY)


yaml_ish = st.text(st.sampled_from("ab1.:- \n\t{}[]'\"#&*!|>?,<L~%@\x00\u2028\ufeff"), max_size=60)


@settings(deadline=None)
@given(
    st.one_of(
        yaml_ish, yaml_ish.map(lambda text: HEAD + END + text), yaml_ish.map(lambda text: BATTERY + text)
    )
)
def test_no_text_at_all_causes_anything_but_a_config_error(text: str) -> None:
    try:
        parse_config(text, Path("home.yaml"), REGISTRY)
    except ConfigError as error:
        assert error.problems  # noqa: PT017 - either outcome is right, but an error must say something


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://api.example/aB3dE6gH9jK2mN5p/estimate/52.1/4.9", "https://api.example/********/estimate/52.1/4.9"),
        ("'https://x/v1/0f8b2c4e-77aa-4d1e-9c3b-5a6d7e8f9012': no", "'https://x/v1/********': no"),
        ("http://x/aB3dE6gH9jK2mN5p.json?day=1#a1b2c3d4e5f6a1b2", "http://x/********.json?day=1#a1b2c3d4e5f6a1b2"),
    ],
)  # fmt: skip
def test_a_key_in_the_path_of_an_address_is_masked(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "https://api.energyzero.nl/v1/energyprices",
        "https://homeassistant-2024-of-the-house.local:8123/api/states",
        "https://x/estimate/52.1000000000001/4.9000000000001/37/-45/5.4",
        "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A5069RR4-if00-port0",
        "tcp://10.0.0.2:23",
    ],
)
def test_an_address_without_a_key_is_shown_whole(text: str) -> None:
    assert without_secrets(text) == text
