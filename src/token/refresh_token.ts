/**
 * The refresh token of a grant, as all sessions of this process share it.
 *
 * One that rotates is good for one use (RFC 9700 section 4.14.2): whoever sends it replaces it, and a
 * second use may revoke the grant. So sessions that were given the same token take turns, and each
 * sends the one that is current by then.
 */

/** So many replaced tokens are remembered: who starts from one of them means the same grant. */
const REPLACED_KEPT = 100;

/** A refresh token that may be replaced while it is in use. */
export class RefreshToken {
  /** The one that was given: a store finds the grant by it. */
  readonly first: string;
  /** How many open sessions use it. */
  sessions = 0;
  /** Whether a store keeps what replaces it: it is found there by the first one. */
  isStored = false;
  /** Whether a token request went out that nobody answered: the token may be spent by it. */
  isAnswerLost = false;
  /** What makes each new one known to other sessions, and what ends that. */
  registration: { add(refreshToken: string): void; end(): void } | undefined;
  #current: string;
  readonly #replaced: string[] = [];
  #use: Promise<unknown> | undefined;

  constructor(refreshToken: string) {
    this.first = refreshToken;
    this.#current = refreshToken;
  }

  /** The one to send next. */
  get current(): string {
    return this.#current;
  }

  /** A new one came, from the token endpoint or from the store. */
  replace(refreshToken: string): void {
    if (refreshToken === this.#current) return;
    this.#replaced.push(this.#current);
    if (this.#replaced.length > REPLACED_KEPT) this.#replaced.shift();
    this.#current = refreshToken;
    this.registration?.add(refreshToken);
  }

  /** Whether it was replaced by another one in this process: a store may be behind. */
  isReplaced(refreshToken: string): boolean {
    return this.#replaced.includes(refreshToken);
  }

  /**
   * Runs a task while no other session of this process sends the token.
   *
   * @param task Sends it. What is under way when `signal` aborts goes on as long as other sessions are
   * open, which need what it brings; else its own signal aborts too.
   * @param signal Ends the wait for the others, and for the task.
   */
  async use<T>(task: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    while (this.#use !== undefined) await unlessAborted(this.#use, signal);
    const controller = new AbortController();
    const onAbort = () => {
      if (this.sessions <= 1) controller.abort(signal.reason);
    };
    signal.addEventListener("abort", onAbort);
    const running = task(controller.signal);
    const ended = running.then(() => {}, () => {}).finally(() => {
      signal.removeEventListener("abort", onAbort);
      this.#use = undefined;
    });
    this.#use = ended;
    return await unlessAborted(running, signal);
  }
}

/** What tells one grant from another: the same text at another endpoint is another token. */
export interface RefreshTokenName {
  readonly tokenUrl: string;
  readonly clientId: string | undefined;
  readonly refreshToken: string;
  /** What sends it: one of the user's own may lead to another server. */
  readonly fetch: typeof fetch;
}

/** Tokens by each of their names. */
type Tokens = Map<string, WeakRef<RefreshToken>>;

/** The tokens of open sessions, by what sends them. */
const shared = /* @__PURE__ */ new WeakMap<typeof fetch, Tokens>();

/** Forgets the names of the tokens whose sessions were dropped without being closed. */
const dropped = /* @__PURE__ */ new FinalizationRegistry<Names>((names) => names.remove());

/**
 * The token of a name, which is the same for all open sessions of this process.
 *
 * @param own Where the credentials keep theirs that the session is made from, if it is.
 * @returns The token, and what ends the session's part in it.
 */
export function shareRefreshToken(
  { tokenUrl, clientId, refreshToken, fetch }: RefreshTokenName,
  own?: { refreshToken: RefreshToken },
): { readonly token: RefreshToken; readonly release: () => void } {
  const tokens: Tokens = shared.get(fetch) ?? new Map();
  shared.set(fetch, tokens);
  const nameOf = naming(tokenUrl, clientId);
  const known = tokens.get(nameOf(refreshToken))?.deref() ??
    (own && tokens.get(nameOf(own.refreshToken.first))?.deref());
  const token = known ?? own?.refreshToken ?? new RefreshToken(refreshToken);
  if (own !== undefined && own.refreshToken !== token) {
    // Sessions that know nothing of the credentials were there first.
    if (own.refreshToken.current !== own.refreshToken.first) {
      token.replace(own.refreshToken.current);
    }
    own.refreshToken = token;
  }
  if (token !== known) register(token, tokens, nameOf);
  token.sessions += 1;
  const release = () => {
    token.sessions -= 1;
    if (token.sessions === 0) token.registration?.end();
  };
  return { token, release };
}

function naming(tokenUrl: string, clientId: string | undefined): (text: string) => string {
  return (text) => JSON.stringify([tokenUrl, clientId, text]);
}

/** Makes a token known by its names, those to come included. */
function register(token: RefreshToken, tokens: Tokens, nameOf: (text: string) => string): void {
  const names = new Names(tokens, new WeakRef(token), nameOf);
  names.add(token.first);
  if (token.current !== token.first) names.add(token.current);
  token.registration = {
    add: (refreshToken) => names.add(refreshToken),
    end: () => {
      token.registration = undefined;
      dropped.unregister(token);
      names.remove();
    },
  };
  dropped.register(token, names, token);
}

/** What one token is known by. It does not hold the token, or the token would never be dropped. */
class Names {
  readonly #tokens: Tokens;
  readonly #entry: WeakRef<RefreshToken>;
  readonly #nameOf: (text: string) => string;
  readonly #names: string[] = [];

  constructor(tokens: Tokens, entry: WeakRef<RefreshToken>, nameOf: (text: string) => string) {
    this.#tokens = tokens;
    this.#entry = entry;
    this.#nameOf = nameOf;
  }

  add(refreshToken: string): void {
    const name = this.#nameOf(refreshToken);
    this.#names.push(name);
    this.#tokens.set(name, this.#entry);
    if (this.#names.length <= REPLACED_KEPT) return;
    for (const oldest of this.#names.splice(1, 1)) this.#tokens.delete(oldest); // the first one stays
  }

  remove(): void {
    for (const name of this.#names) {
      if (this.#tokens.get(name) === this.#entry) this.#tokens.delete(name);
    }
  }
}

/** Waits for something that goes on whether or not somebody waits. The signal has not aborted yet. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
