"""Packed columns come back as they were, whatever is in them, and stay small where little happens."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phasewise.store.codec import bounded, pack, unpack

LARGE = st.integers().map(bounded)
SMALL = st.integers(-200, 200)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[int | None]]:
    length = draw(st.integers(1, 40))
    values = draw(st.sampled_from([st.none() | LARGE, st.none() | SMALL, SMALL, LARGE]))
    columns = st.lists(values, min_size=length, max_size=length)
    return draw(st.dictionaries(st.text(min_size=1, max_size=5), columns, max_size=4))


@given(tables(), st.data())
def test_what_goes_in_comes_out(columns: dict[str, list[int | None]], data: st.DataObject) -> None:
    known = {name: column for name, column in columns.items() if any(v is not None for v in column)}
    packed = pack(columns)
    assert unpack(packed) == known
    wanted = data.draw(st.sets(st.sampled_from(sorted(columns)))) if columns else set()
    assert unpack(packed, wanted) == {name: known[name] for name in known.keys() & wanted}


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="unequal length"):
        pack({"a": [1], "b": [1, 2]})


def test_what_stays_the_same_costs_next_to_nothing_and_noise_one_byte_and_a_half() -> None:
    rng = random.Random(1)
    assert len(pack({f"s{i}": [240] * 900 for i in range(20)})) < 200
    assert len(pack({"s": [1500 + round(rng.gauss(0, 4)) for _ in range(900)]})) < 1.5 * 900
