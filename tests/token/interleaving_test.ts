import { assert } from "@std/assert";
import { NetworkError, Session, SessionClosedError, SessionError, TokenError } from "../../mod.ts";
import { Deadline } from "../../src/net/deadline.ts";
import { remainingMs, type Token } from "../../src/token/token.ts";
import { TokenSource } from "../../src/token/token_source.ts";
import { Random } from "../support/random.ts";
import { SimulatedTime } from "../simulation/simulated_time.ts";
import { ManualEndpoint } from "../support/tokens.ts";

const RUNS = 10_000;

/** After how many microtasks at the latest who has aborted is told so: no timer, nobody else's turn. */
const SAME_TICK = 12;

const outage = () => new NetworkError("no response", { kind: "reset", sent: "no" });
const revoked = () =>
  new TokenError("Grant revoked", { code: "invalid_grant", isPermanent: true, status: 400 });

/** Somebody who waits for a token or an answer. */
interface Caller {
  readonly name: string;
  readonly controller: AbortController;
  /** The newest token that was there when the call began. */
  readonly newest: number;
  /** The tokens that were known to be refused by then. */
  readonly refused: ReadonlySet<number>;
  isSettled: boolean;
}

/** One order of things, from a seed. What is wrong with it is in `faults`, and how it came in `steps`. */
abstract class Interleaving {
  readonly random: Random;
  readonly time: SimulatedTime;
  readonly steps: string[] = [];
  readonly faults: string[] = [];
  readonly callers: Caller[] = [];
  readonly refused: Set<number> = new Set();
  isClosed = false;
  issued = 0;
  /** How many microtasks have had their turn. */
  hops = 0;

  constructor(seed: number, time: SimulatedTime) {
    this.random = new Random(seed);
    this.time = time;
  }

  /** The serial number of the token that is held. */
  abstract get held(): number;
  abstract step(): void;
  /** Answers all that waits for an answer. */
  abstract finish(): void;

  async play(): Promise<string> {
    for (let steps = this.random.between(8, 24); steps > 0; steps--) {
      this.step();
      await this.hop(this.random.pick([0, 0, 0, 1, 1, 2, 3, 5, 8, 13]));
      if (this.random.chance(0.1)) await this.abortOne();
    }
    for (let round = 0; round < 3; round++) {
      this.finish();
      await this.time.drain();
    }
    if (this.isClosed && this.held > 0) this.fault("a token is held after the close");
    for (const { name, isSettled } of this.callers) if (!isSettled) this.fault(`${name} hangs`);
    for (const error of this.time.unhandled) this.fault(`nobody handles ${error}`);
    return this.faults.length === 0 ? "" : [...this.steps, ...this.faults].join("\n");
  }

  fault(text: string): void {
    this.faults.push(`FAULT after step ${this.steps.length}: ${text}`);
  }

  note(text: string): void {
    this.steps.push(`${this.steps.length + 1}. ${text}`);
  }

  /** Begins a call, and checks how it ends. */
  call(what: string, begin: (signal: AbortSignal) => Promise<number>): Caller {
    const caller: Caller = {
      name: `${what} ${this.callers.length}`,
      controller: new AbortController(),
      newest: this.held,
      refused: new Set(this.refused),
      isSettled: false,
    };
    this.note(`${caller.name} begins`);
    this.callers.push(caller);
    begin(caller.controller.signal).then(
      (serial) => this.#check(caller, serial, undefined),
      (error) => this.#check(caller, -1, error),
    );
    return caller;
  }

  async hop(count: number): Promise<void> {
    this.hops += count;
    for (let i = 0; i < count; i++) await Promise.resolve();
  }

  /** Aborts somebody, who must be told so before anything else happens. */
  async abortOne(): Promise<void> {
    const waiting = this.callers.filter(({ isSettled }) => !isSettled);
    const caller = waiting[this.random.between(0, waiting.length - 1)];
    if (caller === undefined) return;
    this.note(`${caller.name} aborts`);
    caller.controller.abort({ by: caller.name });
    await this.hop(SAME_TICK);
    if (!caller.isSettled) this.fault(`${caller.name} is not told of its abort`);
  }

  #check(caller: Caller, serial: number, error: unknown): void {
    const { name, controller: { signal }, newest, refused } = caller;
    caller.isSettled = true;
    if (error === undefined) {
      this.note(`${name} gets ${serial}`);
      if (serial < newest) this.fault(`${name} gets ${serial}, and ${newest} was there`);
      if (refused.has(serial)) this.fault(`${name} gets ${serial}, which was refused`);
      return;
    }
    this.note(`${name} fails: ${error}`);
    if (signal.aborted) {
      // Who was told something else in the very moment was told before.
      if (error !== signal.reason && !(error instanceof SessionError)) {
        this.fault(`${name} gets somebody else's reason`);
      }
    } else if (!(error instanceof SessionError)) {
      this.fault(`${name} fails without a reason: ${error}`);
    } else if (error instanceof SessionClosedError && !this.isClosed) {
      this.fault(`${name} is told of a close that was not`);
    }
  }
}

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
    });
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
  async #wait(renewal: Promise<Token>, signal: AbortSignal): Promise<Token> {
    const deadline = new Deadline(2 ** 30, () => new Error("too late"), signal);
    try {
      return await deadline.race(renewal);
    } finally {
      deadline.dispose();
    }
  }
}

