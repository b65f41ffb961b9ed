"""What a valid file becomes."""

import datetime
from pathlib import Path

import pytest
from config_fakes import CONTRACT, REGISTRY, FakeBatteryOptions, FakeMeterOptions

from phasewise.config import Config, ConfigError, load_config, parse_config, read_text
from phasewise.model import (
    Assignment,
    BatterySettings,
    CapacityTariff,
    Connection,
    ControlSettings,
    Override,
    PeakSettings,
    PhaseProtection,
    Settings,
    Site,
    Split,
    UnassignedPolicy,
)

HEAD = "meter: {driver: dsmr, url: x}\n"
M1 = "id: m1, driver: marstek, url: 'modbus-tcp://h'"


def config(text: str) -> Config:
    return parse_config(text, Path("home.yaml"), REGISTRY)


def battery(more: str = "", site: str = "{}") -> BatterySettings:
    return config(f"{HEAD}site: {site}\nbatteries:\n- {{{M1}, {more}}}\n").settings().batteries[0]


def test_the_whole_contract_with_its_defaults() -> None:
    loaded = config(CONTRACT)
    assert loaded.meter.driver == "dsmr"
    assert loaded.meter.options == FakeMeterOptions(url="tcp://192.168.1.20:23")
    assert loaded.batteries[0].driver == "marstek"
    assert loaded.batteries[0].options == FakeBatteryOptions(url="modbus-tcp://192.168.1.31:502?unit=1")
    assert (loaded.history.keep_days, loaded.web.host, loaded.web.port) == (7, "127.0.0.1", 8080)
    assert loaded.web.token_file is None
    settings = loaded.settings()
    assert settings.site == Site()
    assert settings.control == ControlSettings(priority=("m1",))
    assert [(b.id, b.name, b.phase) for b in settings.batteries] == [("m1", "Garage", Assignment.L1)]


def test_everything_but_meter_and_batteries_has_a_default() -> None:
    loaded = config(HEAD + "batteries: []")
    assert loaded.settings() == Settings(Site(), ())
    assert loaded.control == ControlSettings()


def test_the_contract_without_the_keys_that_have_defaults_is_the_same() -> None:
    short = HEAD.replace("x", "'tcp://192.168.1.20:23'") + (
        "batteries:\n- {id: m1, name: Garage, driver: marstek, phase: L1, "
        "url: 'modbus-tcp://192.168.1.31:502?unit=1'}\ncontrol: {priority: [m1]}"
    )
    assert config(short) == config(CONTRACT)


def test_keys_without_a_value_count_as_not_given() -> None:
    text = HEAD + "site:\ncontrol:\n  # strategy: x\n  priority:\n  peak:\nweb: {port: }\nbatteries: []\n"
    assert config(text) == config(HEAD + "batteries: []")
    assert battery("max_charge_w: , name: , override: , timeout_s: ") == battery()


@pytest.mark.parametrize("phase", [a.value for a in Assignment])
def test_every_phase(phase: str) -> None:
    assert battery(f"phase: {phase}").phase == phase


@pytest.mark.parametrize(
    "phase", ["", "phase: ", "phase: null", "phase: ''", 'phase: ""', "phase: unassigned"]
)
def test_a_phase_that_is_not_there_means_unassigned(phase: str) -> None:
    assert battery(phase).phase is Assignment.UNASSIGNED


def test_a_single_phase_home() -> None:
    site = config(HEAD + "site: {phases: 1, main_fuse_a: {L1: 35}}\nbatteries: []").site
    assert (site.phase_count, site.main_fuse_a[0]) == (1, 35.0)
    assert battery("phase: L1", site="{phases: 1}").phase is Assignment.L1
    assert battery("phase: unassigned", site="{phases: 1}").phase is Assignment.UNASSIGNED


@pytest.mark.parametrize(
    ("fuse", "ratings"),
    [("25", (25, 25, 25)), ("25.0", (25, 25, 25)), ("{L1: 25, L2: 25.5, L3: 35}", (25, 25.5, 35))],
)
def test_main_fuse(fuse: str, ratings: tuple[float, float, float]) -> None:
    site = config(f"{HEAD}site: {{main_fuse_a: {fuse}, connection: delta}}\nbatteries: []").site
    assert site.main_fuse_a == ratings
    assert site.connection is Connection.DELTA


