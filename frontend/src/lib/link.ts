/**
 * The link to the daemon as a state machine. Pure: time comes in with each event.
 *
 * The page must never show old values as if they were of now. So the link is lost when the stream
 * ends, and also when it is open but silent: a dropped Wi-Fi closes no connection.
 */

/** The daemon publishes about once a second. */
export const SILENCE_MS = 5_000;

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 5_000;

export interface Link {
  status: "connecting" | "live" | "lost";
  /** When the newest state arrived; null before the first. */
  heardMs: number | null;
  /** The link may stay silent until then. */
  deadlineMs: number;
  /** When the next attempt to connect is due; null while one is under way. */
  retryMs: number | null;
  /** Failed attempts in a row. */
  failures: number;
}

export type LinkEvent = "attempt" | "heard" | "failed" | "tick";

export function newLink(nowMs: number): Link {
  return { status: "connecting", heardMs: null, deadlineMs: nowMs, retryMs: nowMs, failures: 0 };
}

export function next(link: Link, event: LinkEvent, nowMs: number): Link {
  switch (event) {
    case "attempt":
      return { ...link, deadlineMs: nowMs + SILENCE_MS, retryMs: null };
    case "heard":
      return { status: "live", heardMs: nowMs, deadlineMs: nowMs + SILENCE_MS, retryMs: null, failures: 0 };
    case "failed":
      return failed(link, nowMs);
    case "tick":
      if (link.retryMs === null && nowMs >= link.deadlineMs) return failed(link, nowMs);
      return withinReach(link, nowMs);
  }
}

export function isRetryDue(link: Link, nowMs: number): boolean {
  return link.retryMs !== null && nowMs >= link.retryMs;
}

function failed(link: Link, nowMs: number): Link {
  const waitMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** link.failures);
  return { ...link, status: "lost", retryMs: nowMs + waitMs, failures: link.failures + 1 };
}

/** A wall clock that was set back must not prolong a wait. */
function withinReach(link: Link, nowMs: number): Link {
  const deadlineMs = Math.min(link.deadlineMs, nowMs + SILENCE_MS);
  const retryMs = link.retryMs === null ? null : Math.min(link.retryMs, nowMs + LONGEST_RETRY_MS);
  if (deadlineMs === link.deadlineMs && retryMs === link.retryMs) return link;
  return { ...link, deadlineMs, retryMs };
}
