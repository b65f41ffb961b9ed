import { expect, test } from "vitest";

import {
  advice,
  answered,
  checks,
  counts,
  evidence,
  fewSteps,
  PLOT_HEIGHT,
  PLOT_WIDTH,
  result,
  signed,
  soFar,
  stepsOf,
} from "../src/lib/identify";
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

/** A run that goes on, with what L1 to L3 showed of steps of 2 kW up and down. */
function seen(l1: number[], l2: number[], l3: number[]): IdentifyState {
  const expected_w = l1.map((_, at) => (at % 2 ? -2000 : 2000));
  const of = (steps_w: number[]) => ({ steps_w, share: 0, fit: 0 });
  const phases = { L3: of(l3), L1: of(l1), L2: of(l2) };
  return run({ state: "running", expected_w, phases, steps: l1.length, outcome: "unclear", confidence: 0 });
}

test("each step says what every phase did of it, in the order of the phases", () => {
  const [first, second] = stepsOf(seen([20, -660], [640, 30], [1990, 1900]));
  expect(first).toEqual({
    expected_w: 2000,
    seen: [
      { phase: "L1", power_w: 20, likeness: "other" },
      { phase: "L2", power_w: 640, likeness: "third" },
      { phase: "L3", power_w: 1990, likeness: "follows" },
    ],
  });
  expect(second?.seen.map(({ likeness }) => likeness)).toEqual(["third", "other", "against"]);
});

test("what the steps show so far is said in a sentence, and is no answer", () => {
  expect(soFar(seen([], [], []))).toContain("Nothing to compare yet");
  expect(soFar(seen([5, 0], [0, 9], [1990, -2100]))).toBe("So far L3 followed in 2 of 2 steps.");
  expect(soFar(seen([2010, 0], [0, 9], [1990, 0]))).toBe("So far L1 and L3 followed in 1 of 2 steps.");
  expect(soFar(seen([660, -660], [5000, -640], [650, -700]))).toContain("with a third in 1 of 2 steps");
  expect(soFar(seen([0, 0], [-1990, 2000], [0, 9]))).toContain("L2 moved the wrong way round in 2 of 2");
  expect(soFar(seen([0, 0], [9, 0], [0, 9]))).toBe("So far no phase followed. Steps compared: 2.");
  expect(counts(stepsOf(seen([5, 0], [0, 9], [1990, -2100])), "follows").map(({ count }) => count)).toEqual([0, 0, 2]);
});

test("until there are enough steps it is said how many are missing", () => {
  expect(fewSteps(run({ steps: 2 }))).toContain("after 5 steps at the earliest; 2 so far");
  expect(fewSteps(run({ steps: 5 }))).toBeNull();
});

test("a step has a direction", () => {
  expect([signed(1970), signed(-620), signed(0.2)]).toEqual(["+1,970", "\u2212620", "0"]);
});
