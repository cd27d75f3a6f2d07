/** TradeStation's streams: https://api.tradestation.com/docs/fundamentals/http-streaming */

import { nonEmptyText, record, text } from "../fields.ts";
import type { BrokerStreams, StreamFrame } from "../streams.ts";

/**
 * Errors that may pass: the documentation's names, and those that v2 sends with them. DualLogon may not: another
 * session has the entitlement, and to open the stream again would only fight over it.
 */
const TEMPORARY: ReadonlySet<string> = new Set([
  "InternalServerError",
  "ServiceUnavailable",
  "GatewayTimeout",
  "TooManyRequests",
  "Failed",
  "RESET",
  "DATAFEED_NOT_CONNECTED",
]);

/** How TradeStation sends chunked JSON. Heartbeats come after 5 idle seconds. */
export const streams: BrokerStreams = {
  idleTimeoutMs: 30_000,
  readFrame,
  // v2 ends with such lines.
  readLine: (line) => {
    if (line === "END") return { kind: "end" };
    const [, words = line] = /^ERROR - (.*)$/.exec(line) ?? [];
    const isTimeout = /timeout|timed out/i.test(words);
    return { kind: isTimeout ? "temporary_error" : "error", code: "stream_error", message: words };
  },
};

function readFrame(value: unknown): StreamFrame {
  const frame = record(value);
  if (frame.Heartbeat !== undefined || frame.heartbeat !== undefined) return { kind: "heartbeat" };
  const status = nonEmptyText(frame.StreamStatus);
  if (status === "EndSnapshot") return { kind: "snapshot_end" };
  if (status === "GoAway") return { kind: "go_away" };
  const code = nonEmptyText(frame.Error);
  if (code === undefined) return { kind: "data" };
  if (code === "GoAway") return { kind: "go_away" };
  const symbol = text(frame.Symbol);
  const error = { code, message: nonEmptyText(frame.Message), symbol };
  if (TEMPORARY.has(code)) return { kind: "temporary_error", ...error };
  // Whether such an error ends the stream for the other symbols is not clear in the documentation.
  const isOfSymbol = symbol !== undefined && code !== "DualLogon";
  return { kind: isOfSymbol ? "symbol_error" : "error", ...error };
}
