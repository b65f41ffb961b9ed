import { afterEach, expect, test, vi } from "vitest";

import { address, assignPhase, fetchState, get, onLoggedOut, selectStrategy, send } from "../src/lib/api";

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
  expect(await assignPhase("m1", "L2")).toMatchObject({
    ok: false,
    problem: "The file can not be written.",
    status: 409,
  });
});

test.each(["", "<html>Bad gateway</html>", '{"detail": [1]}'])(
  "a refusal without words names its status: %s",
  async (body) => {
    answerWith(502, body);
    expect(await assignPhase("m1", "L2")).toMatchObject({
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
  expect(await fetchState("en")).toMatchObject({ ok: false, status: null, problem: "Phasewise does not answer." });
});

test("a refusal with more than a sentence is handed on", async () => {
  const refused = { detail: "Not saved.", errors: [{ path: ["site"], message: "Too long." }] };
  answerWith(422, JSON.stringify(refused));
  expect(await send("PATCH", "api/v1/settings", {})).toMatchObject({ problem: "Not saved.", body: refused });
});

test("texts are asked for in the language of the page", async () => {
  const fetch = answerWith(200, "{}");
  await get("api/v1/events");
  expect(fetch).toHaveBeenCalledWith(
    "api/v1/events",
    expect.objectContaining({ headers: { "Accept-Language": "en" } }),
  );
});

test("parameters that are not given are left out of an address", () => {
  expect(address("a", { from: 1, to: undefined, phase: "L1&" })).toBe("a?from=1&phase=L1%26");
  expect(address("a", { to: undefined })).toBe("a");
});

test("only a missing login leads to the login page", async () => {
  const showLogin = vi.fn();
  onLoggedOut(showLogin);
  answerWith(403, "{}");
  await get("api/v1/state");
  expect(showLogin).not.toHaveBeenCalled();
  answerWith(401, "{}");
  await get("api/v1/state");
  expect(showLogin).toHaveBeenCalledOnce();
});

test("a request that is given up is no answer", async () => {
  vi.stubGlobal(
    "fetch",
    vi.fn(
      (_: string, { signal }: RequestInit) =>
        new Promise((_, reject) => signal?.addEventListener("abort", () => reject(new Error("aborted")))),
    ),
  );
  const leave = new AbortController();
  const answer = get("api/v1/history", {}, leave.signal);
  leave.abort();
  expect(await answer).toMatchObject({ ok: false, status: null });
});
