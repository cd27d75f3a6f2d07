import { assert, assertEquals, assertFalse, assertInstanceOf, assertRejects } from "@std/assert";
import { ApiError, AutoRefreshSession, NetworkError, Session, TokenError } from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { ScriptedBroker, signedIn } from "../support/scripted_broker.ts";
import { failureOf } from "./fixtures.ts";

Deno.test("No message and no url of an error contains a query, a user or a password", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: false });
  const told = async (call: Promise<unknown>) => {
    const error = await failureOf(call);
    assertInstanceOf(error, Error);
    return `${error.message} ${error instanceof ApiError ? error.url : ""} ${String(error)}`;
  };
  const texts: string[] = [];
  for (const status of [400, 401, 404, 429, 500]) {
    broker.onRequest = () => new Response("{}", { status });
    texts.push(await told(session.get("/a?pin=hidden", { query: { "account": "hidden" } })));
  }
  broker.onRequest = () => Promise.reject(new TypeError("x", { cause: new Error("reset") }));
  texts.push(await told(session.post("/a?pin=hidden#hidden", {})));
  texts.push(await told(session.get("a?pin=hidden")));
  texts.push(await told(session.fetch("https://hidden:hidden@api.example/a?pin=hidden")));
  texts.push(await told(session.fetch("https://elsewhere.example/hidden?pin=hidden")));
  for (const text of texts) assertFalse(text.includes("hidden"), text);
});

Deno.test("A session writes nothing to the console, whatever happens", async () => {
  const methods = ["log", "info", "debug", "warn", "error", "trace", "dir"] as const;
  const before = methods.map((method) => console[method]);
  let writes = 0;
  for (const method of methods) console[method] = () => void writes++;
  try {
    using clock = new FakeClock({ timers: true });
    const broker = new ScriptedBroker();
    const session = await AutoRefreshSession.start({ ...broker.options, retry: false });
    await session.get("/a");
    broker.onRequest = ({ token }) => new Response(token, { status: 401 });
    await failureOf(session.get("/a"));
    broker.onRequest = () => Promise.reject(new TypeError("x", { cause: new Error("reset") }));
    await failureOf(session.get("/a"));
    broker.onTokenRequest = () => new Response("", { status: 503 });
    clock.advance(900_000);
    await failureOf(session.get("/a"));
    broker.onTokenRequest = () => Response.json({ error: "invalid_grant" }, { status: 400 });
    clock.advance(60_000);
    await failureOf(session.get("/a"));
    await session.close();
  } finally {
    methods.forEach((method, i) => console[method] = before[i] ?? console[method]);
  }
  assertEquals(writes, 0);
});

Deno.test("No cause of an error tells the query of a URL", async () => {
  await using emulator = await startEmulator();
  await using session = new Session({ ...emulator.tastytrade, retry: false });
  emulator.injectFault("GET /customers/me", "reset", Infinity);
  const call = () => session.get("/customers/me", { query: { account: "5WT-HIDDEN" } });
  const error = await assertRejects(call, NetworkError);
  assertInstanceOf(error.cause, Error);
  assertFalse(Deno.inspect(error, { depth: 100, showHidden: true }).includes("HIDDEN"));
});

Deno.test("A scope or grant type that TradeStation does not know is refused permanently", async () => {
  for (const code of ["invalid_scope", "unsupported_grant_type"]) {
    const broker = new ScriptedBroker();
    broker.onTokenRequest = () => Response.json({ error: code }, { status: 400 });
    await using session = new Session(broker.options);
    assert((await assertRejects(() => session.get("/a"), TokenError)).isPermanent);
  }
});
