/** The newest state of the home, for every view. */

import { follow, type Feed } from "./follow";
import { newLink } from "./link";
import type { SystemState } from "./state";

class Live {
  feed = $state.raw<Feed>({ link: newLink(Date.now()), state: null, problem: null });

  /** Null before the first. While the link is lost it is of some time ago: say so, or show nothing. */
  get home(): SystemState | null {
    return this.feed.state;
  }

  get lost(): boolean {
    return this.feed.link.status === "lost";
  }

  /** Follow the stream in one language until the returned function is called; the last state stays. */
  start(language: string): () => void {
    const last = this.feed.state;
    return follow(language, (feed) => (this.feed = { ...feed, state: feed.state ?? last }));
  }
}

export const live = new Live();
