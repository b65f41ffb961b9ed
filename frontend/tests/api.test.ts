import { afterEach, expect, test, vi } from "vitest";

import { assignPhase, fetchState, selectStrategy } from "../src/lib/api";

afterEach(() => vi.unstubAllGlobals());

function answerWith(status: number, body: string): ReturnType<typeof vi.fn> {
  const fetch = vi.fn(async () => new Response(body, { status }));
  vi.stubGlobal("fetch", fetch);
  return fetch;
}

test("a change is sent to a relative address, with the id escaped", async () => {
  const fetch = answerWith(200, '{"persisted": true, "detail": null}');
  expect(await assignPhase("a/b", "L2")).toEqual({ ok: true, note: null });
  expect(fetch).toHaveBeenCalledWith(
    "api/v1/batteries/a%2Fb",
    expect.objectContaining({ method: "PATCH", body: '{"phase":"L2"}' }),
  );
});

test("a change that will not outlive a restart says so", async () => {
  answerWith(200, '{"persisted": false, "detail": "The file is read-only."}');
  expect(await selectStrategy("full-stop")).toEqual({
    ok: true,
    note: "In effect, but only until Phasewise restarts. The file is read-only.",
  });
});

test("a refusal is passed on in the words of the daemon", async () => {
  answerWith(409, '{"detail": "The file can not be written."}');
  expect(await assignPhase("m1", "L2")).toEqual({ ok: false, problem: "The file can not be written." });
});

test.each(["", "<html>Bad gateway</html>", '{"detail": [1]}'])(
  "a refusal without words names its status: %s",
  async (body) => {
    answerWith(502, body);
    expect(await assignPhase("m1", "L2")).toEqual({
      ok: false,
      problem: "Phasewise refused this (HTTP 502).",
    });
  },
);

test("no answer to a change is a problem; to a question it is just none", async () => {
  vi.stubGlobal(
    "fetch",
    vi.fn(async () => Promise.reject(new TypeError("network"))),
  );
  expect(await selectStrategy("full-stop")).toMatchObject({
    ok: false,
    problem: expect.stringContaining("not known"),
  });
  expect(await fetchState()).toEqual({ problem: null });
});
