import { Session } from "./session.ts";
import type { SessionOptions } from "./session_options.ts";
import { unref } from "./net/timer.ts";

/**
 * The session looks at both clocks at least so often, because a timer stands still while the machine
 * sleeps, and does not notice a clock that is set.
 */
const LONGEST_PAUSE_MS = 30_000;

/**
 * A session that renews its access token in the background, before anyone has to wait for it: no
 * request ever pays for a renewal, and a stream that stays open always finds a live token.
 *
 * It survives outages, sleep and clocks that jump, never keeps a process alive, and stops when it is
 * closed, or when the broker refuses the grant for good; then the next call that needs a token says
 * so.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { AutoRefreshSession } from "@tasty/session";
 * import { startEmulator } from "@tasty/session/emulator";
 *
 * await using emulator = await startEmulator();
 * await using session = await AutoRefreshSession.start({ ...emulator.tastytrade });
 * assert(session.isLoggedIn); // and it stays so
 * ```
 */
export class AutoRefreshSession extends Session {
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Makes a session and starts to sign it in; nobody needs to wait for that. Who does, with
   * `await new AutoRefreshSession()`, gets what {@linkcode AutoRefreshSession.start} returns.
   */
  constructor(options: SessionOptions = {}) {
    super(options);
    void this.#beat();
    // Python's users write `await AutoRefreshSession(…)`, and would go on with no token. It is a property
    // of no class, and goes with the first token: from then on a session can be awaited like any value.
    Object.defineProperty(this, "then", { value: this.#then.bind(this), configurable: true });
  }

  /**
   * Makes a session and waits until it is signed in. As any call, it tries again if nobody answers at
   * first ({@linkcode SessionOptions.retry}).
   *
   * @throws {CredentialsError} If a credential is neither given nor in the environment.
   * @throws {TokenError} If the broker refuses the credentials.
   * @throws {NetworkError} If nobody answers.
   */
  static async start(options: SessionOptions = {}): Promise<AutoRefreshSession> {
    return await new AutoRefreshSession(options);
  }

  /** What `await` calls, once. */
  #then(resolve: (session: this) => void, reject: (error: unknown) => void): void {
    Reflect.deleteProperty(this, "then");
    this.accessToken().then(() => resolve(this), (error: unknown) => {
      this[Symbol.dispose]();
      reject(error);
    });
  }

  /** Ends the session, and with it the renewing. As {@linkcode Session.close}. */
  override close(): Promise<void> {
    clearTimeout(this.#timer);
    return super.close();
  }

  /** `using`: ends the session and the renewing now. */
  override [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    super[Symbol.dispose]();
  }

  /** A function of its own: whatever holds `this` beside the timer below would keep the session. */
  async #tryToRenew(): Promise<void> {
    try {
      await this.renewIfDue();
      Reflect.deleteProperty(this, "then");
    } catch {
      // Whoever calls the session learns of the failure; here there is nobody to tell.
    }
  }

  /** Renews the token if it is time, and comes back when it may be time again. */
  async #beat(): Promise<void> {
    await this.#tryToRenew();
    const dueInMs = this.renewalDueInMs;
    if (dueInMs === undefined) return;
    const forgettable = new WeakRef(this); // a session that nobody holds any more is let go
    this.#timer = setTimeout(() => {
      const session = forgettable.deref();
      if (session !== undefined) void session.#beat();
    }, Math.min(Math.ceil(dueInMs) + 1, LONGEST_PAUSE_MS));
    unref(this.#timer);
  }
}
