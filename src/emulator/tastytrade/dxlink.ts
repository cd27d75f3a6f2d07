/**
 * tastytrade's server of quotes: DXLink, as far as `@dxfeed/dxlink-api` needs it for quotes and trades.
 * https://github.com/dxFeed/dxLink
 */

import type { Decimal } from "../decimal.ts";
import type { Market } from "../exchange/market.ts";
import { isJsonObject, type Json, type JsonObject, parseJsonObject } from "../response.ts";
import type { AcceptedSocket } from "../service.ts";
import type { SourceOfStream } from "../streams/open_streams.ts";
import type { Outlet } from "../streams/outlet.ts";
import type { QuoteTokens } from "./quote_tokens.ts";

/** As recorded (tastytrade's page on market data). */
const VERSION = "1.0-1.2.1-20240722-153442";
const KEEPALIVE_TIMEOUT_S = 60;
/** How long the server sends nothing at most. Within the client's timeout, which is 60 s by default. */
const KEEPALIVE_MS = 30_000;
/** The code for longer messages is known (1009), the limit is UNCONFIRMED. */
const MAX_MESSAGE_BYTES = 64 * 1024;
/** As recorded. */
const AGGREGATION_PERIOD = 0.1;

/** The fields of each event that a client gets who does not choose. The types of events that are served. */
const EVENT_FIELDS: Readonly<Record<string, readonly string[]>> = {
  Quote: [
    "eventType",
    "eventSymbol",
    "eventTime",
    "bidTime",
    "bidExchangeCode",
    "bidPrice",
    "bidSize",
    "askTime",
    "askExchangeCode",
    "askPrice",
    "askSize",
  ],
  Trade: [
    "eventType",
    "eventSymbol",
    "eventTime",
    "time",
    "exchangeCode",
    "price",
    "change",
    "size",
    "dayVolume",
    "dayTurnover",
  ],
};

/** What the server needs of its environment. */
export interface QuoteHost {
  readonly market: Market;
  readonly tokens: QuoteTokens;
  /** Called for what the emulator does not serve. */
  refuse(what: string): void;
  readonly settings: { readonly wantsAuthAfterState: boolean };
}

/** Accepts a connection to the server of quotes. */
export function dxlink(host: QuoteHost): AcceptedSocket {
  return {
    maxMessageBytes: MAX_MESSAGE_BYTES,
    begin: (outlet) => new DxlinkConnection(outlet, host),
  };
}

/** One channel of a connection. */
interface Channel {
  isCompact: boolean;
  fields: Record<string, readonly string[]>;
  /** The prices that were sent, by type and symbol of the event. */
  readonly sent: Map<string, string | undefined>;
}

type ErrorType = "UNAUTHORIZED" | "INVALID_MESSAGE" | "BAD_ACTION" | "TIMEOUT";

/** One connection. Aggregation is left out: each price is sent at once. */
class DxlinkConnection implements SourceOfStream {
  readonly #outlet: Outlet;
  readonly #host: QuoteHost;
  readonly #channels = new Map<number, Channel>();
  #heardAt = Date.now();
  /** Where it stands: nothing was said; the state is not told yet; it is told; the token was good. */
  #state: "new" | "set up" | "unauthorized" | "authorized" = "new";

  constructor(outlet: Outlet, host: QuoteHost) {
    this.#outlet = outlet;
    this.#host = host;
  }

  receive(text: string): void {
    this.#heardAt = Date.now();
    const message = parseJsonObject(text);
    const channel = message?.["channel"];
    if (message === undefined || typeof channel !== "number") {
      return this.#error(0, "INVALID_MESSAGE", "The message cannot be read.");
    }
    if (channel === 0) this.#receiveForConnection(message);
    else this.#receiveForChannel(channel, message);
  }

