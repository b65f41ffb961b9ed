import { expect, test } from "vitest";

import { batterySpan, phaseGauge, phaseLoad, position, signedCurrent } from "../src/lib/gauge";
import { phase } from "./states";

test("positions run from the negative end to the positive one and stay on the scale", () => {
  expect([-25, -30, 0, 25, 99].map((value) => position(value, -25, 25))).toEqual([0, 0, 50, 100, 100]);
  expect(position(0, -800, 2400)).toBe(25);
  expect(position(3, 0, 0)).toBe(50);
});

test("the direction of a current is the sign of the power, whatever the meter says of the current", () => {
  expect(signedCurrent(phase({ current_a: 8, power_w: -1840 }))).toBe(-8);
  expect(signedCurrent(phase({ current_a: 8, power_w: 1840 }))).toBe(8);
  expect(signedCurrent(phase({ current_a: -8, power_w: 1840 }))).toBe(8);
  expect(signedCurrent(phase({ current_a: 8, power_w: null }))).toBeNull();
  expect(signedCurrent(phase({ current_a: null, power_w: 1840 }))).toBeNull();
});

test("import fills upward from the middle, export downward", () => {
  const up = phaseGauge(phase({ current_a: 10, power_w: 2300 })).fill;
  const down = phaseGauge(phase({ current_a: 10, power_w: -2300 })).fill;
  expect(up.from).toBe(50);
  expect(up.to).toBeGreaterThan(50);
  expect(down.to).toBe(50);
  expect(down.from).toBeCloseTo(100 - up.to);
});

test("a current of unknown direction fills both sides alike", () => {
  const { fill } = phaseGauge(phase({ current_a: 10, power_w: null }));
  expect(fill.from).toBeLessThan(50);
  expect(fill.from + fill.to).toBeCloseTo(100);
});

test("an unknown current fills nothing", () => {
  const { fill } = phaseGauge(phase({ current_a: null, power_w: 2300 }));
  expect(fill.to - fill.from).toBe(0);
});

test("limit and fuse are marked on both sides, in this order", () => {
  const { limit, fuse } = phaseGauge(phase());
  const marks = [0, fuse.from, limit.from, 50, limit.to, fuse.to, 100];
  expect(marks).toEqual([...marks].sort((a, b) => a - b));
});

test("a current beyond the scale stays on it", () => {
  expect(phaseGauge(phase({ current_a: 90, power_w: 20_700 })).fill.to).toBe(100);
});

test.each([
  [21.5, "normal"],
  [21.6, "near"],
  [24, "near"],
  [24.1, "over-limit"],
  [25, "over-limit"],
  [25.1, "over-fuse"],
])("%d A with a limit of 24 A and a fuse of 25 A is %s", (current_a, load) => {
  expect(phaseLoad(phase({ current_a, power_w: 1 }))).toBe(load);
  expect(phaseLoad(phase({ current_a, power_w: -1 }))).toBe(load);
});

test("a reading that is gone says nothing of the load", () => {
  expect(phaseLoad(phase({ current_a: 30, freshness: "lost" }))).toBe("unknown");
  expect(phaseLoad(phase({ current_a: null }))).toBe("unknown");
  expect(phaseLoad(phase({ current_a: 30, freshness: "aging" }))).toBe("over-fuse");
});

test("where a phase would be without its batteries is marked where that makes a difference", () => {
  const charging = { current_a: 20, power_w: 4600, voltage_v: 230, load_w: 2300 };
  const { fill, without } = phaseGauge(phase(charging));
  expect(without).toBeGreaterThan(50);
  expect(without).toBeLessThan(fill.to);
  expect(phaseGauge(phase({ ...charging, load_w: -2300 })).without).toBeLessThan(50);
  expect(phaseGauge(phase({ ...charging, load_w: 4500 })).without).toBeNull();
  expect(phaseGauge(phase({ ...charging, load_w: null })).without).toBeNull();
  expect(phaseGauge(phase({ ...charging, freshness: "lost" })).without).toBeNull();
});

test("a battery's bar begins at zero, wherever its limits put that", () => {
  expect(batterySpan(1200, 800, 2400)).toEqual({ from: 25, to: 62.5 });
  expect(batterySpan(-400, 800, 2400)).toEqual({ from: 12.5, to: 25 });
});
