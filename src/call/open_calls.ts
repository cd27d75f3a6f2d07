/** The calls of a session that have not ended: what limits them, and what closes them. */

import { type CallOutcome, NetworkError, SessionClosedError, withCallersStack } from "../errors.ts";
import type { AbortOptions } from "./call_options.ts";
import { checkTimeout, Deadline, DeadlineGroup, MAX_TIMEOUT_MS } from "../net/deadline.ts";

/** What limits a call, as the caller passes it. */
export interface GivenLimits extends AbortOptions {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | null | undefined;
}

/** What limits a call. */
export interface CallLimits extends AbortOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal | null | undefined;
}

/** The calls of each session. */
const callsOfSessions: WeakMap<object, OpenCalls> = /* @__PURE__ */ new WeakMap();

/** {@linkcode OpenCalls.whileOpen} of a session, for what stays open beside its calls. */
export function whileOpenOf(session: object): OpenCalls["whileOpen"] {
  const calls = callsOfSessions.get(session);
  return (task, signal) => calls?.whileOpen(task, signal) ?? task(signal);
}

/** The calls of a session. */
export class OpenCalls {
  readonly #timeoutMs: number;
  /** Requests to the API. */
  readonly requests: DeadlineGroup = new DeadlineGroup({ keepsTimer: true });
  /** Everything else that callers wait for, for instance a token. */
  readonly #waits = new DeadlineGroup();
  #isClosed = false;

  /**
   * @param timeoutMs How long a call may take that does not say so itself, in milliseconds.
   * @param session Whose calls they are.
   */
  constructor(timeoutMs: number, session?: object) {
    this.#timeoutMs = timeoutMs;
    if (session !== undefined) callsOfSessions.set(session, this);
  }

  /**
   * The limits of a new call.
   *
   * @throws {SessionClosedError} If the session is closed.
   * @throws {RangeError} If the timeout is out of range.
   * @throws The reason of the caller's signal, if that has aborted.
   */
  limit({ timeoutMs, signal, onAbort }: GivenLimits): CallLimits {
    if (signal?.aborted) onAbort?.({ outcome: "not_processed" });
    signal?.throwIfAborted();
    if (this.#isClosed) throw new SessionClosedError();
    return {
      timeoutMs: timeoutMs === undefined ? this.#timeoutMs : checkTimeout(timeoutMs),
      signal,
      onAbort,
    };
  }

  /**
   * Owns a wait that is not a request to the API.
   *
   * @param action What fails when the time is up, for instance "get an access token".
   * @param outcome What is known of the caller's request then.
   */
  async wait<T>(
    { timeoutMs, signal, onAbort }: CallLimits,
    action: string,
    task: (deadline: Deadline) => Promise<T>,
    outcome: CallOutcome = "not_processed",
  ): Promise<T> {
    const timeout = () =>
      new NetworkError(`Cannot ${action}: no response in time`, { kind: "timeout", outcome });
    const deadline = new Deadline(timeoutMs, timeout, signal, this.#waits);
    try {
      return await deadline.race(task(deadline));
    } catch (error) {
      if (signal?.aborted && signal.reason === error) onAbort?.({ outcome });
      throw withCallersStack(error, signal);
    } finally {
      deadline.dispose();
    }
  }

  /**
   * Runs a task for as long as the session is open.
   *
   * @param task Gets a signal that ends it.
   * @param signal Ends it too.
   * @throws {SessionClosedError} If the session is closed, or when it is.
   */
  async whileOpen<T>(task: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    const limits = { ...this.limit({ signal }), timeoutMs: MAX_TIMEOUT_MS };
    return await this.wait(limits, "go on", (deadline) => {
      deadline.stopTimer();
      return task(deadline.signal);
    });
  }

  /** Ends all calls, and refuses new ones. */
  close(): void {
    this.#isClosed = true;
    const reason = () => new SessionClosedError("The session was closed during this call");
    this.requests.close(reason);
    this.#waits.close(reason);
  }
}
