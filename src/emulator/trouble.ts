import type { Answer } from "./answer.ts";
import { type Addressed, Route } from "./route.ts";

/**
 * What a request gets instead of its answer.
 *
 * - an {@linkcode Answer}: that one; the request has no effect.
 * - `"hang"`: nothing, ever; the request has no effect.
 * - `"reset"`: the connection breaks before any answer; the request has no effect. The `fetch` of Deno
 *   and Bun may send again by itself when that was a connection used before, so `times` of 1 is not
 *   always seen by the caller.
 * - `"hangMidBody"`: the headers and half the body of the true answer, then nothing more. The request
 *   has its effect: an order is placed.
 * - `"resetMidBody"`: the same, then the connection breaks.
 */
export type Trouble = Answer | "hang" | "hangMidBody" | "reset" | "resetMidBody";

/** The troubles that are ordered and not yet served, in the order they were ordered. */
export class TroubleQueue {
  #orders: { route: Route; trouble: Trouble; times: number }[] = [];

  /** Orders a trouble for the next `times` requests that match the route. */
  add(route: string, trouble: Trouble, times: number): void {
    if (!(times > 0)) {
      throw new RangeError(`Cannot order trouble ${times} times: the number must be above 0`);
    }
    this.#orders.push({ route: new Route(route), trouble, times });
  }

  /** Takes the trouble of this request out of the queue, if there is one. */
  take(request: Addressed): Trouble | undefined {
    const order = this.#orders.find(({ route }) => route.matches(request));
    if (order === undefined) return undefined;
    order.times -= 1;
    if (order.times <= 0) this.#orders = this.#orders.filter((other) => other !== order);
    return order.trouble;
  }

  /** Forgets what is not yet served. */
  clear(): void {
    this.#orders = [];
  }
}
