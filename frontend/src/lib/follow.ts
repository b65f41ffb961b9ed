/** Follows the live stream, for as long as the page is open: connects, watches, reconnects. */

import { fetchState, streamUrl } from "./api";
import { isRetryDue, newLink, next, type Link, type LinkEvent } from "./link";
import type { SystemState } from "./state";

/** Fine enough to notice silence well within a second of its deadline. */
const TICK_MS = 500;

export interface Feed {
  link: Link;
  /** The newest state; null before the first. It is of now only while the link is live. */
  state: SystemState | null;
  /** Why the daemon refused to give its state, in its own words. */
  problem: string | null;
}

/** Reports each change of the feed, with texts in that language, until the returned function is called. */
export function follow(language: string, report: (feed: Feed) => void): () => void {
  let feed: Feed = { link: newLink(Date.now()), state: null, problem: null };
  let source: EventSource | null = null;

  function update(change: Partial<Feed>): void {
    feed = { ...feed, ...change };
    report(feed);
  }

  function advance(event: LinkEvent): void {
    const link = next(feed.link, event, Date.now());
    if (link.status === "lost") close();
    if (link !== feed.link) update({ link });
  }

  function close(): void {
    source?.close();
    source = null;
  }

  function open(): void {
    advance("attempt");
    void ask();
    source = new EventSource(streamUrl(language));
    source.onmessage = (message: MessageEvent<string>) => {
      const state = parsed(message.data);
      if (state === null) return;
      update({ link: next(feed.link, "heard", Date.now()), state, problem: null });
    };
    source.onerror = () => advance("failed");
  }

  /** The stream tells no reason when it is refused; a plain request does. */
  async function ask(): Promise<void> {
    const answer = await fetchState(language);
    if (feed.link.status === "live") return;
    if (answer.ok) update({ state: answer.body, problem: null });
    else update({ problem: answer.status === null ? null : answer.problem });
  }

  function tick(): void {
    advance("tick");
    if (isRetryDue(feed.link, Date.now())) open();
  }

  tick();
  const timer = setInterval(tick, TICK_MS);
  // Timers sleep in a hidden tab; old values must not greet the one who comes back.
  document.addEventListener("visibilitychange", tick);

  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", tick);
    close();
  };
}

/** A truncated message is no news: the silence that follows is what counts. */
function parsed(data: string): SystemState | null {
  try {
    return JSON.parse(data) as SystemState;
  } catch {
    return null;
  }
}
