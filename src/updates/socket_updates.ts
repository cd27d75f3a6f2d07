/**
 * Updates over a WebSocket that tells of changes only: what is there is read from the broker's lists, after the
 * broker has begun to tell, so that nothing falls between the two.
 */

import type { AccountMessage, SocketUpdates } from "../brokers/updates.ts";
import { parseExactly } from "../call/exact_numbers.ts";
import { ApiError } from "../errors.ts";
import { formatMessage } from "../error_message.ts";
import { Deadline, DeadlineGroup } from "../net/deadline.ts";
import type { Session } from "../session.ts";
import { type Connect, failureOf } from "../streams/connection_loop.ts";
import { CAPACITY } from "../streams/event_queue.ts";
import type { Gap, GapReason } from "../gap.ts";
import { valueOf } from "../streams/json_chunks.ts";
import { TextSocket } from "../streams/text_socket.ts";
import { readContents } from "./account_contents.ts";
import { AccountReport } from "./account_report.ts";
import type { AccountChange, AccountUpdate } from "./account_update.ts";
import { reconcile } from "./reconciliation.ts";

/** Where the updates come from, and whose they are. */
export interface SocketTarget {
  readonly session: Session;
  readonly accountNumber: string;
  readonly updates: SocketUpdates;
  readonly url: string;
  readonly reconcileMs: number | undefined;
}

/** Opens a connection and reads it to its end. */
export function socketUpdates(target: SocketTarget): Connect<AccountUpdate | Gap> {
  const { idleTimeoutMs } = target.updates;
  return async ({ signal, emit, isOpen }) => {
    const timer = new DeadlineGroup({ keepsTimer: true }); // not armed anew for each message
    const connection = new Deadline(idleTimeoutMs, () => SILENCE, signal, timer);
    let socket: TextSocket | undefined;
    try {
      socket = await TextSocket.open(target.url, connection.signal);
      const report = new AccountReport(emit);
      return await new SocketConnection(target, { socket, connection, report, isOpen }).run();
    } catch (error) {
      if (connection.signal.reason === SILENCE) return "silence";
      throw error;
    } finally {
      socket?.close();
      timer.close(() => ENDED); // aborts what still runs
    }
  };
}

const SILENCE = Symbol("silence");
const ENDED = Symbol("ended");

/** What a connection works with. */
interface Parts {
  readonly socket: TextSocket;
  /** Ends with the connection, and by silence. */
  readonly connection: Deadline;
  readonly report: AccountReport;
  isOpen(): void;
}

/** One connection. */
class SocketConnection {
  readonly #target: SocketTarget;
  readonly #parts: Parts;
  /** The token that was sent last. */
  #token = "";
  /** The changes that came before what is there was read. */
  #held: AccountChange[] | undefined = [];

  constructor(target: SocketTarget, parts: Parts) {
    this.#target = target;
    this.#parts = parts;
  }

  /** Runs to its end. Returns why that is. */
  async run(): Promise<GapReason> {
    const { socket, connection } = this.#parts;
    const { accountNumber, updates } = this.#target;
    this.#token = await this.#accessToken();
    socket.send(updates.connect(accountNumber, this.#token));
    const acknowledged = await connection.race(this.#receive({ isAcknowledged: false }));
    if (acknowledged !== undefined) return acknowledged;
    const ends = [this.#receive({ isAcknowledged: true }), this.#beat(), this.#tellContents()];
    // The first that ends, ends all; what the others say then is of no interest.
    for (const end of ends) end.catch(() => {});
    return await connection.race(Promise.race(ends)) ?? "disconnected";
  }

  /** Takes messages: up to the acknowledgement, or up to the end. Returns why it has ended, if it has. */
  async #receive({ isAcknowledged }: { isAcknowledged: boolean }): Promise<GapReason | undefined> {
    const { socket, connection } = this.#parts;
    const { updates } = this.#target;
    for (;;) {
      const text = await socket.next();
      if (text === undefined) return "disconnected";
      connection.restartTimer(updates.idleTimeoutMs);
      const json = valueOf(text, parseExactly);
      if (json === undefined) return "server_error";
      for (const message of updates.read(json)) {
        if (message.kind === "connected" && !isAcknowledged) return undefined;
        if (message.kind === "rejected") return await this.#rejected(message);
        if (message.kind !== "other" && message.kind !== "connected") this.#take(changeOf(message));
        if ((this.#held?.length ?? 0) > CAPACITY) return "server_error";
      }
    }
  }

  #take(change: AccountChange): void {
    if (this.#held !== undefined) this.#held.push(change);
    else this.#parts.report.change(change);
  }

  /** Reads what is there and tells it, and then what has changed since the acknowledgement. */
  async #tellContents(): Promise<never> {
    const { connection, report, isOpen } = this.#parts;
    const { session, accountNumber, reconcileMs } = this.#target;
    const read = () => readContents(session, accountNumber, connection.signal);
    const contents = await read();
    connection.signal.throwIfAborted();
    isOpen();
    report.contents(contents);
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const change of held) report.change(change);
    if (reconcileMs !== undefined) {
      return await reconcile(reconcileMs, { report, read, connection });
    }
    return await new Promise(() => {}); // the connection goes on
  }

  /** Says that the program is there, with a token that lives. */
  async #beat(): Promise<never> {
    const { socket, connection } = this.#parts;
    const { updates } = this.#target;
    for (;;) {
      await connection.sleep(updates.heartbeatMs);
      try {
        this.#token = await this.#accessToken();
      } catch (error) {
        connection.signal.throwIfAborted();
        // The broker is patient for longer than one heartbeat.
        if (failureOf(error) === undefined) throw error;
        continue;
      }
      socket.send(updates.heartbeat(this.#token));
    }
  }

  async #rejected(
    { message, isPermanent }: AccountMessage & { kind: "rejected" },
  ): Promise<GapReason> {
    const { url, session } = this.#target;
    if (isPermanent) {
      const text = formatMessage(`Cannot go on with the account streamer ${url}`, {
        facts: [undefined, message],
        advice: [],
      });
      throw new ApiError(text, { code: "rejected", status: 200, method: "GET", url });
    }
    // Perhaps the token was revoked: the next connection gets another one.
    const { signal } = this.#parts.connection;
    if (await this.#accessToken() === this.#token) await session.refresh({ force: true, signal });
    return "server_error";
  }

  #accessToken(): Promise<string> {
    const { session, updates: { heartbeatMs } } = this.#target;
    const { signal } = this.#parts.connection;
    return session.accessToken({ signal, timeoutMs: heartbeatMs });
  }
}

function changeOf(
  message: Extract<AccountMessage, { kind: AccountChange["type"] }>,
): AccountChange {
  const { kind: type, ...content } = message;
  return { kind: "update", type, ...content } as AccountChange;
}
