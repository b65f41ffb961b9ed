"""Any change to any file: refused, or exactly that is said, and everything else is as it was."""

import copy
import json
import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from yaml_texts import KEYS, Path, texts, values

from phasewise.config import EditError
from phasewise.config.rewrite import rewrite

unhurried = settings(
    deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def data(text: str) -> Any:
    """What an ordinary YAML reader makes of the text: the independent oracle."""
    return YAML(typ="safe", pure=True).load(text)


def exact(value: Any) -> str:
    """Comparable, with true apart from 1 and whole floats as integers."""
    return json.dumps(value, sort_keys=True, default=str).replace(".0,", ",")


def whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def comments(text: str) -> list[str]:
    return sorted(re.findall(r"# c[0-9]+\.[^\r\n]*", text))


def places(value: Any, path: Path = ()) -> list[Path]:
    """Of every key and item."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at for part, item in pairs for at in ((*path, part), *places(item, (*path, part)))]


@st.composite
def changes(draw: st.DrawFn, said: dict[str, Any]) -> tuple[dict[str, Any], list[Path]]:
    """What is wanted instead, and where that differs."""
    wanted, touched = copy.deepcopy(said), []
    for _ in range(draw(st.integers(1, 3))):
        if not (known := places(wanted)):
            break
        path = draw(st.sampled_from(known))
        here: Any = wanted
        for part in path[:-1]:
            here = here[part]
        kind = draw(st.sampled_from(("set", "set", "remove", "add")))
        if kind == "set":
            here[path[-1]] = draw(values)
        elif kind == "remove" and len(wanted) > 1:
            del here[path[-1]]
        elif isinstance(here, list):
            here.insert(int(path[-1]), draw(values))
        else:
            path = (*path[:-1], draw(st.sampled_from(KEYS)))
            here[path[-1]] = draw(values)
        # Items behind one that comes or goes have another number then: the list is what is touched.
        touched.append(path[:-1] if isinstance(path[-1], int) and kind != "set" else path)
    return wanted, touched


def apart(one: Path, other: Path) -> bool:
    """Neither is inside the other."""
    return one[: len(other)] != other and other[: len(one)] != one


def in_order(some: list[str], of: list[str]) -> bool:
    rest = iter(of)
    return all(line in rest for line in some)


def check(
    before: str, lines: list[tuple[str, Path]], after: str, wanted: dict[str, Any], touched: list[Path]
) -> None:
    assert exact(whole(data(after))) == exact(whole(wanted))
    assert comments(after) == comments(before)
    assert after.startswith("\ufeff") == before.startswith("\ufeff")
    assert after.count("\r") == after.count("\r\n") == (after.count("\n") if "\r" in before else 0)
    kept = [line for line, owner in lines if all(apart(owner, path) for path in touched)]
    assert in_order(kept, after.removeprefix("\ufeff").replace("\r\n", "\n").split("\n"))


@unhurried
@given(st.data())
def test_the_generator_says_what_it_thinks_it_says(draws: st.DataObject) -> None:
    text, said, _ = draws.draw(texts(tame=draws.draw(st.booleans())))
    assert exact(whole(data(text))) == exact(whole(said))


@unhurried
@given(st.data())
def test_any_change_to_any_text_is_exact_or_refused(draws: st.DataObject) -> None:
    text, said, lines = draws.draw(texts(tame=False))
    wanted, touched = draws.draw(changes(said))
    try:
        after = rewrite(text, whole(wanted))
    except EditError:
        return
    check(text, lines, after, wanted, touched)


@unhurried
@given(st.data())
def test_any_change_to_a_plain_text_is_made(draws: st.DataObject) -> None:
    text, said, lines = draws.draw(texts(tame=True))
    wanted, touched = draws.draw(changes(said))
    check(text, lines, rewrite(text, whole(wanted)), wanted, touched)


@unhurried
@given(st.data())
def test_what_is_said_already_changes_nothing(draws: st.DataObject) -> None:
    text, said, _ = draws.draw(texts(tame=True))
    assert rewrite(text, whole(said)) == text
