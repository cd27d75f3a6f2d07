import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { at } from "../support/emulator_wire.ts";
import { openLines, untilOpen } from "../support/emulator_streams.ts";
import { TradestationClient } from "../support/emulator_tradestation.ts";
import { atTime, CASH, MARGIN } from "./tradestation_fixtures.ts";

const QUOTES = "/v3/marketdata/stream/quotes/";
const ORDERS = `/v3/brokerage/stream/accounts/${CASH}/orders`;
const POSITIONS = `/v3/brokerage/stream/accounts/${CASH}/positions`;

async function signedIn() {
  const client = await TradestationClient.open();
  const { json } = await client.refresh();
  const headers = { authorization: `Bearer ${at(json, "access_token")}` };
  const { emulator } = client;
  const { baseUrl } = emulator.tradestation;
  return {
    emulator,
    open: (path: string) => openLines(baseUrl + path, headers),
    post: async (body: unknown) => {
      const response = await fetch(`${baseUrl}/v3/orderexecution/orders`, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      return `${at(await response.json(), "Orders", 0, "OrderID")}`;
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

const BUY = {
  AccountID: CASH,
  Symbol: "XYZ",
  Quantity: "5",
  OrderType: "Limit",
  LimitPrice: "10",
  TradeAction: "BUY",
  TimeInForce: { Duration: "DAY" },
};

Deno.test("emulated quotes are complete at first, and then what has changed", async () => {
  await using client = await signedIn();
  const { emulator, open } = client;
  emulator.setPrice("XYZ", "10");
  const { response, frames, close } = await open(`${QUOTES}MSFT,XYZ,INVALID,VXMQ26`);
  assertEquals(response.status, 200);
  assertEquals(
    response.headers.get("content-type"),
    "application/vnd.tradestation.streams.v2+json",
  );
  const [msft, xyz, ...errors] = await frames.take(4);
  assertEquals([msft?.["Symbol"], xyz?.["Last"]], ["MSFT", "10"]);
  assertEquals(errors, [
    { Symbol: "INVALID", Error: "FAILED, INVALID SYMBOL" },
    { Symbol: "VXMQ26", Error: "FAILED, NOT ENTITLED" },
  ]);
  using _later = atTime(Date.now() + 2_000);
  emulator.setPrice("XYZ", "10"); // no trade at another price
  emulator.setPrice("XYZ", "10.5");
  const { TradeTime: _, ...change } = await frames.next();
  assertEquals(change, { Symbol: "XYZ", Last: "10.5", Bid: "10.5", Ask: "10.5", Close: "10.5" });
  await close();
});

Deno.test("emulated order streams send a snapshot, and each order as it changes", async () => {
  await using client = await signedIn();
  const { emulator, open, post } = client;
  const { response, frames, close } = await open(ORDERS);
  assertEquals(
    response.headers.get("content-type"),
    "application/vnd.tradestation.streams.v3+json",
  );
  const snapshot = await frames.until(({ StreamStatus: status }) => status === "EndSnapshot");
  assert(snapshot.slice(0, -1).every(({ AccountID: id }) => id === CASH));
  const id = await post(BUY);
  const placed = await frames.next();
  assertEquals([placed["OrderID"], placed["Status"], at(placed, "Legs", 0, "ExecQuantity")], [
    id,
    "ACK",
    "0",
  ]);
  emulator.setPrice("XYZ", "9", "2");
  assertEquals((await frames.next())["Status"], "FPR");
  emulator.setPrice("XYZ", "9");
  assertEquals((await frames.next())["Status"], "FLL");

  const other = await open(`${ORDERS}/${id}`);
  const [mine, end] = await other.frames.take(2);
  assertEquals([mine?.["OrderID"], end], [id, { StreamStatus: "EndSnapshot" }]);
  await other.close();
  await close();
});

Deno.test("emulated positions are sent whole, or by changes, and when they are gone", async () => {
  await using client = await signedIn();
  const { emulator, open, post } = client;
  const whole = await open(POSITIONS);
  const changes = await open(`${POSITIONS}?changes=true`);
  for (const { frames } of [whole, changes]) {
    await frames.until(({ StreamStatus: status }) => status === "EndSnapshot");
  }
  emulator.setPrice("XYZ", "10");
  await post(BUY);
  const { PositionID: id, ...opened } = await whole.frames.next();
  assertEquals(opened["Quantity"], "5");
  assertEquals((await changes.frames.next())["PositionID"], id);
  emulator.setPrice("XYZ", "11");
  assertEquals((await whole.frames.next())["AveragePrice"], "10");
  const change = await changes.frames.next();
  assertEquals([change["PositionID"], change["Last"], "AveragePrice" in change], [id, "11", false]);
  await post({ ...BUY, TradeAction: "SELL" });
  for (const { frames, close } of [whole, changes]) {
    assertEquals(await frames.next(), { PositionID: id, Deleted: true });
    await close();
  }
});

Deno.test("an emulated stream of another user's account is an error in the stream, and its end", async () => {
  await using client = await signedIn();
  const { frames, response, close } = await client.open(
    `/v3/brokerage/stream/accounts/${CASH},NOT-MINE/orders`,
  );
  assertEquals(response.status, 200);
  assertEquals(await frames.next(), {
    AccountID: "NOT-MINE",
    Error: "Forbidden",
    Message: "Invalid Account ID.",
  });
  assertEquals(await frames.nextText(), undefined);
  await close();
});

Deno.test("emulated streams send a heartbeat after five idle seconds", async () => {
  await using client = await signedIn();
  const { frames, close } = await client.open(`${QUOTES}MSFT`);
  await frames.next();
  const now = Date.now();
  {
    using _later = atTime(now + 4_000);
    client.emulator.endTradingDay();
  }
  using _later = atTime(now + 6_000);
  client.emulator.endTradingDay();
  const { Heartbeat: count, Timestamp: at } = await frames.next();
  assertEquals([count, at], [1, new Date(now + 6_000).toISOString().replace(/\.\d+/, "")]);
  await close();
});

Deno.test("an emulated stream goes away, is cut, loses, repeats and delays changes", async () => {
  await using client = await signedIn();
  const { emulator } = client;
  emulator.setPrice("XYZ", "10");
  const { frames, close } = await client.open(`${QUOTES}XYZ`);
  const orders = await client.open(ORDERS);
  await orders.frames.until(({ StreamStatus: status }) => status === "EndSnapshot");
  await frames.next();
  const route = "GET /v3/marketdata/stream/quotes/*";
  assertEquals(emulator.disturbStreams("GET /v3/marketdata/**", "drop"), 1);
  emulator.setPrice("XYZ", "11");
  emulator.disturbStreams(route, "duplicate");
  emulator.setPrice("XYZ", "12");
  emulator.disturbStreams(route, "delay");
  emulator.setPrice("XYZ", "13");
  emulator.setPrice("XYZ", "14");
  emulator.disturbStreams(route, "cut");
  emulator.disturbStreams(route, { send: '{"Symbol":"é"}' });
  const prices = (await frames.take(5)).map(({ Last: last, Symbol: symbol }) => last ?? symbol);
  assertEquals(prices, ["12", "12", "14", "13", "é"]);
  emulator.disturbStreams("tradestation * /**", "goAway");
  assertEquals(await frames.next(), {
    Error: "GoAway",
    Message: "The server is about to shut down.",
  });
  assertEquals(await orders.frames.next(), { StreamStatus: "GoAway" });
  emulator.disturbStreams(route, "silence");
  emulator.setPrice("XYZ", "15");
  emulator.disturbStreams(route, "end"); // silence has no end
  emulator.disturbStreams("GET /v3/brokerage/**", "end");
  assertEquals(await orders.frames.nextText(), undefined);
  emulator.disturbStreams(route, "reset");
  assertEquals([await frames.nextText(), frames.end?.code], [undefined, 1_006]);
  await untilOpen(emulator, "GET /**", 0);
  await Promise.all([close(), orders.close()]);
});

Deno.test("an emulated stream may end with its token, which is not confirmed", async () => {
  await using client = await signedIn();
  const { emulator } = client;
  const { frames, close } = await client.open(`${QUOTES}MSFT`);
  await frames.next();
  emulator.revokeAccessTokens();
  emulator.setPrice("MSFT", "1");
  assertEquals((await frames.next())["Last"], "1");
  emulator.endsStreamsWithToken = true;
  assertEquals(await frames.nextText(), undefined);
  await close();
});

Deno.test("a user has 40 emulated streams of orders and positions at once", async () => {
  await using client = await signedIn();
  const { emulator, open } = client;
  const opened = await Promise.all(
    Array.from(
      { length: 40 },
      (_, i) => open(i % 2 === 0 ? ORDERS : `/v3/brokerage/stream/accounts/${MARGIN}/positions`),
    ),
  );
  const refused = await open(ORDERS);
  assertEquals(refused.response.status, 429);
  assertEquals(refused.response.headers.get("x-concurrency-limit"), "40");
  assertMatch(`${await refused.frames.nextText() ?? ""}`, /^$/); // no line ends there
  await opened[0]?.close();
  await untilOpen(emulator, "GET /v3/brokerage/**", 39);
  const next = await open(ORDERS);
  assertEquals(next.response.status, 200);
  await Promise.all([...opened, refused, next].map(({ close }) => close()));
});

Deno.test("faults at the opening of an emulated stream, and a reset that ends all", async () => {
  await using client = await signedIn();
  const { emulator, open } = client;
  emulator.injectFault("GET /v3/marketdata/stream/**", "hangMidBody");
  emulator.injectFault("GET /v3/marketdata/stream/**", "resetMidBody");
  const silent = await open(`${QUOTES}MSFT`);
  await silent.frames.next(); // the quote that was there before the fault
  const broken = await open(`${QUOTES}MSFT`).catch(() => undefined);
  while (await broken?.frames.nextText() !== undefined);
  emulator.setPrice("MSFT", "1");
  assertEquals(emulator.countStreams("GET /v3/marketdata/**"), 1);
  emulator.reset();
  assertEquals([await silent.frames.nextText(), silent.frames.end?.code], [undefined, 1_006]);
  await silent.close();
  await broken?.close();
});

Deno.test("an emulated stream that has no announcement refuses one", async () => {
  await using emulator = await startEmulator();
  assertEquals(emulator.disturbStreams("GET /**", "goAway"), 0);
  assertThrows(() => emulator.disturbStreams("nonsense", "goAway"), TypeError, "nonsense");
});
