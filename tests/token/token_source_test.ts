import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { NetworkError, SessionClosedError, TokenError } from "../../src/errors.ts";
import { TokenSource } from "../../src/token/token_source.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { settle } from "../support/idle.ts";
import { ManualEndpoint, token } from "../support/tokens.ts";

const outage = () => new NetworkError("no response", { kind: "reset", sent: "no" });
const revoked = () =>
  new TokenError("Grant revoked", { code: "invalid_grant", isPermanent: true, status: 400 });

/** A source that holds a token of 900 s. */
async function signedIn(
  lifetimeS = 900,
): Promise<{ source: TokenSource; endpoint: ManualEndpoint }> {
  const endpoint = new ManualEndpoint();
  const source = new TokenSource(endpoint.request);
  const renewal = source.refresh();
  endpoint.grant("first", lifetimeS);
  await renewal;
  return { source, endpoint };
}

Deno.test("TokenSource makes one token request for everyone who waits", async () => {
  const endpoint = new ManualEndpoint();
  const source = new TokenSource(endpoint.request);
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

Deno.test("TokenSource serves an ageing token while it renews it behind", async () => {
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

Deno.test("TokenSource does not renew a token before the soft window", async () => {
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

Deno.test("TokenSource scales the windows to a short life", async () => {
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

Deno.test("TokenSource keeps serving a token that lives when its renewal fails", async () => {
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
  const source = new TokenSource(endpoint.request);
  for (let attempt = 1; attempt <= 12; attempt++) {
    const renewal = source.refresh();
    endpoint.refuse(outage());
    await assertRejects(() => renewal, NetworkError);
    assertEquals(endpoint.count, attempt);
    clock.advance(30_000);
  }
});

Deno.test("TokenSource asks no more after a refusal for good", async () => {
  using clock = new FakeClock();
  const endpoint = new ManualEndpoint();
  const source = new TokenSource(endpoint.request);
  const renewal = source.refresh();
  endpoint.refuse(revoked());
  await assertRejects(() => renewal, TokenError, "Grant revoked");
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
      new NetworkError("no response", { kind: "reset", sent: "no", cause }),
      new NetworkError("no response", { kind: "timeout", sent: "no" }),
      new TokenError("busy", {
        code: "http_503",
        isPermanent: false,
        status: 503,
        retryAfterMs: 7,
      }),
    ]
  ) {
    const source = new TokenSource(endpoint.request);
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
  });
  await assertRejects(() => source.refresh(), TypeError, "a mistake");
  clock.advance(1_000);
  await assertRejects(() => source.refresh(), TypeError, "a mistake");
  assertEquals(calls, 2);
});

Deno.test("TokenSource pauses for as long as the endpoint asks, whoever comes", async () => {
  using clock = new FakeClock();
  const endpoint = new ManualEndpoint();
  const source = new TokenSource(endpoint.request);
  const renewal = source.refresh();
  endpoint.refuse(
    new TokenError("busy", { code: "x", isPermanent: false, status: 429, retryAfterMs: 30_000 }),
  );
  await assertRejects(() => renewal, TokenError);
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
  const renewal = source.refresh();
  endpoint.grant("second");
  const second = await renewal;
  source.suspendInvalidation(); // the replay with it was refused: the broker means something else
  assertEquals(source.invalidate(second), undefined);
  assertEquals(source.current()?.accessToken, "second");
  assertEquals(source.invalidate(first), "held"); // a straggler has not been replayed yet
  clock.advance(30_000);
  assertEquals(source.invalidate(second), "next");
  assertEquals(source.current(), undefined);
});

Deno.test("TokenSource asks again after a refusal for now", async () => {
  using clock = new FakeClock();
  const endpoint = new ManualEndpoint();
  const source = new TokenSource(endpoint.request);
  const renewal = source.refresh();
  endpoint.refuse(new TokenError("x", { code: "http_503", isPermanent: false, status: 503 }));
  await assertRejects(() => renewal, TokenError);
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
  const renewal = source.refresh();
  endpoint.grant("second");
  await renewal;
  source.invalidate(first); // a straggler
  assertEquals(source.current()?.accessToken, "second");
  assertEquals(endpoint.count, 2);
});

Deno.test("TokenSource.close() waits for a renewal that runs", async () => {
  using clock = new FakeClock({ timers: true });
  const endpoint = new ManualEndpoint();
  const source = new TokenSource(endpoint.request);
  const renewal = source.refresh();
  const closing = source.close(5_000);
  clock.advance(4_999);
  endpoint.grant("first");
  assertEquals((await renewal).accessToken, "first");
  await closing;
  assertEquals(source.token, undefined);
  assertEquals(clock.armed, 0);
});

Deno.test("TokenSource.close() ends a renewal that takes too long", async () => {
  using clock = new FakeClock({ timers: true });
  const source = new TokenSource(new ManualEndpoint().request);
  const renewal = source.refresh();
  const refused = assertRejects(() => renewal, SessionClosedError);
  const closing = source.close(5_000);
  clock.advance(5_000);
  await closing;
  await refused;
  assertEquals(clock.armed, 0);
});

Deno.test("TokenSource.abort() ends a renewal at once, and takes no token that comes later", async () => {
  const late = Promise.withResolvers<never>();
  const source = new TokenSource(() => late.promise); // an endpoint that ignores the signal
  const renewal = source.refresh();
  source.abort();
  late.resolve({ accessToken: "late" } as never);
  assertInstanceOf(await assertRejects(() => renewal), SessionClosedError);
  assertEquals(source.token, undefined);
});

Deno.test("TokenSource.get() renews once more a token that died while the machine slept, and no other", async () => {
  using clock = new FakeClock();
  const lives = async (lifetimeS: number, sleepMs: number) => {
    let requests = 0;
    const source = new TokenSource(() => {
      requests += 1;
      const issued = token(`token-${requests}`, lifetimeS);
      if (requests === 1) clock.sleep(sleepMs);
      return Promise.resolve(issued);
    });
    const { accessToken } = await source.get();
    return [accessToken, requests];
  };
  assertEquals(await lives(900, 0), ["token-1", 1]);
  assertEquals(await lives(900, 899_000), ["token-1", 1]);
  assertEquals(await lives(900, 3_600_000), ["token-2", 2]);
  assertEquals(await lives(5, 6_000), ["token-1", 1]); // the next would be no better
});
