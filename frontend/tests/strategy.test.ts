import { expect, test } from "vitest";

import { describe, running, title } from "../src/lib/strategy";

test("a strategy of someone else has its name as words", () => {
  expect([title("full-stop"), title("charge-pv"), title("my-own-plan")]).toEqual([
    "Full stop",
    "Charge PV",
    "My own plan",
  ]);
  expect(describe("my-own-plan", 0)).toBe("");
});

test("a grid target other than 0 W is said", () => {
  expect(describe("self-consumption", 0)).not.toContain("Aims");
  expect(describe("self-consumption", -50)).toContain("Aims at exporting 50 W.");
});

test("what runs is said only when it is not what was selected", () => {
  const strategy = (executing: string) => ({ selected: "dynamic", executing, available: [], goal: null });
  expect(running(strategy("dynamic"))).toBeNull();
  expect(running(strategy("charge-pv"))).toBe("Running now: Charge PV.");
  expect(running(strategy("safe"))).toContain("until the meter is heard");
});
