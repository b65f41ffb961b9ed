"""Composition root: the only place that knows everything. Builds the daemon and runs it to its end."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import structlog
from msgspec.structs import replace

from phasewise.config import (
    Broken,
    Change,
    Changed,
    Config,
    ConfigError,
    ConfigWatcher,
    EditError,
    NotWritableError,
    SettingsFile,
    SettingsState,
    WrongSettingsError,
    key_text,
    load_config,
    parse_config,
    read_text,
    revision_of,
    set_battery_override,
    set_battery_phase,
    set_strategy,
    until_utc_s,
    write_atomic,
)
from phasewise.devices.base import Clock, SystemClock
from phasewise.discovery import Kind
from phasewise.drivers import Devices, Tryout
from phasewise.engine.ahead import Ahead
from phasewise.engine.alarms import Standing
from phasewise.engine.chronicle import Chronicle
from phasewise.engine.controls import (
    Health,
    Hold,
    NotSavedError,
    OverrideError,
    Saved,
    SettingsError,
    SettingsSaved,
    UnknownBatteryError,
    UnknownStrategyError,
)
from phasewise.engine.engine import Engine
from phasewise.engine.live import Live
from phasewise.engine.state import Counters
from phasewise.engine.submeters import Submeter
from phasewise.integrations.mqtt import Mqtt
from phasewise.integrations.systemd import Systemd
from phasewise.integrations.webhook import Webhook
from phasewise.model import Alarm, AlarmCode, Assignment, Override, Settings, Severity
from phasewise.registry import Plugins
from phasewise.setup import InUse, Mode, SetupDesk
from phasewise.sources.base import SourcePlace
from phasewise.store.events import EventPage, EventQuery
from phasewise.web import Access, WebServer, create_app

WATCH_S = 1.0
"""How soon a change made by hand is noticed."""

STATE_SUFFIX = ".state.json"
"""What must outlive a restart is kept beside the configuration: `home.yaml`, `home.state.json`."""

log = structlog.get_logger("phasewise.app")


class Application:
    """One running Phasewise: engine, web server, and the configuration file as it changes.

    Implements `engine.controls.Controls` for the user interfaces.
    """

    def __init__(
        self,
        path: Path,
        plugins: Plugins,
        *,
        clock: Clock | None = None,
        devices: Devices | None = None,
    ) -> None:
        """`path`: the configuration file; edits go back there. Raises ConfigError, TokenError."""
        clock = clock or SystemClock()
        self._path = path
        self._clock = clock
        self._plugins = plugins
        self._registry = plugins.registry()
        self._settings_file = SettingsFile(path, self._registry)
        self._devices = devices or Devices(plugins, clock)
        # Before the file is read for the first time, so that no change falls between.
        self._watcher = ConfigWatcher(path, self._registry)
        self._config = config = load_config(path, self._registry)
        self._changing = asyncio.Lock()
        self._reading_settings = asyncio.Lock()
        self._unsaved_strategy: str | None = None
        """Selected by the user but not in the file: it holds until a save or the next start."""
        self._stopping = asyncio.Event()
        self.chronicle = Chronicle(
            config.history.path, time_zone=lambda: self._config.site.time_zone, utc_s=clock.utc_s
        )
        self.engine = Engine(
            config.settings(),
            self._devices.meter(config.meter),
            {b.id: self._devices.battery(b) for b in config.batteries},
            strategies=plugins.strategies,
            clock=clock,
            state_file=path.with_suffix(STATE_SUFFIX),
            tell=self.chronicle.events.tell,
        )
        self.chronicle.follow(self.engine, keep_days=lambda: self._config.history.keep_days)
        self.webhook = Webhook()
        self._systemd = Systemd()
        self.mqtt = Mqtt(self, self.chronicle.past.energy_totals, lambda: self._config.language)
        self.engine.alarm_listeners.append(self._tell_of_alarm)
        access = Access.of(config.web)
        self.desk = SetupDesk(
            path, self._registry, Tryout(plugins), mode=Mode.RUNNING, devices_in_use=self._devices_in_use
        )
        web = create_app(self, access=access, setup=self.desk, history=self.chronicle.past)
        self.server = WebServer(web, config.web.host, config.web.port)

    async def run(self, ready: Callable[[str], None] | None = None) -> None:
        """Run until SIGTERM, SIGINT or `stop`. Batteries are released before anything else ends.

        `ready` is called with the dashboard's URL once it is served. Raises ServerStartError.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        await self.server.start()
        self.engine.start()
        self.chronicle.start()
        await self._follow_sources(self._config)
        await self.webhook.follow(self._config.alarms.webhook)
        await self.mqtt.follow(self._config.mqtt)
        await self._follow_submeters(self._config)
        watching = asyncio.create_task(self._watch(), name="configuration")
        log.info("running", dashboard=self.server.url, configuration=str(self._path))
        self._systemd.ready(self.engine.is_alive)
        if ready is not None:
            ready(self.server.url)
        try:
            await self._stopping.wait()
        finally:
            self._systemd.stopping()
            watching.cancel()
            await self.engine.stop()
            await self.chronicle.stop()
            await self.webhook.stop()
            await self.mqtt.stop()
            self.live.close()
            await self.desk.close()
            await self.server.stop()
            self._systemd.end()
            log.info("stopped")

    def stop(self) -> None:
        """End `run`. Idempotent."""
        self._stopping.set()

    @property
    def live(self) -> Live:
        """The state, now and as it changes."""
        return self.engine.live

    def counters(self) -> Counters:
        """Totals since the start."""
        return self.engine.counters()

    def health(self) -> Health:
        """Whether the daemon does its job."""
        return self.engine.health()

    def ahead(self) -> Ahead:
        """What is known of today and tomorrow."""
        return self.engine.ahead()

    def recording(self, seconds: float) -> Iterator[bytes] | None:
        """A recording of at least the last `seconds`, in parts; None before the first decision."""
        return self.engine.recorder.export(seconds)

    async def recording_between(self, from_utc_s: float, to_utc_s: float) -> AsyncIterator[bytes]:
        """A recording of this stretch of the last days, in parts."""
        return await self.chronicle.recordings.between(from_utc_s, to_utc_s)

    async def recorded_span(self) -> tuple[float, float] | None:
        """Unix times between which recordings are kept, with gaps; None for nothing."""
        return await self.chronicle.recordings.span()

    async def events(self, query: EventQuery) -> EventPage:
        """What happened and why, newest first."""
        return await self.chronicle.events.page(query)

    def _tell_of_others(self) -> None:
        """The alarms of history and of the link to a broker are the engine's to tell."""
        alarms = self.chronicle.alarms() | {AlarmCode.MQTT_UNREACHABLE: self.mqtt.alarm()}
        for code, alarm in alarms.items():
            if alarm is None:
                self.engine.extra_alarms.pop(code, None)
            else:
                self.engine.extra_alarms[code] = alarm

    def _devices_in_use(self) -> tuple[InUse, ...]:
        """What set-up must leave alone."""
        config = self._config
        meters = [("Meter", config.meter), *((m.name or m.role, m) for m in config.meters)]
        return (
            *(InUse(Kind.METER, name, m.driver, getattr(m.options, "url", None)) for name, m in meters),
            *(
                InUse(Kind.BATTERY, b.settings.name, b.driver, getattr(b.options, "url", None))
                for b in config.batteries
            ),
        )

    def start_identify(self, battery_id: str) -> None:
        """Begin to identify the phase of a battery; the state shows how it goes."""
        self._check_battery(battery_id)
        self.engine.start_identify(battery_id)

    def end_identify(self) -> None:
        """Abort the identification that runs, or take the result of the last one away."""
        self.engine.end_identify()

    def _tell_of_alarm(self, standing: Standing) -> None:
        names = {b.id: b.settings.name for b in self._config.batteries}
        self.webhook.alarm(standing, names, self._config.language)

    def _check_battery(self, battery_id: str) -> None:
        known = [b.id for b in self._config.batteries]
        if battery_id not in known:
            raise UnknownBatteryError(f"no battery '{battery_id}'; there are: {', '.join(known)}")

    async def set_phase(self, battery_id: str, phase: Assignment) -> Saved:
        """The user says which phase a battery is on: written to the file, then in effect."""
        self._check_battery(battery_id)
        async with self._changing:
            await self._save(lambda text: set_battery_phase(text, battery_id, phase))
        log.info("phase set by the user", battery=battery_id, phase=phase.value)
        return Saved(persisted=True)

    async def set_override(self, battery_id: str, override: Hold | bool) -> Saved:
        """What the user decides for one battery: written to the file, then in effect."""
        self._check_battery(battery_id)
        zone = self._config.site.time_zone
        decided = self._held(override, zone) if isinstance(override, Hold) else Override(not override)
        async with self._changing:
            await self._save(lambda text: set_battery_override(text, battery_id, decided, zone))
        log.info("override set by the user", battery=battery_id, override=str(override))
        return Saved(persisted=True)

    def _held(self, hold: Hold, zone: str) -> Override:
        if hold.until is None:
            return Override(hold_power_w=hold.power_w)
        try:
            until_s = until_utc_s(hold.until, zone)
        except (ValueError, OverflowError) as error:
            raise OverrideError(
                f"override.hold.until: '{hold.until}' is not a date and time such as 2026-12-24T18:00 "
                "(time of the site) or 2026-12-24T18:00+01:00"
            ) from error
        if until_s <= self._clock.utc_s():
            raise OverrideError(f"override.hold.until: '{hold.until}' is in the past")
        return Override(hold_power_w=hold.power_w, hold_until_utc_s=until_s)

    def acknowledge_alarm(self, code: str, subject: str | None) -> None:
        """Somebody knows of an alarm that stands: the state says so until it ends."""
        self.engine.acknowledge_alarm(code, subject)

    def set_input(self, name: str, *, on: bool, expires_s: float | None) -> None:
        """Switch a boolean input, until it expires or Phasewise restarts."""
        self.engine.set_input(name, on=on, expires_s=expires_s)

    async def select_strategy(self, name: str) -> Saved:
        """Select a strategy: in effect at the next sample even if the file cannot be written."""
        if name not in self._plugins.strategies:
            known = ", ".join(sorted(self._plugins.strategies))
            raise UnknownStrategyError(f"no strategy '{name}'; there are: {known}")
        log.info("strategy selected by the user", strategy=name)
        # In effect first: a full stop must not wait for a slow or broken disk, nor for who waits for that.
        await self.engine.reconfigure(_with_strategy(self.engine.settings, name))
        async with self._changing:
            # Again: what was saved meanwhile may have put another one into effect.
            self._unsaved_strategy = name
            await self.engine.reconfigure(self._settings(self._config))
            try:
                await self._save(lambda text: set_strategy(text, name), saves_strategy=True)
            except NotSavedError as error:
                alarm = Alarm(AlarmCode.CONFIG_NOT_WRITABLE, Severity.WARNING, None, str(error))
                self.engine.extra_alarms[AlarmCode.CONFIG_NOT_WRITABLE] = alarm
                return Saved(persisted=False, detail=str(error))
        return Saved(persisted=True)

    async def settings(self) -> SettingsState:
        """What the configuration file says now, and what may stand there."""
        try:
            # One at a time: while a disk hangs, those who ask take one thread, not all.
            async with self._reading_settings:
                return await asyncio.to_thread(self._settings_file.state)
        except ConfigError as error:
            raise NotSavedError(str(error)) from error

    async def change_settings(
        self, changes: Sequence[Change], *, revision: str | None, dry_run: bool
    ) -> SettingsSaved:
        """All changes or none: written to the file, then in effect; a dry run only checks."""
        strategy = any(change.path in {("control",), ("control", "strategy")} for change in changes)
        web = self._config.web
        async with self._changing:
            try:
                text = await self._save(
                    lambda text: self._settings_file.edited(text, changes, revision),
                    saves_strategy=strategy,
                    dry_run=dry_run,
                )
            except WrongSettingsError as error:
                raise SettingsError(str(error), error.wrong) from error
        if not dry_run:
            log.info("settings changed by the user", keys=[key_text(change.path) for change in changes])
        detail = None if self._config.web == web else "Restart Phasewise: what is under 'web' counts then."
        return SettingsSaved(not dry_run, detail, revision_of(text))

    async def _save(
        self, edit: Callable[[str], str], *, saves_strategy: bool = False, dry_run: bool = False
    ) -> str:
        """Edit the file as it is now, and take the result into use. Raises NotSavedError.

        Returns what the file says then; after a dry run, what it says still.
        """
        try:
            # All of it in threads: reading and parsing take a while, and control never waits.
            before = await asyncio.to_thread(read_text, self._path)
            text, config = await asyncio.to_thread(self._edited, before, edit)
            if dry_run:
                return before
            if await asyncio.to_thread(read_text, self._path) != before:
                raise EditError("it was changed meanwhile; try again")
            if text != before:
                await asyncio.to_thread(write_atomic, self._path, text)
        except (ConfigError, EditError, NotWritableError) as error:
            log.warning("configuration not saved", error=str(error))
            raise NotSavedError(f"{self._path} was not changed: {error}") from error
        self._watcher.accept(text)
        self.engine.extra_alarms.pop(AlarmCode.CONFIG_INVALID, None)
        if saves_strategy:
            self._unsaved_strategy = None
            self.engine.extra_alarms.pop(AlarmCode.CONFIG_NOT_WRITABLE, None)
        await self._use(config)
        return text

    def _edited(self, text: str, edit: Callable[[str], str]) -> tuple[str, Config]:
        after = edit(text)
        return after, parse_config(after, self._path, self._registry)

    async def _watch(self) -> None:
        """Take up changes made by hand; keep the last good ones when an edit is broken."""
        while True:
            await asyncio.sleep(WATCH_S)
            self._tell_of_others()
            async with self._changing:
                try:
                    await self._take_up(await asyncio.to_thread(self._watcher.poll))
                except Exception:  # a fault in one change must not end the watch for the next
                    log.exception(
                        "configuration not taken up in full", next="correct it, or restart Phasewise"
                    )

    async def _take_up(self, news: Changed | Broken | None) -> None:
        if isinstance(news, Changed):
            log.info("configuration changed by hand", file=str(self._path))
            self.engine.extra_alarms.pop(AlarmCode.CONFIG_INVALID, None)
            self._follow_file_strategy(news.config)
            await self._use(news.config)
        elif isinstance(news, Broken):
            log.warning("configuration not used", error=str(news.error), next="the last good one stays")
            alarm = Alarm(AlarmCode.CONFIG_INVALID, Severity.WARNING, None, str(news.error))
            self.engine.extra_alarms[AlarmCode.CONFIG_INVALID] = alarm

    def _follow_file_strategy(self, config: Config) -> None:
        """A strategy that the user wrote by hand wins over one that could not be saved."""
        if config.settings().control.strategy != self._config.settings().control.strategy:
            self._unsaved_strategy = None
            self.engine.extra_alarms.pop(AlarmCode.CONFIG_NOT_WRITABLE, None)

    async def _use(self, config: Config) -> None:
        """Put a valid configuration into effect, with new drivers only where their part changed."""
        before, self._config = self._config, config
        if config.web != before.web or config.history.path != before.history.path:
            where = "web" if config.web != before.web else "history.path"
            alarm = Alarm(AlarmCode.CONFIG_RESTART_NEEDED, Severity.INFO, None, where)
            self.engine.extra_alarms[AlarmCode.CONFIG_RESTART_NEEDED] = alarm
        if (config.prices, config.forecast, config.site.time_zone) != (
            before.prices,
            before.forecast,
            before.site.time_zone,
        ):
            await self._follow_sources(config)
        await self.webhook.follow(config.alarms.webhook)
        if (config.meters, config.site) != (before.meters, before.site):
            await self._follow_submeters(config)
        old = {b.id: (b.driver, b.options) for b in before.batteries}
        changed = {
            b.id: self._devices.battery(b) for b in config.batteries if old.get(b.id) != (b.driver, b.options)
        }
        meter = self._devices.meter(config.meter) if config.meter != before.meter else None
        await self.engine.reconfigure(self._settings(config), meter=meter, batteries=changed)
        # Last, because it may wait for a broker a while.
        await self.mqtt.follow(config.mqtt)

    async def _follow_submeters(self, config: Config) -> None:
        """Read the further meters that the configuration names, from now on."""
        meters = [Submeter(self._devices.submeter(m), m.role, m.name or m.role) for m in config.meters]
        await self.engine.submeters.follow(meters, config.site, self._clock)

    async def _follow_sources(self, config: Config) -> None:
        """Ask whom the configuration names for prices and forecasts, from now on."""
        zone = config.site.time_zone
        place = SourcePlace(zone, self._path.parent)
        prices, forecast = config.prices, config.forecast
        await self.engine.outlook.follow(
            None if prices is None else self._devices.prices(prices, place),
            () if prices is None else prices.tariff,
            None if forecast is None else self._devices.forecast(forecast, place),
            zone,
            self._clock,
        )

    def _settings(self, config: Config) -> Settings:
        """What the file says, with the strategy that could not be saved to it."""
        settings = config.settings()
        return (
            settings if self._unsaved_strategy is None else _with_strategy(settings, self._unsaved_strategy)
        )


def _with_strategy(settings: Settings, name: str) -> Settings:
    return replace(settings, control=replace(settings.control, strategy=name))
