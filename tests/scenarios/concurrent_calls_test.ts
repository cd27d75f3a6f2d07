import { assertEquals, assertInstanceOf } from "@std/assert";
import { AutoRefreshSession, Session, TokenError } from "../../mod.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { settle } from "../support/idle.ts";
import { hang, hangInBody, ScriptedBroker, signedIn } from "../support/scripted_broker.ts";
import { failureOf, HeldAnswers } from "./fixtures.ts";

Deno.test("1,000 calls in the last seconds of a token make one token request, and all are sent with the new token", async () => {
  using clock = new FakeClock();
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  clock.advance(890_001);
  await Promise.all(Array.from({ length: 1_000 }, () => session.get("/a")));
  assertEquals(broker.tokenRequests, 2);
  assertEquals(broker.tokens, Array(1_000).fill("access-2"));
});

Deno.test("1,000 calls with an ageing token are sent in the tick in which they are made, and one token request runs behind them", async () => {
  using clock = new FakeClock();
  const broker = new ScriptedBroker();
  const tokenAnswers = new HeldAnswers();
  await using session = await signedIn(broker);
  broker.onTokenRequest = () => tokenAnswers.hold();
  clock.advance(800_000);
  const calls = Array.from({ length: 1_000 }, () => session.get("/a"));
  assertEquals(broker.requests.length, 1_000); // nothing was awaited since: they were not held up
  await Promise.all(calls); // and they come back while the token request is still open
  assertEquals(broker.tokens, Array(1_000).fill("access-1"));
  assertEquals(broker.tokenRequests, 2);
  tokenAnswers.give(broker.issue());
  await settle();
  await session.get("/a");
  assertEquals(broker.tokens.at(-1), "access-2");
  assertEquals(broker.tokenRequests, 2);
});

Deno.test("A forced refresh joins the one that runs, and makes one of its own after it", async () => {
  const broker = new ScriptedBroker();
  const answers = new HeldAnswers();
  broker.onTokenRequest = () => answers.hold();
  await using session = new Session(broker.options);
  const lazy = session.get("/a");
  const forced = Array.from({ length: 50 }, () => session.refresh({ force: true }));
  answers.give(broker.issue());
  await Promise.all([lazy, ...forced]);
  assertEquals(broker.tokenRequests, 1);
  const later = session.refresh({ force: true });
  answers.give(broker.issue());
  await later;
  assertEquals(broker.tokenRequests, 2);
});

Deno.test("200 calls that wait for a refresh that fails get an error each, and the next call asks again", async () => {
  using clock = new FakeClock();
  const broker = new ScriptedBroker();
  await using session = new Session({ ...broker.options, retry: false });
  broker.onTokenRequest = () => new Response("", { status: 503 });
  const errors = await Promise.all(Array.from({ length: 200 }, () => failureOf(session.get("/a"))));
  assertEquals(new Set(errors).size, 200);
  for (const error of errors) assertInstanceOf(error, TokenError);
  assertEquals([broker.tokenRequests, broker.requests.length], [1, 0]);
  broker.onTokenRequest = () => broker.issue();
  clock.advance(1_000);
  await session.get("/a");
  assertEquals(broker.tokenRequests, 2);
});

Deno.test("A fetch that throws, returns no promise, never answers or never calls back blocks nobody for longer than its time", async () => {
  for (
    const fault of [
      () => {
        throw new Error("a mistake");
      },
      () => undefined,
      () => ({ then: () => {} }),
      () => new Promise(() => {}), // deaf to signals, too
      ({ signal }: RequestInit) => hang({ signal: signal ?? null }),
      (init: RequestInit) => Promise.resolve(hangInBody(init)),
    ] as readonly ((init: RequestInit) => unknown)[]
  ) {
    using clock = new FakeClock({ timers: true });
    const broker = new ScriptedBroker();
    let isBroken = true;
    const session = new Session({
      ...broker.options,
      fetch: (input, init = {}) =>
        isBroken ? fault(init) as Promise<Response> : broker.fetch(input, init),
    });
    const failing = failureOf(session.get("/a"));
    await settle();
    clock.advance(10_000); // the time of a token request; a call has 30 s
    assertInstanceOf(await failing, Error);
    assertEquals(clock.holding, 0);
    isBroken = false;
    clock.advance(1_000);
    await session.get("/a");
    assertEquals(broker.tokenRequests, 1);
    await session.close();
  }
});

Deno.test("A lazy call, a forced refresh, the background and a 401 at once make one token request", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.lifetimeS = 50;
  const [answers, tokenAnswers] = [new HeldAnswers(), new HeldAnswers()];
  const session = await AutoRefreshSession.start(broker.options);
  await settle();
  broker.onRequest = ({ token }) => token === "access-1" ? answers.hold() : new Response("{}");
  broker.onTokenRequest = () => tokenAnswers.hold();
  const refused = session.get("/a", { timeoutMs: 60_000 });
  for (let s = 0; s < 42; s++) {
    clock.advance(1_000);
    await settle();
  }
  assertEquals(broker.tokenRequests, 2); // the background's
  clock.advance(4_000); // the last five seconds: others wait
  const others = [
    session.get("/a"),
    session.accessToken(),
    session.refresh(),
    session.refresh({ force: true }),
  ];
  answers.give(new Response("", { status: 401 }));
  await settle();
  assertEquals(broker.tokenRequests, 2);
  tokenAnswers.give(broker.issue());
  await Promise.all([refused, ...others]);
  await settle();
  assertEquals(broker.tokenRequests, 2);
  assertEquals(broker.mostTokenRequestsAtOnce, 1);
  await session.close();
});
