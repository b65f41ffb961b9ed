// @vitest-environment jsdom
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { follow, type Feed } from "../src/lib/follow";
import { home } from "./states";

class FakeSource {
  static all: FakeSource[] = [];
  onmessage: ((message: { data: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  closed = false;

  constructor(readonly url: string) {
    FakeSource.all.push(this);
  }

  close(): void {
    this.closed = true;
  }
}

const newest = (): FakeSource => FakeSource.all.at(-1) as FakeSource;
const deliver = (site: string): void => newest().onmessage?.({ data: JSON.stringify(home({ site })) });

let feed: Feed;
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  FakeSource.all = [];
  vi.stubGlobal("EventSource", FakeSource);
  vi.stubGlobal(
    "fetch",
    vi.fn(async () => new Response('{"detail": "An access token is needed."}', { status: 401 })),
  );
  stop = follow("nl", (newestFeed) => (feed = newestFeed));
});

afterEach(() => {
  stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("states arrive and replace each other", () => {
  deliver("one");
  deliver("two");
  expect(feed.state?.site).toBe("two");
  expect(feed.link.status).toBe("live");
});

test("the stream is asked for in the language of the page", () => {
  expect(newest().url).toBe("api/v1/stream?lang=nl");
});

test("what is no JSON is no news", async () => {
  deliver("one");
  newest().onmessage?.({ data: '{"site": "tw' });
  expect(feed.state?.site).toBe("one");
});

test("a silent stream is closed, the last state kept, and another stream opened", async () => {
  deliver("one");
  await vi.advanceTimersByTimeAsync(5_500);
  expect(feed.link.status).toBe("lost");
  expect(feed.state?.site).toBe("one");
  expect(newest().closed).toBe(true);
  await vi.advanceTimersByTimeAsync(1_500);
  expect(FakeSource.all).toHaveLength(2);
  deliver("two");
  expect(feed).toMatchObject({ link: { status: "live" }, problem: null });
});

test("a refused stream gives the daemon's reason", async () => {
  newest().onerror?.();
  await vi.advanceTimersByTimeAsync(0);
  expect(feed).toMatchObject({ link: { status: "lost" }, problem: "An access token is needed." });
});

test("after the page is gone nothing is opened any more", async () => {
  stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(FakeSource.all).toHaveLength(1);
  expect(newest().closed).toBe(true);
});
