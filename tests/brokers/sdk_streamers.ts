/**
 * A program with the streamers of the client that tastytrade publishes, as it comes from npm. Prints what they
 * tell: the notifications of an order that is filled, and a price. In a process of its own, because the client
 * leaves its socket of quotes open.
 *
 * @module
 */

import process from "node:process";
// deno-lint-ignore no-import-prefix -- used by this one test; the module itself has no dependency
import TastytradeClient, { MarketDataSubscriptionType } from "npm:@tastytrade/api@7.0.2";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { LIMIT_ORDER } from "../support/orders.ts";

const ACCOUNT = "5WT00000";

const emulator = await startEmulator();
const { tastytrade } = emulator;
const client = new TastytradeClient({
  ...tastytrade,
  accountStreamerUrl: tastytrade.streamerUrl,
  oauthScopes: ["read", "trade"],
});
await client.accountsAndCustomersService.getCustomerAccounts(); // the token that its streamers send
emulator.setPrice("AAPL", "180.50");

const told: string[] = [];
const { accountStreamer, quoteStreamer } = client;
const isTold = new Promise<void>((resolve) => {
  const look = () => ["AccountBalance", "Quote"].every((type) => told.includes(type)) && resolve();
  accountStreamer.addMessageObserver((message: { type?: string; data?: { status?: string } }) => {
    told.push([message.type, message.data?.status].filter(Boolean).join(" "));
    look();
  });
  quoteStreamer.addEventListener((events) => {
    for (const { eventType } of events) told.push(`${eventType}`);
    look();
  });
});
await accountStreamer.start();
const status = await accountStreamer.subscribeToAccounts([ACCOUNT]);
await quoteStreamer.connect();
quoteStreamer.subscribe(["AAPL"], [MarketDataSubscriptionType.Quote]);
await client.orderService.createOrder(ACCOUNT, LIMIT_ORDER);
emulator.setPrice("AAPL", "0.50");
await isTold;
console.log(JSON.stringify({ status, told: [...new Set(told)], unserved: emulator.unserved }));
accountStreamer.stop();
process.exit();
