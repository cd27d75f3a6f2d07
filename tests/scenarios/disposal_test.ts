import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { AutoRefreshSession, NetworkError, Session, SessionClosedError } from "../../mod.ts";
import { CountedSignal } from "../support/counted_signal.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { collectGarbageUntil } from "../support/garbage.ts";
import { idle, settle } from "../support/idle.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { hang, ScriptedBroker } from "../support/scripted_broker.ts";
import { failureOf, HeldAnswers } from "./fixtures.ts";

Deno.test("await using lets a refresh finish and be stored, ends the rest, and leaves neither timer nor listener", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.isRotating = true;
  const answers = new HeldAnswers();
  const store = new MemoryStore();
  const caller = new CountedSignal();
  const { signal } = caller;
  const session = await AutoRefreshSession.start({ ...broker.options, store });
  broker.onRequest = ({ init }) => hang(init);
  const running = [session.get("/a", { signal }), session.fetch("/a", { signal })].map(failureOf);
  broker.onTokenRequest = () => answers.hold();
  running.push(failureOf(session.refresh({ force: true, signal })));
  while (broker.tokenRequests < 2) await idle();
  {
    await using _closing = session;
    setTimeout(() => answers.give(broker.issue()), 4_000);
    queueMicrotask(() => clock.advance(4_000));
  }
  for (const error of await Promise.all(running)) assertInstanceOf(error, SessionClosedError);
  assertEquals(store.record.refreshToken, "refresh-2");
  assertEquals([clock.armed, caller.listeners], [0, 0]);
  await assertRejects(() => session.get("/a", { signal }), SessionClosedError);
  await assertRejects(() => session.refresh({ signal }), SessionClosedError);
});

Deno.test("using ends requests, waits and timers at once, and leaves no rejection unhandled", async () => {
  const unhandled: unknown[] = [];
  const listen = (event: PromiseRejectionEvent) => unhandled.push(event.reason);
  globalThis.addEventListener("unhandledrejection", listen);
  try {
    using clock = new FakeClock({ timers: true });
    const broker = new ScriptedBroker();
    const caller = new CountedSignal();
    const { signal } = caller;
    const calls: Promise<unknown>[] = [];
    let aborted = 0;
    {
      using session = await AutoRefreshSession.start(broker.options);
      await settle();
      broker.onRequest = ({ init }) => {
        init.signal?.addEventListener("abort", () => aborted += 1);
        return hang(init);
      };
      broker.onTokenRequest = hang;
      calls.push(session.get("/a", { signal }), session.fetch("/a", { signal }));
      calls.push(session.refresh({ force: true, signal }));
      for (const call of calls) call.catch(() => {});
    }
    assertEquals(aborted, 2); // in this tick
    for (const call of calls) assertInstanceOf(await failureOf(call), SessionClosedError);
    await settle();
    assertEquals([clock.armed, caller.listeners], [0, 0]);
    await idle();
    assertEquals(unhandled, []);
  } finally {
    globalThis.removeEventListener("unhandledrejection", listen);
  }
});

Deno.test("A session that nobody holds any more is let go, although its timer is armed, and the timer is its last", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  const open = async () => new WeakRef(await AutoRefreshSession.start(broker.options));
  const forgotten = await open();
  await idle();
  assertEquals(clock.armed, 1);
  assert(await collectGarbageUntil(() => forgotten.deref() === undefined));
  clock.advance(3_600_000);
  await idle();
  assertEquals([clock.armed, broker.tokenRequests], [0, 1]);
});

for (const end of ["timeoutMs", "signal", "aborted before", "close", "closed before"]) {
  Deno.test(`A Request whose body never comes is ended by ${end}`, async () => {
    const broker = new ScriptedBroker();
    const session = new Session(broker.options);
    const request = new Request(`${session.baseUrl}/a`, {
      method: "POST",
      body: new ReadableStream({ pull: () => new Promise(() => {}) }),
      duplex: "half",
    } as RequestInit);
    const controller = new AbortController();
    if (end === "aborted before") controller.abort("enough");
    if (end === "closed before") await session.close();
    const init = end === "timeoutMs" ? { timeoutMs: 30 } : { signal: controller.signal };
    const call = session.fetch(request, init).catch((error: unknown) => error);
    if (end === "signal") controller.abort("enough");
    if (end === "close") await session.close();
    const ending = await call;
    if (end === "signal" || end === "aborted before") assertEquals(ending, "enough");
    else assertInstanceOf(ending, end === "timeoutMs" ? NetworkError : SessionClosedError);
    assertEquals(broker.requests.length, 0);
    await session.close();
  });
}

Deno.test("using leaves no timer while a save is under way", async () => {
  using clock = new FakeClock({ timers: true });
  const store = new MemoryStore();
  store.faults.tokens = () => new Promise(() => {});
  const session = new Session({ ...new ScriptedBroker().options, store });
  const refreshing = session.refresh().catch(() => {});
  while (!store.log.includes("tokens")) await idle();
  session[Symbol.dispose]();
  await refreshing;
  await idle();
  assertEquals(clock.armed, 0);
});

Deno.test("close() comes back although the store does not answer", async () => {
  using clock = new FakeClock({ timers: true });
  const store = new MemoryStore();
  let saves = 0;
  store.faults.tokens = () =>
    ++saves === 1 ? Promise.reject(new Error("down")) : new Promise(() => {});
  const session = new Session({ ...new ScriptedBroker().options, store });
  await session.refresh();
  const closing = session.close().catch((error: unknown) => error);
  while (saves < 2) await idle();
  clock.advance(5_000);
  assertStringIncludes(String(await closing), "no response in time");
  assertEquals(clock.armed, 0);
});
