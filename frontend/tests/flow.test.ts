import { expect, test } from "vitest";

import { hasHiddenSun, places, stretches } from "../src/lib/flow";
import type { SystemState } from "../src/lib/state";
import { battery, home } from "./states";

/** A home whose numbers add up: grid = load + batteries. */
function balanced(load_w: number, batteryW: number, changes: Partial<SystemState> = {}): SystemState {
  const state = home({ load_w, batteries: [battery("m1", { power_w: batteryW })], ...changes });
  state.grid.total_power_w = load_w + batteryW;
  return state;
}

const directions = (state: SystemState): number[] => stretches(places(state)).map(({ direction }) => direction);
const sun = (power_w: number | null, freshness = "fresh") => ({ power_w, freshness });

test("without further meters there are the grid, the house and the batteries", () => {
  expect(places(balanced(800, 0)).map(({ key }) => key)).toEqual(["grid", "house", "batteries"]);
  expect(places(home()).map(({ key }) => key)).toEqual(["grid", "house"]);
});

test("import flows through to a house and a battery that both take", () => {
  expect(directions(balanced(800, 1500))).toEqual([1, 1]);
});

test("a discharge flows back through the house to the grid", () => {
  expect(directions(balanced(800, -1500))).toEqual([-1, -1]);
});

test("surplus charges the battery, the rest is exported", () => {
  expect(directions(balanced(-3000, 1000))).toEqual([-1, 1]);
});

test("a measured sun feeds all: grid, house and batteries", () => {
  const state = balanced(-3000, 1000, { pv: sun(3600) });
  const line = places(state);
  expect(line.map(({ key, value }) => [key, value])).toEqual([
    ["grid", "2.00 kW"],
    ["solar", "3.60 kW"],
    ["house", "600 W"],
    ["batteries", "1.00 kW"],
  ]);
  expect(directions(state)).toEqual([-1, 1, 1]);
  expect(line.reduce((sum, { givesW }) => sum + (givesW ?? 0), 0)).toBe(0);
});

test("a measured car is not counted in the house as well", () => {
  const line = places(balanced(4000, 0, { ev: sun(3500) }));
  expect(line.find(({ key }) => key === "house")?.value).toBe("500 W");
  expect(line.find(({ key }) => key === "car")).toMatchObject({ word: "Charging", value: "3.50 kW" });
  expect(line.reduce((sum, { givesW }) => sum + (givesW ?? 0), 0)).toBe(0);
});

test("standby losses are no flow, and large flows are livelier", () => {
  expect(directions(balanced(0, 5))).toEqual([0, 0]);
  const pace = (w: number) => stretches(places(balanced(w, 0)))[0]?.pace;
  expect([100, 800, 5000].map(pace)).toEqual([1, 2, 3]);
});

test("beyond what is not known, no flow is drawn", () => {
  const state = balanced(800, 1500);
  state.grid.freshness = "lost";
  expect(directions(state)).toEqual([0, 0]);
  expect(places(state)[0]).toMatchObject({ stale: true, note: "Meter silent, last heard 0 s ago" });
  const lostSun = balanced(-3000, 1000, { pv: sun(null, "lost") });
  expect(places(lostSun).find(({ key }) => key === "house")).toMatchObject({ value: "–", word: "Unknown" });
  expect(directions(lostSun)).toEqual([-1, 0, 0]);
});

test("a house that gives is explained only where no meter shows the sun apart", () => {
  expect(hasHiddenSun(places(balanced(-500, 0)))).toBe(true);
  expect(hasHiddenSun(places(balanced(500, 0)))).toBe(false);
  expect(hasHiddenSun(places(balanced(-500, 0, { pv: sun(400) })))).toBe(false);
});

test("how full the batteries are is a range, never a mean of unlike ones", () => {
  const note = (...socs: (number | null)[]) =>
    places(home({ batteries: socs.map((soc_pct, i) => battery(`m${i}`, { soc_pct })) })).at(-1)?.note;
  expect(note(40, 80)).toBe("40% – 80% full");
  expect(note(40.2, 40.4)).toBe("40% full");
  expect(note(40, null)).toBeNull();
});
