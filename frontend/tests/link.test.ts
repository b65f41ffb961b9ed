import { expect, test } from "vitest";

import { isRetryDue, newLink, next, SILENCE_MS, type Link } from "../src/lib/link";

const START = 1_000_000;
const live = (): Link => next(next(newLink(START), "attempt", START), "heard", START);

test("a new link connects at once and is live with the first state", () => {
  const link = newLink(START);
  expect(isRetryDue(link, START)).toBe(true);
  expect(link.status).toBe("connecting");
  expect(live()).toMatchObject({ status: "live", heardMs: START });
});

test("an attempt under way is not repeated", () => {
  expect(isRetryDue(next(newLink(START), "attempt", START), START + 1)).toBe(false);
});

test("an open but silent stream is lost, not a moment before its deadline", () => {
  expect(next(live(), "tick", START + SILENCE_MS - 1).status).toBe("live");
  expect(next(live(), "tick", START + SILENCE_MS).status).toBe("lost");
});

test("each state gives the stream its full time again", () => {
  const heard = next(live(), "heard", START + SILENCE_MS - 1);
  expect(next(heard, "tick", START + SILENCE_MS + 1).status).toBe("live");
});

test("a first attempt that hangs is lost too", () => {
  const attempt = next(newLink(START), "attempt", START);
  expect(next(attempt, "tick", START + SILENCE_MS).status).toBe("lost");
});

test("a dropped stream is lost at once and keeps the time of its last state", () => {
  expect(next(live(), "failed", START + 100)).toMatchObject({ status: "lost", heardMs: START });
});

test("attempts back off to five seconds and never stop", () => {
  let link = live();
  let now = START;
  const waits: number[] = [];
  for (let attempt = 0; attempt < 6; attempt += 1) {
    link = next(link, "failed", now);
    waits.push((link.retryMs ?? 0) - now);
    now = link.retryMs ?? 0;
    expect(isRetryDue(link, now)).toBe(true);
    link = next(link, "attempt", now);
  }
  expect(waits).toEqual([1000, 2000, 4000, 5000, 5000, 5000]);
});

test("it stays lost until a state arrives: an attempt alone proves nothing", () => {
  const attempt = next(next(live(), "failed", START), "attempt", START + 1000);
  expect(attempt.status).toBe("lost");
  expect(next(attempt, "heard", START + 1100)).toMatchObject({ status: "live", failures: 0 });
});

test("a wall clock set back by an hour does not hide a loss", () => {
  const hourAgo = START - 3_600_000;
  const after = next(live(), "tick", hourAgo);
  expect(next(after, "tick", hourAgo + SILENCE_MS).status).toBe("lost");
});

test("a wall clock set back by an hour does not put off the next attempt", () => {
  const hourAgo = START - 3_600_000;
  const after = next(next(live(), "failed", START), "tick", hourAgo);
  expect(isRetryDue(after, hourAgo + SILENCE_MS)).toBe(true);
});
