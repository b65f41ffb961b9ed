"""Random instances for the planner, and an oracle that shares nothing with it: HiGHS on the whole problem."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from phasewise.control.plan import Storage
from phasewise.model.prices import PriceInterval

START_S = 1_719_784_800.0


class Instance:
    """Prices, store and loads of one planning problem."""

    def __init__(
        self,
        prices: Sequence[PriceInterval],
        storage: Storage,
        net_load_w: Sequence[float],
        final_value_eur_kwh: float = 0.0,
        wear_eur_kwh: float = 0.0,
    ) -> None:
        self.prices, self.storage, self.net_load_w = tuple(prices), storage, tuple(net_load_w)
        self.final_value_eur_kwh = final_value_eur_kwh
        self.wear_eur_kwh = wear_eur_kwh

    def keywords(self) -> dict[str, Any]:
        return {"final_value_eur_kwh": self.final_value_eur_kwh, "wear_eur_kwh": self.wear_eur_kwh}


def random_instance(rng: random.Random, count: int, *, convex: bool) -> Instance:
    """`convex`: no negative price, and selling earns at most what buying costs."""
    seconds = rng.choice((900.0, 3600.0))
    prices = []
    for index in range(count):
        buy = rng.choice((rng.uniform(0.0, 0.5), rng.choice((0.0, 0.1, 0.3))))
        sell = rng.choice((buy, buy * rng.uniform(0.0, 1.0)))
        if not convex:
            buy -= rng.choice((0.0, 0.3))
            sell = rng.choice((buy, buy - rng.uniform(0.0, 0.2), buy + rng.uniform(0.0, 0.1)))
        start = START_S + index * seconds
        prices.append(PriceInterval(start, start + seconds, buy, sell))
    floor = rng.choice((0.0, rng.uniform(0.0, 2000.0)))
    ceiling = floor + rng.uniform(500.0, 14_000.0)
    efficiencies = rng.choice(((1.0, 1.0), (0.95, 0.95), (rng.uniform(0.7, 1.0), rng.uniform(0.7, 1.0))))
    storage = Storage(
        rng.choice((floor, ceiling, rng.uniform(floor, ceiling))),
        floor,
        ceiling,
        rng.uniform(0.0, 8000.0),
        rng.uniform(0.0, 8000.0),
        *efficiencies,
    )
    load_w = [rng.choice((0.0, rng.uniform(-4000.0, 4000.0))) for _ in prices]
    return Instance(prices, storage, load_w, rng.uniform(0.0, 0.4), rng.choice((0.0, rng.uniform(0.0, 0.1))))


def highs_cost_eur(instance: Instance, *, integer: bool) -> float:
    """The least cost, what is stored at the end deducted.

    Per interval: charge, discharge, import, export, each >= 0, and the stored energy at the end; all in kWh.
    `integer`: one 0/1 variable each keeps charge and discharge, import and export from being both above 0.
    """
    count, store = len(instance.prices), instance.storage
    hours = (instance.prices[0].end_utc_s - instance.prices[0].start_utc_s) / 3600.0
    charge, discharge = store.max_charge_w * hours / 1e3, store.max_discharge_w * hours / 1e3
    most = max(map(abs, instance.net_load_w)) * hours / 1e3 + charge + discharge + 1.0
    buy = [price.buy_eur_kwh for price in instance.prices]
    sell = [-price.sell_eur_kwh for price in instance.prices]
    stored_cost = np.zeros(count)
    stored_cost[-1] = -instance.final_value_eur_kwh
    binary = np.zeros(2 * count)
    wear = np.full(count, instance.wear_eur_kwh)
    cost = np.concatenate([np.zeros(count), wear, buy, sell, stored_cost, binary])
    one, none = sparse.identity(count, format="csr"), sparse.csr_matrix((count, count))
    before = sparse.diags_array([np.ones(count - 1)], offsets=[-1], shape=(count, count), format="csr")
    into, out_of = -store.charge_efficiency * one, one / store.discharge_efficiency
    rows = [
        [into, out_of, none, none, one - before, none, none],
        [one, -one, -one, one, none, none, none],
        [one, none, none, none, none, -charge * one, none],
        [none, one, none, none, none, discharge * one, none],
        [none, none, one, none, none, none, -most * one],
        [none, none, none, one, none, none, most * one],
    ]
    start = np.zeros(count)
    start[0] = store.stored_wh / 1e3
    balance = -np.array(instance.net_load_w) * hours / 1e3
    limits = [np.zeros(count), np.full(count, discharge), np.zeros(count), np.full(count, most)]
    free = [np.full(count, -np.inf)] * 4
    bounds = Bounds(
        np.concatenate([np.zeros(4 * count), np.full(count, store.floor_wh / 1e3), binary]),
        np.concatenate(
            [
                np.full(count, charge),
                np.full(count, discharge),
                np.full(2 * count, most),
                np.full(count, store.ceiling_wh / 1e3),
                np.ones(2 * count),
            ]
        ),
    )
    constraint = LinearConstraint(
        sparse.block_array(rows, format="csr"),
        np.concatenate([start, balance, *free]),
        np.concatenate([start, balance, *limits]),
    )
    integrality = np.concatenate([np.zeros(5 * count), np.full(2 * count, int(integer))])
    solved = milp(
        cost, constraints=constraint, bounds=bounds, integrality=integrality, options={"mip_rel_gap": 1e-10}
    )
    assert solved.success, solved.message
    return float(solved.fun)
