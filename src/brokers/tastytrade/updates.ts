/** tastytrade's account streamer: https://developer.tastytrade.com/streaming-account-data */

import { record, records, text } from "../fields.ts";
import type { Raw } from "../records.ts";
import type { AccountMessage, SocketUpdates } from "../updates.ts";
import { orders } from "./orders.ts";
import { readBalances, readPosition } from "./records.ts";

/** What no other token and no other connection mends. */
const PERMANENT = /^(unknown domain|value missing or not valid|not implemented)$/i;

/**
 * How tastytrade tells of changes. Heartbeats are wanted every 2 s to 1 min; a client was dropped after 60 silent
 * seconds (tastyware/tastytrade).
 */
export const updates: SocketUpdates = {
  kind: "socket",
  heartbeatMs: 20_000,
  idleTimeoutMs: 45_000,
  connect: (accountNumber, accessToken) => ({
    "action": "connect",
    "value": [accountNumber],
    "auth-token": `Bearer ${accessToken}`,
  }),
  heartbeat: (accessToken) => ({ "action": "heartbeat", "auth-token": `Bearer ${accessToken}` }),
  read: (message) => {
    const { results } = record(message);
    // The official SDK reads such lists of notifications.
    return Array.isArray(results) ? records(results).map(read) : [read(record(message))];
  },
};

function read({ status, action, message, type, data }: Raw): AccountMessage {
  const value = record(data);
  switch (type) {
    case "Order":
      return { kind: "order", order: orders.readItem(value) };
    case "CurrentPosition":
      return { kind: "position", position: readPosition(value) };
    case "AccountBalance":
      return { kind: "balance", balances: readBalances(value) };
  }
  if (status === "error") {
    const words = text(message);
    return { kind: "rejected", message: words, isPermanent: PERMANENT.test(words ?? "") };
  }
  return { kind: status === "ok" && action === "connect" ? "connected" : "other" };
}
