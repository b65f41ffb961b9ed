"""Which alarms stand, and since when."""

from collections.abc import Iterable

import structlog

from phasewise.explain import alarm_text
from phasewise.model import Alarm, Severity

log = structlog.get_logger("phasewise.alarm")


class AlarmBook:
    """The alarms that stand now. Each is logged once when it rises and once when it ends."""

    def __init__(self) -> None:
        self._standing: dict[tuple[str, str | None], tuple[Alarm, float]] = {}

    def update(self, alarms: Iterable[Alarm], utc_s: float) -> list[tuple[Alarm, float]]:
        """Take the alarms of this moment; return them all with the Unix time since when each stands."""
        now = {(alarm.code.value, alarm.subject): alarm for alarm in alarms}
        for key in self._standing.keys() - now.keys():
            alarm, since_s = self._standing.pop(key)
            log.info("ended", alarm=alarm.code, subject=alarm.subject, after_s=round(utc_s - since_s))
        for key, alarm in now.items():
            if key in self._standing:
                self._standing[key] = (alarm, self._standing[key][1])
                continue
            self._standing[key] = (alarm, utc_s)
            say = log.info if alarm.severity is Severity.INFO else log.warning
            say("raised", alarm=alarm.code, subject=alarm.subject, text=alarm_text(alarm))
        return list(self._standing.values())
