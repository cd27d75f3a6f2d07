/**
 * Refreshes as the simulated world sees them: from a session's first step, which may be to ask its store,
 * until the token is the session's, or there is none.
 *
 * @module
 */

import { RefreshGrant } from "../../src/token/refresh_grant.ts";
import type { Token } from "../../src/token/token.ts";
import { isDue, Program } from "./program.ts";
import type { SimulatedTime } from "./simulated_time.ts";
import type { World } from "./world.ts";

/** Observes the refreshes of all programs, until the end of the scope. */
export class ObservedRefreshes implements Disposable {
  readonly #refresh = RefreshGrant.prototype.refresh;
  readonly #time: SimulatedTime;
  readonly #world: World;

  constructor(time: SimulatedTime, world: World) {
    this.#time = time;
    this.#world = world;
    const observe = (refresh: () => Promise<Token>) => this.#observe(refresh);
    const { refresh: real } = RefreshGrant.prototype;
    RefreshGrant.prototype.refresh = function (...request): Promise<Token> {
      return observe(() => real.apply(this, request));
    };
  }

  [Symbol.dispose](): void {
    RefreshGrant.prototype.refresh = this.#refresh;
  }

  async #observe(refresh: () => Promise<Token>): Promise<Token> {
    const program = this.#time.owner;
    if (!(program instanceof Program)) throw new Error("nobody's refresh");
    program.refreshes += 1;
    program.begun += 1;
    program.isDue = isDue(program);
    program.arrived = undefined;
    program.adoptable = undefined;
    if (program.refreshes > 1) this.#world.violate(`${program.name} refreshes twice at once`);
    try {
      const token = await refresh();
      this.#handOut(program, token.accessToken);
      return token;
    } catch (error) {
      const { isPermanent, retryAfterMs = 0, code } = Object(error);
      if (isPermanent === true) this.#world.refuseForGood(program);
      else this.#world.refreshFailed(program, retryAfterMs, code === "store_failed");
      throw error;
    } finally {
      program.refreshes -= 1;
    }
  }

  /** A refresh is over, and its token is the program's. */
  #handOut(program: Program, text: string): void {
    const token = this.#world.tokens.get(text);
    if (token === undefined || !program.views.has(text)) {
      return this.#world.violate(`${program.name} has a token from nowhere`);
    }
    if (token !== program.arrived) {
      this.#world.count("adopted tokens");
      program.adopted.add(text);
    }
    if (this.#world.profile.hasStore && !token.isPastSaving) {
      if (program.storeFailedAt < token.arrivedAt && !this.#world.isLate(token)) {
        this.#world.violate(`${program.name} gets ${text} unsaved`);
      }
      token.isPastSaving = true;
      program.grant.excuse ||= "a save was given up";
    }
    this.#world.refreshed(program, token);
  }
}