@pytest.mark.parametrize(
    ("limit", "limits_w"),
    [
        ("", (None, None, None)),
        ("3000", (3000, 3000, 3000)),
        ("0", (0, 0, 0)),
        ("{L1: 3000, L3: 4500.5}", (3000, None, 4500.5)),
        ("{L2: null}", (None, None, None)),
    ],
)
def test_limits_of_a_phase(limit: str, limits_w: tuple[float | None, ...]) -> None:
    for key in ("limit_import_w", "limit_export_w", "limit_import_a", "limit_export_a"):
        control = f"control: {{phase_protection: {{{key}: {limit}}}}}"
        protection = config(f"{HEAD}batteries: []\n{control}").control.phase_protection
        assert getattr(protection, key) == limits_w


def test_limits_of_the_total_and_the_capacity_tariff() -> None:
    text = "control: {peak: {import_w: 6000, export_w: 0}, capacity_tariff: {enabled: true, target_w: 3000}}"
    assert config(f"{HEAD}batteries: []\n{text}").control == ControlSettings(
        peak=PeakSettings(6000.0, 0.0), capacity_tariff=CapacityTariff(enabled=True, target_w=3000.0)
    )


def test_what_phase_aware_control_needs_can_be_switched_on() -> None:
    text = (
        "control: {split: fair, prefer_own_phase: true, relief_in_full_stop: true, "
        "phase_protection: {enabled: true, margin_a: 2, unassigned: aggregate}}"
    )
    assert config(f"{HEAD}batteries: []\n{text}").control == ControlSettings(
        split=Split.FAIR,
        prefer_own_phase=True,
        relief_in_full_stop=True,
        phase_protection=PhaseProtection(enabled=True, margin_a=2.0, unassigned=UnassignedPolicy.AGGREGATE),
    )


@pytest.mark.parametrize("split", [split.value for split in Split])
def test_every_split(split: str) -> None:
    assert config(f"{HEAD}batteries: []\ncontrol: {{split: {split}}}").control.split == split


def test_limits_default_to_what_the_model_can_do() -> None:
    small = battery("model: venus-a, max_discharge_w: 800.0")
    assert (small.max_charge_w, small.max_discharge_w) == (1500, 800)
    assert small.capabilities.max_discharge_w == 1500
    assert battery("max_charge_w: 0").max_charge_w == 0


def test_name_and_state_of_charge_defaults() -> None:
    plain = battery()
    assert (plain.name, plain.min_soc_pct, plain.max_soc_pct) == ("m1", 12, 100)
    assert battery("name: ''").name == "m1"


@pytest.mark.parametrize(
    ("text", "override"),
    [
        ("auto", Override()),
        ("out-of-service", Override(out_of_service=True)),
        ("{hold: {power_w: -500}}", Override(hold_power_w=-500.0)),
        ("{hold: {power_w: 0, until: null}}", Override(hold_power_w=0.0)),
    ],
)
def test_override(text: str, override: Override) -> None:
    assert battery(f"override: {text}").override == override


@pytest.mark.parametrize(
    "until",
    [
        "2026-12-24T18:00",
        "2026-12-24 18:00:00",
        "2026-12-24T18:00+01:00",
        "2026-12-24T17:00:00Z",
        "'2026-12-24T12:00-05:00'",
    ],
)
def test_a_hold_ends_at_site_time_unless_it_has_an_offset(until: str) -> None:
    ends = datetime.datetime(2026, 12, 24, 17, 0, tzinfo=datetime.UTC).timestamp()
    assert battery(f"override: {{hold: {{power_w: 1, until: {until}}}}}").override.hold_until_utc_s == ends


def test_the_zone_of_the_site_is_used() -> None:
    lisbon = battery("override: {hold: {power_w: 1, until: 2026-12-24T18:00}}", "{time_zone: Europe/Lisbon}")
    ends = datetime.datetime(2026, 12, 24, 18, 0, tzinfo=datetime.UTC).timestamp()
    assert lisbon.override.hold_until_utc_s == ends


