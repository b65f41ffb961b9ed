"""From an event of the why-log to a sentence or two."""

from collections.abc import Mapping, Sequence

from phasewise.explain.event_words import EventWords
from phasewise.explain.events_de import DE
from phasewise.explain.events_en import EN
from phasewise.explain.events_nl import NL
from phasewise.explain.numbers import exact_current, language, power, price
from phasewise.explain.sentences import alarm_text, reason_text
from phasewise.model import Alarm, Reason
from phasewise.model import event as of
from phasewise.model.event import MORE, Event

EVENT_WORDS: Mapping[str, EventWords] = {"en": EN, "nl": NL, "de": DE}

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def event_text(event: Event, lang: str = "en") -> str:
    """What happened, for people. `lang`: a tag such as `nl` or `nl-BE`; English for one that is not here."""
    words = EVENT_WORDS.get(language(lang), EN)
    match event:
        case of.AlarmBegan():
            return alarm_text(event.alarm, lang, _names(event.alarm, event.name))
        case of.ReasonBegan():
            reason = Reason(event.reason, event.power_w, event.on_phase)
            return f"{event.battery}: {reason_text(reason, lang)}"
        case of.AlarmEnded() | of.AlarmAcknowledged():
            said = _sentence(event, words, title=_title(event.alarm, event.name, words))
        case of.ReasonEnded():
            said = words.over[event.reason].format(battery=event.battery)
            said += " " + words.lasted.format(lasted=_duration(event.lasted_s, words))
        case of.ReliefBegan() | of.ReliefEnded() | of.LimitBegan() | of.LimitEnded():
            said = _of_phase(event, words)
        case of.StrategySelected() | of.StrategyExecuting() | of.PlanChanged():
            said = _of_strategy(event, words)
        case of.OverrideSet() | of.IdentifyEnded() | of.PhaseAssigned():
            said = _of_battery(event, words)
        case of.SettingsChanged():
            keys = [words.more if key == MORE else key for key in event.keys]
            said = _sentence(event, words, keys=", ".join(keys))
        case _:
            said = _sentence(event, words)
    return said + _times(event, words)


def kind_of(event: Event) -> str:
    """The name of its kind, such as `relief-began`."""
    return str(event.__struct_config__.tag)


def _sentence(event: Event, words: EventWords, **more: str) -> str:
    """The sentence of its kind, with the event's own words and numbers, and others."""
    facts: dict[str, str] = {}
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if name == "lasted_s":
            facts["lasted"] = _duration(value, words)
        elif name == "limit_a":
            facts["limit"] = exact_current(value, words.lang)
        elif isinstance(value, str):
            facts[name] = value
    return words.sentences[kind_of(event)].format(**(facts | more))


def _of_phase(
    event: of.ReliefBegan | of.ReliefEnded | of.LimitBegan | of.LimitEnded, words: EventWords
) -> str:
    match event:
        case of.ReliefBegan():
            helpers = [_does(helper, words) for helper in event.helpers]
            help_ = words.help.format(helpers=_list(helpers, words)) if helpers else words.no_help
            over = event.current_a is not None and event.current_a > event.limit_a
            return words.relief["over" if over else "near"].format(
                phase=event.phase,
                current=exact_current(event.current_a or 0.0, words.lang),
                limit=exact_current(event.limit_a, words.lang),
                help=help_,
            )
        case of.ReliefEnded():
            said = _sentence(event, words)
            if event.peak_a is None:
                return said
            return f"{said} {words.peak.format(peak=exact_current(event.peak_a, words.lang))}"
        case of.LimitBegan():
            return _sentence(event, words, held=_list(event.held, words))
        case _:
            return _sentence(event, words)


def _of_strategy(
    event: of.StrategySelected | of.StrategyExecuting | of.PlanChanged, words: EventWords
) -> str:
    match event:
        case of.PlanChanged():
            if not event.blocks:
                return words.plan["nothing"]
            blocks = [_block(block, words) for block in event.blocks]
            return words.plan["blocks"].format(blocks=_list(blocks, words))
        case of.StrategyExecuting():
            return words.executing[event.why].format(now=words.strategies.get(event.now, event.now))
        case _:
            now, before = (words.strategies.get(name, name) for name in (event.now, event.before))
            return _sentence(event, words, now=now, before=before)


def _of_battery(event: of.OverrideSet | of.IdentifyEnded | of.PhaseAssigned, words: EventWords) -> str:
    match event:
        case of.PhaseAssigned():
            now, before = (words.phases.get(phase, phase) for phase in (event.now, event.before))
            return _sentence(event, words, now=now, before=before)
        case of.IdentifyEnded():
            how = "aborted" if event.aborted else "found" if event.code is None else "open"
            code = words.identify_codes.get(event.code or "", event.code or "")
            outcome = words.phases.get(event.outcome, event.outcome)
            return words.identified[how].format(battery=event.battery, outcome=outcome, code=code)
        case _:
            if event.power_w is None:
                return words.override["out"].format(battery=event.battery)
            until = words.for_good if event.until is None else words.until.format(until=event.until)
            doing = _doing(event.power_w, words)
            return words.override["hold"].format(battery=event.battery, doing=doing, until=until)


def _block(block: of.PlanBlock, words: EventWords) -> str:
    said = words.price.format(price=price(block.buy_eur_kwh, words.lang))
    return words.plan[block.action].format(start=block.start, end=block.end, price=said)


def _times(event: Event, words: EventWords) -> str:
    """That it came and went, where it did."""
    times: int = getattr(event, "times", 1)
    return "" if times <= 1 else f" {words.times.format(times=times)}"


def _names(alarm: Alarm, name: str | None) -> dict[str, str]:
    return {} if alarm.subject is None or name is None else {alarm.subject: name}


def _title(alarm: Alarm, name: str | None, words: EventWords) -> str:
    """An alarm in few words. Those of the meter have it in their words already."""
    title, subject = words.titles[alarm.code], name or alarm.subject
    if subject is None or subject == "meter":
        return title
    return words.of_subject.format(title=title, subject=subject)


def _does(helper: of.Helper, words: EventWords) -> str:
    does = words.charges if helper.power_w > 0 else words.discharges
    return does.format(name=helper.name, power=power(helper.power_w, words.lang))


def _doing(power_w: float, words: EventWords) -> str:
    if power_w == 0.0:
        return words.resting
    doing = words.charging if power_w > 0 else words.discharging
    return doing.format(power=power(power_w, words.lang))


def _list(parts: Sequence[str], words: EventWords) -> str:
    """Joined as people do: a, b and c."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {words.and_} {parts[-1]}"


def _duration(seconds: float, words: EventWords) -> str:
    """In the two units that matter at that length."""
    whole_s = round(seconds)
    if whole_s < 2 * _MINUTE_S:
        return words.seconds.format(n=whole_s)
    if whole_s < 2 * _HOUR_S:
        return words.minutes.format(n=round(whole_s / _MINUTE_S))
    if whole_s < 2 * _DAY_S:
        hours, rest_s = divmod(whole_s, _HOUR_S)
        return f"{words.hours.format(n=hours)} {words.minutes.format(n=rest_s // _MINUTE_S)}"
    days, rest_s = divmod(whole_s, _DAY_S)
    return f"{words.days.format(n=days)} {words.hours.format(n=rest_s // _HOUR_S)}"
