import { assert, assertEquals, assertInstanceOf, assertLess } from "@std/assert";
import { NetworkError, Session, TokenError } from "../../mod.ts";
import { Random } from "../support/random.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { idle } from "../support/idle.ts";
import {
  DECEIVING as DECEIVING_TEXTS,
  type RandomAnswer,
  randomAnswer,
} from "../support/random_answers.ts";
import {
  assertPrintable,
  BROKERS,
  DECEIVING,
  fuzz,
  GOOD,
  HOUR_MS,
  type Outcome,
  parsed,
  randomCredentials,
  refreshed,
  refreshTokenIn,
  tokensIn,
} from "./token_endpoint_fixtures.ts";

/** What an outcome is; one that does not come although nothing is waited for is a hang. */
async function inTime(outcome: Promise<Outcome>): Promise<Outcome> {
  let arrived: Outcome | undefined;
  void outcome.then((one) => arrived = one);
  for (let turn = 0; turn < 1_000 && arrived === undefined; turn++) {
    await (turn < 50 ? Promise.resolve() : idle());
  }
  assert(arrived, "It hangs");
  return arrived;
}

/** A `Response` with one of these cannot have a body. */
const BODILESS: readonly number[] = [204, 205, 304];

/** The token that a response holds (RFC 6749 section 5.1, RFC 6750 section 2.1), if it is a good one. */
function tokenOf({ status, body }: RandomAnswer): string | undefined {
  const fields = parsed(new TextDecoder().decode(body));
  if (status < 200 || status > 299 || BODILESS.includes(status)) return;
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) return;
  const { access_token: token, token_type: type = "Bearer" } = fields as Record<string, unknown>;
  const isBearer = type === null || typeof type === "string" && /^bearer$/i.test(type);
  return typeof token === "string" && /^[A-Za-z0-9._~+/-]+=*$/.test(token) && isBearer
    ? token
    : undefined;
}

/** How a fake `fetch` brings a response. */
const DELIVERIES = [
  "whole",
  "in pieces",
  "broken off",
  "never begins",
  "never ends",
  "endless",
  "no response",
] as const;

type Delivery = typeof DELIVERIES[number];

/** A `fetch` that sends nothing, and answers as it is told. */
class FakeFetch {
  readonly requests: { readonly url: string; readonly body: BodyInit | null | undefined }[] = [];
  /** How many bytes of an endless answer were asked for. */
  pulled = 0;
  next: (signal: AbortSignal | null | undefined) => Promise<Response> = () =>
    Promise.resolve(new Response(GOOD));

  readonly fetch: typeof fetch = (input, init) => {
    this.requests.push({ url: String(input), body: init?.body });
    return this.next(init?.signal);
  };

  /** Sets what the next request gets. */
  answer(random: Random, answer: RandomAnswer, delivery: Delivery): void {
    this.pulled = 0;
    this.next = (signal) => {
      if (delivery === "never begins") return random.oneIn(2) ? never() : never(signal);
      if (delivery === "no response") return Promise.reject(failureOfFetch(random));
      return Promise.resolve(
        responseOf(answer, this.#stream(random, answer.body, delivery, signal)),
      );
    };
  }

  #stream(
    random: Random,
    body: Uint8Array<ArrayBuffer>,
    delivery: Delivery,
    signal: AbortSignal | null | undefined,
  ): BodyInit {
    if (delivery === "whole") return body;
    let offset = 0;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        signal?.addEventListener("abort", () => controller.error(signal.reason));
      },
      // The response is long enough to be known; how the rest of it ends makes no difference.
      cancel: random.oneOf(
        () => {},
        () => Promise.reject(new Error("it cannot be cancelled")),
        () => never(),
      ),
      pull: async (controller) => {
        if (delivery === "endless") {
          this.pulled += 16_384;
          controller.enqueue(new Uint8Array(16_384).fill(0x20));
          return;
        }
        const size = 1 + random.below(Math.max(body.length / 3, 10));
        if (offset < body.length) controller.enqueue(body.subarray(offset, offset += size));
        else if (delivery === "in pieces") controller.close();
        else if (delivery === "broken off") {
          controller.error(new TypeError("error reading a body from connection"));
        } else await never();
      },
    });
  }
}

function never(signal?: AbortSignal | null): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}

/** As the three runtimes report it. */
function failureOfFetch(random: Random): Error {
  const code = random.oneOf(
    "ECONNRESET",
    "ECONNREFUSED",
    "ENOTFOUND",
    "HPE_INVALID_CONSTANT",
    "ECATS",
  );
  return random.oneOf<() => Error>(
    () => new TypeError("fetch failed", { cause: Object.assign(new Error("no"), { code }) }),
    () => Object.assign(new Error("no"), { code }),
    () => new TypeError("x", { cause: new Error("client error (Connect): tls handshake eof") }),
  )();
}

/** A `Response` of any status; the constructor knows 200 to 599 only, and no body with some. */
function responseOf({ status, headers }: RandomAnswer, body: BodyInit): Response {
  if (status === 0) {
    return Object.defineProperty(new Response(body, { headers }), "status", { value: 0 });
  }
  return new Response(BODILESS.includes(status) ? null : body, { status, headers });
}

