import { withCallersStack } from "./errors.ts";
import { unref } from "./net/timer.ts";
import { Session } from "./session.ts";
import type { SessionOptions } from "./session_options.ts";
import { weakReference } from "./weak_references.ts";

/**
 * The clocks are checked at least this often, because a timer stands still while the machine sleeps, and
 * does not notice that a clock is set.
 */
const MAX_CHECK_INTERVAL_MS = 30_000;

/**
 * A session that refreshes its access token in the background, so that no request waits for a refresh
 * and an open stream always finds a live token.
 *
 * It survives outages, sleep and clock changes, and does not keep a process alive. It stops when it is
 * closed, or when the broker refuses the grant for good; the next call that needs a token then rejects
 * with that error, {@linkcode Session.isGrantLost} is true, and the tracing channel of tokens tells it.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { AutoRefreshSession } from "@tasty/session";
 * import { startEmulator } from "@tasty/session/emulator";
 *
 * await using emulator = await startEmulator();
 * await using session = await AutoRefreshSession.start({ ...emulator.tastytrade });
 * assert(session.isLoggedIn); // and it remains so
 * ```
 */
export class AutoRefreshSession extends Session {
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Creates a session and starts to sign it in. `await new AutoRefreshSession()` waits for that, like
   * {@linkcode AutoRefreshSession.start}.
   *
   * @param options As for {@linkcode Session}.
   */
  constructor(options: SessionOptions = {}) {
    super(options);
    void this.#keepFresh();
    // Users of the Python packages write `await AutoRefreshSession(…)`. The property is removed with the
    // first token, so that from then on a session can be awaited like any value.
    Object.defineProperty(this, "then", { value: this.#then.bind(this), configurable: true });
  }

  /**
   * Creates a session and waits until it is signed in. Like any call, it tries again for a moment if
   * there is no response ({@linkcode SessionOptions.retry}).
   *
   * @throws {CredentialsError} If a credential is missing or visibly wrong.
   * @throws {TokenError} If the broker refuses the credentials.
   * @throws {NetworkError} If there is no response.
   */
  static async start(options: SessionOptions = {}): Promise<AutoRefreshSession> {
    try {
      return await new AutoRefreshSession(options);
    } catch (error) {
      throw withCallersStack(error);
    }
  }

  /** Closes the session and stops refreshing. Like {@linkcode Session.close}. */
  override close(): Promise<void> {
    clearTimeout(this.#timer);
    return super.close();
  }

  /** For `using`. Closes the session at once and stops refreshing. */
  override [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    super[Symbol.dispose]();
  }

  /** Called by `await`, once. */
  #then(resolve: (session: this) => void, reject: (error: unknown) => void): void {
    Reflect.deleteProperty(this, "then");
    this.accessToken().then(() => resolve(this), (error: unknown) => {
      this[Symbol.dispose]();
      reject(error);
    });
  }

  /** Refreshes the token when it is due, and schedules the next check. */
  async #keepFresh(): Promise<void> {
    await this.#tryToRefresh();
    const dueInMs = this.refreshDueInMs;
    if (dueInMs === undefined) return;
    const weakSession = weakReference(this); // the timer must not keep an unused session in memory
    this.#timer = setTimeout(() => {
      const session = weakSession.deref();
      if (session !== undefined) void session.#keepFresh();
    }, Math.min(Math.ceil(dueInMs) + 1, MAX_CHECK_INTERVAL_MS));
    unref(this.#timer);
  }

  /** A method of its own, because a `catch` in `#keepFresh` would keep `this` in memory with the timer. */
  async #tryToRefresh(): Promise<void> {
    try {
      await this.refreshIfDue();
      Reflect.deleteProperty(this, "then");
    } catch {
      // The next call that needs a token rejects with the error.
    }
  }
}
