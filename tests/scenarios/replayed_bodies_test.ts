import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertInstanceOf,
  assertLess,
  assertRejects,
} from "@std/assert";
import {
  ApiError,
  type Broker,
  NetworkError,
  Session,
  tastytrade,
  tradestation,
} from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { settle } from "../support/idle.ts";
import { serve } from "../support/loopback.ts";
import { run, RUNTIMES } from "../support/runtimes.ts";
import { hang, hangInBody, ScriptedBroker, signedIn } from "../support/scripted_broker.ts";
import { failureOf } from "./fixtures.ts";

const ORDERS = "/orderexecution/orders";

Deno.test("Every body but a stream arrives again after a 401, with its length and its type", async () => {
  const bytes = Uint8Array.from({ length: 128 }, (_, i) => i);
  const form = new FormData();
  form.set("a", "1");
  form.set("file", new Blob([bytes]), "a.bin");
  const bodies: readonly BodyInit[] = [
    '{"a":1}',
    "",
    new URLSearchParams({ a: "b c", d: "&" }),
    form,
    new Blob([bytes], { type: "application/x-mine" }),
    bytes.buffer,
    bytes.subarray(3, 77),
    new DataView(bytes.buffer, 5, 50),
  ];
  await using server = await serve((response, { headers }) =>
    response.writeHead(headers.authorization === "Bearer good" ? 200 : 401).end("{}")
  );
  for (const body of bodies) {
    for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
      let token = "bad";
      await using session = new Session({
        ...new ScriptedBroker().options,
        baseUrl: server.url,
        fetch(input, init) {
          if (String(input).startsWith(server.url)) return fetch(input, init);
          const answer = { "access_token": token, "token_type": "Bearer" };
          token = "good";
          return Promise.resolve(Response.json(answer));
        },
      });
      const response = await session.fetch("/a", { method, body });
      await response.body?.cancel();
      assertEquals(response.status, 200);
    }
  }
  const arrivals = [...server.arrivals];
  assertEquals(arrivals.length, 2 * 4 * bodies.length);
  while (arrivals.length > 0) {
    const [first, second] = arrivals.splice(0, 2);
    assert(first && second);
    // The platform gives a form a new boundary each time that it is sent.
    const pure = ({ body, headers }: typeof first) => {
      const type = headers["content-type"] ?? "";
      const boundary = /boundary=(.*)/.exec(type)?.[1];
      assertEquals(headers["content-length"] ?? "0", String(body.length), type);
      return [body, type].map((text) => text.replaceAll(boundary ?? "\0none", "<boundary>"));
    };
    assertEquals(pure(first), pure(second));
  }
});

Deno.test("A stream of 1 GB is sent once, in less than 20 MB of memory, and its 401 comes back", async () => {
  const [deno] = RUNTIMES;
  assert(deno);
  const { code, stdout, stderr } = await run(deno, ["tests/support/stream_process.ts"]);
  assertEquals(code, 0, stderr);
  const { status, text, sent, arrived, mostGrowth } = JSON.parse(stdout);
  assertEquals([status, text], [401, '{"why":"no"}']);
  assertGreaterOrEqual(sent, 1e9);
  assertEquals(arrived, sent); // once
  assertLess(mostGrowth, 20e6);
});

Deno.test("A thousand replays release the bodies of their 401s", async () => {
  const broker = new ScriptedBroker();
  let cancelled = 0;
  const refusal = () =>
    new Response(new ReadableStream({ cancel: () => void cancelled++ }), { status: 401 });
  let isRefused = true;
  broker.onRequest = () => {
    isRefused = !isRefused;
    return isRefused ? new Response("{}") : refusal();
  };
  await using session = await signedIn(broker);
  for (let replays = 1; replays <= 1_000; replays++) {
    await session.get("/a");
    assertEquals(cancelled, replays);
  }

  // And on the wire, where the sanitizer counts what stays open.
  await using emulator = await startEmulator();
  await using real = new Session(emulator.tastytrade);
  for (let replays = 0; replays < 100; replays++) {
    await real.get("/customers/me");
    emulator.revokeAccessTokens();
  }
  assertEquals(emulator.requests.filter(({ status }) => status === 401).length, 99);
});

Deno.test("An order that is answered with anything but a 401, or not in time, is sent once", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  for (const status of [408, 425, 429, 500, 502, 503, 504]) {
    broker.requests.length = 0;
    broker.onRequest = () => new Response("{}", { status, headers: { "retry-after": "0" } });
    await assertRejects(() => session.post(ORDERS, { a: 1 }), ApiError);
    clock.advance(60_000);
    await settle();
    assertEquals(broker.requests.length, 1, String(status));
  }
  for (const silence of [hang, hangInBody]) {
    broker.requests.length = 0;
    broker.onRequest = ({ init }) => silence(init);
    const failing = failureOf(session.post(ORDERS, { a: 1 }));
    await settle();
    clock.advance(30_000);
    assertInstanceOf(await failing, NetworkError);
    clock.advance(60_000);
    await settle();
    assertEquals(broker.requests.length, 1);
  }
  assertEquals(broker.tokenRequests, 1);
});

for (
  const [broker, minutes] of [[tastytrade, 15], [tradestation, 20]] as readonly [Broker, number][]
) {
  Deno.test(`A token without expires_in lives for ${broker.name}'s ${minutes} minutes, and one that is revoked earlier is replaced`, async () => {
    using clock = new FakeClock();
    const scripted = new ScriptedBroker();
    scripted.lifetimeS = undefined;
    const [header, payload] = [{ typ: "rt+jwt" }, {}].map((one) => btoa(JSON.stringify(one)));
    await using session = new Session({
      ...scripted.options,
      broker,
      refreshToken: `${header}.${payload}.c2ln`.replaceAll("=", ""),
      fetch: (input, init) => {
        const { pathname } = new URL(String(input));
        const isSignIn = pathname === "/oauth/token";
        return scripted.fetch(isSignIn ? "https://signin.example/oauth/token" : input, init);
      },
    });
    for (let i = 0; i < 5; i++) await session.get("/a");
    assertEquals(scripted.tokenRequests, 1);
    assertEquals((session.expiresAt?.getTime() ?? 0) - Date.now(), minutes * 60_000);
    scripted.onRequest = ({ token }) =>
      token === "access-1" ? new Response("", { status: 401 }) : new Response("{}");
    await session.get("/a");
    assertEquals(scripted.tokenRequests, 2);
    clock.advance(minutes * 60_000);
    await session.get("/a");
    assertEquals(scripted.tokenRequests, 3);
  });
}
