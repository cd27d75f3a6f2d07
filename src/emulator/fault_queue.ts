import type { EmulatedResponse } from "./response.ts";
import { type Addressed, Route } from "./route.ts";

/**
 * What a request gets instead of its response.
 *
 * - an {@linkcode EmulatedResponse}: this one. The request has no effect.
 * - `"hang"`: nothing, ever. The request has no effect.
 * - `"reset"`: the connection is reset before any response. The request has no effect. If the connection
 *   was used before, the `fetch` of Deno and Bun may send the request again by itself, so that the caller
 *   does not always see a single reset.
 * - `{ afterEffect: … }`: one of the three above, but the request has its effect before: an order is placed,
 *   and its answer is lost.
 * - `"hangMidBody"`: the headers and half the body of the true response, then nothing more. The request
 *   has its effect too.
 * - `"resetMidBody"`: the same, then the connection is reset.
 */
export type Fault = LostRequest | "hangMidBody" | "resetMidBody" | LostResponse;

/** What a request gets that has no effect. */
export type LostRequest = EmulatedResponse | "hang" | "reset";

/** A fault of a request that has its effect. */
export interface LostResponse {
  /** What it gets instead of its response. */
  readonly afterEffect: LostRequest;
}

/** The faults that were injected and have not happened yet. */
export class FaultQueue {
  #faults: { route: Route; fault: Fault; times: number }[] = [];

  /** Injects a fault into the next `times` requests that match the route. */
  add(route: string, fault: Fault, times: number): void {
    if (!(times > 0)) {
      throw new RangeError(`Cannot inject a fault ${times} times: the number must be above 0`);
    }
    this.#faults.push({ route: new Route(route), fault, times });
  }

  /** Takes the fault for a request out of the queue, if there is one. */
  take(request: Addressed): Fault | undefined {
    const injected = this.#faults.find(({ route }) => route.matches(request));
    if (injected === undefined) return undefined;
    injected.times -= 1;
    if (injected.times <= 0) this.#faults = this.#faults.filter((other) => other !== injected);
    return injected.fault;
  }

  /** Removes all faults. */
  clear(): void {
    this.#faults = [];
  }
}
