/**
 * Deno's `fetch` repeats a POST and Bun's a PUT or DELETE by themselves when a reused connection closes
 * before the response, and Node's repeats anything that is answered 421. What a session sends does not
 * arrive twice.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createServer } from "node:http";
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

/** How often a request arrives on a reused connection that breaks before the response. */
async function arrivals(
  method: string,
  send: (session: Session, emulator: Emulator) => Promise<unknown>,
): Promise<number> {
  const emulator = await startEmulator();
  const session = new Session(emulator.tastytrade);
  await session.get("/customers/me");
  emulator.injectFault(`${method} ${ORDERS}`, "reset", Infinity);
  await assert.rejects(send(session, emulator), (error) => {
    assert.ok(error instanceof NetworkError);
    assert.equal(error.outcome, "unknown");
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

/** How often a request arrives that is answered 421, and what it carries. */
async function misdirected(
  send: (session: Session) => Promise<unknown>,
): Promise<{ count: number; headers: Readonly<Record<string, string>>; body: string }> {
  const emulator = await startEmulator();
  const session = new Session(emulator.tastytrade);
  emulator.injectFault(`* ${ORDERS}`, { status: 421 }, Infinity);
  await send(session).catch((error) => assert.equal(error.status, 421));
  const count = emulator.count(`* ${ORDERS}`);
  const { headers = {}, body = "" } = emulator.requests.at(-1) ?? {};
  await session.close();
  await emulator.close();
  return { count, headers, body };
}

for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
  for (const [what, body] of BODIES) {
    test(`${method} of ${what} arrives once where it is answered 421`, async () => {
      const init = { method, body: body() ?? null };
      const { count, headers, body: arrived } = await misdirected(async (session) => {
        await (await session.fetch(ORDERS, init)).body?.cancel();
      });
      assert.equal(count, 1);
      if (what === "a FormData") {
        assert.match(headers["content-type"] ?? "", /^multipart\/form-data; ?boundary=/);
        assert.match(arrived, /name="a"\r\n\r\n1\r\n/);
      } else if (what !== "nothing") {
        assert.equal(arrived, what === "a URLSearchParams" ? "a=1" : JSON_TEXT);
      }
      if (
        what !== "a stream" && what !== "nothing" &&
        !("Deno" in globalThis && what === "a FormData")
      ) {
        assert.equal(headers["content-length"], String(new TextEncoder().encode(arrived).length));
      }
    });
  }
}

test("an order of the JSON methods arrives once where it is answered 421, with length and type", async () => {
  const { count, headers, body } = await misdirected((session) => session.post(ORDERS, { a: 1 }));
  assert.equal(count, 1);
  assert.equal(body, JSON_TEXT);
  assert.equal(headers["content-length"], "7");
  assert.match(headers["content-type"] ?? "", /^application\/json\b/); // Bun adds a charset
});

test("an order whose function makes a form arrives once where it is answered 421", async () => {
  const { count } = await misdirected((session) =>
    session.fetch(ORDERS, { method: "POST", body: fields }).then((answer) => answer.body?.cancel())
  );
  assert.equal(count, 1);
});

test("a token request arrives once where it is answered 421", async () => {
  const emulator = await startEmulator();
  const session = new Session({ ...emulator.tastytrade, retry: false });
  emulator.injectFault("POST /oauth/token", { status: 421 }, Infinity);
  await assert.rejects(session.get("/customers/me"), { name: "TokenError" });
  assert.equal(emulator.count("POST /oauth/token"), 1);
  await session.close();
  await emulator.close();
});

test("one Request that is passed twice is one order, as with the platform's fetch", async () => {
  const emulator = await startEmulator();
  const session = new Session(emulator.tastytrade);
  const request = () => new Request(session.baseUrl + ORDERS, { method: "POST", body: JSON_TEXT });
  const later = request();
  await (await session.fetch(later)).body?.cancel();
  await assert.rejects(session.fetch(later), TypeError);
  const atOnce = request();
  const ends = await Promise.allSettled([session.fetch(atOnce), session.fetch(atOnce)]);
  assert.deepEqual(ends.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  assert.equal(emulator.count(`POST ${ORDERS}`), 2);
  await session.close();
  await emulator.close();
});

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
  const session = new Session({ ...emulator.tastytrade, retry: false });
  await session.get("/customers/me");
  emulator.forgetRequests();
  emulator.injectFault("POST /oauth/token", "reset", Infinity);
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
  await assert.rejects(session.post("/order", { a: 1 }), { kind: "reset", outcome: "unknown" });
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
  await assert.rejects(session.post("/order", {}), { kind: "refused", outcome: "not_processed" });
  assert.equal(tries, 3);
  await session.close();
  await emulator.close();
});

// An idle connection may be closed by now, and to find out costs a token request that may arrive.
if ("Bun" in globalThis) {
  test("each token request has a connection of its own on Bun, which would use an idle one", async () => {
    const connections: [path: string, port: number | undefined][] = [];
    const server = createServer((request, response) => {
      connections.push([`${request.url}`, request.socket.remotePort]);
      request.resume();
      request.on("end", () => {
        response.writeHead(200, { "content-type": "application/json" });
        response.end('{"access_token":"a","token_type":"Bearer","data":{}}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = Object(server.address());
    const baseUrl = `http://127.0.0.1:${port}`;
    const session = new Session({ clientSecret: "secret", refreshToken: "refresh", baseUrl });
    for (let count = 0; count < 3; count++) {
      await session.refresh({ force: true });
      await session.post("/a", {});
      await session.get("/a");
    }
    await session.close();
    const portsOf = (path: string) =>
      connections.filter(([url]) => url === path).map((one) => one[1]);
    assert.equal(new Set(portsOf("/oauth/token")).size, 3);
    assert.equal(new Set(portsOf("/a")).size, 1);
    assert.ok(!portsOf("/a").some((one) => portsOf("/oauth/token").includes(one)));
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
}
