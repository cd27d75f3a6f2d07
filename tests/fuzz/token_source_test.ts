import { NetworkError, TokenError } from "../../mod.ts";
import { Deadline } from "../../src/net/deadline.ts";
import { remainingMs, type Token } from "../../src/token/token.ts";
import { TokenSource } from "../../src/token/token_source.ts";
import type { SimulatedTime } from "../simulation/simulated_time.ts";
import { ManualEndpoint } from "../support/tokens.ts";
import { Interleaving, playAll, SAME_TICK } from "./interleaving_fixtures.ts";
import { ACTOR } from "../support/actor.ts";

const outage = () => new NetworkError("no response", { kind: "reset", outcome: "not_processed" });

const revoked = () =>
  new TokenError("Grant revoked", { code: "invalid_grant", isPermanent: true, status: 400 });

/** Callers of a source, its endpoint in the test's hand. */
class SourceInterleaving extends Interleaving {
  readonly #endpoint = new ManualEndpoint();
  readonly #source: TokenSource;
  readonly #given: Token[] = [];
  #open = 0;
  #answeredAt = 0;
  #isPaused = false;
  #isRefused = false;

  constructor(seed: number, time: SimulatedTime) {
    super(seed, time);
    const isDeaf = this.random.chance(0.3); // to signals, as a fetch of the user's own may be
    this.#source = new TokenSource(async (signal) => {
      if (this.#open > 0) this.fault("two requests at once");
      this.#open += 1;
      try {
        return await this.#endpoint.request(isDeaf ? new AbortController().signal : signal);
      } finally {
        this.#open -= 1;
      }
    }, ACTOR);
  }

  get held(): number {
    return serialOf(this.#source.token);
  }

  step(): void {
    const event = this.random.between(0, 13);
    if (event <= 4) this.#ask();
    else if (event === 5) this.#force();
    else if (event <= 8) this.#answer("token");
    else if (event === 9) this.#answer("failure");
    else if (event <= 11) this.#reject();
    else if (event === 12) this.#pass();
    else if (this.random.chance(0.2)) this.#close();
  }

  finish(): void {
    this.#endpoint.grant(String(++this.issued));
  }

  #ask(): void {
    const before = this.#endpoint.count;
    const { token } = this.#source;
    const isFresh = token !== undefined && remainingMs(token) > token.advisoryWindowMs;
    this.call("caller", async (signal) => {
      const token = this.#source.current() ?? await this.#wait(this.#source.refresh(), signal);
      this.#given.push(token);
      return serialOf(token);
    });
    const asked = this.#endpoint.count - before;
    if (asked > (isFresh ? 0 : 1)) this.fault(`${asked} requests for one caller`);
    // Nothing is left of earlier: then there is one request for the one need.
    const isNeeded = token === undefined && this.#open === 0 && !this.#isPaused && !this.isClosed;
    // What has just been settled may be joined for the few microtasks until everybody has it.
    if (isNeeded && asked === 0 && this.hops > this.#answeredAt + SAME_TICK) {
      this.fault("nobody asks for a token");
    }
  }

  #force(): void {
    const before = this.#endpoint.count;
    this.call("force", async (signal) => {
      return serialOf(await this.#wait(this.#source.refresh(), signal));
    });
    if (this.#endpoint.count - before > 1) this.fault("more than one request for one force");
  }

  #answer(what: "token" | "failure"): void {
    if (this.#open === 0) return;
    this.note(`${what} ${this.issued + 1}`);
    this.#answeredAt = this.hops;
    if (what === "token") {
      return this.#endpoint.grant(String(++this.issued), this.random.pick([900, 20]));
    }
    this.#isPaused = true;
    const isErrorBody = this.random.chance(0.2);
    this.#isRefused ||= isErrorBody;
    this.#endpoint.refuse(isErrorBody ? revoked() : outage());
  }

  #reject(): void {
    const token = this.#given[this.random.between(0, this.#given.length - 1)];
    if (token === undefined) return;
    const { token: before } = this.#source;
    this.note(`401 to ${serialOf(token)}, held is ${serialOf(before)}`);
    const isWorthwhile = this.#source.invalidate(token) !== undefined;
    const { token: after } = this.#source;
    if (before !== token && after !== before) this.fault("a straggler drops a newer token");
    if (before === token && isWorthwhile !== (after === undefined)) {
      this.fault("what is refused is kept, or what is kept is said to be refused");
    }
    if (isWorthwhile) this.refused.add(serialOf(token));
    if (this.random.chance(0.2)) this.#source.suspendInvalidation();
  }

  #pass(): void {
    const ms = this.random.pick([1_000, 31_000, 19_000, 900_000]);
    this.note(`${ms} ms pass`);
    const isOver = this.hops > this.#answeredAt + SAME_TICK; // else the pause is only to begin
    if (ms > 30_000 && isOver) this.#isPaused = this.#isRefused; // no pause is longer
    this.time.advance(ms);
  }

  #close(): void {
    this.note("close");
    this.isClosed = true;
    if (this.random.chance(0.5)) this.#source.abort();
    else this.#source.close(5_000);
  }

  /** As a session waits. */
  async #wait(refresh: Promise<Token>, signal: AbortSignal): Promise<Token> {
    const deadline = new Deadline(2 ** 30, () => new Error("too late"), signal);
    try {
      return await deadline.race(refresh);
    } finally {
      deadline.dispose();
    }
  }
}

function serialOf(token: Token | undefined): number {
  return Number(token?.accessToken ?? 0);
}

Deno.test("TokenSource serves everyone in 10,000 orders of calls, answers, aborts, 401s and closes", async () => {
  await playAll((seed, time) => new SourceInterleaving(seed, time));
});
