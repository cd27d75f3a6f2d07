import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { startEmulator, tastytradeFaults } from "../../src/emulator/emulator.ts";
import { at } from "../support/emulator_wire.ts";
import { type Frames, openSocket, openStreamer, untilOpen } from "../support/emulator_streams.ts";
import { until } from "../support/idle.ts";
import { LIMIT_ORDER } from "../support/orders.ts";
import { atTime, EMPTY, FUNDED } from "./tastytrade_fixtures.ts";

Deno.test("the emulated account streamer wants a connect first, with a bearer token and accounts", async () => {
  await using emulator = await startEmulator();
  const { act, token, close, frames, send } = await openStreamer(emulator.tastytrade);
  const refusal = async (action: string, fields: Record<string, unknown> = {}) => {
    const { status, message } = await act(action, fields);
    return [status, message];
  };
  assertEquals(await refusal("heartbeat"), ["error", "not implemented"]);
  const raw = token.slice("Bearer ".length);
  assertEquals(await refusal("connect", { "auth-token": raw, "value": [FUNDED] }), [
    "error",
    "Unknown domain",
  ]);
  assertEquals(await refusal("connect", { "auth-token": "Bearer x", "value": [FUNDED] }), [
    "error",
    "failed",
  ]);
  assertEquals(await refusal("connect", { "value": [] }), ["error", "value missing or not valid"]);
  assertEquals(await refusal("connect", { "value": ["NOT-MINE"] }), ["error", "failed"]);
  assertEquals(await refusal("quote-alerts-subscribe"), ["error", "not implemented"]);
  assertEquals(
    emulator.unserved.map(({ what }) => what),
    ['the action "quote-alerts-subscribe" of the account streamer'],
  );
  const { "web-socket-session-id": id, ...ack } = await act("connect", {
    "value": [FUNDED],
    "request-id": 2,
  });
  assertEquals(ack, { "status": "ok", "action": "connect", "request-id": 2 });
  assertMatch(`${id}`, /^[0-9a-f]{8}$/);
  assertEquals((await act("heartbeat"))["status"], "ok");
  assertEquals(await refusal("heartbeat", { "auth-token": "Bearer x" }), ["error", "failed"]);
  emulator.tastytrade.acksNameAccounts = true;
  assert(emulator.tastytrade.acksNameAccounts && !emulator.tastytrade.batchesNotifications);
  assertEquals((await act("connect", { "value": FUNDED }))["value"], [FUNDED]);
  send("not json");
  assertEquals((await frames.next())["status"], "error");
  await close();
});

Deno.test("the emulated account streamer tells of orders, positions and balances that change", async () => {
  await using emulator = await startEmulator();
  const { act, call, frames, close } = await openStreamer(emulator.tastytrade);
  await act("connect", { "value": [FUNDED] });
  const placed = await call("POST", `/accounts/${FUNDED}/orders`, LIMIT_ORDER);
  const { type, data, timestamp } = await frames.next();
  assertEquals([type, at(data, "id"), at(data, "status")], [
    "Order",
    at(placed, "data", "order", "id"),
    "Live",
  ]);
  assert(Math.abs(Number(timestamp) - Date.now()) < 60_000);
  emulator.setPrice("AAPL", "1");
  const changes = await frames.take(3);
  assertEquals(changes.map(({ type }) => type), ["Order", "CurrentPosition", "AccountBalance"]);
  assertEquals(at(changes[0], "data", "status"), "Filled");
  assertEquals(at(changes[1], "data", "quantity"), 1);
  emulator.tastytrade.batchesNotifications = true;
  await call("POST", `/accounts/${FUNDED}/orders`, {
    ...LIMIT_ORDER,
    "price-effect": "Credit",
    "legs": [{ ...LIMIT_ORDER.legs[0], "action": "Sell to Close" }],
  });
  const { results } = await frames.next();
  assertEquals(at(results, 1, "data", "quantity-direction"), "Zero");
  await close();
});

Deno.test("the emulated account streamer drops who is silent for a minute", async () => {
  await using emulator = await startEmulator();
  const { act, frames } = await openStreamer(emulator.tastytradeSandbox);
  await act("connect", { "value": [EMPTY] });
  const now = Date.now();
  {
    using _later = atTime(now + 50_000);
    await act("heartbeat");
  }
  {
    using _later = atTime(now + 100_000);
    emulator.endTradingDay();
    assertEquals(emulator.countStreams("sandbox GET /streamer"), 1);
  }
  using _later = atTime(now + 115_000);
  assertEquals([await frames.nextText(), frames.end], [undefined, { code: 1_000, reason: "Bye" }]);
});

Deno.test("the emulated account streamer may drop whose token has expired, which is not confirmed", async () => {
  await using emulator = await startEmulator();
  const { act, frames } = await openStreamer(emulator.tastytrade);
  await act("connect", { "value": [EMPTY] });
  emulator.revokeAccessTokens();
  assertEquals((await act("heartbeat"))["message"], "failed");
  emulator.endsStreamsWithToken = true;
  assertEquals([await frames.nextText(), frames.end?.code], [undefined, 1_000]);
});

Deno.test("WebSockets of the emulator: codes, silence, refusals, and what is not there", async () => {
  await using emulator = await startEmulator();
  const { streamerUrl } = emulator.tastytrade;
  const route = "tastytrade GET /streamer";
  const first = await openStreamer(emulator.tastytrade);
  assertThrows(() => emulator.disturbStreams(route, "goAway"), TypeError, "/streamer");
  emulator.disturbStreams(route, "cut");
  assertEquals((await first.act("heartbeat", { "request-id": "é" }))["request-id"], "é");
  emulator.disturbStreams(route, { close: 4_001, reason: "gone" });
  assertEquals([await first.frames.nextText(), first.frames.end], [undefined, {
    code: 4_001,
    reason: "gone",
  }]);
  const second = await openStreamer(emulator.tastytrade);
  emulator.disturbStreams(route, "silence");
  second.send({ action: "heartbeat" }); // is not heard
  emulator.disturbStreams(route, "reset");
  assertEquals([await second.frames.nextText(), isBroken(second.frames)], [undefined, true]);
  emulator.injectFault(route, tastytradeFaults.badGateway);
  emulator.injectFault(route, "reset");
  emulator.injectFault(route, "resetMidBody");
  emulator.injectFault(route, { afterEffect: "reset" });
  for (let i = 0; i < 4; i++) {
    const refused = await openSocket(streamerUrl);
    assertEquals(await refused.frames.nextText(), undefined);
  }
  assertEquals(emulator.requests.at(-4)?.status, 502);
  for (const path of ["/tastytrade/nothing", "/nowhere", "/tradestation/v3/marketdata"]) {
    const refused = await openSocket(emulator.url.replace("http", "ws") + path);
    assertEquals(await refused.frames.nextText(), undefined);
  }
  assertEquals(emulator.unserved.map(({ what }) => what), ["a WebSocket at /nothing"]);
  emulator.latencyMs = 1;
  const third = await openSocket(streamerUrl);
  await untilOpen(emulator, route);
  emulator.injectFault(route, "hangMidBody");
  const hanging = openSocket(streamerUrl);
  await until(() => emulator.count(route) >= 8);
  await emulator.close();
  assertEquals([await third.frames.nextText(), isBroken(third.frames)], [undefined, true]);
  assertEquals(await (await hanging).frames.nextText(), undefined);
});

/** RFC 6455 has 1006 for it; Deno has 0. */
function isBroken({ end }: Frames): boolean {
  return end !== undefined && [0, 1_006].includes(end.code);
}
