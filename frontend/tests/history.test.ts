import { describe, expect, test } from "vitest";

import {
  around,
  bounded,
  drawn,
  names,
  PICTURES,
  planned,
  pointsFor,
  signedPower,
  SPAN_S,
  summary,
  type Past,
} from "../src/lib/history";
import { added, bars, seen, type EnergyDay } from "../src/lib/historyEnergy";
import { battery, home, phase } from "./states";

const house = home({ batteries: [battery("m1", { name: "Garage" }), battery("m2", { name: "Shed" })] });

function past(series: Record<string, (number | null)[]>): Past {
  const curves = Object.entries(series).map(([name, mean]) => [name, { mean, min: mean, max: mean }]);
  return { from: 0, to: 30, step_s: 10, time: [0, 10, 20], series: Object.fromEntries(curves) };
}

describe("pictures", () => {
  test("every picture asks for series that the daemon has, within what it answers", () => {
    const known = /^(grid\.total_w|load_w|pv_w|ev_w|L[123]\.(power_w|current_a|limit_lo_w|limit_hi_w)|battery\.m[12]\.(power_w|setpoint_w|soc_pct)|price\.(buy|sell)_eur_kwh)$/;
    for (const picture of PICTURES) {
      for (const { name } of planned(picture, house)) expect(name).toMatch(known);
      const asked = names(picture, house);
      expect(pointsFor(asked) * asked.split(",").length).toBeLessThanOrEqual(200_000);
    }
  });

  test("what was never measured is left out, and gaps stay gaps", () => {
    const found = drawn("power", house, past({ "grid.total_w": [100, null, -50], pv_w: [null, null, null] }));
    expect(found.map(({ label }) => label)).toEqual(["Grid"]);
    expect(found[0]?.values).toEqual([100, null, -50]);
  });

  test("the house is what it uses, whatever the panels give and the car takes", () => {
  const series = { load_w: [-2000, 500, 400, null], pv_w: [3000, 0, null, 0], ev_w: [null, 100, 0, 0] };
  const found = drawn("power", house, past(series));
  expect(found.find(({ colour }) => colour === "house")?.values).toEqual([null, 400, null, null]);
  const alone = drawn("power", house, past({ load_w: [-2000, 500] }));
  expect(alone[0]?.values).toEqual([-2000, 500]);
});

test("prices are drawn in cents and read out as prices", () => {
    const [buy] = drawn("prices", house, past({ "price.buy_eur_kwh": [0.25, null, 0.3] }));
    expect(buy?.values).toEqual([25, null, 30]);
    expect(buy?.format?.(25)).toBe("25.0 ct/kWh");
  });

  test("amps come with each limit that is set, once", () => {
    const two = home({
      grid: { ...house.grid, phases: { L1: phase(), L2: phase(), L3: phase({ operating_limit_a: 16 }) } },
    });
    const found = drawn("current", two, past({ "L1.current_a": [1, 2, 3] }));
    expect(found.filter(({ dashed }) => dashed).map(({ values }) => values)).toEqual([
      [24, 24, 24],
      [16, 16, 16],
    ]);
    expect(drawn("current", two, past({}))).toEqual([]);
  });

  test("the chart is told in words", () => {
    const found = drawn("power", house, past({ "grid.total_w": [1500, null, -500] }));
    expect(summary("Power", [0, 30], found)).toContain("Grid: between −500 W and 1.50 kW, 500 W on average.");
    expect(signedPower(-0.3)).toBe("0 W");
    expect(signedPower(null)).toBe("–");
  });
});

describe("ranges", () => {
  test("no stretch ends in the future, and none is too short or too long", () => {
    expect(bounded([900, 1100], 1000)).toEqual([800, 1000]);
    const [from, to] = bounded([500, 501], 1000);
    expect(to - from).toBe(60);
    const wide = bounded([0, 1e10], 2e9);
    expect(wide[1] - wide[0]).toBe(2 * SPAN_S.year);
    expect(wide[1]).toBe(2e9);
  });

  test("a margin is fetched, but nothing of the future", () => {
    expect(around([100, 200], 1000)).toEqual([75, 225]);
    expect(around([100, 200], 200)).toEqual([75, 200]);
  });
});

describe("energy", () => {
  const day = (changes: Partial<EnergyDay>): EnergyDay => ({
    date: "2026-11-22",
    start: "2026-11-21T23:00:00.000Z",
    end: "2026-11-22T23:00:00.000Z",
    measured_s: 86_400,
    import_wh: 0,
    export_wh: 0,
    exchanged_wh: 0,
    load_wh: 0,
    pv_wh: null,
    ev_wh: null,
    batteries: {},
    cost_eur: null,
    cost_without_eur: null,
    saved_eur: null,
    ...changes,
  });

  test("days are added up, and unknown stays unknown", () => {
    const sums = added([
      day({ import_wh: 1000, batteries: { m1: { charged_wh: 500, discharged_wh: 0 } } }),
      day({ import_wh: 500, pv_wh: 200, batteries: { m1: { charged_wh: 1, discharged_wh: 2 } } }),
    ]);
    expect(sums).toMatchObject({ import_wh: 1500, pv_wh: 200, cost_eur: null, saved_eur: null });
    expect(sums.batteries).toEqual({ m1: { charged_wh: 501, discharged_wh: 2 } });
    expect(added([]).pv_wh).toBeNull();
  });

  test("a day that nobody saw has no bar, and what leaves points down", () => {
    const days = [day({ measured_s: 0 }), day({ import_wh: 2000, export_wh: 500 })];
    expect(bars("grid", days).map(({ values }) => values)).toEqual([
      [null, 2],
      [null, -0.5],
    ]);
    expect(bars("grid", days)[1]?.format?.(-0.5)).toBe("500 Wh");
    expect(seen(days)).toHaveLength(1);
  });
});
