/**
 * The simulated network: requests that take time, fail, or are left by their program.
 *
 * @module
 */

import type { SimulatedTime } from "./simulated_time.ts";

/** A request is sent, arrives, and its response comes back; the program may leave at any time. */
export function exchange(
  time: SimulatedTime,
  signal: AbortSignal | null | undefined,
  { outMs, backMs, reach, leave, settle }: {
    outMs: number;
    backMs: number;
    reach: () => () => Response;
    leave: () => void;
    settle: () => void;
  },
): Promise<Response> {
  const answer = Promise.withResolvers<Response>();
  let isOver = false;
  let cancel = () => {};
  const end = (result: () => void) => {
    if (isOver) return;
    isOver = true;
    cancel();
    settle();
    signal?.removeEventListener("abort", onAbort);
    result();
  };
  const onAbort = () =>
    end(() => {
      leave();
      answer.reject(signal?.reason);
    });
  signal?.addEventListener("abort", onAbort);
  if (outMs < Infinity) {
    cancel = time.after(outMs, () => {
      try {
        const arrive = reach();
        cancel = time.after(backMs, () => end(() => answer.resolve(arrive())));
      } catch (error) {
        end(() => answer.reject(error));
      }
    });
  }
  return answer.promise;
}

/** A response with a JSON body. */
export function json(value: unknown, status: number): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { "content-type": "application/json" },
  });
}

/** A network failure, as a runtime reports it. */
export function networkError(code: string): TypeError {
  return new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) });
}

/** Waits for a promise, or for the end of a signal. */
export async function untilAborted(promise: Promise<unknown>, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort);
  await Promise.race([promise, aborted.promise]).finally(() =>
    signal?.removeEventListener("abort", onAbort)
  );
}
