/** tastytrade's account streamer: a WebSocket that tells of changes in accounts. */

import { randomBytes } from "node:crypto";
import { type Json, type JsonObject, parseJsonObject } from "../response.ts";
import type { AcceptedSocket, Settings } from "../service.ts";
import type { SourceOfStream } from "../streams/open_streams.ts";
import type { Outlet } from "../streams/outlet.ts";
import type { User } from "../users.ts";
import { isAccount } from "./account_list.ts";
import type { OrderBook } from "./order_book.ts";

/** Who is silent for as long is disconnected, as a client has seen. */
const PATIENCE_MS = 60_000;
/** Far more than any message of a client; the limit is UNCONFIRMED. */
const MAX_MESSAGE_BYTES = 64 * 1024;

/** What the streamer needs of its environment. */
export interface StreamerHost {
  readonly book: OrderBook;
  /** Whose access token an `Authorization` header has, or a message; `undefined` if it is not valid. */
  userOf(authorization: string | undefined): User | undefined;
  /** Called for what the emulator does not serve. */
  refuse(what: string): void;
  readonly settings: Settings;
}

/** Accepts a connection to the streamer. */
export function accountStreamer(host: StreamerHost): AcceptedSocket {
  return {
    maxMessageBytes: MAX_MESSAGE_BYTES,
    begin: (outlet) => new AccountStreamer(outlet, host),
  };
}

/**
 * One connection. It sends orders, positions and balances. The other notifications (complex orders, trading
 * status, watchlists, alerts) are not served.
 */
class AccountStreamer implements SourceOfStream {
  readonly #outlet: Outlet;
  readonly #host: StreamerHost;
  readonly #id = randomBytes(4).toString("hex");
  #heardAt = Date.now();
  #accounts: readonly string[] | undefined;
  /** The token that was sent last. */
  #token: string | undefined;
  #sent: ReadonlyMap<string, Notification> = new Map();

  constructor(outlet: Outlet, host: StreamerHost) {
    this.#outlet = outlet;
    this.#host = host;
  }

  receive(text: string): void {
    this.#heardAt = Date.now();
    const message = parseJsonObject(text) ?? {};
    const action = message["action"];
    const error = this.#act(action, message);
    this.#outlet.send(JSON.stringify({
      "status": error === undefined ? "ok" : "error",
      "action": action,
      "web-socket-session-id": this.#id,
      "value": this.#isNamed(action, error) ? this.#accounts : undefined,
      "message": error,
      "request-id": message["request-id"],
    }));
  }

  update(): void {
    const { endsStreamsWithToken } = this.#host.settings;
    const isTokenOver = this.#token !== undefined && this.#host.userOf(this.#token) === undefined;
    if (Date.now() - this.#heardAt >= PATIENCE_MS || endsStreamsWithToken && isTokenOver) {
      return this.#outlet.end();
    }
    const now = this.#current();
    const changed = [...now].filter(([key, { text }]) => this.#sent.get(key)?.text !== text)
      .map(([, notification]) => notification);
    this.#sent = now;
    if (changed.length > 1 && this.#host.settings.batchesNotifications) {
      this.#outlet.change(JSON.stringify({ results: changed.map(messageOf) }));
    } else {
      for (const notification of changed) {
        this.#outlet.change(JSON.stringify(messageOf(notification)));
      }
    }
  }

  /** Does what a message asks for. Returns the words of the refusal, if it is refused. */
  #act(action: Json, message: JsonObject): string | undefined {
    const authorization = `${message["auth-token"]}`;
    const user = this.#host.userOf(authorization);
    if (action === "heartbeat") {
      if (this.#accounts === undefined) return "not implemented";
      // What an expired token is answered is UNCONFIRMED.
      if (user !== undefined) this.#token = authorization;
      return user === undefined ? "failed" : undefined;
    }
    if (action !== "connect" && action !== "account-subscribe") {
      this.#host.refuse(`the action "${action}" of the account streamer`);
      return "not implemented";
    }
    if (!/^Bearer /.test(authorization)) return "Unknown domain";
    if (user === undefined) return "failed";
    const { value } = message;
    const accounts = (Array.isArray(value) ? value : [value])
      .filter((one) => typeof one === "string");
    if (accounts.length === 0) return "value missing or not valid";
    if (!accounts.every((account) => isAccount(account, user))) return "failed";
    this.#accounts = accounts;
    this.#token = authorization;
    this.#sent = this.#current(); // what is there already is not told
    return undefined;
  }

  #isNamed(action: Json, error: string | undefined): boolean {
    return error === undefined && action !== "heartbeat" && this.#host.settings.acksNameAccounts;
  }

  #current(): ReadonlyMap<string, Notification> {
    const { book } = this.#host;
    return new Map(
      (this.#accounts ?? []).flatMap((account) => [
        ...book.everyOrderOf(account).toReversed().map((data) => entry("Order", data, "id")),
        ...book.holdings.positionsOf(account)
          .map((data) => entry("CurrentPosition", data, "symbol")),
        entry("AccountBalance", book.holdings.balanceOf(account), "account-number"),
      ]),
    );
  }
}

interface Notification {
  readonly type: string;
  readonly data: JsonObject;
  readonly text: string;
}

function entry(type: string, data: JsonObject, key: string): readonly [string, Notification] {
  const id = `${type} ${data["account-number"]} ${data[key]}`;
  return [id, { type, data, text: JSON.stringify(data) }];
}

function messageOf({ type, data }: Notification): JsonObject {
  return { type, data, timestamp: Date.now() };
}