/** The refresh token in a token request. */
async function refreshTokenSent(body: BodyInit | null | undefined): Promise<string> {
  const text = await new Response(body ?? "").text();
  return refreshTokenIn(text);
}

/** A session whose grant was refused permanently fails again, and sends nothing. */
async function assertAsksNoMore(session: Session, fake: FakeFetch): Promise<void> {
  const before = fake.requests.length;
  const again = await inTime(refreshed(session));
  assert("error" in again && again.error instanceof TokenError);
  assertEquals(fake.requests.length, before);
}

for (const broker of BROKERS) {
  Deno.test(`Session takes any response of ${broker.name}'s token endpoint for a token or a typed error`, async () => {
    using clock = new FakeClock({ timers: true });
    await fuzz({ usual: 250, salt: BROKERS.indexOf(broker) }, async (random) => {
      const credentials = randomCredentials(random);
      const fake = new FakeFetch();
      using session = new Session({ broker, ...credentials, fetch: fake.fetch, retry: false });
      const secrets = [credentials.clientSecret, credentials.refreshToken];
      let current = credentials.refreshToken;
      for (let round = 1; round <= 3; round++) {
        const answer = randomAnswer(random, [credentials.clientSecret, current]);
        const delivery = random.oneIn(2) ? "whole" : random.oneOf(...DELIVERIES);
        fake.answer(random, answer, delivery);
        const tokens = tokensIn(new TextDecoder().decode(answer.body));
        const pending = refreshed(session);
        if (delivery.startsWith("never")) {
          await idle();
          clock.advance(10_000);
        }
        const outcome = await inTime(pending);
        assertEquals(fake.requests.length, round);
        const spent = await refreshTokenSent(fake.requests.at(-1)?.body);
        assertEquals(spent, current);
        assertLess(fake.pulled, 200_000);

        const isWhole = delivery === "whole" || delivery === "in pieces";
        const expected = isWhole ? tokenOf(answer) : undefined;
        if ("token" in outcome) {
          assertEquals(outcome.token, expected);
          secrets.push(outcome.token);
          const { refresh_token: next } = Object(parsed(new TextDecoder().decode(answer.body)));
          // RFC 6749 appendix A.17: printable ASCII, or it is no refresh token.
          if (typeof next === "string" && /^[\x20-\x7e]+$/.test(next)) current = next;
          if (tokens.refresh !== undefined) secrets.push(tokens.refresh);
        } else {
          const fresh = [tokens.access, tokens.refresh].filter((token) => token !== undefined);
          assertPrintable(outcome.error, [...secrets, ...fresh]);
          if (answer.body.length < 65_536) assertEquals(expected, undefined, outcome.error.message);
          assert(
            outcome.error instanceof TokenError || outcome.error instanceof NetworkError,
            outcome.error.name,
          );
          if (outcome.error instanceof TokenError && outcome.error.isPermanent) {
            return await assertAsksNoMore(session, fake);
          }
        }
        clock.advance(HOUR_MS);
      }
      fake.next = () => Promise.resolve(new Response(GOOD));
      assertEquals(await inTime(refreshed(session)), { token: "good" });
      assertEquals(clock.armed, 0);
    });
  });
}

Deno.test("TokenError.code is one short line, whatever the token endpoint calls it", async () => {
  using clock = new FakeClock({ timers: true });
  for (const broker of BROKERS) {
    for (const code of ["x".repeat(60_000), "a\r\nb", "\u001b[2J", "\u202eetar", "a\u2028b"]) {
      for (const body of [{ error: code }, { error_code: code }, { error: { code } }]) {
        const answer = () => Promise.resolve(Response.json(body, { status: 403 }));
        using session = new Session({
          broker,
          ...randomCredentials(new Random(1)),
          fetch: answer,
          retry: false,
        });
        const outcome = await refreshed(session);
        assert("error" in outcome);
        assertInstanceOf(outcome.error, TokenError);
        assert(!DECEIVING.test(outcome.error.code), JSON.stringify(outcome.error.code));
        assertLess(outcome.error.code.length, 500);
      }
    }
  }
  assertEquals(clock.armed, 0);
});

Deno.test("TokenError does not put a secret together again that comes with other characters in it", async () => {
  const invisible = ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u180e", "\u0000"];
  using _ = new FakeClock({ timers: true });
  for (const broker of BROKERS) {
    for (const between of [...DECEIVING_TEXTS, ...invisible]) {
      const credentials = randomCredentials(new Random(2));
      const { clientSecret, refreshToken } = credentials;
      const words = [...clientSecret].join(between);
      const more = refreshToken.replace(/^..../, (start) => `${start}${between}`);
      for (const body of [{ error: words, error_description: more }, { error: { code: more } }]) {
        const answer = () => Promise.resolve(Response.json(body, { status: 403 }));
        using session = new Session({ broker, ...credentials, fetch: answer, retry: false });
        const outcome = await refreshed(session);
        assert("error" in outcome);
        assertPrintable(outcome.error, [clientSecret, refreshToken]);
      }
    }
  }
});