  update(): void {
    if (this.#state === "set up") this.#tellState();
    const silentMs = Date.now() - this.#heardAt;
    if (silentMs >= KEEPALIVE_TIMEOUT_S * 1_000) {
      const seconds = Math.floor(silentMs / 1_000);
      this.#error(
        0,
        "TIMEOUT",
        `The timeout has been reached. The message was last received ${seconds} seconds ago.`,
      );
      return this.#outlet.end();
    }
    for (const [id, channel] of this.#channels) this.#sendChanges(id, channel);
    if (Date.now() - this.#outlet.lastSentAt >= KEEPALIVE_MS) this.#send(0, "KEEPALIVE");
  }

  #receiveForConnection(message: JsonObject): void {
    switch (message["type"]) {
      case "SETUP":
        this.#send(0, "SETUP", {
          keepaliveTimeout: KEEPALIVE_TIMEOUT_S,
          acceptKeepaliveTimeout: KEEPALIVE_TIMEOUT_S,
          version: VERSION,
        });
        this.#state = "set up";
        // A server that is strict about the order tells the state a little later.
        if (!this.#host.settings.wantsAuthAfterState) this.#tellState();
        return;
      case "AUTH":
        return this.#authorize(message["token"]);
      case "KEEPALIVE":
      case "ERROR":
        return;
      default:
        return this.#error(0, "BAD_ACTION", `Unknown message ${message["type"]}.`);
    }
  }

  #authorize(token: Json): void {
    if (this.#state === "new") return this.#error(0, "INVALID_MESSAGE", "SETUP step missing");
    if (this.#state === "set up") {
      const exception = "com.dxfeed.mdd.dxlink.auth.AuthException";
      return this.#error(0, "UNAUTHORIZED", `${exception}: Session not found: api`);
    }
    if (!this.#host.tokens.has(token)) {
      this.#error(0, "UNAUTHORIZED", "The token is not valid.");
      return this.#tellState();
    }
    this.#state = "authorized";
    this.#send(0, "AUTH_STATE", { state: "AUTHORIZED", userId: "emulator" });
  }

