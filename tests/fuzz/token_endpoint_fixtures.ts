import { assert, assertEquals, assertInstanceOf, assertLess } from "@std/assert";
import { type Session, SessionError } from "../../mod.ts";
import { type Broker, tastytrade, tradestation } from "../../mod.ts";
import { Random } from "../support/random.ts";
import { acme } from "../support/broker_fixtures.ts";
import { idle } from "../support/idle.ts";
import { secretsIn, viewsOf } from "../support/printed_secrets.ts";
import { TOKEN_ALPHABET } from "../support/random_answers.ts";

export const BROKERS: readonly Broker[] = [tastytrade, tradestation, acme];

// past the longest pause after a failure
export const HOUR_MS = 3_600_001;

export const GOOD: string = JSON.stringify({
  access_token: "good",
  token_type: "Bearer",
  expires_in: 900,
});

// TASTY_FUZZ_SEED=17 replays one seed, TASTY_FUZZ_SEEDS=100000 tries more than usual.
export const REPLAYED: string | undefined = Deno.env.get("TASTY_FUZZ_SEED");

export const MORE: string | undefined = Deno.env.get("TASTY_FUZZ_SEEDS");

export function seeds(usual: number): number[] {
  if (REPLAYED !== undefined) return [Number(REPLAYED)];
  return Array.from({ length: Number(MORE ?? usual) }, (_, seed) => seed);
}

/**
 * Runs a task for every seed, with other random for another salt. A failure names its seed; a rejection
 * that nobody handles is one.
 */
export async function fuzz(
  { usual, salt }: { usual: number; salt: number },
  task: (random: Random) => Promise<void>,
): Promise<void> {
  const unhandled: unknown[] = [];
  const onUnhandled = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  addEventListener("unhandledrejection", onUnhandled);
  try {
    for (const seed of seeds(usual)) {
      try {
        await task(new Random(seed + 1_000_003 * salt));
        await idle(); // unhandled rejections are told after the microtasks
        assertEquals(unhandled, []);
      } catch (cause) {
        const message = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`TASTY_FUZZ_SEED=${seed} replays this: ${message}`, { cause });
      }
    }
  } finally {
    removeEventListener("unhandledrejection", onUnhandled);
  }
}

/** Credentials of one try: of the characters that tokens consist of, or of all that may be in one. */
export function randomCredentials(
  random: Random,
): Readonly<Record<"clientId" | "clientSecret" | "refreshToken", string>> {
  const alphabet = random.oneIn(4) ? PRINTABLE : TOKEN_ALPHABET;
  const secret = () => `s${random.text(16 + random.below(40), alphabet)}s`; // no quotes around it
  return { clientId: "client-id", clientSecret: secret(), refreshToken: secret() };
}

export const PRINTABLE: string = String.fromCharCode(
  ...Array.from({ length: 94 }, (_, i) => 0x21 + i),
);

export type Outcome = { readonly token: string } | { readonly error: unknown };

export async function refreshed(session: Session): Promise<Outcome> {
  try {
    await session.refresh({ force: true });
    return { token: await session.accessToken() };
  } catch (error) {
    return { error };
  }
}

// What rewrites a terminal's lines, or the order in which they are read.
export const DECEIVING: RegExp = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

/** A typed error that is good to print: no secret in it, one line, not too long. */
export function assertPrintable(
  error: unknown,
  secrets: readonly string[],
): asserts error is SessionError {
  assertInstanceOf(error, SessionError);
  const views = viewsOf(error, [
    (value) => Deno.inspect(value, { showHidden: true, depth: 100, getters: true }),
    (value) => Deno.inspect(new AggregateError([value])),
  ]);
  const found = secretsIn(views, secrets);
  assertEquals(found, [], `Printed: ${found} in ${views.slice(0, 2_000)}`);
  assert(!DECEIVING.test(error.message), `Not plain: ${JSON.stringify(error.message)}`);
  assertLess(error.message.length, 1_500);
}

/** The strings of a response that are tokens, also where the response as a whole is of no use. */
export function tokensIn(
  text: string,
): { access: string | undefined; refresh: string | undefined } {
  const { access_token: access, refresh_token: refresh } = Object(parsed(text));
  const long = (value: unknown) =>
    typeof value === "string" && value.length > 11 ? value : undefined;
  return { access: long(access), refresh: long(refresh) };
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function refreshTokenIn(text: string): string {
  return text.startsWith("{")
    ? JSON.parse(text).refresh_token
    : new URLSearchParams(text).get("refresh_token") ?? "";
}
