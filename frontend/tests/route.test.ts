import { expect, test } from "vitest";

import { href, parse, VIEWS } from "../src/lib/route.svelte";

test.each(VIEWS)("the address of %s leads back to it, with what it is asked to show", (view) => {
  const place = parse(href(view, { battery: "m1", note: "a&b=c?d#e" }));
  expect(place.view).toBe(view);
  expect(Object.fromEntries(place.query)).toEqual({ battery: "m1", note: "a&b=c?d#e" });
});

test.each(["", "#", "#/", "#/no-such-view", "#live?", "#/live?"])("%j is the live view", (hash) => {
  expect(parse(hash)).toMatchObject({ view: "live" });
  expect(parse(hash).query.size).toBe(0);
});
