/** Which view is shown. It is the fragment of the address (`#/why?battery=m1`), so any path prefix works. */

export const VIEWS = ["live", "strategy", "history", "why", "settings", "setup"] as const;
export type View = (typeof VIEWS)[number];

export interface Place {
  view: View;
  /** What the view is asked to show, for example a phase; a view reads and writes its own keys. */
  query: URLSearchParams;
}

/** The place that a fragment names; what it does not know is the live view. */
export function parse(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const view = VIEWS.find((name) => name === path) ?? "live";
  return { view, query: new URLSearchParams(query) };
}

/** The address of a view, for links. Relative, so that it stays on this page. */
export function href(view: View, query: Record<string, string> = {}): string {
  const text = new URLSearchParams(query).toString();
  return `#/${view}${text === "" ? "" : `?${text}`}`;
}

class Route {
  #place = $state.raw<Place>(parse(typeof location === "undefined" ? "" : location.hash));

  get view(): View {
    return this.#place.view;
  }

  get query(): URLSearchParams {
    return this.#place.query;
  }

  /** Called when the browser's address has changed. */
  follow(): void {
    this.#place = parse(location.hash);
  }

  /** Go to a view; `replace` keeps a mere change of filter out of the browser's history. */
  go(view: View, query: Record<string, string> = {}, replace = false): void {
    const address = href(view, query);
    if (replace) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    this.follow();
  }
}

export const route = new Route();
