import { idle, settle } from "../support/idle.ts";

/** Lets everything run that waits for no timer. */
export async function rest(): Promise<void> {
  await settle();
  await idle();
  await settle();
}

/** What `fetch` rejects with on Node, where each failure has a code. */
export function failing(code: string): () => Promise<Response> {
  return () => {
    const cause = Object.assign(new Error(code), { code });
    return Promise.reject(new TypeError("fetch failed", { cause }));
  };
}

export function answering(status: number, headers: Record<string, string> = {}): () => Response {
  return () => new Response(null, { status, headers });
}
