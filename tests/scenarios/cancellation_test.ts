import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertLess,
  assertStrictEquals,
} from "@std/assert";
import { NetworkError, Session } from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { CountedSignal } from "../support/counted_signal.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { collectGarbageUntil, memoryInUse } from "../support/garbage.ts";
import { idle, settle } from "../support/idle.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { hangInBody, ScriptedBroker, signedIn } from "../support/scripted_broker.ts";
import { failureOf, HeldAnswers } from "./fixtures.ts";

Deno.test("A caller who aborts leaves in the same tick, also the first one, and the refresh ends well for the others and the store", async () => {
  const broker = new ScriptedBroker();
  const answers = new HeldAnswers();
  const store = new MemoryStore();
  broker.onTokenRequest = () => answers.hold();
  await using session = new Session({ ...broker.options, store });
  const controllers = Array.from({ length: 3 }, () => new AbortController());
  const reasons = controllers.map((_, i) => ({ caller: i }));
  const leaving = controllers.map(({ signal }) => failureOf(session.get("/a", { signal })));
  const staying = Array.from({ length: 9 }, () => session.get("/a"));
  const waiting = failureOf(session.accessToken({ signal: controllers[0]?.signal }));
  while (broker.tokenRequests === 0) await idle(); // the name of the record is a digest
  controllers.forEach((controller, i) => controller.abort(reasons[i]));
  const left = Promise.all([...leaving, waiting]);
  let isLeft = false;
  left.then(() => isLeft = true);
  await settle(); // microtasks only: no timer, no network
  assert(isLeft);
  for (const [i, reason] of (await left).entries()) assertStrictEquals(reason, reasons[i % 3]);
  answers.give(broker.issue());
  await Promise.all(staying);
  assertEquals([broker.tokenRequests, broker.requests.length], [1, 9]);
  assertEquals(store.record.token?.accessToken, "access-1");
});

Deno.test("A caller who aborts while the store is waited for leaves at once, and the others get their token", async () => {
  const broker = new ScriptedBroker();
  const store = new MemoryStore();
  const answered = Promise.withResolvers<void>();
  store.faults.get = () => answered.promise;
  await using session = new Session({ ...broker.options, store });
  const controller = new AbortController();
  const leaving = failureOf(session.get("/a", { signal: controller.signal }));
  const staying = session.get("/a");
  while (!store.log.includes("get")) await idle();
  controller.abort("enough");
  assertEquals(await leaving, "enough");
  assertEquals(broker.tokenRequests, 0);
  answered.resolve();
  await staying;
  assertEquals(broker.tokenRequests, 1);
});

Deno.test("An abort in the middle of a body ends the reading, and neither refreshes nor sends again", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  broker.onRequest = ({ init }) => hangInBody(init);
  for (const isJson of [true, false]) {
    const controller = new AbortController();
    const { signal } = controller;
    const reading = isJson
      ? session.get("/a", { signal })
      : session.fetch("/a", { signal }).then((response) => response.text());
    const failure = failureOf(reading);
    await settle();
    const reason = new Error("mine");
    controller.abort(reason);
    assertStrictEquals(await failure, reason);
  }
  assertEquals([broker.requests.length, broker.tokenRequests], [2, 1]);
});

Deno.test("The time of a call is one budget for the wait for a token, both attempts and the body", async () => {
  const steps = ["a token", "the first try", "the next token", "the second try", "the body"];
  for (const [last, stuck] of steps.entries()) {
    using clock = new FakeClock({ timers: true });
    const broker = new ScriptedBroker();
    const [tokenAnswers, answers] = [new HeldAnswers(), new HeldAnswers()];
    broker.onTokenRequest = () => tokenAnswers.hold();
    let init: RequestInit = {};
    broker.onRequest = (request) => {
      init = request.init;
      return answers.hold();
    };
    await using session = new Session(broker.options);
    let isOver = false;
    const failure = failureOf(session.get("/a", { timeoutMs: 9_000 })).finally(() => isOver = true);
    await settle();
    for (let step = 0; step < last; step++) { // each takes its second, and the last one hangs
      clock.advance(1_000);
      if (step === 1) answers.give(new Response("", { status: 401 }));
      else if (step === 3) answers.give(hangInBody(init));
      else tokenAnswers.give(broker.issue());
      await settle();
    }
    clock.advance(9_000 - last * 1_000 - 1);
    await settle();
    assertFalse(isOver, stuck);
    clock.advance(1);
    await settle();
    assert(isOver, stuck);
    const error = await failure;
    assertInstanceOf(error, NetworkError);
    assertEquals([error.kind, broker.requests.length], ["timeout", Math.min(2, (last + 1) >> 1)]);
    tokenAnswers.give(broker.issue()); // for what goes on without the caller
    await settle();
    assertEquals(clock.armed, 0, stuck);
  }
});

/** A session, and a signal that is meant for all its calls. */
async function withOneSignal() {
  const broker = new ScriptedBroker();
  broker.onRequest = () => new Response('{"a":1}');
  const caller = new CountedSignal();
  return { broker, session: await signedIn(broker), caller, signal: caller.signal };
}

Deno.test("20,000 calls with one long-lived signal leave no listener on it, and no memory behind", async () => {
  const { broker, session: opened, caller, signal } = await withOneSignal();
  await using session = opened;
  const round = async (calls: number) => {
    for (let i = 0; i < calls; i += 4) {
      await session.get("/a", { signal });
      await session.post("/a", {}, { signal });
      await session.accessToken({ signal });
      await session.refresh({ signal });
    }
    broker.requests.length = 0;
  };
  await round(1_000);
  const before = memoryInUse();
  await round(20_000);
  assertEquals(caller.listeners, 0);
  assertLess(memoryInUse() - before, 4e6);
});

Deno.test("5,000 fetches with one long-lived signal leave no listener on it once their bodies are read and gone", async () => {
  const { broker, session: opened, caller, signal } = await withOneSignal();
  await using session = opened;
  const round = async (calls: number) => {
    for (let i = 0; i < calls; i++) await (await session.fetch("/a", { signal })).text();
    broker.requests.length = 0;
  };
  await round(1_000);
  assert(await collectGarbageUntil(() => caller.listeners === 0), `${caller.listeners} listeners`);
  const before = memoryInUse();
  await round(5_000);
  assert(await collectGarbageUntil(() => caller.listeners === 0), `${caller.listeners} listeners`);
  assertLess(memoryInUse() - before, 4e6);

  // The same over a network, with the platform's own fetch.
  await using emulator = await startEmulator();
  await using real = new Session(emulator.tastytrade);
  for (let i = 0; i < 500; i++) await (await real.fetch("/customers/me", { signal })).text();
  assert(await collectGarbageUntil(() => caller.listeners === 0), `${caller.listeners} listeners`);
});
