"""What a plan says about any moment of an interval: which of four flows of energy pay, at what is stored now.

The plan's value of stored energy holds for any load and any state of charge. So nothing has to be planned
again when house or sun turn out otherwise than forecast: a flow pays while the energy is worth more where it
goes than where it comes from.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from msgspec import Struct

from phasewise.control.plan.curves import Curve
from phasewise.control.plan.types import WH_PER_KWH, Storage
from phasewise.model.prices import PriceInterval

MARGIN = 0.02
"""Share of the store by which a flow must go on to pay before it begins: two steps of a SoC register, so
that a flow that ends where another begins does not flap between them."""
LEAST_REACH_H = 5.0 / 60.0
"""At the end of an interval the batteries still move this long: less is within the steps of a register."""
ROUNDING_EUR_KWH = 1e-9
LEAST_WH = 1.0
"""Less room than this is none."""
NEVER, ALWAYS = float("-inf"), float("inf")
"""What is worth storing where there is no room, and what it costs to take where there is nothing."""


class Policy(Struct, frozen=True):
    """Which flows pay."""

    charge: bool = False
    """From the grid into the store."""
    store: bool = False
    """A surplus of the house into the store."""
    cover: bool = False
    """From the store to the house."""
    sell: bool = False
    """From the store into the grid."""


def policy(
    price: PriceInterval,
    storage: Storage,
    after: Curve,
    hours: float,
    *,
    before: Policy = Policy(),  # noqa: B008 - frozen
    wear_eur_kwh: float = 0.0,
    margin: float = MARGIN,
) -> Policy:
    """What pays now, with `storage.stored_wh` in the store and `hours` of the interval left.

    `after`: what the rest costs once the interval is over, in EUR over stored Wh, as from `to_come`.
    `before`: what paid a moment ago, and goes on to the very end; what begins must pay for `margin` more.
    """
    hours = max(hours, LEAST_REACH_H)
    buy, sell = price.buy_eur_kwh, price.sell_eur_kwh
    goes_on = _worth(storage, after, 0.0, hours)
    begins = _worth(storage, after, margin * (storage.ceiling_wh - storage.floor_wh), hours)
    stores = [(goes_on if was else begins)[0] for was in (before.charge, before.store)]
    takes = [(goes_on if was else begins)[1] + wear_eur_kwh for was in (before.cover, before.sell)]
    found = Policy(
        charge=storage.from_grid and stores[0] > buy + ROUNDING_EUR_KWH,
        # Where it makes no difference surplus is stored, as anyone would expect.
        store=stores[1] >= sell - ROUNDING_EUR_KWH,
        cover=takes[0] < buy - ROUNDING_EUR_KWH,
        sell=storage.to_grid and takes[1] < sell - ROUNDING_EUR_KWH,
    )
    if not (found.charge and found.sell):
        return found
    # Both may pay where the value of stored energy is not convex: never at once, so the better one.
    if stores[0] - buy >= sell - takes[1]:
        return Policy(charge=True, store=True)
    return Policy(cover=True, sell=True)


def power_w(found: Policy, storage: Storage, net_load_w: float) -> float:
    """What all batteries together do about a load, charging positive."""
    if found.charge:
        return storage.max_charge_w
    if found.sell:
        return -storage.max_discharge_w
    if net_load_w < 0.0:
        return min(-net_load_w, storage.max_charge_w) if found.store else 0.0
    return -min(net_load_w, storage.max_discharge_w) if found.cover else 0.0


def _worth(storage: Storage, after: Curve, margin_wh: float, hours: float) -> tuple[float, float]:
    """What a kWh of the AC side is worth when it is stored, and what it costs when it is taken, EUR.

    Beyond a margin from what is stored now; the best, and the least, within reach in so many hours.
    """
    stored_wh = min(max(storage.stored_wh, storage.floor_wh), storage.ceiling_wh)
    low_wh, high_wh = stored_wh - margin_wh, stored_wh + margin_wh
    up_wh = min(high_wh + storage.max_charge_w * hours * storage.charge_efficiency, storage.ceiling_wh)
    down_wh = max(low_wh - storage.max_discharge_w * hours / storage.discharge_efficiency, storage.floor_wh)
    up = _chords(after, high_wh, up_wh) if up_wh - high_wh > LEAST_WH else ()
    down = _chords(after, low_wh, down_wh) if low_wh - down_wh > LEAST_WH else ()
    stored_eur_kwh = max(up, default=NEVER) * storage.charge_efficiency
    return stored_eur_kwh, min(down, default=ALWAYS) / storage.discharge_efficiency


def _chords(after: Curve, from_wh: float, to_wh: float) -> Sequence[float]:
    """Worth in EUR/kWh of the way from here to each corner, and to its end."""
    low_wh, high_wh = min(from_wh, to_wh), max(from_wh, to_wh)
    here_eur = after.at(from_wh)
    corners = after.xs[bisect_right(after.xs, low_wh) : bisect_left(after.xs, high_wh)]
    return [(here_eur - after.at(x)) / (x - from_wh) * WH_PER_KWH for x in (*corners, to_wh)]