function serialOf(token: Token | undefined): number {
  return Number(token?.accessToken ?? 0);
}

/** A request that waits for its answer. */
interface Pending {
  readonly serial: number;
  readonly answer: PromiseWithResolvers<Response>;
}

/** Callers of a session, the network in the test's hand. */
class SessionInterleaving extends Interleaving {
  readonly #session: Session;
  readonly #tokenRequests: Pending[] = [];
  readonly #apiRequests: Pending[] = [];
  #isForcing = false;

  constructor(seed: number, time: SimulatedTime) {
    super(seed, time);
    this.#session = new Session({
      clientSecret: "secret",
      refreshToken: "refresh",
      retry: false,
      fetch: (input, init) => this.#fetch(String(input), init ?? {}),
    });
  }

  /** Each token has a life of its own length, and the clock stands still. */
  get held(): number {
    const { expiresAt } = this.#session;
    return expiresAt === undefined ? 0 : (expiresAt.getTime() - Date.now()) / 1000 - 10_000;
  }

  step(): void {
    const event = this.random.between(0, 13);
    if (event <= 3) this.#get();
    else if (event === 4) this.#accessToken();
    else if (event === 5) this.#force();
    else if (event <= 8) this.#answerToken(this.random.chance(0.8));
    else if (event <= 12) this.#answerApi(this.random.pick([200, 200, 401]));
    else if (this.random.chance(0.2)) this.#close();
  }

  finish(): void {
    while (this.#tokenRequests.length > 0) this.#answerToken();
    while (this.#apiRequests.length > 0) this.#answerApi(200);
  }

  #get(): void {
    this.call("get", async (signal) => {
      return Object(await this.#session.get("/x", { signal })).serial;
    });
  }

  #accessToken(): void {
    this.call("token", async (signal) => Number(await this.#session.accessToken({ signal })));
  }

  #force(): void {
    this.#isForcing = true;
    this.call("force", async (signal) => {
      await this.#session.refresh({ force: true, signal });
      return Infinity;
    });
    this.#isForcing = false;
  }

  #close(): void {
    this.note("close");
    this.isClosed = true;
    if (this.random.chance(0.5)) this.#session[Symbol.dispose]();
    else this.#session.close();
  }

  #fetch(url: string, { headers, signal }: RequestInit): Promise<Response> {
    // The platform's sends nothing then; it is asked when the end falls between two microtasks.
    if (signal?.aborted) return Promise.reject(signal.reason);
    const answer = Promise.withResolvers<Response>();
    const list = url.endsWith("/oauth/token") ? this.#tokenRequests : this.#apiRequests;
    const bearer = new Headers(headers).get("authorization") ?? "";
    const pending = { serial: Number(bearer.replace("Bearer ", "")), answer };
    if (list === this.#tokenRequests) this.#checkTokenRequest();
    else this.#checkApiRequest(pending.serial);
    list.push(pending);
    signal?.addEventListener("abort", () => {
      const index = list.indexOf(pending);
      if (index >= 0) list.splice(index, 1);
      answer.reject(signal.reason);
    });
    return answer.promise;
  }

  #checkTokenRequest(): void {
    this.note("token request");
    if (this.#tokenRequests.length > 0) this.fault("two token requests at once");
    if (this.held > 0 && !this.#isForcing) {
      this.fault(`a token request although ${this.held} lives`);
    }
  }

  #checkApiRequest(serial: number): void {
    this.note(`request with ${serial}`);
    if (this.isClosed) this.fault("a request after the close");
    if (this.refused.has(serial)) this.fault(`a request with ${serial}, which was refused`);
    if (serial < this.held) this.fault(`a request with ${serial}, and ${this.held} is there`);
  }

  #answerToken(isGood = true): void {
    const pending = this.#tokenRequests.shift();
    if (pending === undefined) return;
    this.note(isGood ? `token ${this.issued + 1}` : "failure");
    if (!isGood) return pending.answer.resolve(new Response("busy", { status: 503 }));
    const serial = ++this.issued;
    pending.answer.resolve(Response.json({
      "access_token": String(serial),
      "expires_in": 10_000 + serial,
    }));
  }

  #answerApi(status: number): void {
    const index = this.random.between(0, this.#apiRequests.length - 1);
    const [pending] = this.#apiRequests.splice(index, 1);
    if (pending === undefined) return;
    const { serial, answer } = pending;
    this.note(`${status} to ${serial}`);
    answer.resolve(Response.json({ data: { serial } }, { status }));
  }
}

async function playAll(
  make: (seed: number, time: SimulatedTime) => Interleaving,
): Promise<void> {
  for (let seed = 1; seed <= RUNS; seed++) {
    using time = new SimulatedTime(seed);
    const story = await make(seed, time).play();
    assert(story === "", `Interleaving ${seed}:\n${story}`);
  }
}

Deno.test("TokenSource serves everyone in 10,000 orders of calls, answers, aborts, 401s and closes", async () => {
  await playAll((seed, time) => new SourceInterleaving(seed, time));
});

Deno.test("Session serves everyone in 10,000 orders of calls, answers, aborts, 401s and closes", async () => {
  await playAll((seed, time) => new SessionInterleaving(seed, time));
});
