"""Which alarms stand, since when, and of which somebody said that they know."""

from collections.abc import Callable, Iterable

import structlog
from msgspec import Struct
from msgspec.structs import replace

from phasewise.engine.controls import UnknownAlarmError
from phasewise.explain import alarm_text
from phasewise.model import Alarm, Severity

log = structlog.get_logger("phasewise.alarm")


class Standing(Struct, frozen=True):
    """An alarm that stands, or stood until it ended."""

    alarm: Alarm
    since_utc_s: float
    acknowledged: bool = False
    """Somebody said that they know; the next one of its kind is news again."""
    ended_utc_s: float | None = None


class AlarmBook:
    """The alarms that stand now. Each is logged and told once when it rises and once when it ends."""

    def __init__(self, tell: Callable[[Standing], None] = lambda _: None) -> None:
        """`tell` hears of each alarm as it rises and as it ends. It must not block."""
        self._standing: dict[tuple[str, str | None], Standing] = {}
        self._tell = tell

    @property
    def standing(self) -> tuple[Standing, ...]:
        """All that stand, in the order in which they rose."""
        return tuple(self._standing.values())

    def update(self, alarms: Iterable[Alarm], utc_s: float) -> tuple[Standing, ...]:
        """Take the alarms of this moment; return those that stand."""
        now = {(alarm.code.value, alarm.subject): alarm for alarm in alarms}
        for key in self._standing.keys() - now.keys():
            ended = replace(self._standing.pop(key), ended_utc_s=utc_s)
            alarm, after_s = ended.alarm, round(utc_s - ended.since_utc_s)
            log.info("ended", alarm=alarm.code, subject=alarm.subject, after_s=after_s)
            self._tell(ended)
        for key, alarm in now.items():
            if key in self._standing:
                self._standing[key] = replace(self._standing[key], alarm=alarm)
                continue
            risen = self._standing[key] = Standing(alarm, utc_s)
            say = log.info if alarm.severity is Severity.INFO else log.warning
            say("raised", alarm=alarm.code, subject=alarm.subject, text=alarm_text(alarm))
            self._tell(risen)
        return self.standing

    def acknowledge(self, code: str, subject: str | None) -> tuple[Standing, ...]:
        """Somebody knows of this one. Idempotent. Raises UnknownAlarmError when it does not stand."""
        known = self._standing.get((code, subject))
        if known is None:
            about = "" if subject is None else f" of '{subject}'"
            raise UnknownAlarmError(f"no alarm '{code}'{about} stands now; it may just have ended")
        self._standing[code, subject] = replace(known, acknowledged=True)
        return self.standing
