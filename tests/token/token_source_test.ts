import { assertEquals, assertFalse } from "@std/assert";
import { TokenSource } from "../../src/token/token_source.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { settle } from "../support/idle.ts";
import { ManualEndpoint } from "../support/tokens.ts";
import { signedIn } from "./token_source_fixtures.ts";
import { ACTOR } from "../support/actor.ts";

Deno.test("TokenSource makes one token request for everyone who waits", async () => {
  const endpoint = new ManualEndpoint();
  const source = new TokenSource(endpoint.request, ACTOR);
  const waiting = Array.from({ length: 1000 }, () => source.refresh());
  endpoint.grant("first");
  const tokens = await Promise.all(waiting);
  assertEquals(endpoint.count, 1);
  assertEquals(new Set(tokens.map((token) => token.accessToken)), new Set(["first"]));
});

Deno.test("TokenSource hands out a fresh token without waiting and without a request", async () => {
  using _clock = new FakeClock();
  const { source, endpoint } = await signedIn();
  assertEquals(source.current()?.accessToken, "first");
  assertFalse(source.isRefreshDue);
  assertEquals(endpoint.count, 1);
});

Deno.test("TokenSource serves an ageing token while it refreshes it behind", async () => {
  using clock = new FakeClock();
  const { source, endpoint } = await signedIn();
  clock.advance(800_000); // soft is 120 s ± 10 % before the end, hard is 10 s
  for (let i = 0; i < 100; i++) assertEquals(source.current()?.accessToken, "first");
  assertEquals(endpoint.count, 2);
  endpoint.grant("second");
  await settle();
  assertEquals(source.current()?.accessToken, "second");
  assertEquals(endpoint.count, 2);
});

Deno.test("TokenSource does not refresh a token before the soft window", async () => {
  using clock = new FakeClock();
  const { source, endpoint } = await signedIn();
  clock.advance(900_000 - 133_000); // the soft window is at most 132 s
  assertEquals(source.current()?.accessToken, "first");
  assertEquals(endpoint.count, 1);
});

Deno.test("TokenSource makes requests wait in the last seconds of a token", async () => {
  using clock = new FakeClock();
  const { source } = await signedIn();
  clock.advance(890_001);
  assertEquals(source.current(), undefined);
  assertEquals(source.token?.accessToken, "first"); // it lives, but not for long enough
});

Deno.test("TokenSource scales the windows to a short lifetime", async () => {
  using clock = new FakeClock();
  const { source, endpoint } = await signedIn(5);
  clock.advance(3_800); // soft is at most 1.1 s, hard 0.5 s before the end
  assertEquals(source.current()?.accessToken, "first");
  assertEquals(endpoint.count, 1);
  clock.advance(701);
  assertEquals(source.current(), undefined);
});

Deno.test("TokenSource expires a token by the monotonic clock when the wall clock is set back", async () => {
  using clock = new FakeClock();
  const { source } = await signedIn();
  clock.setWall(Date.now() - 3_600_000);
  clock.advance(900_000);
  assertEquals(source.token, undefined);
  assertEquals(source.current(), undefined);
});

Deno.test("TokenSource expires a token by the wall clock after the machine slept", async () => {
  using clock = new FakeClock();
  const { source } = await signedIn();
  clock.sleep(7_200_000);
  assertEquals(source.token, undefined);
  assertEquals(source.current(), undefined);
});
