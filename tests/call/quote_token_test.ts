import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Session, SessionError, tastytrade } from "../../mod.ts";
import { ScriptedBroker, signedIn } from "../support/scripted_broker.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** A session whose broker gives such a quote token. */
async function quoting(
  answer: () => unknown,
): Promise<{ session: Session; broker: ScriptedBroker }> {
  const broker = new ScriptedBroker();
  broker.lifetimeS = 1_000_000;
  broker.onRequest = () => Response.json({ data: answer() });
  const { signInUrl: _, ...options } = broker.options;
  const { endpoints, ...others } = tastytrade;
  // The scripted token endpoint has a host of its own.
  const custom = {
    ...others,
    tokenRequestFormat: "form" as const,
    endpoints: (place: Parameters<typeof endpoints>[0]) => ({
      ...endpoints(place),
      tokenUrl: "https://signin.example/oauth/token",
    }),
  };
  return {
    session: await signedIn(broker, {
      ...options,
      broker: custom,
      signInUrl: "https://signin.example",
    }),
    broker,
  };
}

const HOUR_MS = 3_600_000;

Deno.test("session.quoteToken() keeps the token of a day, and gets another one in time", async () => {
  using clock = new FakeClock();
  let issued = 0;
  const { session, broker } = await quoting(() => ({
    "token": `quote-${++issued}`,
    "dxlink-url": "wss://quotes.example/realtime",
    "level": "api",
    "expires-at": new Date(Date.now() + 24 * HOUR_MS).toISOString(),
  }));
  const first = await session.quoteToken();
  assertEquals([first.token, first.url, first.level], [
    "quote-1",
    "wss://quotes.example/realtime",
    "api",
  ]);
  clock.advance(22.9 * HOUR_MS);
  assert(await session.quoteToken() === first);
  clock.advance(0.2 * HOUR_MS);
  assertEquals((await session.quoteToken()).token, "quote-2");
  assertEquals(broker.requests.map(({ path }) => path), Array(2).fill("/api-quote-tokens"));
  await session.close();
});

Deno.test("session.quoteToken() takes a day if the broker does not say", async () => {
  using clock = new FakeClock();
  const { session } = await quoting(() => ({ "token": "a", "dxlink-url": "wss://quotes.example" }));
  const { expiresAt, level } = await session.quoteToken();
  assertEquals([expiresAt.getTime() - Date.now(), level], [24 * HOUR_MS, undefined]);
  clock.advance(1);
  await session.close();
});

Deno.test("session.quoteToken() says what is missing", async () => {
  const { session } = await quoting(() => ({ "token": "" }));
  const error = await assertRejects(() => session.quoteToken(), SessionError);
  assertEquals(error.code, "invalid_response");
  await session.close();
  const other = await signedIn(new ScriptedBroker());
  const unsupported = await assertRejects(() => other.quoteToken(), SessionError, "TradeStation");
  assertEquals(unsupported.code, "unsupported");
  await other.close();
});
