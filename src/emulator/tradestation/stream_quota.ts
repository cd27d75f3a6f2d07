import { type EmulatedResponse, jsonResponse } from "../response.ts";
import type { StreamedResponse } from "../service.ts";
import type { User } from "../users.ts";

/** How many streams of orders and positions a user may have open (page on rate limits). */
const MOST = 40;

/** The body is documented; the name of the resource is that of another one, for positions. */
const EXCEEDED: EmulatedResponse = jsonResponse(
  429,
  { Error: "TooManyRequests", Message: "Stream quota exceeded" },
  {
    "x-concurrency-limit": `${MOST}`,
    "x-concurrency-remaining": "0",
    "x-concurrency-resource": "streaming-orders",
  },
);

/** Counts the open streams of each user. */
export class StreamQuota {
  readonly #open = new Map<string, number>();

  /** Counts a stream as long as it is open, or refuses it. */
  admit({ id }: User, { begin, ...head }: StreamedResponse): StreamedResponse | EmulatedResponse {
    if (this.#countOf(id) >= MOST) return EXCEEDED;
    return {
      ...head,
      begin: (outlet) => {
        this.#open.set(id, this.#countOf(id) + 1);
        const source = begin(outlet);
        return {
          update: () => source.update(),
          goAway: () => source.goAway?.(),
          closed: () => void this.#open.set(id, this.#countOf(id) - 1),
        };
      },
    };
  }

  #countOf(id: string): number {
    return this.#open.get(id) ?? 0;
  }
}
