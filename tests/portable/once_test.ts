/**
 * Deno's `fetch` repeats a POST and Bun's a PUT or DELETE by themselves when a reused connection closes
 * before the answer. What a session sends does not arrive twice.
 *
 * @module
 */

import assert from "node:assert/strict";
import test from "node:test";
import { NetworkError, Session } from "../../mod.ts";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import { closedPort, divert, serveBytes } from "../support/loopback.ts";

const ORDERS = "/accounts/5WT00000/orders";
const JSON_TEXT = '{"a":1}';

const fields = () => {
  const form = new FormData();
  form.set("a", "1");
  return form;
};

const BODIES: readonly [string, () => BodyInit | undefined][] = [
  ["a string", () => JSON_TEXT],
  ["a URLSearchParams", () => new URLSearchParams({ a: "1" })],
  ["a FormData", fields],
  ["a buffer", () => new TextEncoder().encode(JSON_TEXT)],
  ["a Blob", () => new Blob([JSON_TEXT])],
  ["a stream", () => new Blob([JSON_TEXT]).stream()],
  ["nothing", () => undefined],
];

/** How often a request arrives on a reused connection that breaks before the answer. */
async function arrivals(
  method: string,
  send: (session: Session, emulator: Emulator) => Promise<unknown>,
): Promise<number> {
  const emulator = await startEmulator();
  const session = new Session(emulator.tastytrade);
  await session.get("/customers/me");
  emulator.trouble(`${method} ${ORDERS}`, "reset", Infinity);
  await assert.rejects(send(session, emulator), (error) => {
    assert.ok(error instanceof NetworkError);
    assert.equal(error.sent, "unknown");
    return true;
  });
  const count = emulator.count(`${method} ${ORDERS}`);
  await session.close();
  await emulator.close();
  return count;
}

for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
  for (const [what, body] of BODIES) {
    test(`${method} of ${what} arrives once`, async () => {
      const init = () => ({ method, body: body() ?? null });
      assert.equal(await arrivals(method, (session) => session.fetch(ORDERS, init())), 1);
    });
  }

  test(`a Request to ${method} arrives once, with its length`, async () => {
    const send = async (session: Session, emulator: Emulator) => {
      const request = new Request(session.baseUrl + ORDERS, { method, body: JSON_TEXT });
      try {
        return await session.fetch(request);
      } finally {
        assert.equal(emulator.requests.at(-1)?.headers["content-length"], "7");
      }
    };
    assert.equal(await arrivals(method, send), 1);
  });
}

for (const method of ["post", "put", "patch"] as const) {
  test(`Session.${method}() of an object arrives once`, async () => {
    const send = (session: Session) => session[method](ORDERS, { a: 1 });
    assert.equal(await arrivals(method.toUpperCase(), send), 1);
  });
}

test("Session.delete() arrives once", async () => {
  assert.equal(await arrivals("DELETE", (session) => session.delete(ORDERS)), 1);
});

test("a token request arrives once", async () => {
  const emulator = await startEmulator();
  const session = new Session(emulator.tastytrade);
  await session.get("/customers/me");
  emulator.forgetRequests();
  emulator.trouble("POST /oauth/token", "reset", Infinity);
  await assert.rejects(session.refresh({ force: true }), NetworkError);
  assert.equal(emulator.count("POST /oauth/token"), 1);
  await session.close();
  await emulator.close();
});

test("an order whose server takes it and is gone is not said to be unsent", async () => {
  const emulator = await startEmulator();
  const { baseUrl } = emulator.tastytrade;
  let orders = 0;
  const server = await serveBytes((socket, received) => {
    if (!received.includes("POST ")) {
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    } else if (received.includes('{"a":1}')) {
      orders += 1;
      void server[Symbol.asyncDispose]();
    }
  });
  // The token comes from the emulator, and everything else goes to the server that will be gone.
  const fetch = divert(baseUrl, `http://${server.host}`);
  const session = new Session({ ...emulator.tastytrade, fetch });
  await session.get("/first");
  await assert.rejects(session.post("/order", { a: 1 }), { kind: "reset", sent: "unknown" });
  assert.equal(orders, 1);
  await session.close();
  await emulator.close();
});

test("an order that certainly was not sent is sent again", async () => {
  const emulator = await startEmulator();
  let tries = 0;
  const session = new Session({
    ...emulator.tastytrade,
    retry: { limit: 2, maxDelayMs: 0 },
    fetch: async (input, init) => {
      if (String(input).includes("/oauth/")) return await fetch(input, init);
      tries += 1;
      return await fetch(`http://127.0.0.1:${await closedPort()}`, init);
    },
  });
  await assert.rejects(session.post("/order", {}), { kind: "refused", sent: "no" });
  assert.equal(tries, 3);
  await session.close();
  await emulator.close();
});
