import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type RateLimit,
  Session,
  type SessionOptions,
  tastytrade,
  tradestation,
} from "../../mod.ts";
import { acme } from "../support/broker_fixtures.ts";
import { ScriptedBroker } from "../support/scripted_broker.ts";
import { paced, pass } from "./rate_limiter_fixtures.ts";

function limitsOf(
  { rateLimits = [] }: { rateLimits?: readonly RateLimit[] },
): readonly RateLimit[] {
  return rateLimits;
}

Deno.test("Session takes the limits that its broker has published", async () => {
  const { clock, broker, session } = await paced("published", { broker: tradestation });
  using _clock = clock;
  const calls = Array.from({ length: 321 }, () => session.get("/brokerage/accounts"));
  await pass(clock, 1_000, 500);
  assertEquals(broker.requests.length, 320);
  await session.get("/orderexecution/orders"); // for which none is published
  await pass(clock, 300_000, 10_000);
  await Promise.all(calls);
  await session.close();
  for (const { path, requests, perMs } of [tastytrade, tradestation].flatMap(limitsOf)) {
    assert(requests > 0 && perMs >= 1_000 && !path?.global);
  }
});

Deno.test("A broker's published limits are about the paths that its resources use", () => {
  const limited = (broker: typeof tastytrade, target: string) =>
    limitsOf(broker).filter(({ path }) => path?.test(target.replace(/\?.*/, ""))).map((
      { requests },
    ) => requests);
  const { accounts } = tastytrade;
  for (
    const path of [accounts.listPath, accounts.balancesPath("5WT"), accounts.positionsPath("5WT")]
  ) {
    assertEquals(limited(tastytrade, path), [1], path);
  }
  assertEquals(limited(tastytrade, "/accounts/5WT/orders"), []);
  assertEquals(limited(tastytrade, "/instruments/equities"), [2]);
  assertEquals(limited(tastytrade, "/instruments/equities/AAPL"), [3]);
  const { accounts: other } = tradestation;
  for (const path of [other.listPath, other.balancesPath("1,2"), other.positionsPath("1")]) {
    assertEquals(limited(tradestation, path), [320], path);
  }
  assertEquals(limited(tradestation, "/brokerage/accounts/1/historicalorders/2"), [320]);
  assertEquals(limited(tradestation, "/marketdata/quotes/MSFT,AAPL"), [500]);
});

Deno.test("new Session() refuses what is no limit, and published ones where there are none", async () => {
  const { clientSecret = "", refreshToken = "" } = new ScriptedBroker().options;
  const open = (rateLimit: unknown, broker = tastytrade) =>
    Promise.try(() =>
      new Session({ clientSecret, refreshToken, broker, rateLimit } as SessionOptions)
    );
  for (
    const limit of [
      0,
      null,
      "fast",
      {},
      { requests: 1 },
      { requests: 0, perMs: 1 },
      { requests: 1.5, perMs: 1 },
      { requests: 1, perMs: 0 },
      { requests: 1, perMs: NaN },
      { requests: 1, perMs: 1, path: "/a" },
      [{}],
    ]
  ) {
    await assertRejects(() => open(limit), TypeError, "Cannot use this rateLimit");
  }
  await assertRejects(() => open("published", acme), TypeError, "Acme has published none");
  await open([]);
});

Deno.test("Each published limit of tastytrade is about its own paths, and about no others", () => {
  const rows: readonly [string, readonly number[]][] = [
    ["/market-data/by-type", [2]],
    ["/market-data/by-type/x", []],
    ["/option-chains/AAPL", [2]],
    ["/option-chains/AAPL/nested", [2]],
    ["/futures-option-chains/ES", [2]],
    ["/instruments/equities", [2]],
    ["/instruments/equities/AAPL", [3]],
    ["/instruments/futures", [1]],
    ["/instruments/futures/%2FESZ6", [1]],
    ["/instruments/future-products", [1]],
    ["/instruments/future-products/CME/ES", [1]],
    ["/instruments/equity-options", []],
    ["/instruments/equity-options/SPY", [3]],
    ["/instruments/future-options/x", [3]],
    ["/accounts/5WT/positions", [1]],
    ["/accounts/5WT/balances", [1]],
    ["/accounts/5WT/balances/USD", []],
    ["/accounts/5WT/trading-status", [1]],
    ["/customers/me/accounts", [1]],
    ["/customers/me/accounts/5WT", []],
    ["/customers/me", []],
  ];
  const [whole, ...others] = limitsOf(tastytrade);
  assertEquals([whole?.requests, whole?.perMs, whole?.path], [50, 1_000, undefined]);
  for (const [path, requests] of rows) {
    const found = others.filter((limit) => limit.path?.test(path)).map((limit) => limit.requests);
    assertEquals(found, requests, path);
  }
  assert(others.every(({ perMs }) => perMs === 1_000));
  assertEquals(
    new Set(rows.flatMap(([path]) => others.filter((limit) => limit.path?.test(path)))).size,
    others.length,
  );
});
