import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { SessionClosedError } from "../../src/errors.ts";
import { TokenSource } from "../../src/token/token_source.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { ManualEndpoint, token } from "../support/tokens.ts";
import { ACTOR } from "../support/actor.ts";

Deno.test("TokenSource.close() waits for a refresh that runs", async () => {
  using clock = new FakeClock({ timers: true });
  const endpoint = new ManualEndpoint();
  const source = new TokenSource(endpoint.request, ACTOR);
  const refresh = source.refresh();
  const closing = source.close(5_000);
  clock.advance(4_999);
  endpoint.grant("first");
  assertEquals((await refresh).accessToken, "first");
  await closing;
  assertEquals(source.token, undefined);
  assertEquals(clock.armed, 0);
});

Deno.test("TokenSource.close() ends a refresh that takes too long", async () => {
  using clock = new FakeClock({ timers: true });
  const source = new TokenSource(new ManualEndpoint().request, ACTOR);
  const refresh = source.refresh();
  const refused = assertRejects(() => refresh, SessionClosedError);
  const closing = source.close(5_000);
  clock.advance(5_000);
  await closing;
  await refused;
  assertEquals(clock.armed, 0);
});

Deno.test("TokenSource.abort() ends a refresh at once, and takes no token that comes later", async () => {
  const late = Promise.withResolvers<never>();
  const source = new TokenSource(() => late.promise, ACTOR); // an endpoint that ignores the signal
  const refresh = source.refresh();
  source.abort();
  late.resolve({ accessToken: "late" } as never);
  assertInstanceOf(await assertRejects(() => refresh), SessionClosedError);
  assertEquals(source.token, undefined);
  assertInstanceOf(await assertRejects(() => source.refresh()), SessionClosedError);
});

Deno.test("TokenSource.get() refreshes once more a token that died while the machine slept, and no other", async () => {
  using clock = new FakeClock();
  const lives = async (lifetimeS: number, sleepMs: number) => {
    let requests = 0;
    const source = new TokenSource(() => {
      requests += 1;
      const issued = token(`token-${requests}`, lifetimeS);
      if (requests === 1) clock.sleep(sleepMs);
      return Promise.resolve(issued);
    }, ACTOR);
    const { accessToken } = await source.get();
    return [accessToken, requests];
  };
  assertEquals(await lives(900, 0), ["token-1", 1]);
  assertEquals(await lives(900, 899_000), ["token-1", 1]);
  assertEquals(await lives(900, 3_600_000), ["token-2", 2]);
  assertEquals(await lives(5, 6_000), ["token-1", 1]); // the next would be no better
});
