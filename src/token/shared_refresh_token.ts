/**
 * The refresh token of a grant, shared by all sessions of this process.
 *
 * A rotating refresh token works once (RFC 9700 section 4.14.2): each use replaces it, and a second
 * use may revoke the grant. So sessions that start from the same token use it one after the other,
 * and each sends the current one.
 */

import { deferred } from "../net/deferred.ts";
import { finalizationRegistry, weakReference } from "../weak_references.ts";

/** How many names a token may have, so that a session that starts from a replaced one finds the grant. */
const MAX_NAMES = 100;

/** What a store says of a refresh token. */
export interface StoredRefreshToken {
  readonly refreshToken: string;
  readonly generation: number;
  readonly isRotating?: boolean | undefined;
}

/** A refresh token that may be replaced while it is in use. */
export class RefreshToken {
  /** The token that the grant started with, by which a store finds it. */
  readonly first: string;
  /** How many open sessions use it. */
  sessions = 0;
  /** Whether a store keeps the tokens that replace it. */
  isStored = false;
  /** The name of this process in a store. */
  readonly holder: string = crypto.randomUUID();
  /** Whether the response to a token request was lost, so that the token may have been used. */
  isResponseLost = false;
  /** Makes replacements known to other sessions of this process. */
  registration: { add(refreshToken: string): void; end(): void } | undefined;
  #current: string;
  #generation = 0;
  #isRotating: boolean | undefined;
  #use: Promise<unknown> | undefined;

  constructor(refreshToken: string) {
    this.first = refreshToken;
    this.#current = refreshToken;
  }

  /** The token to send next. */
  get current(): string {
    return this.#current;
  }

  /** How many token responses led to it. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether the last token response replaced it; `undefined` before the first. */
  get isRotating(): boolean | undefined {
    return this.#isRotating;
  }

  /** Takes the refresh token from a token response. Without one, the old one remains. */
  advance(refreshToken: string = this.#current): void {
    this.#generation += 1;
    this.#isRotating = refreshToken !== this.#current;
    this.#replace(refreshToken);
  }

  /** Takes what another process has stored. */
  adopt({ refreshToken, generation, isRotating }: StoredRefreshToken): void {
    this.#generation = generation;
    this.#isRotating = isRotating;
    this.#replace(refreshToken);
  }

  /**
   * Runs a task while no other session of this process sends the token.
   *
   * @param task Sends the token. When `signal` aborts, it goes on if other sessions are open, because
   * they need what it returns; otherwise its own signal aborts.
   * @param signal Aborts the wait for the other sessions, and for the task.
   * @param tellWait Tells of that wait, which it begins.
   */
  async use<T>(
    task: (signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
    tellWait: (wait: () => Promise<unknown>) => Promise<unknown> = (wait) => wait(),
  ): Promise<T> {
    signal.throwIfAborted();
    while (this.#use !== undefined) {
      const using = this.#use;
      await tellWait(() => unlessAborted(using, signal));
    }
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

  #replace(refreshToken: string): void {
    if (refreshToken === this.#current) return;
    this.#current = refreshToken;
    this.registration?.add(refreshToken);
  }
}

/** What identifies a refresh token: the same text at another endpoint is another token. */
export interface RefreshTokenId {
  readonly tokenUrl: string;
  readonly clientId: string | undefined;
  readonly refreshToken: string;
  /** What sends it: a custom `fetch` may lead to another server. */
  readonly fetch: typeof fetch;
}

/** What does not keep a token in memory. */
type Entry = Pick<WeakRef<RefreshToken>, "deref">;

/** Refresh tokens by each of their names. */
type Registry = Map<string, Entry>;

/** The tokens of open sessions, by what sends them. */
const registries = /* @__PURE__ */ new WeakMap<typeof fetch, Registry>();

/** Removes the names of tokens whose sessions were dropped without being closed. */
const dropped = /* @__PURE__ */ finalizationRegistry<TokenNames>((names) => names.remove());

/**
 * Finds the token that open sessions of this process share, or registers a new one.
 *
 * @param own What holds the token of the credentials that the session is made from, if it is.
 * @returns The token, and a function that ends the session's part in it.
 */
export function shareRefreshToken(
  { tokenUrl, clientId, refreshToken, fetch }: RefreshTokenId,
  own?: { refreshToken: RefreshToken },
): { readonly token: RefreshToken; readonly release: () => void } {
  const registry: Registry = registries.get(fetch) ?? new Map();
  registries.set(fetch, registry);
  const nameOf = naming(tokenUrl, clientId);
  const known = registry.get(nameOf(refreshToken))?.deref() ??
    (own && registry.get(nameOf(own.refreshToken.first))?.deref());
  const token = known ?? own?.refreshToken ?? new RefreshToken(refreshToken);
  if (own !== undefined && own.refreshToken !== token) {
    // Another session without these credentials was first.
    const { current, first, generation, isRotating } = own.refreshToken;
    if (current !== first) token.adopt({ refreshToken: current, generation, isRotating });
    own.refreshToken = token;
  }
  if (token !== known) register(token, registry, nameOf);
  token.sessions += 1;
  const release = () => {
    token.sessions -= 1;
    if (token.sessions === 0) token.registration?.end();
  };
  return { token, release };
}

/** A function of its own, whose closure does not hold the token. */
function naming(tokenUrl: string, clientId: string | undefined): (text: string) => string {
  return (text) => JSON.stringify([tokenUrl, clientId, text]);
}

/** Registers a token under its names, including later ones. */
function register(token: RefreshToken, registry: Registry, nameOf: (text: string) => string): void {
  const names = new TokenNames(registry, weakReference(token), nameOf);
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

/** The names of one token. It does not hold the token, which would otherwise never be dropped. */
class TokenNames {
  readonly #registry: Registry;
  readonly #entry: Entry;
  readonly #nameOf: (text: string) => string;
  readonly #names: string[] = [];

  constructor(registry: Registry, entry: Entry, nameOf: (text: string) => string) {
    this.#registry = registry;
    this.#entry = entry;
    this.#nameOf = nameOf;
  }

  add(refreshToken: string): void {
    const name = this.#nameOf(refreshToken);
    this.#names.push(name);
    this.#registry.set(name, this.#entry);
    if (this.#names.length <= MAX_NAMES) return;
    for (const oldest of this.#names.splice(1, 1)) this.#registry.delete(oldest); // keep the first
  }

  remove(): void {
    for (const name of this.#names) {
      if (this.#registry.get(name) === this.#entry) this.#registry.delete(name);
    }
  }
}

/** Waits for a promise that goes on if the signal aborts. The signal has not aborted yet. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = deferred<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
