import { assert, assertEquals, assertMatch } from "@std/assert";
import { channel } from "node:diagnostics_channel";
import { LEGEND, logEvents } from "../../examples/shared/event_log.ts";
import { isAvailable, run, RUNTIMES } from "../support/runtimes.ts";

/** What the story of the minute must tell, in any order. */
const STORY = [
  / #\d+ ask for an access token: there is none yet$/,
  / #\d+ place an order in account \w+, identifier \S{22}$/,
  / #\d+ place: order \d+ is (pending|accepted), after \d+ ms$/,
  / #\d+ cancel: order \d+ is (cancelling|accepted), after \d+ ms$/,
  / #\d+ GET \S+\/balances: wait \d+ ms, because of status 503$/,
  / #\d+ GET \S+\/balances: 200 in .*, of which it waited .*, 2 attempts$/,
  / #\d+ no access token, next attempt in \d+ ms: Cannot refresh the access token: 503/,
  / #\d+ ask for an access token: the broker answered 401 to the last one(, attempt 2)?$/,
  / #\d+ GET \S+\/balances: status 401$/,
  / #\d+ GET \S+\/balances: attempt 2, because of status 401$/,
  / #\d+ GET \S+\/balances: attempt 2, because of status 429$/,
  / #\d+ (GET|POST) \S+: wait \d+ ms or longer for its turn: rate limit$/,
  / #\d+ GET \S+: wait \d+ ms or longer for its turn: rate limit, because of status 429$/,
  / #\d+ POST \S+: (reset|timeout) in /,
  / ! #\d+ GET \S+: failed in \d\.\d s.*: Cannot GET .*no response \(timeout\)/,
  / #\d+ not found at the broker yet: wait \d+ ms to look for it again$/,
  / \? #\d+ place: UNKNOWN .*: do not repeat it, look for identifier \S{22}: /,
  / #\d+ opening the stream updates of \w+$/,
  / #\d+ the stream \S.* ended after \S+ m?s: disconnected$/,
  / #\d+ wait .* to open the stream again$/,
  / ! #\d+ THE GRANT IS LOST: no call works without another login: /,
];

const PLACES = [
  ...RUNTIMES.map((runtime) => ({ runtime, broker: "tastytrade" })),
  ...RUNTIMES.slice(0, 1).map((runtime) => ({ runtime, broker: "tradestation" })),
];

Deno.test("examples/log.ts tells the story of a bad connection, at both brokers, on every runtime", async () => {
  await Promise.all(PLACES.map(async ({ runtime, broker }) => {
    if (!await isAvailable(runtime)) return;
    const args = ["examples/log.ts", "--seconds=9", `--broker=${broker}`];
    const { code, stdout, stderr } = await run(runtime, args);
    const [legend, ...lines] = stdout.trim().split("\n");
    assertEquals(legend, LEGEND);
    assertEquals(lines.pop(), "The program has ended, because its grant is lost");
    assertEquals(code, 0, stderr);
    for (const line of lines) assertMatch(line, /^\d\d:\d\d:\d\d\.\d{3} [!? ] #\d+ \S/);
    assertEquals(lines.filter((line) => /undefined|NaN|null|\[object/.test(line)), []);
    for (const part of STORY) {
      assert(lines.some((line) => part.test(line)), `${runtime.name}, ${broker}: no ${part}`);
    }
    assertEquals(lines.filter((line) => line.includes("THE GRANT IS LOST")).length, 1);
    if (broker === "tastytrade") {
      assert(lines.some((line) => line.endsWith("(the answer was lost: found at the broker)")));
    }
  }));
});

/** What is logged when these events are told. */
function logged(
  events: readonly (readonly [phase: string, event: Record<string, unknown>])[],
  isColored?: boolean,
): string[] {
  const lines: string[] = [];
  const stop = logEvents((line) => lines.push(line), isColored === undefined ? {} : { isColored });
  for (const [phase, event] of events) {
    channel(`tracing:tasty-session:${event.kind}:${phase}`).publish(event);
  }
  stop();
  channel("tracing:tasty-session:token:start").publish({ kind: "token", id: 1, reason: "first" });
  return lines.map((line) => line.replace(/\d\d:\d\d:\d\d\.\d{3}/, "T"));
}

Deno.test("the log of events names the outermost one, although it may end before the others", () => {
  const order = { kind: "order", id: 1, action: "cancel", orderId: "7", accountNumber: "A" };
  const request = { kind: "request", id: 2, parentId: 1, method: "DELETE", path: "/a" };
  const attempt = { kind: "attempt", id: 3, parentId: 2, number: 1 };
  const failed = { durationMs: 1_234, error: { name: "AbortError" } };
  const end = { ...failed, attempts: 1, outcome: "unknown" };
  assertEquals(
    logged([
      ["start", order],
      ["start", request],
      ["start", attempt],
      ["asyncEnd", Object.assign(request, end)],
      ["asyncEnd", Object.assign(order, end)],
      ["start", { kind: "wait", id: 4, parentId: 3, reason: "retry", forMs: 9, after: 500 }],
      ["asyncEnd", { kind: "order", id: 99 }], // which began before anybody listened
    ]),
    [
      "T   #1 cancel order 7 in account A",
      "T   #1 DELETE /a: AbortError in 1.2 s",
      "T ? #1 cancel: UNKNOWN whether it was carried out, after 1.2 s: do not repeat it, look for order 7: AbortError",
      "T   #1 DELETE /a: wait 9 ms, because of status 500",
    ],
  );
});

Deno.test("the log of events tells of the store and of other processes", () => {
  const token = { kind: "token", id: 1, reason: "due", failures: 0 };
  const read = { kind: "store", id: 2, parentId: 1, action: "read" };
  const write = { kind: "store", id: 3, parentId: 1, action: "write" };
  const durationMs = 4;
  const error = { name: "SessionError", message: "no such host" };
  const lines = logged([
    ["start", token],
    ["start", read],
    ["asyncEnd", Object.assign(read, { durationMs, error })],
    ["start", write],
    ["asyncEnd", Object.assign(write, { durationMs, isWritten: false })],
    ["start", { kind: "wait", id: 4, parentId: 1, reason: "other_process", forMs: 50 }],
    ["asyncEnd", Object.assign(token, { durationMs, from: "store", lifetimeMs: 900_000 })],
  ]);
  assertEquals(lines.slice(0, -1), [
    "T   #1 ask for an access token: the one in use expires soon",
    "T ! #1 read the tokens in the store: no such host",
    "T   #1 write tokens to the store in 4 ms: another process was faster",
    "T   #1 wait 50 ms for another process, which asks for a token",
  ]);
  assertMatch(
    lines.at(-1) ?? "",
    /#1 another process has got one in 4 ms, good until \d\d:\d\d:\d\d$/,
  );
});

Deno.test("the log of events is coloured on request", () => {
  const request = { kind: "request", id: 1, method: "GET", path: "/a", attempts: 1, status: 200 };
  const wait = { kind: "wait", id: 2, parentId: 1, reason: "retry", forMs: 10, after: 503 };
  const isColored = true;
  const events = [["start", request], ["start", wait], [
    "asyncEnd",
    Object.assign(request, { durationMs: 5 }),
  ]] as const;
  assertEquals(logged(events, isColored), [
    "\x1b[33mT   #1 GET /a: wait 10 ms, because of status 503\x1b[0m",
    "\x1b[2mT   #1 GET /a: 200 in 5 ms\x1b[0m",
  ]);
});
