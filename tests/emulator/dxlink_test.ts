import { assert, assertEquals } from "@std/assert";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import { at, signIn } from "../support/emulator_wire.ts";
import { openSocket } from "../support/emulator_streams.ts";
import { atTime } from "./tastytrade_fixtures.ts";

type Message = Record<string, unknown>;

/** A client that has a quote token and a connection. */
async function connected(emulator: Emulator, access = emulator.tastytrade) {
  const { json } = await (await signIn(access))("/api-quote-tokens");
  const { frames, send, close } = await openSocket(`${at(json, "data", "dxlink-url")}`);
  const say = (type: string, channel: number, fields: Message = {}) =>
    send({ type, channel, ...fields });
  const ask = async (type: string, channel: number, fields: Message = {}) => {
    say(type, channel, fields);
    return await frames.next();
  };
  const authorize = async () => {
    say("SETUP", 0, { version: "0.1-test", keepaliveTimeout: 60, acceptKeepaliveTimeout: 60 });
    await frames.take(2);
    await ask("AUTH", 0, { token: at(json, "data", "token") });
  };
  return { frames, send, say, ask, close, authorize, token: at(json, "data", "token") };
}

const error = (channel: number, error: string, message: string) => ({
  type: "ERROR",
  channel,
  error,
  message,
});

Deno.test("the emulated server of quotes takes the steps of DXLink in their order", async () => {
  await using emulator = await startEmulator();
  const { ask, say, frames, token, close } = await connected(emulator);
  assertEquals(await ask("AUTH", 0, { token }), error(0, "INVALID_MESSAGE", "SETUP step missing"));
  const setup = await ask("SETUP", 0, { version: "0.1-test", keepaliveTimeout: 60 });
  assertEquals([setup["type"], setup["keepaliveTimeout"]], ["SETUP", 60]);
  assertEquals((await frames.next())["state"], "UNAUTHORIZED");
  const request = { service: "FEED", parameters: { contract: "AUTO" } };
  assertEquals(
    await ask("CHANNEL_REQUEST", 1, request),
    error(1, "UNAUTHORIZED", "AUTH step missing"),
  );
  assertEquals((await ask("AUTH", 0, { token: "x" }))["error"], "UNAUTHORIZED");
  assertEquals((await frames.next())["state"], "UNAUTHORIZED");
  assertEquals((await ask("AUTH", 0, { token }))["state"], "AUTHORIZED");
  assertEquals(
    await ask("CHANNEL_REQUEST", 2, request),
    error(0, "BAD_ACTION", "Protocol violation with an even channel usage."),
  );
  assertEquals(
    await ask("FEED_SETUP", 7),
    error(7, "BAD_ACTION", "Channel with id 7 not exists"),
  );
  assertEquals(await ask("CHANNEL_REQUEST", 1, request), {
    type: "CHANNEL_OPENED",
    channel: 1,
    service: "FEED",
    parameters: { contract: "AUTO", subFormat: "LIST" },
  });
  assertEquals((await ask("NONSENSE", 1))["error"], "BAD_ACTION");
  assertEquals((await ask("NONSENSE", 0))["error"], "BAD_ACTION");
  assertEquals((await ask("CHANNEL_REQUEST", 3, { service: "DOM" }))["error"], "BAD_ACTION");
  say("ERROR", 1, { error: "UNKNOWN", message: "not answered" });
  say("KEEPALIVE", 0);
  assertEquals(await ask("CHANNEL_CANCEL", 1), { type: "CHANNEL_CLOSED", channel: 1 });
  assertEquals(
    emulator.unserved.map(({ what }) => what),
    ["the DXLink service DOM with the contract undefined"],
  );
  await close();
});

Deno.test("the emulated server of quotes sends events of prices, whole and compact", async () => {
  await using emulator = await startEmulator();
  const { ask, say, frames, close, authorize } = await connected(emulator);
  await authorize();
  await ask("CHANNEL_REQUEST", 1, { service: "FEED", parameters: { contract: "TICKER" } });
  say("FEED_SUBSCRIPTION", 1, { add: [{ type: "Trade", symbol: "AAPL" }] });
  const { type, eventFields } = await frames.next();
  assertEquals([type, at(eventFields, "Trade", 1)], ["FEED_CONFIG", "eventSymbol"]);
  emulator.setPrice("AAPL", "187.25", "3");
  const { data: [trade] } = await frames.next() as { data: Message[] };
  assertEquals([trade?.["eventSymbol"], trade?.["price"], trade?.["size"], trade?.["change"]], [
    "AAPL",
    187.25,
    3,
    "NaN",
  ]);
  emulator.setPrice("AAPL  230616C00060500", "2.5");
  say("FEED_SETUP", 1, {
    acceptDataFormat: "COMPACT",
    acceptEventFields: { Quote: ["eventSymbol", "bidPrice", "askSize"], Greeks: 1 },
  });
  assertEquals(await frames.next(), {
    type: "FEED_CONFIG",
    channel: 1,
    dataFormat: "COMPACT",
    aggregationPeriod: 0.1,
  });
  say("FEED_SUBSCRIPTION", 1, {
    reset: true,
    add: [{ type: "Quote", symbol: ".AAPL230616C60.5" }, { type: "Greeks", symbol: "AAPL" }],
  });
  await frames.next();
  assertEquals((await frames.next())["data"], ["Quote", [".AAPL230616C60.5", 2.5, "NaN"]]);
  say("FEED_SUBSCRIPTION", 1, { remove: [{ type: "Quote", symbol: ".AAPL230616C60.5" }] });
  await frames.next();
  emulator.setPrice("AAPL  230616C00060500", "3");
  emulator.setPrice("AAPL", "188"); // the reset has ended it
  assertEquals((await ask("CHANNEL_CANCEL", 1))["type"], "CHANNEL_CLOSED");
  assertEquals(emulator.unserved.map(({ what }) => what), [
    "the DXLink subscription of Greeks for AAPL",
  ]);
  await close();
});

Deno.test("the emulated server of quotes may be strict about the order of the token", async () => {
  await using emulator = await startEmulator();
  emulator.tastytrade.wantsAuthAfterState = true;
  assert(emulator.tastytrade.wantsAuthAfterState);
  const { ask, frames, token, close, send, say } = await connected(
    emulator,
    emulator.tastytradeSandbox,
  );
  await ask("SETUP", 0);
  const { message } = await ask("AUTH", 0, { token });
  assertEquals(message, "com.dxfeed.mdd.dxlink.auth.AuthException: Session not found: api");
  assertEquals((await frames.next())["state"], "UNAUTHORIZED");
  assertEquals((await ask("AUTH", 0, { token }))["state"], "AUTHORIZED");
  send("nonsense");
  assertEquals((await frames.next())["error"], "INVALID_MESSAGE");
  say("KEEPALIVE", 0);
  await close();
});

Deno.test("the emulated server of quotes keeps alive, and drops who does not", async () => {
  await using emulator = await startEmulator();
  const { authorize, frames } = await connected(emulator);
  await authorize();
  const now = Date.now();
  {
    using _later = atTime(now + 31_000);
    assertEquals(await frames.next(), { type: "KEEPALIVE", channel: 0 });
  }
  using _later = atTime(now + 62_000);
  assertEquals((await frames.next())["error"], "TIMEOUT");
  assertEquals([await frames.nextText(), frames.end?.code], [undefined, 1_000]);
});
