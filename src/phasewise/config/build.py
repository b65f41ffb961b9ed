"""Builds a `Config` from the plain values of a file, section by section."""

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from phasewise.config.api_token import LOCAL_HOSTS, TokenError, read_token
from phasewise.config.battery import battery_settings
from phasewise.config.check import DRIVER_FAULTS, Checker, Model
from phasewise.config.control import ControlSection, LimitPerPhase, ProtectionSection
from phasewise.config.errors import KeyPath, did_you_mean, shown
from phasewise.config.fields import Section
from phasewise.config.password import read_password
from phasewise.config.registry import BatteryEntry, MeterEntry, NotLoadedError, Registry, SourceEntry
from phasewise.config.result import (
    AlarmsConfig,
    BatteryConfig,
    Config,
    FurtherMeterConfig,
    HistoryConfig,
    MeterConfig,
    MqttConfig,
    WebConfig,
)
from phasewise.config.schema import (
    BatterySection,
    FileSections,
    FurtherMeterSection,
    FusePerPhase,
    MeterSection,
    SiteSection,
)
from phasewise.config.services import AlarmsSection, HistorySection, MqttSection, WebSection
from phasewise.config.sources import ForecastConfig, ForecastSection, PricesConfig, PricesSection
from phasewise.config.tariff import tariff_periods
from phasewise.model import Connection, Regulate, Site

HISTORY_SUFFIX = ".history.db"
"""History is kept beside the configuration: `home.yaml`, `home.history.db`."""


