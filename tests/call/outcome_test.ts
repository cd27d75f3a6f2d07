import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type AbortedCall,
  type CallOutcome,
  NetworkError,
  Session,
  SessionClosedError,
  SessionError,
  TokenError,
} from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { hang, hangInBody, ScriptedBroker, signedIn } from "../support/scripted_broker.ts";
import { answering, failing, rest } from "./retry_fixtures.ts";

const ORDER = "/order";

async function outcomeOf(call: () => Promise<unknown>): Promise<CallOutcome> {
  return (await assertRejects(call, SessionError)).outcome;
}

Deno.test("Each status has an outcome, for reads and orders", async () => {
  const expected: Readonly<Record<CallOutcome, readonly number[]>> = {
    "not_processed": [401, 407, 421, 425, 429],
    refused: [400, 402, 403, 404, 405, 406, 409, 410, 413, 415, 422, 451, 499, 501],
    unknown: [301, 302, 303, 307, 308, 408, 500, 502, 503, 504, 505, 520, 524, 599],
  };
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: false });
  for (const [outcome, statuses] of Object.entries(expected)) {
    for (const status of statuses) {
      broker.onRequest = () => Response.json({}, { status });
      for (const call of [() => session.get(ORDER), () => session.post(ORDER, {})]) {
        assertEquals(await outcomeOf(call), outcome, String(status));
      }
    }
  }
});

Deno.test("A good status with an error in its body is a refusal, and one that nobody can read is unknown", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: false });
  const post = () => outcomeOf(() => session.post(ORDER, {}));
  broker.onRequest = () => Response.json({ "Errors": [{ "Error": "FAILED" }] });
  assertEquals(await post(), "refused");
  for (const body of ["<html>captive portal</html>", "{", "\u0000"]) {
    broker.onRequest = () => new Response(body);
    assertEquals(await post(), "unknown");
  }
  broker.onRequest = ({ init }) => {
    queueMicrotask(() => controller.abort());
    return hangInBody(init);
  };
  const controller = new AbortController();
  let told: AbortedCall | undefined;
  const options = { signal: controller.signal, onAbort: (call: AbortedCall) => void (told = call) };
  await assertRejects(() => session.post(ORDER, {}, options), DOMException);
  assertEquals(told, { outcome: "unknown" });
});

Deno.test("One attempt that may have been carried out decides over an order, the last one over a read", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { limit: 1, maxDelayMs: 0 } });
  const answers = (...ends: (() => Response | Promise<Response>)[]) => {
    broker.onRequest = () => (ends.shift() ?? answering(500))();
  };
  const order = () => outcomeOf(() => session.put(ORDER, {}, { idempotent: true }));
  const read = () => outcomeOf(() => session.get(ORDER));
  for (const lost of [answering(503), failing("ECONNRESET"), answering(408)]) {
    answers(lost, answering(404));
    assertEquals(await order(), "unknown");
    answers(lost, answering(404));
    assertEquals(await read(), "refused");
  }
  answers(answering(429), answering(422));
  assertEquals(await order(), "refused");
  answers(failing("ECONNREFUSED"), answering(429));
  assertEquals(await order(), "not_processed");
});

Deno.test("An order that waits for its token was not processed, however it ends", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.onTokenRequest = ({ signal }) => hang({ signal: signal ?? null });
  const session = new Session(broker.options);
  const late = outcomeOf(() => session.post(ORDER, {}, { timeoutMs: 1_000 }));
  const controller = new AbortController();
  const told: AbortedCall[] = [];
  const onAbort = (call: AbortedCall) => void told.push(call);
  const aborted = assertRejects(
    () => session.post(ORDER, {}, { signal: controller.signal, onAbort }),
    DOMException,
  );
  const closed = assertRejects(() => session.post(ORDER, {}), SessionClosedError);
  await rest();
  clock.advance(1_000);
  assertEquals(await late, "not_processed");
  controller.abort();
  await aborted;
  assertEquals(told, [{ outcome: "not_processed" }]);
  session[Symbol.dispose]();
  const { outcome, message } = await closed;
  assertEquals(outcome, "not_processed");
  assertEquals(message, "The session was closed during this call. The request was not sent");
  assertEquals(broker.requests.length, 0);
});

