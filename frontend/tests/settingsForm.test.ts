import { afterEach, expect, test, vi } from "vitest";

import { idle, lacking, type Settings, type Table } from "../src/lib/settings";
import { SettingsForm } from "../src/lib/settingsForm.svelte";

const NUMBER = { anyOf: [{ type: "number" }, { type: "null" }], default: null };

function settings(revision: string, charge: Table): Settings {
  const section = { type: "object", properties: { goal: { enum: ["full", "soc"], type: "string" }, soc_pct: NUMBER } };
  return {
    file: "home.yaml",
    revision,
    writable: true,
    detail: null,
    values: { control: { strategy: revision, charge } },
    given: [],
    errors: [],
    schema: { properties: { control: { type: "object", properties: { strategy: { type: "string" }, charge: section } } } },
  };
}

/** Requests wait until the test answers them; what is sent is noted. */
function daemon(sent: string[] = []): ((body: object, status?: number) => Promise<void>)[] {
  const waiting: ((body: object, status?: number) => Promise<void>)[] = [];
  vi.stubGlobal("fetch", (_url: unknown, init?: RequestInit) => {
    if (typeof init?.body === "string") sent.push(init.body);
    return new Promise<Response>((resolve) => {
      waiting.push(async (body, status = 200) => {
        resolve(new Response(JSON.stringify(body), { status }));
        await new Promise((done) => setTimeout(done));
      });
    });
  });
  return waiting;
}

afterEach(() => vi.unstubAllGlobals());

test("what was changed stays when the file is read again", async () => {
  const asked = daemon();
  const form = new SettingsForm();
  void form.refresh();
  void form.refresh();
  await asked[0]?.(settings("one", { goal: "full", soc_pct: null }));
  form.set(["control", "charge", "goal"], "soc");
  await asked[1]?.(settings("two", { goal: "full", soc_pct: null }));
  expect(form.value(["control", "charge", "goal"])).toBe("soc");
  expect(form.value(["control", "strategy"])).toBe("two");
  expect(form.changes).toEqual([{ path: ["control", "charge", "goal"], value: "soc" }]);
  form.discard();
});

test("in the next view what was changed is still there, and text that was no value is not", async () => {
  const asked = daemon();
  const form = new SettingsForm();
  void form.open();
  await asked[0]?.(settings("one", { goal: "full", soc_pct: null }));
  form.set(["control", "charge", "goal"], "soc");
  form.fault(["control", "charge", "soc_pct"], "This is no number.");
  void form.open();
  await asked[1]?.(settings("two", { goal: "full", soc_pct: null }));
  expect([form.changes.length, form.wrong, form.outdated, form.loaded?.revision]).toEqual([1, false, false, "two"]);
  void form.open();
  await asked[2]?.(settings("three", { goal: "energy", soc_pct: null }));
  expect([form.changes.length, form.outdated, form.loaded?.revision]).toEqual([1, true, "two"]);
  form.discard();
});

test("an answer that comes late does not take the place of a newer one", async () => {
  const asked = daemon();
  const form = new SettingsForm();
  void form.refresh();
  void form.refresh();
  await asked[1]?.(settings("two", {}));
  await asked[0]?.(settings("one", {}));
  expect(form.loaded?.revision).toBe("two");
});

test("what others changed elsewhere in the file is no conflict: both are kept", async () => {
  const sent: string[] = [];
  const asked = daemon(sent);
  const form = new SettingsForm();
  void form.load();
  await asked[0]?.(settings("one", { goal: "full", soc_pct: null }));
  form.set(["control", "charge", "goal"], "soc");
  const saved = form.save();
  await asked[1]?.({ detail: "It was changed meanwhile." }, 409);
  await asked[2]?.(settings("two", { goal: "full", soc_pct: 80 }));
  await asked[3]?.({ detail: null, revision: "three" });
  await asked[4]?.(settings("three", { goal: "soc", soc_pct: 80 }));
  expect(await saved).toMatchObject({ ok: true });
  const changes = [{ path: ["control", "charge", "goal"], value: "soc" }];
  expect(sent.map((body) => JSON.parse(body) as unknown)).toEqual([
    { changes, revision: "one", dry_run: false },
    { changes, revision: "two", dry_run: false },
  ]);
});

test("a file that can't be written is no conflict, and is asked for once", async () => {
  const sent: string[] = [];
  const asked = daemon(sent);
  const form = new SettingsForm();
  void form.load();
  await asked[0]?.(settings("one", { goal: "full", soc_pct: null }));
  form.set(["control", "charge", "goal"], "soc");
  const saved = form.save();
  await asked[1]?.({ detail: "The file can't be written." }, 409);
  await asked[2]?.(settings("one", { goal: "full", soc_pct: null }));
  expect(await saved).toMatchObject({ ok: false, note: expect.stringContaining("can't be written") });
  expect(sent.length).toBe(1);
});

test("after a conflict nothing is saved, and starting over reads what the file says", async () => {
  const asked = daemon();
  const form = new SettingsForm();
  void form.load();
  await asked[0]?.(settings("one", { goal: "full", soc_pct: null }));
  form.set(["control", "charge", "soc_pct"], 50);
  const saved = form.save();
  await asked[1]?.({ detail: "It was changed meanwhile." }, 409);
  await asked[2]?.(settings("two", { goal: "full", soc_pct: 80 }));
  expect(await saved).toMatchObject({ ok: false, note: expect.stringContaining("It was changed meanwhile.") });
  expect(form.outdated).toBe(true);
  void form.startOver();
  await asked[3]?.(settings("two", { goal: "full", soc_pct: 80 }));
  expect([form.outdated, form.changes.length, form.loaded?.revision]).toEqual([false, 0, "two"]);
});

test("a goal without its number is said at the number, not at the section", async () => {
  const asked = daemon();
  const form = new SettingsForm();
  void form.load();
  await asked[0]?.(settings("one", { goal: "soc", soc_pct: null }));
  form.refused = [{ path: ["control", "charge"], message: "the goal needs a state of charge", allowed: null }];
  expect(form.error(["control", "charge"])).toBeNull();
  expect(form.error(["control", "charge", "soc_pct"])).toBe("Something has to stand here.");
  expect(form.error(["control", "charge", "goal"])).toBeNull();
  expect(form.wrongIn(["control"])).toBe(true);
  form.draft = { control: { charge: { goal: "full", soc_pct: null } } };
  expect(form.error(["control", "charge"])).toBe("the goal needs a state of charge");
});

test("what belongs to another goal or algorithm has no effect", () => {
  expect(idle({ goal: "full" }, "soc_pct")).toBe(true);
  expect(idle({ goal: "soc" }, "soc_pct")).toBe(false);
  expect(idle({ algorithm: "plan" }, "max_cheap_h")).toBe(true);
  // A section of its own without a goal, such as that of a driver.
  expect(idle({ url: "x" }, "soc_pct")).toBe(false);
  expect(lacking({ goal: "energy", energy_kwh: null, soc_pct: null })).toEqual(["energy_kwh"]);
  expect(lacking({ goal: "energy", energy_kwh: 3 })).toEqual([]);
});
