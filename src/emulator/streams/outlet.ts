/** What a stream sends through, and what can go wrong there. */

/**
 * What happens to a stream that is open.
 *
 * - `"end"`: the broker ends it. A WebSocket is closed with 1000 and "Bye".
 * - `"reset"`: the connection is reset.
 * - `"silence"`: nothing arrives any more, in either direction, and nothing tells (a half-open connection).
 * - `"goAway"`: TradeStation announces that it shuts down.
 * - `"drop"`: the next change is never sent. `"duplicate"`: it is sent twice. `"delay"`: it is sent after the
 *   change that follows it, or with the next sign of life.
 * - `"cut"`: from now on each frame is sent in two pieces, cut inside a character of several bytes if it has one.
 * - `{ close }`: a WebSocket is closed with this code.
 * - `{ send }`: this text is sent as a frame.
 */
export type StreamFault =
  | "end"
  | "reset"
  | "silence"
  | "goAway"
  | "drop"
  | "duplicate"
  | "delay"
  | "cut"
  | { readonly close: number; readonly reason?: string | undefined }
  | { readonly send: string };

/** The faults that have a name. */
export const NAMED_STREAM_FAULTS = [
  "end",
  "reset",
  "silence",
  "goAway",
  "drop",
  "duplicate",
  "delay",
  "cut",
] as const;

/** A connection that carries frames of text. */
export interface Wire {
  /** Sends a frame, in one piece or cut in two. */
  send(frame: string, isCut: boolean): void;
  /** Ends the connection, as the broker would; a WebSocket with a code. */
  end(code: number, reason: string): void;
  /** Resets the connection. */
  reset(): void;
}

/** The code and the reason with which tastytrade's streamer was seen to close. */
const [NORMAL_CLOSE, BYE] = [1_000, "Bye"] as const;

/** The sending end of a stream. */
export class Outlet {
  /** When something was sent last, in milliseconds since the epoch. */
  lastSentAt: number = Date.now();
  /** Whether nothing passes any more. */
  isSilent = false;
  readonly #wire: Wire;
  #isCut = false;
  readonly #faults: ("drop" | "duplicate" | "delay")[] = [];
  readonly #late: string[] = [];

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  /** Sends a frame that tells of a change. */
  change(frame: string): void {
    const fault = this.#faults.shift();
    if (fault === "delay") {
      this.#late.push(frame);
      return;
    }
    if (fault !== "drop") this.#send(frame);
    if (fault === "duplicate") this.#send(frame);
    this.#sendLate();
  }

  /** Sends any other frame. */
  send(frame: string): void {
    this.#sendLate();
    this.#send(frame);
  }

  /** Ends the stream, as the broker would. */
  end(code: number = NORMAL_CLOSE, reason: string = BYE): void {
    if (!this.isSilent) this.#wire.end(code, reason);
    this.isSilent = true;
  }

  /** Lets something go wrong; `goAway` is the stream's own affair. */
  disturb(fault: Exclude<StreamFault, "goAway">): void {
    if (typeof fault === "object") {
      if ("send" in fault) this.#send(fault.send);
      else this.end(fault.close, fault.reason ?? "");
    } else if (fault === "end") this.end();
    else if (fault === "silence") this.isSilent = true;
    else if (fault === "cut") this.#isCut = true;
    else if (fault !== "reset") this.#faults.push(fault);
    else {
      this.isSilent = true;
      this.#wire.reset();
    }
  }

  #sendLate(): void {
    for (const frame of this.#late.splice(0)) this.#send(frame);
  }

  #send(frame: string): void {
    if (this.isSilent) return;
    this.lastSentAt = Date.now();
    this.#wire.send(frame, this.#isCut);
  }
}

/** Cuts bytes in two: inside the first character of several bytes, or in the middle. */
export function cutInTwo(bytes: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const multibyte = bytes.findIndex((byte) => byte >= 0x80);
  const at = multibyte < 0 ? Math.floor(bytes.length / 2) : multibyte + 1;
  return [bytes.subarray(0, at), bytes.subarray(at)];
}
