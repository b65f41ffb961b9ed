import { expect, test } from "vitest";

import { advice, answered, checks, evidence, PLOT_HEIGHT, PLOT_WIDTH, result } from "../src/lib/identify";
import type { IdentifyState } from "../src/lib/state";
import { battery, home } from "./states";

function run(changes: Partial<IdentifyState> = {}): IdentifyState {
  return {
    battery_id: "m1",
    state: "done",
    code: null,
    text: "",
    cycle: 3,
    progress: 1,
    outcome: "L2",
    confidence: 0.98,
    configured: "unassigned",
    matches: false,
    high_w: 1000,
    low_w: -1000,
    steps: 6,
    agreeing: 6,
    expected_w: [],
    phases: {},
    samples: [],
    ...changes,
  };
}

test("only a clear answer can be accepted", () => {
  expect(answered(run())).toBe(true);
  expect(result(run(), "Garage")).toBe("Garage is on L2.");
  expect(result(run({ outcome: "three-phase" }), "Garage")).toContain("all three phases");
  for (const no of [{ outcome: "unclear" }, { state: "aborted" }, { state: "running" }]) {
    expect(answered(run(no))).toBe(false);
  }
});

test("every way to end without an answer says what to do", () => {
  const codes = ["disturbed", "no-reaction", "inverted", "user", "settings", "battery", "soc", "meter"];
  const said = [...codes, "overload", "not-following", "wrong-direction", "new", null].map((code) =>
    advice(run({ code })),
  );
  expect(new Set(said).size).toBe(12);
});

test("phases are drawn against their own mean, on one scale with the battery", () => {
  const samples = [
    { at_s: 10, battery_w: 1000, phases_w: [5000, 3000, 0] },
    { at_s: 20, battery_w: -1000, phases_w: [5000, 1000, 0] },
  ];
  const { curves, zero } = evidence(run({ samples }));
  const points = (at: number): string | undefined => curves[at]?.points;
  expect(zero).toBe(PLOT_HEIGHT / 2);
  expect(points(0)).toBe(points(2));
  expect(points(1)).toBe(`0.0,100.0 ${PLOT_WIDTH}.0,100.0`);
});

test("what stands in the way is said before the start", () => {
  const bad = (changes: Parameters<typeof home>[0], unit = {}) =>
    checks(home(changes), battery("m1", unit)).filter(({ ok }) => !ok).length;
  expect(bad({})).toBe(0);
  expect(bad({}, { reachable: false })).toBe(1);
  expect(bad({}, { override: "out-of-service" })).toBe(1);
  expect(bad({ identify: run({ state: "running" }) })).toBe(1);
});
