import { Session } from "../../mod.ts";
import type { SimulatedTime } from "../simulation/simulated_time.ts";
import { Interleaving, playAll } from "./interleaving_fixtures.ts";

/** A request that waits for its response. */
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

Deno.test("Session serves everyone in 10,000 orders of calls, answers, aborts, 401s and closes", async () => {
  await playAll((seed, time) => new SessionInterleaving(seed, time));
});
