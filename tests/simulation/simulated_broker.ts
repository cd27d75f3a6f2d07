/**
 * A broker as its programs see it over a simulated network: what its tokens are worth at each moment,
 * what each program can know of that, and the rules that no program may break.
 *
 * A rule is broken by sending, so each is checked where a request is sent. `violations` says which.
 *
 * @module
 */

import type { TokenStore } from "../../mod.ts";
import type { Random } from "../support/random.ts";
import type { Counts, FaultProfile, FaultState } from "./faults.ts";
import { type ApiExchange, Grant, type Program } from "./program.ts";
import { ObservedRefreshes } from "./observed_refreshes.ts";
import { SimulatedApi } from "./simulated_api.ts";
import { SimulatedStore } from "./simulated_store.ts";
import type { SimulatedTime } from "./simulated_time.ts";
import { SimulatedTokenEndpoint } from "./simulated_token_endpoint.ts";
import { World } from "./world.ts";

/** The token endpoint, the API and the store. */
export class SimulatedBroker {
  readonly #world: World;
  readonly #tokenEndpoint: SimulatedTokenEndpoint;
  readonly #api: SimulatedApi;
  readonly #store: SimulatedStore;
  #grants = 0;

  constructor(
    time: SimulatedTime,
    random: Random,
    profile: FaultProfile,
    log: (line: string) => void,
  ) {
    this.#world = new World(time, random, profile, log);
    this.#store = new SimulatedStore(this.#world);
    this.#tokenEndpoint = new SimulatedTokenEndpoint(this.#world, this.#store);
    this.#api = new SimulatedApi(this.#world);
  }

  /** Observes the refreshes of its programs, until the end of the scope. */
  observeRefreshes(): Disposable {
    return new ObservedRefreshes(this.#world.time, this.#world);
  }

  get violations(): readonly string[] {
    return this.#world.violations;
  }

  get counts(): Counts {
    return this.#world.counts;
  }

  get faults(): FaultState {
    return this.#world.faults;
  }

  /** What the API knows of each request. */
  get exchanges(): Map<string, ApiExchange> {
    return this.#api.exchanges;
  }

  /** A new consent. */
  consent(): Grant {
    this.#grants += 1;
    return new Grant(this.#grants, this.#world.profile.isOneTime);
  }

  /** Every access token of the grant is of no more use. */
  revokeAccessTokens(grant: Grant): void {
    for (const token of this.#world.tokens.values()) {
      if (token.grant === grant) token.isRevoked = true;
    }
  }

  count(what: string): void {
    this.#world.count(what);
  }

  violate(rule: string): void {
    this.#world.violate(rule);
  }

  /** The way of a program to the broker. */
  networkOf(program: Program): typeof fetch {
    return (input, init = {}) => {
      const url = String(input);
      if (program.isOver) this.violate(`${program.name} sends after its end: ${url}`);
      return url === this.#world.profile.tokenUrl
        ? this.#tokenEndpoint.handle(program, init)
        : this.#api.handle(program, new URL(url).pathname, init);
    };
  }

  /** The store as a program sees it. */
  storeOf(program: Program): TokenStore {
    return this.#store.of(program);
  }

  /** Whether a token that was handed out is one that a program may use now. */
  checkHandedOut(program: Program, text: string): void {
    const token = this.#world.tokens.get(text);
    if (token === undefined) return this.violate(`${program.name} hands out an unknown token`);
    this.#world.checkUse(program, token, "hands out");
  }
}
