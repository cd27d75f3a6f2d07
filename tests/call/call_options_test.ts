import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Account, type RequestOptions, type Session } from "../../mod.ts";
import { ScriptedBroker, signedIn } from "../support/scripted_broker.ts";

/** What JavaScript lets through. */
const untyped = (options: unknown) => options as RequestOptions;

/** Every way of calling that takes the options of a request. */
const CALLS: readonly ((session: Session, options: RequestOptions) => Promise<unknown>)[] = [
  (session, options) => session.get("/a", options),
  (session, options) => session.post("/a", {}, options),
  (session, options) => session.put("/a", {}, options),
  (session, options) => session.patch("/a", {}, options),
  (session, options) => session.delete("/a", options),
  (session, options) => session.items("/a", options).next(),
];

const MISTAKES: readonly [options: unknown, words: string][] = [
  [{ idempotent: "false" }, "Cannot use this idempotent: it must be true or false, not a string"],
  [{ idempotent: 1 }, "it must be true or false, not 1"],
  [{ exactNumbers: "yes" }, "Cannot use this exactNumbers"],
  [{ params: { a: 1 } }, 'Cannot make this call: there is no option "params". It is called query'],
  [{ searchParams: { a: 1 } }, "It is called query here"],
  [{ timeout: 5 }, "It is called timeoutMs here"],
  [{ timeoutms: 5 }, "It is called timeoutMs here"],
  [{ method: "DELETE" }, '"method": session.post(), put()'],
  [{ body: "{}" }, '"body": session.post(path, body)'],
  [{ retry: false }, "the session has retry"],
  [{ paging: 1 }, "There are signal, timeoutMs, query, headers, idempotent, exactNumbers"],
  [
    { query: "a=b" },
    'Cannot use this query: it must be an object, for instance { status: ["Live"] }',
  ],
  [{ query: new URLSearchParams("a=b") }, "not another object"],
  [{ query: ["a", "b"] }, "not a list"],
  [{ query: null }, "not null"],
  [{ query: { a: null } }, "Cannot use query.a: it must be a string"],
  [{ query: { a: { b: 1 } } }, "Cannot use query.a"],
  [{ query: { a: new Date(0) } }, "Cannot use query.a"],
  [{ query: { a: [true] } }, "Cannot use query.a"],
  [{ query: { a: [{}] } }, "Cannot use query.a"],
  [{ query: { a: NaN } }, "not NaN"],
  [
    { signal: new AbortController() },
    "Cannot use this signal: it must be an AbortSignal, as controller",
  ],
  [{ signal: "now" }, "Cannot use this signal"],
  [new AbortController().signal, "Cannot use these options: they must be an object"],
  [null, "Cannot use these options"],
  ["timeoutMs", "Cannot use these options"],
];

Deno.test("Session refuses an option that a call does not have, and a value that it cannot have", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  for (const call of CALLS) {
    for (const [options, words] of MISTAKES) {
      const { message } = await assertRejects(
        async () => await call(session, untyped(options)),
        TypeError,
      );
      assertStringIncludes(message, words);
    }
    for (const timeoutMs of [0, -1, NaN, Infinity, "5", 2 ** 31]) {
      const options = untyped({ timeoutMs });
      await assertRejects(async () => await call(session, options), RangeError, "timeoutMs");
    }
  }
  assertEquals(broker.requests.length, 0);
});

Deno.test("Session takes what a call may have, and what is undefined", async () => {
  const broker = new ScriptedBroker();
  broker.onRequest = () => Response.json({ List: [1] });
  await using session = await signedIn(broker);
  const undefinedOnes = { signal: undefined, timeoutMs: undefined, query: undefined };
  for (const call of CALLS) {
    await call(session, {});
    await call(session, { ...undefinedOnes, headers: undefined, idempotent: undefined });
    await call(session, {
      signal: new AbortController().signal,
      timeoutMs: 5,
      query: { a: "b", c: 1, d: true, e: ["f", 2], g: undefined },
      headers: { "x-a": "b" },
      idempotent: false,
      exactNumbers: true,
    });
  }
  assertEquals(broker.requests.length, 3 * CALLS.length);
});

Deno.test("Session.fetch() checks what it adds, and lets through what the platform would ignore", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  const init = (options: unknown) => options as RequestInit;
  const mistakes: readonly [unknown, string][] = [
    [{ idempotent: "false", method: "POST" }, "Cannot use this idempotent"],
    [{ signal: new AbortController() }, "Cannot use this signal"],
    [null, "Cannot use this init"],
  ];
  for (const [options, words] of mistakes) {
    await assertRejects(() => session.fetch("/a", init(options)), TypeError, words);
    const request = new Request(`${session.baseUrl}/a`);
    await assertRejects(() => session.fetch(request, init(options)), TypeError, words);
  }
  await assertRejects(() => session.fetch("/a", init({ timeoutMs: "5" })), RangeError);
  assertEquals(broker.requests.length, 0);
  // What a runtime has, and what a client leaves that sends through a session.
  const others = { verbose: false, dispatcher: undefined, cf: {}, signal: null, cache: "no-store" };
  await session.fetch("/a", init({ ...others, retry: 1, timeout: 5, query: {}, params: {} }));
  assertEquals(broker.requests.length, 1);
});

Deno.test("Session checks the options of the calls that are no requests, and of accounts", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  const timeout = untyped({ timeout: 5 });
  const query = untyped({ query: { a: 1 } });
  for (const options of [timeout, query]) {
    await assertRejects(() => session.accessToken(options), TypeError, "there is no option");
    await assertRejects(() => session.refresh(options), TypeError, "there is no option");
    await assertRejects(() => session.revoke(options), TypeError, "there is no option");
  }
  await assertRejects(() => session.validate(timeout), TypeError, "there is no option");
  await assertRejects(() => Account.get(session, timeout), TypeError, "there is no option");
  const force = untyped({ force: "false" });
  await assertRejects(() => session.refresh(force), TypeError, "Cannot use this force");
  assertEquals([broker.requests.length, broker.tokenRequests], [0, 1]);
});