  #tellState(): void {
    this.#state = "unauthorized";
    this.#send(0, "AUTH_STATE", { state: "UNAUTHORIZED" });
  }

  #receiveForChannel(id: number, message: JsonObject): void {
    if (this.#state !== "authorized") {
      return this.#error(id, "UNAUTHORIZED", "AUTH step missing");
    }
    const { type } = message;
    if (type === "CHANNEL_REQUEST") return this.#openChannel(id, message);
    const channel = this.#channels.get(id);
    if (channel === undefined) {
      return this.#error(id, "BAD_ACTION", `Channel with id ${id} not exists`);
    }
    if (type === "CHANNEL_CANCEL") {
      this.#channels.delete(id);
      this.#send(id, "CHANNEL_CLOSED");
    } else if (type === "FEED_SETUP") this.#configure(id, channel, message);
    else if (type === "FEED_SUBSCRIPTION") this.#subscribe(id, channel, message);
    else if (type !== "ERROR") this.#error(id, "BAD_ACTION", `Unknown message ${type}.`);
  }

  #openChannel(id: number, { service, parameters }: JsonObject): void {
    if (id % 2 === 0) {
      return this.#error(0, "BAD_ACTION", "Protocol violation with an even channel usage.");
    }
    const contract = isJsonObject(parameters) ? parameters["contract"] : undefined;
    if (service !== "FEED" || !["AUTO", "TICKER", "STREAM"].includes(`${contract}`)) {
      this.#host.refuse(`the DXLink service ${service} with the contract ${contract}`);
      return this.#error(id, "BAD_ACTION", `The emulator does not serve ${service} ${contract}.`);
    }
    this.#channels.set(id, { isCompact: false, fields: {}, sent: new Map() });
    const opened = { service, parameters: { contract, subFormat: "LIST" } };
    this.#send(id, "CHANNEL_OPENED", opened);
  }

  #configure(id: number, channel: Channel, message: JsonObject): void {
    channel.isCompact = message["acceptDataFormat"] === "COMPACT";
    const fields = message["acceptEventFields"];
    if (isJsonObject(fields)) {
      for (const [type, names] of Object.entries(fields)) {
        if (Array.isArray(names)) channel.fields[type] = names.map(String);
      }
    }
    this.#sendConfig(id, channel, []);
  }

  #subscribe(id: number, channel: Channel, { reset, add, remove }: JsonObject): void {
    if (reset === true) channel.sent.clear();
    for (const { type, symbol } of objectsOf(remove)) channel.sent.delete(`${type} ${symbol}`);
    const types = new Set<string>();
    for (const { type, symbol, ...others } of objectsOf(add)) {
      if (!(`${type}` in EVENT_FIELDS) || Object.keys(others).length > 0) {
        this.#host.refuse(`the DXLink subscription of ${type} for ${symbol}`);
        continue;
      }
      types.add(`${type}`);
      channel.sent.set(`${type} ${symbol}`, undefined);
    }
    this.#sendConfig(id, channel, [...types]);
    this.#sendChanges(id, channel);
  }

  #sendConfig(id: number, channel: Channel, types: readonly string[]): void {
    const fields = types.map((type) => [type, fieldsOf(channel, type)]);
    this.#send(id, "FEED_CONFIG", {
      dataFormat: channel.isCompact ? "COMPACT" : "FULL",
      aggregationPeriod: AGGREGATION_PERIOD,
      eventFields: fields.length > 0 ? Object.fromEntries(fields) : undefined,
    });
  }

  /** Sends an event for each price that is new to the channel. */
  #sendChanges(id: number, channel: Channel): void {
    const { market } = this.#host;
    for (const [key, before] of channel.sent) {
      const [type = "", symbol = ""] = key.split(" ");
      const traded = orderSymbolOf(symbol);
      const price = market.priceOf(traded);
      const version = price === undefined ? undefined : `${price} ${market.sizeOf(traded)}`;
      if (price === undefined || version === before) continue;
      channel.sent.set(key, version);
      const event = eventOf(type, symbol, { price, size: market.sizeOf(traded) });
      const names = fieldsOf(channel, type);
      const values = names.map((name) => event[name] ?? "NaN");
      const data = channel.isCompact
        ? [type, values]
        : [Object.fromEntries(names.map((name, i) => [name, values[i]]))];
      this.#outlet.change(JSON.stringify({ type: "FEED_DATA", channel: id, data }));
    }
  }

  #error(channel: number, error: ErrorType, message: string): void {
    this.#send(channel, "ERROR", { error, message });
  }

  #send(channel: number, type: string, fields: JsonObject = {}): void {
    this.#outlet.send(JSON.stringify({ type, channel, ...fields }));
  }
}

function fieldsOf({ fields }: Channel, type: string): readonly string[] {
  return fields[type] ?? EVENT_FIELDS[type] ?? [];
}

/** An event. What the emulator does not know is the text "NaN", as a number that is missing. */
function eventOf(
  eventType: string,
  eventSymbol: string,
  { price, size }: { price: Decimal; size: Decimal | undefined },
): JsonObject {
  const [amount, quantity] = [Number(price), size === undefined ? "NaN" : Number(size)];
  return {
    eventType,
    eventSymbol,
    eventTime: 0,
    ...(eventType === "Quote"
      ? { bidPrice: amount, askPrice: amount, bidSize: quantity, askSize: quantity }
      : { price: amount, size: quantity, time: Date.now() }),
  };
}

/** The symbol of an order for a symbol of the stream: `.AAPL230616C60` is `AAPL  230616C00060000`. */
function orderSymbolOf(symbol: string): string {
  const [, root, day, strike = ""] = /^\.([A-Z]+)(\d{6}[CP])([\d.]+)$/.exec(symbol) ?? [];
  if (root === undefined) return symbol;
  const thousandths = Math.round(Number(strike) * 1_000);
  return `${root.padEnd(6)}${day}${String(thousandths).padStart(8, "0")}`;
}

function objectsOf(list: Json): readonly JsonObject[] {
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
}
