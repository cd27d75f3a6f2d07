import { assert, assertEquals } from "@std/assert";
import { offsetRange, refineOffset } from "../../src/net/clock_offset.ts";
import { restoreToken, storeToken } from "../../src/token/stored_token.ts";
import { createToken, remainingMs } from "../../src/token/token.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { Fleet } from "./stored_grant_fixtures.ts";

const HOUR_MS = 3_600_000;

function dated(date: string | undefined): Response {
  return new Response("", date === undefined ? {} : { headers: { date } });
}

/** The offset after a response with this time, whose request took so long. */
function offsetAfter(date: string | undefined, tookMs = 0, knownMs = 0): number {
  return refineOffset(knownMs, offsetRange(dated(date), Date.now() - tookMs));
}

Deno.test("The Date header tells how wrong a clock is, and clocks that differ by less than 30 s are the same", () => {
  using clock = new FakeClock();
  const now = Date.parse("2026-01-05T12:00:00.400Z");
  clock.setWall(now);
  const at = (ms: number) => new Date(now + ms).toUTCString();
  assertEquals(offsetAfter(at(0)), 0);
  for (const ms of [-29_000, 29_000]) assertEquals(offsetAfter(at(ms)), 0);
  for (const ms of [-32_000, 32_000, -5 * HOUR_MS, 5 * HOUR_MS]) {
    const offsetMs = offsetAfter(at(ms));
    assert(offsetMs <= ms && offsetMs > ms - 1_000, `${offsetMs} ms`);
  }
  for (const date of [undefined, "", "yesterday"]) {
    assertEquals(offsetAfter(date), 0);
    assertEquals(offsetAfter(date, 0, HOUR_MS), HOUR_MS);
  }
});

Deno.test("The Date header of a response that took long proves nothing against what is known", () => {
  using clock = new FakeClock();
  const now = Date.parse("2026-01-05T12:00:00.400Z");
  clock.setWall(now);
  const at = (ms: number) => new Date(now + ms).toUTCString();
  // The machine stood still for a minute after the server had answered.
  assertEquals(offsetAfter(at(-60_000), 60_000), 0);
  assertEquals(offsetAfter(at(2 * HOUR_MS - 60_000), 60_000, 2 * HOUR_MS), 2 * HOUR_MS);
  // Somebody has put the clock right, or wrong.
  assertEquals(offsetAfter(at(0), 0, 2 * HOUR_MS), 0);
  assertEquals(offsetAfter(at(HOUR_MS), 0, 2 * HOUR_MS), HOUR_MS - 400);
});

Deno.test("restoreToken() takes the broker's clock, whatever this machine's says", () => {
  using clock = new FakeClock();
  const wall = Date.now();
  const token = createToken({
    accessToken: "access",
    refreshToken: undefined,
    lifetimeMs: 900_000,
    obtainedAt: { wall, monotonic: performance.now() },
  });
  const stored = storeToken(token, 0);
  for (const hours of [-5, 0, 5]) {
    clock.setWall(wall + 100_000 + hours * HOUR_MS);
    const restored = restoreToken(stored, -hours * HOUR_MS);
    assertEquals(restored && remainingMs(restored), 800_000);
    if (hours !== 0) assertEquals(restoreToken(stored, 0), undefined);
  }
  // A clock that is a little behind makes a token no older than it is.
  clock.setWall(wall - 29_999);
  const restored = restoreToken(stored, 0);
  assertEquals(restored && remainingMs(restored), 900_000);
  clock.setWall(wall - 30_001);
  assertEquals(restoreToken(stored, 0), undefined);
});

Deno.test("Machines whose clocks are hours apart make one token request for each lifetime", async () => {
  using clock = new FakeClock({ timers: true });
  const start = Date.now();
  const fleet = new Fleet(clock);
  fleet.broker.onTokenRequest = () => {
    const response = fleet.broker.issue();
    response.headers.set("date", new Date(start + performance.now()).toUTCString());
    return response;
  };
  const machines = [-5, 0, 3].map((hours) => ({ hours, session: fleet.start() }));
  const at = (hours: number) => clock.setWall(start + performance.now() + hours * HOUR_MS);
  let requests = 0;
  for (let life = 0; life < 6; life++) {
    for (const { hours, session } of machines) {
      at(hours);
      await session.get("/a");
    }
    // At first a machine whose clock is wrong finds that out. From then on it is one request.
    if (life > 0) assertEquals(fleet.broker.tokenRequests - requests, 1);
    requests = fleet.broker.tokenRequests;
    clock.advance(895_000);
  }
  assertEquals(requests, 2 + 5);
  for (const { session } of machines) await session.close();
});

Deno.test("A call waits for a store that is down for a moment", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  await using session = fleet.start();
  let reads = 0;
  fleet.store.faults.get = () =>
    ++reads <= 2 ? Promise.reject(new Error("restarting")) : Promise.resolve();
  await fleet.time(session.get("/a"));
  assertEquals(fleet.broker.tokens, ["access-1"]);
});

Deno.test("A stored token that is dead too is no reason to stop refreshing", async () => {
  using clock = new FakeClock({ timers: true });
  const fleet = new Fleet(clock);
  await using first = fleet.start();
  await using second = fleet.start();
  await first.get("/a");
  await second.get("/a");
  await first.refresh({ force: true }); // the second goes on with the token before
  fleet.broker.onRequest = ({ token }) =>
    new Response("{}", { status: ["access-1", "access-2"].includes(token) ? 401 : 200 });
  fleet.broker.requests.length = 0;
  await second.get("/b");
  assertEquals(fleet.broker.tokens, ["access-1", "access-2", "access-3"]);
  // Where every token is refused, also a new one, the token is not the problem.
  fleet.broker.onRequest = () => new Response("{}", { status: 401 });
  fleet.broker.requests.length = 0;
  for (let i = 0; i < 3; i++) await second.fetch("/c");
  assertEquals(fleet.broker.tokens, ["access-3", "access-4", "access-4", "access-4"]);
});
