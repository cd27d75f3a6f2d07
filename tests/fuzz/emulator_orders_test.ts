/**
 * What no client means to send. The emulator runs inside of a program's tests: whatever arrives, it
 * refuses, and neither fails nor ends the program.
 *
 * @module
 */

import { assert, assertEquals, assertFalse, assertRejects } from "@std/assert";
import { request as httpRequest } from "node:http";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import { Random } from "../support/random.ts";

const TASTYTRADE_ORDER = {
  "time-in-force": "Day",
  "order-type": "Limit",
  "price": "1.00",
  "price-effect": "Debit",
  "stop-trigger": "1.00",
  "value": "5.00",
  "value-effect": "Debit",
  "gtc-date": "2030-01-01",
  "legs": [{
    "instrument-type": "Equity",
    "symbol": "AAPL",
    "quantity": 1,
    "action": "Buy to Open",
  }],
};

const TASTYTRADE_MARKET_ORDER = { ...TASTYTRADE_ORDER, "order-type": "Market" };

const TRADESTATION_ORDER = {
  AccountID: "123456782",
  Symbol: "MSFT",
  Quantity: "10",
  OrderType: "Limit",
  LimitPrice: "1.00",
  StopPrice: "1.00",
  TradeAction: "BUY",
  TimeInForce: { Duration: "GTD", Expiration: "2030-01-01T00:00:00Z" },
  Route: "Intelligent",
  OrderConfirmID: "id",
  Legs: [{ Symbol: "MSFT", Quantity: "10", TradeAction: "BUY" }],
};

/** What is put in the place of a value: the names of what every object has, and numbers that are none. */
const GARBAGE: readonly unknown[] = [
  "constructor",
  "__proto__",
  "toString",
  "hasOwnProperty",
  "",
  " ",
  "abc",
  "1e999",
  "-1",
  "0",
  "0.000000001",
  "NaN",
  "1,000",
  "9".repeat(400),
  0,
  -1,
  1e308,
  1.5,
  null,
  true,
  [],
  [[]],
  [null],
  {},
  { "constructor": 1 },
  "\u0000",
  "💸",
];

type Target = readonly ["tastytrade" | "tradestation", string, string, unknown];

function garbage(random: Random): unknown {
  return GARBAGE[random.below(GARBAGE.length)];
}

/** A copy with garbage in one or two places. */
function spoiled(value: unknown, random: Random): unknown {
  if (typeof value !== "object" || value === null) return garbage(random);
  const copy = structuredClone(value) as Record<string, unknown>;
  const keys = Object.keys(copy);
  const key = keys[random.below(keys.length)] ?? "";
  copy[key] = random.chance(0.5) ? garbage(random) : spoiled(copy[key], random);
  return copy;
}

/** An access token of each broker. */
async function accessTokens({ tastytrade, tradestation }: Emulator) {
  const token = async (url: string, body: Record<string, string>): Promise<string> => {
    const headers = { "user-agent": "test/1.0" };
    const form = new URLSearchParams({ grant_type: "refresh_token", ...body });
    return (await (await fetch(url, { method: "POST", headers, body: form })).json()).access_token;
  };
  return {
    tastytrade: await token(`${tastytrade.baseUrl}/oauth/token`, {
      client_secret: tastytrade.clientSecret,
      refresh_token: tastytrade.refreshToken,
    }),
    tradestation: await token(`${tradestation.signInUrl}/oauth/token`, {
      client_id: tradestation.clientId,
      client_secret: tradestation.clientSecret,
      refresh_token: tradestation.refreshToken,
    }),
  };
}

/** Where orders go. */
function targetsOf({ tastytrade, tradestation }: Emulator): readonly [Target, ...Target[]] {
  const orders = `${tastytrade.baseUrl}/accounts/5WT00000/orders`;
  const execution = `${tradestation.baseUrl}/v3/orderexecution`;
  return [
    ["tastytrade", "POST", `${orders}/dry-run`, TASTYTRADE_MARKET_ORDER],
    ["tastytrade", "POST", orders, TASTYTRADE_ORDER],
    ["tastytrade", "POST", `${orders}/dry-run`, TASTYTRADE_ORDER],
    ["tradestation", "POST", `${execution}/orders`, TRADESTATION_ORDER],
    ["tradestation", "POST", `${execution}/orderconfirm`, TRADESTATION_ORDER],
  ];
}

Deno.test("Emulator refuses garbage, and never fails", async () => {
  await using emulator = await startEmulator();
  const tokens = await accessTokens(emulator);
  const targets = targetsOf(emulator);
  const seed = 7;
  const random = new Random(seed);
  const counts = { taken: 0, refused: 0 };
  for (let count = 0; count < 2_000; count++) {
    const [broker, method, url, order] = random.pick(targets);
    const body = JSON.stringify(spoiled(order, random));
    const response = await fetch(url, {
      method,
      headers: {
        "authorization": `Bearer ${tokens[broker]}`,
        "content-type": "application/json",
        "user-agent": "test/1.0",
      },
      body,
    });
    const text = await response.text();
    assertFalse(response.headers.has("x-emulator-failure"), `seed ${seed}: ${body} → ${text}`);
    counts[response.ok ? "taken" : "refused"] += 1;
  }
  assert(counts.taken > 100 && counts.refused > 500, JSON.stringify(counts));
});

Deno.test("A mistake in the emulator becomes a response that says so, and does not end the program", async () => {
  await using emulator = await startEmulator();
  Object.assign(emulator, { scopes: 5 }); // which it does not expect
  const { clientSecret, refreshToken, baseUrl } = emulator.tastytrade;
  const response = await fetch(`${baseUrl}/oauth/token`, {
    method: "POST",
    headers: { "user-agent": "test/1.0", "content-type": "application/json" },
    body: JSON.stringify({
      grant_type: "refresh_token",
      client_secret: clientSecret,
      refresh_token: refreshToken,
    }),
  });
  assertEquals([response.status, response.headers.get("x-emulator-failure")], [500, "true"]);
  assert((await response.text()).startsWith("The emulator itself has failed: TypeError"));
});

Deno.test("Emulator answers under its own name only", async () => {
  await using emulator = await startEmulator();
  const { port } = new URL(emulator.url);
  const statusFor = (host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const options = {
        port,
        host: "127.0.0.1",
        path: "/tastytrade/customers/me",
        headers: { host },
      };
      httpRequest(options, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on("error", reject).end();
    });
  for (
    const host of ["evil.example", `evil.example:${port}`, "127.0.0.1.evil.example", "x@localhost"]
  ) {
    assertEquals(await statusFor(host), 421, host);
  }
  // It is nginx's 401: there is no User-Agent.
  for (const host of [`127.0.0.1:${port}`, `LOCALHOST:${port}`, "localhost", "127.0.0.1:1"]) {
    assertEquals(await statusFor(host), 401, host);
  }
});

Deno.test("startEmulator() refuses an option that there is not", async () => {
  const options = { prot: 1 } as Record<string, number>;
  await assertRejects(() => startEmulator(options), TypeError, 'there is no option "prot"');
});