class Builder:
    """Every problem goes to the checker; what can be checked is checked, whatever else is wrong."""

    def __init__(self, root: dict[str, Any], path: Path, registry: Registry, checker: Checker) -> None:
        self._root = root
        self._path = path
        self._registry = registry
        self._checker = checker

    def config(self) -> Config:
        """The configuration. Raises ConfigError."""
        self._check_top_level()
        # With defaults where it is wrong, so that the rest can still be checked.
        site_section = self._section(SiteSection, "site") or SiteSection()
        site = self._site(site_section)
        meter = self._meter()
        meters = tuple(self._meters())
        batteries = self._batteries(site)
        own = self._strategies_of_packages()
        control = self._control(site)
        if control is not None:
            self._check_protection(control.phase_protection, site)
            self._check_regulate(control.regulate, site)
        history = self._section(HistorySection, "history")
        if history is not None:
            self._check_history(history)
        alarms = self._section(AlarmsSection, "alarms") or AlarmsSection()
        web = self._web()
        prices, forecast = self._prices(site), self._forecast()
        mqtt = self._mqtt()
        self._checker.raise_if_any()
        if meter is None or control is None or history is None or web is None:
            raise AssertionError("a section failed without a problem being noted")
        options = {name: found.model_dump(mode="json") for name, found in own.items()}
        settings = control.to_model(tuple(battery.id for battery in batteries), options)
        return Config(
            site,
            meter,
            tuple(batteries),
            settings,
            HistoryConfig(self._history_path(history), history.keep_days),
            web,
            prices,
            forecast,
            meters,
            AlarmsConfig(alarms.webhook),
            mqtt,
            site_section.language,
        )

    def _check_top_level(self) -> None:
        if self._root.get("meter") is None:
            self._checker.add(("meter",), "missing: nothing can be controlled without a meter")
        if self._root.get("batteries") is None:
            self._checker.add(("batteries",), "missing: write 'batteries: []' to measure only")
        elif not isinstance(self._root["batteries"], list):
            message = "must be a list: begin each battery with '- id: ...' on a line of its own"
            self._checker.add(("batteries",), message, value=self._root["batteries"])
        self._checker.section(FileSections, (), self._root)

    def _section(self, model: type[Model], name: str) -> Model | None:
        data = self._root.get(name)
        data = {} if data is None else data
        return self._checker.section(model, (name,), data) if isinstance(data, dict) else None

    def _site(self, section: SiteSection) -> Site:
        if section.phases == 1 and section.connection is Connection.DELTA:
            message = "delta has three phases; a home with 'phases: 1' is always star"
            self._checker.add(("site", "connection"), message, value="delta", allowed="star")
        return Site(
            name=section.name,
            main_fuse_a=self._fuses(section),
            nominal_voltage_v=section.nominal_voltage_v,
            phase_count=section.phases,
            connection=section.connection,
            time_zone=section.time_zone,
        )

    def _fuses(self, section: SiteSection) -> tuple[float, float, float]:
        fuse = section.main_fuse_a
        if not isinstance(fuse, FusePerPhase):
            return (fuse, fuse, fuse)
        for phase, rating in (("L2", fuse.L2), ("L3", fuse.L3)):
            path = ("site", "main_fuse_a", phase)
            if section.phases == 1 and rating is not None:
                self._checker.add(path, "a home with 'phases: 1' has only L1", value=rating, allowed="L1")
            elif section.phases == 3 and rating is None:
                self._checker.add(path, "missing: give L1, L2 and L3, or one number for all")
        return (fuse.L1, fuse.L2 or fuse.L1, fuse.L3 or fuse.L1)

    def _meter(self) -> MeterConfig | None:
        entry = self._root.get("meter")
        if not isinstance(entry, dict):
            return None
        known = self._registry.meters
        options = self._options(("meter",), entry, known, MeterSection)
        self._checker.section(MeterSection, ("meter",), _only(MeterSection, entry))
        return None if options is None else MeterConfig(entry["driver"], options)

    def _meters(self) -> Iterator[FurtherMeterConfig]:
        entries = self._root.get("meters")
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            path = ("meters", index)
            if not isinstance(entry, dict):
                message = f"{shown(entry)} is not a meter: write 'driver:', 'role:' and so on"
                self._checker.add(path, message, value=entry)
                continue
            options = self._options(path, entry, self._registry.meters, FurtherMeterSection)
            section = self._checker.section(FurtherMeterSection, path, _only(FurtherMeterSection, entry))
            if options is not None and section is not None:
                yield FurtherMeterConfig(section.driver, options, section.role, section.name)

    def _options(
        self,
        path: KeyPath,
        entry: Mapping[str, Any],
        known: Mapping[str, MeterEntry] | Mapping[str, BatteryEntry] | Mapping[str, SourceEntry],
        common: type[Section],
    ) -> BaseModel | None:
        """The entry's own keys as its driver's options; None when they can't be, with problems noted."""
        driver, allowed = entry.get("driver"), ", ".join(known)
        if driver is None:
            self._checker.add((*path, "driver"), "missing", allowed=allowed)
            return None
        if not isinstance(driver, str) or driver not in known:
            message = f"{shown(driver)} is not a driver in this version{did_you_mean(driver, known)}"
            self._checker.add((*path, "driver"), message, value=driver, allowed=allowed)
            return None
        own = {key: value for key, value in entry.items() if key not in common.model_fields}
        try:
            model = known[driver].options_model
            return self._checker.section(model, path, own, also_known=common.model_fields)
        except NotLoadedError as error:
            self._checker.add((*path, "driver"), str(error), value=driver)
            return None
        except DRIVER_FAULTS as error:
            self._driver_failed(path, driver, error)
            return None

    def _driver_failed(self, path: KeyPath, driver: str, error: Exception) -> None:
        fault = f"{type(error).__name__}: {error}"
        self._checker.add(
            path, f"the driver '{driver}' failed on these settings ({fault}); report this to its maker"
        )

    def _entries(self) -> list[Any]:
        entries = self._root.get("batteries")
        return entries if isinstance(entries, list) else []

    def _batteries(self, site: Site) -> list[BatteryConfig]:
        seen: dict[str, int] = {}
        batteries = []
        for index, entry in enumerate(self._entries()):
            path = ("batteries", index)
            if not isinstance(entry, dict):
                message = f"{shown(entry)} is not a battery: write 'id:', 'driver:' and so on"
                self._checker.add(path, message, value=entry)
                continue
            if (battery := self._battery(path, entry, site)) is not None:
                batteries.append(battery)
            id_ = entry.get("id")
            if isinstance(id_, str) and seen.setdefault(id_, index) != index:
                message = f"{shown(id_)} is also the id of battery number {seen[id_] + 1}; ids must differ"
                self._checker.add((*path, "id"), message, value=id_)
        return batteries

    def _battery(self, path: KeyPath, entry: Mapping[str, Any], site: Site) -> BatteryConfig | None:
        options = self._options(path, entry, self._registry.batteries, BatterySection)
        section = self._checker.section(BatterySection, path, _only(BatterySection, entry))
        if section is None:
            return None
        capabilities = None
        if options is not None:
            try:
                capabilities = self._registry.batteries[section.driver].capabilities_of(options)
            except DRIVER_FAULTS as error:
                self._driver_failed(path, section.driver, error)
        settings = battery_settings(path, section, capabilities, site, self._checker)
        if options is None or settings is None:
            return None
        return BatteryConfig(section.driver, options, settings)

    def _package_models(self) -> dict[str, type[BaseModel]]:
        """By strategy; a name that is a key of the contract can't have settings of its own."""
        models = self._registry.strategies.items()
        return {name: m for name, m in models if m is not None and name not in ControlSection.model_fields}

    def _strategies_of_packages(self) -> dict[str, BaseModel]:
        """The settings of every strategy that has a model of its own, given or not."""
        control = self._root.get("control")
        found = {}
        for name, model in self._package_models().items():
            data = control.get(name) if isinstance(control, dict) else None
            path = ("control", name)
            if data is not None and not isinstance(data, dict):
                self._checker.add(path, f"{shown(data)} is not a mapping (key: value)", value=data)
                continue
            try:
                options = self._checker.section(model, path, data or {})
            except DRIVER_FAULTS as error:
                fault = f"{type(error).__name__}: {error}"
                message = (
                    f"the strategy '{name}' failed on these settings ({fault}); report this to its maker"
                )
                self._checker.add(path, message)
                continue
            if options is not None:
                found[name] = options
        return found

    def _control(self, site: Site) -> ControlSection | None:
        data = self._root.get("control")
        data = {} if data is None else data
        if not isinstance(data, dict):
            return None
        packages = self._package_models()
        rest = {key: value for key, value in data.items() if key not in packages}
        section = self._checker.section(ControlSection, ("control",), rest, also_known=packages)
        if section is None:
            return None
        self._check_strategy(("control", "strategy"), section.strategy, self._registry.strategies)
        others = [name for name in self._registry.strategies if name != "timed"]
        self._check_strategy(("control", "timed", "default"), section.timed.default, others)
        for index, window in enumerate(section.timed.windows):
            self._check_strategy(("control", "timed", "windows", index, "strategy"), window.strategy, others)
        simple = [name for name in others if name != "dynamic"]
        for key in section.dynamic.model_fields_set & {"cheap", "neutral", "expensive", "fallback"}:
            self._check_strategy(("control", "dynamic", key), getattr(section.dynamic, key), simple)
        if site.phase_count == 1 and section.ev_override.phase in {"L2", "L3"}:
            message = f"{shown(section.ev_override.phase)} is not a phase of this home, which has 'phases: 1'"
            path = ("control", "ev_override", "phase")
            self._checker.add(path, message, value=section.ev_override.phase, allowed="total, L1")
        self._check_priority(section.priority)
        return section

    def _check_strategy(self, path: KeyPath, name: str, known: Collection[str]) -> None:
        if name in known:
            return
        if name in self._registry.strategies:
            message = f"{shown(name)} can't be one of its own strategies"
        else:
            message = f"{shown(name)} is not a strategy in this version{did_you_mean(name, known)}"
        self._checker.add(path, message, value=name, allowed=", ".join(known))

    def _check_priority(self, priority: tuple[str, ...]) -> None:
        found = [entry.get("id") for entry in self._entries() if isinstance(entry, dict)]
        ids = [id_ for id_ in found if isinstance(id_, str)]
        for index, id_ in enumerate(priority):
            path = ("control", "priority", index)
            if id_ not in ids:
                message = f"{shown(id_)} is not the id of a battery{did_you_mean(id_, ids)}"
                self._checker.add(
                    path, message, value=id_, allowed=", ".join(ids) or "nothing, there are no batteries"
                )
            elif id_ in priority[:index]:
                self._checker.add(path, f"{shown(id_)} is listed twice", value=id_)

    def _check_regulate(self, regulate: Regulate, site: Site) -> None:
        if regulate is Regulate.PER_PHASE and site.connection is Connection.DELTA:
            message = (
                "'per-phase' cannot work with 'connection: delta': without a neutral, the meter does not "
                "tell what each phase draws"
            )
            self._checker.add(("control", "regulate"), message, value="per-phase", allowed="total")

    def _check_protection(self, protection: ProtectionSection, site: Site) -> None:
        path = ("control", "phase_protection")
        ratings = zip(site.phases, site.main_fuse_a, strict=False)
        smallest, rating_a = min(ratings, key=lambda pair: pair[1])
        if protection.margin_a >= rating_a:
            message = f"{protection.margin_a:g} leaves nothing of the fuse of {smallest}, {rating_a:g} A"
            allowed = f"0 or more, below {rating_a:g}"
            self._checker.add((*path, "margin_a"), message, value=protection.margin_a, allowed=allowed)
        if protection.enabled and site.connection is Connection.DELTA:
            message = (
                "true cannot work with 'connection: delta': without a neutral, what the meter says of a "
                "phase is not what its fuse carries"
            )
            self._checker.add((*path, "enabled"), message, value=True, allowed="false")
        for name in ("limit_import_w", "limit_export_w", "limit_import_a", "limit_export_a"):
            limit = getattr(protection, name)
            for phase in ("L2", "L3") if site.phase_count == 1 and isinstance(limit, LimitPerPhase) else ():
                if (limit_w := getattr(limit, phase)) is not None:
                    message = "a home with 'phases: 1' has only L1"
                    self._checker.add((*path, name, phase), message, value=limit_w, allowed="L1")

    def _prices(self, site: Site) -> PricesConfig | None:
        entry = self._root.get("prices")
        if not isinstance(entry, dict):
            return None
        options = self._options(("prices",), entry, self._registry.prices, PricesSection)
        section = self._checker.section(PricesSection, ("prices",), _only(PricesSection, entry))
        if section is None:
            return None
        tariff = tariff_periods(section, site.time_zone, self._checker)
        return None if options is None else PricesConfig(section.driver, options, tariff)

    def _forecast(self) -> ForecastConfig | None:
        entry = self._root.get("forecast")
        if not isinstance(entry, dict):
            return None
        options = self._options(("forecast",), entry, self._registry.forecasts, ForecastSection)
        self._checker.section(ForecastSection, ("forecast",), _only(ForecastSection, entry))
        return None if options is None else ForecastConfig(entry["driver"], options)

    def _history_path(self, history: HistorySection) -> Path:
        if history.path is None:
            return self._path.with_suffix(HISTORY_SUFFIX)
        return self._path.parent / history.path

    def _check_history(self, history: HistorySection) -> None:
        path = self._history_path(history)
        if path.resolve() == self._path.resolve():
            message = "is this configuration file: give history a file of its own"
            self._checker.add(("history", "path"), message, value=history.path)
        elif path.is_dir():
            message = "is a directory: write the name of a file in it, such as 'home.history.db'"
            self._checker.add(("history", "path"), message, value=history.path)

    def _mqtt(self) -> MqttConfig | None:
        section = self._section(MqttSection, "mqtt")
        if section is None or section.url is None:
            return None
        folder = self._path.parent
        return MqttConfig(
            section.url,
            section.username,
            None if section.password_file is None else folder / section.password_file,
            None if section.ca_file is None else folder / section.ca_file,
            section.topic,
            section.discovery_prefix,
        )

    def _web(self) -> WebConfig | None:
        section = self._section(WebSection, "web")
        if section is None:
            return None
        tokens, passwords = ("token_file", "viewer_token_file"), ("password_file", "viewer_password_file")
        files = {name: self._secret_file(section, name, read_token) for name in tokens}
        files |= {name: self._secret_file(section, name, read_password) for name in passwords}
        self._check_locked(section)
        return WebConfig(
            section.host,
            section.port,
            **files,
            trusted_proxies=section.trusted_proxies,
            allowed_hosts=section.allowed_hosts,
            root_path=section.root_path,
        )

    def _secret_file(self, section: WebSection, name: str, read: Callable[[Path], object]) -> Path | None:
        value: str | None = getattr(section, name)
        if value is None:
            return None
        path = self._path.parent / value
        try:
            read(path)
        except TokenError as error:
            self._checker.add(("web", name), str(error), value=value)
        return path

    def _check_locked(self, section: WebSection) -> None:
        if section.token_file is not None or section.password_file is not None:
            return
        for name in ("viewer_token_file", "viewer_password_file"):
            if (value := getattr(section, name)) is not None:
                message = (
                    "is for those who may only look, but there is no token_file or password_file of the owner"
                )
                self._checker.add(("web", name), message, value=value)
        if section.host not in LOCAL_HOSTS:
            message = (
                f"missing: with host {shown(section.host)} others on the network can reach Phasewise; "
                "make a token with 'openssl rand -hex 32 > token' and write 'token_file: token', or a "
                "password with 'phasewise password FILE' and write 'password_file: FILE'"
            )
            self._checker.add(("web", "token_file"), message)


def _only(model: type[Section], entry: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of an entry that are common to all drivers."""
    return {key: value for key, value in entry.items() if key in model.model_fields}
