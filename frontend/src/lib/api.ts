/** Requests to the daemon. All addresses are relative: the page may live under a path prefix. */

import type { SystemState } from "./state";

export const STATE_URL = "api/v1/state";
export const STREAM_URL = "api/v1/stream";

/** Longer than the daemon takes to write its configuration file to a slow SD card. */
const TIMEOUT_MS = 10_000;

/** Shown where the daemon gave no answer at all. */
const NO_ANSWER = "Phasewise did not answer, so it is not known whether this took effect.";

/** What became of a change. A note says what the user should know of a change that took effect. */
export type Outcome = { ok: true; note: string | null } | { ok: false; problem: string };

/** The state, or why the daemon refused it; null where it did not answer. */
export type Fetched = { state: SystemState } | { problem: string | null };

type Answer = { body: unknown } | { problem: string | null };

export async function fetchState(): Promise<Fetched> {
  const answer = await request(STATE_URL, { method: "GET" });
  return "problem" in answer ? answer : { state: answer.body as SystemState };
}

export function assignPhase(batteryId: string, phase: string): Promise<Outcome> {
  return change("PATCH", `api/v1/batteries/${encodeURIComponent(batteryId)}`, { phase });
}

export function selectStrategy(selected: string): Promise<Outcome> {
  return change("PUT", "api/v1/strategy", { selected });
}

async function change(method: string, url: string, body: object): Promise<Outcome> {
  const answer = await request(url, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if ("problem" in answer) return { ok: false, problem: answer.problem ?? NO_ANSWER };
  const saved = (answer.body ?? {}) as { persisted?: boolean; detail?: string | null };
  const unsaved = saved.persisted === false ? "In effect, but only until Phasewise restarts." : null;
  return { ok: true, note: [unsaved, saved.detail].filter(Boolean).join(" ") || null };
}

async function request(url: string, init: RequestInit): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch {
    return { problem: null };
  }
  const body: unknown = await response.json().catch(() => null);
  return response.ok ? { body } : { problem: refusal(response, body) };
}

function refusal(response: Response, body: unknown): string {
  const detail = (body as { detail?: unknown } | null)?.detail;
  if (typeof detail === "string") return detail;
  return `Phasewise refused this (HTTP ${response.status}).`;
}