Deno.test("An order on its way is unknown when its session closes, its signal aborts or its time is up", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  const session = await signedIn(broker);
  broker.onRequest = ({ init }) => hang(init);
  const late = assertRejects(() => session.post(ORDER, {}, { timeoutMs: 1_000 }), NetworkError);
  const controller = new AbortController();
  const reason = new SessionClosedError("the program's own");
  const told: string[] = [];
  const options = {
    signal: controller.signal,
    onAbort: ({ outcome }: AbortedCall) => void told.push(outcome),
  };
  const aborted = [
    assertRejects(() => session.post(ORDER, {}, options)),
    assertRejects(() => session.fetch(ORDER, { method: "POST", ...options })),
    assertRejects(() => session.fetch(new Request(`${session.baseUrl}${ORDER}`), options)),
  ];
  const closed = assertRejects(() => session.delete(ORDER), SessionClosedError);
  const read = assertRejects(() => session.get(ORDER), SessionClosedError);
  await rest();
  clock.advance(1_000);
  assertEquals((await late).outcome, "unknown");
  controller.abort(reason);
  // The reason goes through untouched, even if it is one of our classes.
  for (const error of await Promise.all(aborted)) assert(error === reason);
  assertEquals(reason.outcome, "not_processed");
  assertEquals(told, ["unknown", "unknown", "unknown"]);
  const before: string[] = [];
  const already = { signal: controller.signal, onAbort: () => void before.push("told") };
  await assertRejects(() => session.post(ORDER, {}, already));
  await assertRejects(() => session.fetch(ORDER, already));
  assertEquals(before, ["told", "told"]);
  session[Symbol.dispose]();
  const { outcome, message } = await closed;
  assertEquals(outcome, "unknown");
  assertEquals(
    message,
    "The session was closed during this call. It may have been carried out: check that before you send " +
      "it again",
  );
  assertEquals((await read).message, "The session was closed during this call");
  assertEquals(await outcomeOf(() => session.post(ORDER, {})), "not_processed");
});

Deno.test("A refused token is not_processed, unless an attempt was sent before", async () => {
  const broker = new ScriptedBroker();
  const refuse = () => Response.json({ "error": "invalid_grant" }, { status: 403 });
  await using session = await signedIn(broker, { retry: { limit: 1, maxDelayMs: 0 } });
  broker.onRequest = () => {
    broker.onTokenRequest = refuse;
    return new Response(null, { status: broker.requests.length === 1 ? 503 : 401 });
  };
  const twice = () => session.post(ORDER, {}, { idempotent: true });
  const unknown = await assertRejects(twice, TokenError); // of the second attempt
  assertEquals(unknown.outcome, "unknown");
  const error = await assertRejects(() => session.post(ORDER, {}), TokenError);
  assertEquals(error.outcome, "not_processed");
  broker.onRequest = answering(500);
  assertEquals(await outcomeOf(() => session.refresh({ force: true })), "not_processed");
});

Deno.test("A session says by the emulator's books what became of an order, at each fault", async () => {
  await using emulator = await startEmulator();
  await using session = new Session({ ...emulator.tastytrade, retry: false, timeoutMs: 200 });
  await session.refresh();
  const order = { "order-type": "Market" };
  for (const fault of ["reset", "hang"] as const) {
    emulator.injectFault("POST /accounts/*/orders", fault);
    assertEquals(
      await outcomeOf(() => session.post("/accounts/5WT00000/orders", order)),
      "unknown",
    );
  }
  assertEquals(await outcomeOf(() => session.post("/accounts/5WT00000/orders", order)), "refused");
  assertEquals(await outcomeOf(() => session.get("/accounts/NOBODYS/orders")), "refused");
});

Deno.test("onAbort must be a function", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  const onAbort = "log" as unknown as () => void;
  await assertRejects(() => session.post(ORDER, {}, { onAbort }), TypeError, "not a string");
  await assertRejects(() => session.fetch(ORDER, { onAbort }), TypeError, "must be a function");
  assertEquals(broker.requests.length, 0);
});
