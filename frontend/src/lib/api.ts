/** Requests to the daemon. All addresses are relative: the page may live under a path prefix. */

import { i18n, t } from "./i18n";
import type { SystemState } from "./state";

/** Longer than the daemon takes to write its configuration file to a slow SD card. */
const TIMEOUT_MS = 10_000;

/** What became of a change. A note says what the user should know of a change that took effect. */
export type Outcome = { ok: true; note: string | null } | Failure;

/** An answer with a body, or why there is none. */
export type Answer<Body> = { ok: true; body: Body } | Failure;

export interface Failure {
  ok: false;
  /** A sentence for the user. */
  problem: string;
  /** The HTTP status; null where no answer came. */
  status: number | null;
  /** What the daemon sent with the refusal, for those that say more than one sentence (`errors` of a form). */
  body: unknown;
}

type Parameters = Record<string, string | number | boolean | undefined>;
type Method = "PATCH" | "PUT" | "POST" | "DELETE";

let loggedOut: () => void = () => {};

/** What to do when the daemon wants a login. */
export function onLoggedOut(action: () => void): void {
  loggedOut = action;
}

/** A relative address with its parameters, those that are undefined left out. */
export function address(path: string, parameters: Parameters = {}): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return query === "" ? path : `${path}?${query}`;
}

export const streamUrl = (lang: string): string => address("api/v1/stream", { lang });

export function fetchState(lang: string): Promise<Answer<SystemState>> {
  return get("api/v1/state", { lang });
}

/** Ask for something. A signal ends a request whose answer nobody waits for any more. */
export function get<Body>(
  path: string,
  parameters: Parameters = {},
  signal?: AbortSignal,
): Promise<Answer<Body>> {
  return request<Body>(address(path, parameters), { method: "GET" }, t.common.silent, signal);
}

/** Change something; the body of the answer is returned. Some answers take longer than a change of the file. */
export function send<Body>(
  method: Method,
  path: string,
  body?: object,
  timeoutMs = TIMEOUT_MS,
): Promise<Answer<Body>> {
  const headers = { "Content-Type": "application/json" };
  const init: RequestInit = { method, headers, body: JSON.stringify(body ?? {}) };
  return request<Body>(path, init, t.common.noAnswer, undefined, timeoutMs);
}

/** Change something whose answer only says whether the change was also written to the file. */
export async function change(method: Method, path: string, body?: object): Promise<Outcome> {
  const answer = await send<{ persisted?: boolean; detail?: string | null } | null>(method, path, body);
  if (!answer.ok) return answer;
  const unsaved = answer.body?.persisted === false ? t.common.untilRestart : null;
  return { ok: true, note: [unsaved, answer.body?.detail].filter(Boolean).join(" ") || null };
}

export function assignPhase(batteryId: string, phase: string): Promise<Outcome> {
  return change("PATCH", `api/v1/batteries/${encodeURIComponent(batteryId)}`, { phase });
}

export function selectStrategy(selected: string): Promise<Outcome> {
  return change("PUT", "api/v1/strategy", { selected });
}

export function acknowledgeAlarm(code: string, subject: string | null): Promise<Outcome> {
  return change("POST", "api/v1/alarms/acknowledge", { code, subject });
}

async function request<Body>(
  url: string,
  init: RequestInit,
  noAnswer: string,
  signal?: AbortSignal,
  timeoutMs = TIMEOUT_MS,
): Promise<Answer<Body>> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  signal?.addEventListener("abort", () => controller.abort());
  const headers = { ...init.headers, "Accept-Language": i18n.language };
  let response: Response;
  try {
    response = await fetch(url, { ...init, headers, signal: controller.signal });
  } catch {
    return { ok: false, problem: noAnswer, status: null, body: null };
  } finally {
    clearTimeout(timer);
  }
  const body: unknown = await response.json().catch(() => null);
  if (response.ok) return { ok: true, body: body as Body };
  if (response.status === 401) loggedOut();
  return { ok: false, problem: refusal(response, body), status: response.status, body };
}

function refusal(response: Response, body: unknown): string {
  const detail = (body as { detail?: unknown } | null)?.detail;
  return typeof detail === "string" ? detail : t.common.refused(response.status);
}