def test_batteries_that_priority_leaves_out_follow_as_listed() -> None:
    batteries = "".join(f"- {{{M1.replace('m1', id_)}}}\n" for id_ in ("a", "b", "c", "d"))
    assert config(f"{HEAD}batteries:\n{batteries}control: {{priority: [c, a]}}").control.priority == (
        "c", "a", "b", "d",
    )  # fmt: skip


def test_shared_settings_by_anchor_and_merge() -> None:
    text = HEAD + (
        "batteries:\n- &first\n  id: m1\n  driver: marstek\n  url: &u modbus-tcp://a\n  phase: L1\n"
        "- <<: *first\n  id: m2\n  phase: L2\n"
        "- {<<: [{phase: L3}, *first], id: m3, url: *u}\n"
    )
    assert [(b.id, b.phase) for b in config(text).settings().batteries] == [
        ("m1", Assignment.L1), ("m2", Assignment.L2), ("m3", Assignment.L3),
    ]  # fmt: skip


def test_the_token_file_is_relative_to_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("0123456789abcdef\n")
    path = tmp_path / "home.yaml"
    path.write_text(HEAD + "batteries: []\nweb: {host: 0.0.0.0, token_file: token}\n")
    assert load_config(path, REGISTRY).web.token_file == tmp_path / "token"
    path.write_text(HEAD + f"batteries: []\nweb: {{host: '::', token_file: {tmp_path}/token}}\n")
    assert load_config(path, REGISTRY).web.token_file == tmp_path / "token"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "'::1'"])
def test_no_token_is_needed_on_this_computer(host: str) -> None:
    assert config(f"{HEAD}batteries: []\nweb: {{host: {host}}}").web.token_file is None


def test_loading_leaves_the_file_alone_and_reading_keeps_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "home.yaml"
    data = ("\ufeff" + HEAD + "batteries:\r\n- {" + M1 + "}  \r\n").encode()
    path.write_bytes(data)
    stamp = path.stat().st_mtime_ns
    assert load_config(path, REGISTRY).settings().batteries[0].phase is Assignment.UNASSIGNED
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (data, stamp)
    assert read_text(path).encode() == data
    assert [entry.name for entry in tmp_path.iterdir()] == ["home.yaml"]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as missing:
        load_config(tmp_path / "home.yaml", REGISTRY)
    assert str(missing.value) == f"{tmp_path}/home.yaml: the file cannot be read: No such file or directory"
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory"):
        load_config(tmp_path, REGISTRY)


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "home.yaml"
    path.write_bytes("site:\n  name: Höhe\n".encode("latin-1"))
    with pytest.raises(ConfigError) as error:
        load_config(path, REGISTRY)
    says = "the file is not UTF-8 text (byte 0xf6 in column 10); save it as UTF-8"
    assert str(error.value) == f"{path}:2: {says}"
    assert (error.value.problems[0].line, error.value.problems[0].column) == (2, 10)
    path.write_bytes("site: {}\n".encode("utf-16"))
    with pytest.raises(ConfigError, match=r"home.yaml:1: the file is not UTF-8 text"):
        load_config(path, REGISTRY)


def test_further_meters_and_the_webhook_are_read_and_no_secret_is_shown() -> None:
    text = (
        "meter: {driver: dsmr, url: x}\nbatteries: []\n"
        "meters: [{driver: dsmr, role: pv, name: Roof, url: y}, {driver: shelly, role: ev, url: z}]\n"
        "alarms: {webhook: 'https://example.org/hook/53cr3t'}\n"
    )
    config = parse_config(text, Path("home.yaml"), REGISTRY)
    assert [(m.driver, m.role, m.name) for m in config.meters] == [
        ("dsmr", "pv", "Roof"),
        ("shelly", "ev", ""),
    ]
    assert config.meters[0].options.model_dump()["url"] == "y"
    assert config.alarms.webhook == "https://example.org/hook/53cr3t"
    assert "53cr3t" not in repr(config)
