import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { NetworkError, TokenError } from "../../src/errors.ts";
import { TokenSource } from "../../src/token/token_source.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { settle } from "../support/idle.ts";
import { ManualEndpoint } from "../support/tokens.ts";
import { signedIn } from "./token_source_fixtures.ts";
import { ACTOR } from "../support/actor.ts";

const outage = () => new NetworkError("no response", { kind: "reset", outcome: "not_processed" });

const revoked = () =>
  new TokenError("Grant revoked", { code: "invalid_grant", isPermanent: true, status: 400 });

Deno.test("TokenSource keeps serving a token that lives when its refresh fails", async () => {
  using clock = new FakeClock();
  const { source, endpoint } = await signedIn();
  clock.advance(800_000);
  source.current();
  endpoint.refuse(outage());
  await settle();
  assertEquals(source.current()?.accessToken, "first");
});

Deno.test("TokenSource makes no further request before its backoff is over", async () => {
  using clock = new FakeClock();
  const { source, endpoint } = await signedIn();
  clock.advance(900_000);
  const first = source.refresh();
  endpoint.refuse(outage());
  await assertRejects(() => first, NetworkError);
  const early = await Promise.allSettled(Array.from({ length: 50 }, () => source.refresh()));
  assert(early.every(({ status }) => status === "rejected"));
  assertEquals(endpoint.count, 2);

  clock.advance(1_000); // the first pause is at most 1 s
  const second = source.refresh();
  assertEquals(endpoint.count, 3);
  endpoint.grant("second");
  assertEquals((await second).accessToken, "second");
});

Deno.test("TokenSource never pauses for more than 30 s", async () => {
  using clock = new FakeClock();
  const endpoint = new ManualEndpoint();
  const source = new TokenSource(endpoint.request, ACTOR);
  for (let attempt = 1; attempt <= 12; attempt++) {
    const refresh = source.refresh();
    endpoint.refuse(outage());
    await assertRejects(() => refresh, NetworkError);
    assertEquals(endpoint.count, attempt);
    clock.advance(30_000);
  }
});

Deno.test("TokenSource asks no more after a permanent refusal", async () => {
  using clock = new FakeClock();
  const endpoint = new ManualEndpoint();
  const source = new TokenSource(endpoint.request, ACTOR);
  const refresh = source.refresh();
  endpoint.refuse(revoked());
  await assertRejects(() => refresh, TokenError, "Grant revoked");
  assertEquals(source.refreshDueInMs, undefined);
  clock.advance(86_400_000);
  await assertRejects(() => source.refresh(), TokenError, "Grant revoked");
  assertEquals(endpoint.count, 1);
});

Deno.test("TokenSource gives everyone who waits an error object of their own, and the same cause", async () => {
  const endpoint = new ManualEndpoint();
  const cause = new Error("the cable");
  for (
    const failure of [
      new NetworkError("no response", { kind: "reset", outcome: "not_processed", cause }),
      new NetworkError("no response", { kind: "timeout", outcome: "not_processed" }),
      new TokenError("busy", {
        code: "http_503",
        isPermanent: false,
        status: 503,
        retryAfterMs: 7,
      }),
    ]
  ) {
    const source = new TokenSource(endpoint.request, ACTOR);
    const waiting = Array.from({ length: 200 }, () => source.refresh());
    endpoint.refuse(failure);
    const errors = (await Promise.allSettled(waiting)).map((one) =>
      one.status === "rejected" ? one.reason : undefined
    );
    assertEquals(new Set(errors).size, 200);
    for (const error of errors) {
      assertStrictEquals(Object.getPrototypeOf(error), Object.getPrototypeOf(failure));
      assertEquals([error.message, { ...error }], [failure.message, { ...failure }]);
      assertStrictEquals(error.cause, failure.cause);
    }
  }
  assertEquals(endpoint.count, 3);
});

Deno.test("TokenSource is free again after a request that throws, or that never answers", async () => {
  using clock = new FakeClock({ timers: true });
  let calls = 0;
  const source = new TokenSource(() => {
    calls += 1;
    throw new TypeError("a mistake");
  }, ACTOR);
  await assertRejects(() => source.refresh(), TypeError, "a mistake");
  clock.advance(1_000);
  await assertRejects(() => source.refresh(), TypeError, "a mistake");
  assertEquals(calls, 2);
});

Deno.test("TokenSource pauses for as long as the endpoint asks, for every caller", async () => {
  using clock = new FakeClock();
  const endpoint = new ManualEndpoint();
  const source = new TokenSource(endpoint.request, ACTOR);
  const refresh = source.refresh();
  endpoint.refuse(
    new TokenError("busy", { code: "x", isPermanent: false, status: 429, retryAfterMs: 30_000 }),
  );
  await assertRejects(() => refresh, TokenError);
  assertEquals(source.refreshDueInMs, 30_000);
  clock.advance(29_999);
  await assertRejects(() => source.refresh(), TokenError, "busy");
  assertEquals(endpoint.count, 1);
  clock.advance(1);
  source.refresh().catch(() => {});
  assertEquals(endpoint.count, 2);
});

Deno.test("TokenSource replaces no token for 30 seconds after a replay was refused too", async () => {
  using clock = new FakeClock();
  const { source, endpoint } = await signedIn();
  const first = source.current();
  assert(first);
  assertEquals(source.invalidate(first), "next");
  const refresh = source.refresh();
  endpoint.grant("second");
  const second = await refresh;
  source.suspendInvalidation(); // the replay with it was refused: the broker means something else
  assertEquals(source.invalidate(second), undefined);
  assertEquals(source.current()?.accessToken, "second");
  assertEquals(source.invalidate(first), "held"); // a late response has not been replayed yet
  clock.advance(30_000);
  assertEquals(source.invalidate(second), "next");
  assertEquals(source.current(), undefined);
});

Deno.test("TokenSource asks again after a temporary refusal", async () => {
  using clock = new FakeClock();
  const endpoint = new ManualEndpoint();
  const source = new TokenSource(endpoint.request, ACTOR);
  const refresh = source.refresh();
  endpoint.refuse(new TokenError("x", { code: "http_503", isPermanent: false, status: 503 }));
  await assertRejects(() => refresh, TokenError);
  clock.advance(1_000);
  const second = source.refresh();
  endpoint.grant("first");
  assertEquals((await second).accessToken, "first");
});

Deno.test("TokenSource.invalidate() drops the token that failed, and no newer one", async () => {
  using _clock = new FakeClock();
  const { source, endpoint } = await signedIn();
  const first = source.current();
  assert(first);
  source.invalidate(first);
  assertEquals(source.current(), undefined);
  const refresh = source.refresh();
  endpoint.grant("second");
  await refresh;
  source.invalidate(first); // a late response
  assertEquals(source.current()?.accessToken, "second");
  assertEquals(endpoint.count, 2);
});
