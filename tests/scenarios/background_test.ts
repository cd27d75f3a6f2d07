import { assertEquals, assertGreater, assertInstanceOf } from "@std/assert";
import { AutoRefreshSession, TokenError } from "../../mod.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { idle, settle } from "../support/idle.ts";
import { ScriptedBroker, signedIn } from "../support/scripted_broker.ts";
import { failureOf } from "./fixtures.ts";

Deno.test("AutoRefreshSession has one timer after a success, a failure and a jump of the clock, and none after the end", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  const session = new AutoRefreshSession(broker.options);
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 1_000) {
      clock.advance(1_000);
      await settle(); // so that the clock stands still for a token request
    }
    return clock.armed;
  };
  await settle();
  assertEquals(clock.armed, 1);
  for (let s = 0; s < 3_600; s += 30) assertEquals(await pass(30_000), 1);
  const refreshed = broker.tokenRequests;
  assertGreater(refreshed, 3);
  for (const jump of [-3_600_000, 3_600_000]) {
    clock.setWall(Date.now() + jump);
    assertEquals(await pass(30_000), 1);
  }
  clock.sleep(3_600_000);
  assertEquals(await pass(30_000), 1);
  for (let i = 0; i < 10; i++) await session.refresh({ force: true });
  assertEquals(clock.armed, 1); // what others refresh arms nothing more
  broker.onTokenRequest = () => new Response("", { status: 503 });
  for (let s = 0; s < 3_600; s += 30) assertEquals(await pass(30_000), 1);
  broker.onTokenRequest = () => Response.json({ error: "invalid_grant" }, { status: 400 });
  await pass(60_000);
  assertEquals(clock.armed, 0);
  await session.close();
  assertEquals(clock.armed, 0);
});

Deno.test("A refresh that fails with nobody waiting is nobody's unhandled rejection, and the next caller is told", async () => {
  const unhandled: unknown[] = [];
  const listen = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", listen);
  try {
    using clock = new FakeClock({ timers: true });
    const other = new ScriptedBroker();
    const lazy = await signedIn(other);
    await settle();
    clock.advance(800_000);
    other.onTokenRequest = () => new Response("", { status: 503 });
    await lazy.get("/a"); // refreshes behind
    assertEquals(other.tokenRequests, 2);
    const broker = new ScriptedBroker();
    broker.onTokenRequest = () => new Response("", { status: 503 });
    const background = new AutoRefreshSession({ ...broker.options, retry: false });
    await idle();
    await idle();
    assertInstanceOf(await failureOf(background.get("/a")), TokenError);
    background[Symbol.dispose]();
    lazy[Symbol.dispose]();
    await idle();
    assertEquals(unhandled, []);
  } finally {
    globalThis.removeEventListener("unhandledrejection", listen);
  }
});
