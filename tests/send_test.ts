import { assertEquals, assertRejects } from "@std/assert";
import { NetworkError, Session } from "../mod.ts";
import { type Emulator, startEmulator } from "../src/emulator/emulator.ts";

const ORDERS = "/accounts/5WT00000/orders";

/**
 * Sends one request on a reused connection that breaks before the answer, and returns how often it
 * arrived. A plain `fetch` of Deno's sends it twice there, one of Bun's some methods.
 */
async function arrivals(
  route: string,
  send: (session: Session, emulator: Emulator) => Promise<unknown>,
): Promise<number> {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  await session.get("/customers/me");
  emulator.trouble(route, "reset", Infinity);
  await assertRejects(() => send(session, emulator), NetworkError);
  return emulator.count(route);
}

const json = '{"a":1}';
const fields = () => {
  const form = new FormData();
  form.set("a", "1");
  return form;
};

for (
  const [what, body] of [
    ["an object", () => ({ a: 1 })],
    ["a string", () => json],
    ["a URLSearchParams", () => new URLSearchParams({ a: "1" })],
    ["a FormData", fields],
    ["a buffer", () => new TextEncoder().encode(json)],
    ["a Blob", () => new Blob([json])],
    ["a stream", () => new Blob([json]).stream()],
    ["nothing", () => undefined],
  ] as const
) {
  for (const method of ["post", "put", "patch"] as const) {
    Deno.test(`Session.${method}() of ${what} arrives once on a connection that breaks`, async () => {
      const route = `${method.toUpperCase()} ${ORDERS}`;
      assertEquals(await arrivals(route, (session) => session[method](ORDERS, body())), 1);
    });
  }
}

Deno.test("Session.delete() arrives once on a connection that breaks", async () => {
  assertEquals(await arrivals(`DELETE ${ORDERS}/1`, (session) => session.delete(`${ORDERS}/1`)), 1);
});

for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
  Deno.test(`Session.fetch() of a ${method} arrives once on a connection that breaks`, async () => {
    const init = { method, body: json };
    assertEquals(
      await arrivals(`${method} ${ORDERS}`, (session) => session.fetch(ORDERS, init)),
      1,
    );
  });

  Deno.test(`Session.fetch() of a ${method} Request arrives once on a connection that breaks`, async () => {
    const send = (session: Session) =>
      session.fetch(new Request(`${session.baseUrl}${ORDERS}`, { method, body: json }));
    assertEquals(await arrivals(`${method} ${ORDERS}`, send), 1);
  });
}

Deno.test("A token request arrives once on a connection that breaks", async () => {
  const route = "POST /oauth/token";
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  await session.get("/customers/me");
  emulator.forgetRequests();
  emulator.trouble(route, "reset", Infinity);
  await assertRejects(() => session.refresh({ force: true }), NetworkError);
  assertEquals(emulator.count(route), 1);
});

Deno.test("Session sends a body with its length, and with the type that fetch would give it", async () => {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  for (
    const [body, type] of [
      [json, "text/plain;charset=utf-8"],
      [new URLSearchParams({ a: "1" }), "application/x-www-form-urlencoded;charset=utf-8"],
      [new TextEncoder().encode(json), undefined],
      [new Blob([json], { type: "application/x-mine" }), "application/x-mine"],
    ] as const
  ) {
    const response = await session.fetch("/anywhere", { method: "POST", body });
    await response.body?.cancel();
    const request = emulator.requests.at(-1);
    assertEquals(request?.headers["content-type"], type);
    assertEquals(request?.headers["content-length"], String(request?.body.length));
    assertEquals(request?.headers["transfer-encoding"], undefined);
  }
});
