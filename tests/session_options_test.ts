import { assert, assertEquals, assertFalse, assertStrictEquals, assertThrows } from "@std/assert";
import { tastytrade } from "../src/brokers/tastytrade/tastytrade.ts";
import { tradestation } from "../src/brokers/tradestation/tradestation.ts";
import { checkTimeout } from "../src/net/deadline.ts";
import { Credentials } from "../src/credentials.ts";
import { CredentialsError } from "../src/errors.ts";
import { readSessionOptions, type SessionOptions } from "../src/session_options.ts";
import { VERSION } from "../src/version.ts";
import { CREDENTIALS, read } from "./support/session_options_fixtures.ts";

Deno.test("readSessionOptions() fills in the defaults", () => {
  const { fetch: _fetch, ...settings } = read();
  assertEquals(settings, {
    broker: tastytrade,
    sandbox: false,
    place: {
      sandbox: false,
      apiVersion: undefined,
      baseUrl: undefined,
      signInUrl: undefined,
      streamerUrl: undefined,
    },
    endpoints: {
      baseUrl: "https://api.tastyworks.com",
      streamerUrl: "wss://streamer.tastyworks.com",
      tokenUrl: "https://api.tastyworks.com/oauth/token",
      authorizeUrl: "https://my.tastytrade.com/auth.html",
      validatePath: "/customers/me",
      headers: {},
    },
    credentials: { clientId: undefined, ...CREDENTIALS },
    loginTokens: undefined,
    timeoutMs: 30_000,
    retry: { limit: 3, maxDelayMs: 30_000 },
    rateLimits: [],
    userAgent: `tasty-session/${VERSION}`,
    store: undefined,
  });
});

Deno.test("readSessionOptions() takes what is given", () => {
  const given = {
    sandbox: true,
    apiVersion: "20240501",
    timeoutMs: 5_000,
    userAgent: "my-bot/1.0 (contact)",
    fetch: () => Promise.resolve(new Response()),
  };
  const settings = read({ ...given, clientId: "id" });
  assertStrictEquals(settings.fetch, given.fetch);
  const { sandbox, place: { apiVersion }, timeoutMs, userAgent } = settings;
  assertEquals({ sandbox, apiVersion, timeoutMs, userAgent, fetch: given.fetch }, given);
  assertEquals(settings.credentials, { clientId: "id", ...CREDENTIALS });
  assertEquals(settings.endpoints, {
    baseUrl: "https://api.cert.tastyworks.com",
    streamerUrl: "wss://streamer.cert.tastyworks.com",
    tokenUrl: "https://api.cert.tastyworks.com/oauth/token",
    authorizeUrl: "https://cert-my.staging-tasty.works/auth.html",
    validatePath: "/customers/me",
    headers: { "accept-version": "20240501" },
  });
});

Deno.test("checkTimeout() takes what setTimeout can wait", () => {
  for (const timeoutMs of [0.5, 1, 30_000, 2 ** 31 - 1]) {
    assertEquals(checkTimeout(timeoutMs), timeoutMs);
    assertEquals(read({ timeoutMs }).timeoutMs, timeoutMs);
  }
});

Deno.test("checkTimeout() refuses what would fire at once or never", () => {
  for (const timeoutMs of [0, -0, -1, NaN, Infinity, -Infinity, 2 ** 31]) {
    assertThrows(() => checkTimeout(timeoutMs), RangeError, `timeoutMs ${timeoutMs}:`);
    assertThrows(() => read({ timeoutMs }), RangeError, `timeoutMs ${timeoutMs}:`);
  }
});

Deno.test("readSessionOptions() checks how failed requests are sent again", () => {
  const retry = (value: unknown) => read({ retry: value as SessionOptions["retry"] }).retry;
  assertEquals(read({ retry: false }).retry, undefined);
  assertEquals(retry(undefined), { limit: 3, maxDelayMs: 30_000 });
  assertEquals(retry({ limit: 0 }), { limit: 0, maxDelayMs: 30_000 });
  assertEquals(retry({ limit: 9, maxDelayMs: 0 }), { limit: 9, maxDelayMs: 0 });
  for (const limit of [-1, 1.5, NaN, Infinity]) {
    assertThrows(() => retry({ limit }), RangeError, "Cannot use retry.limit");
  }
  for (const maxDelayMs of [-1, NaN, 2 ** 31]) {
    assertThrows(() => retry({ maxDelayMs }), RangeError, "Cannot use retry.maxDelayMs");
  }
  for (const value of [true, null, 3]) {
    assertThrows(() => retry(value), TypeError, "Cannot use this retry");
  }
});

Deno.test("readSessionOptions() hands credentials on to be checked", () => {
  assertThrows(() => read({ refreshToken: "a b" }), CredentialsError, "refreshToken");
});

Deno.test("readSessionOptions() takes what a login has brought, whole, copied or beside options", () => {
  const credentials = new Credentials({
    broker: tradestation,
    sandbox: true,
    clientId: "id",
    clientSecret: "secret",
    refreshToken: "refresh",
  });
  for (
    const options of [
      credentials,
      { credentials },
      { ...credentials },
      { ...credentials, timeoutMs: 5_000, refreshToken: undefined },
    ]
  ) {
    const settings = readSessionOptions(options);
    assertStrictEquals(settings.broker, tradestation);
    assert(settings.sandbox);
    assertEquals(settings.credentials, {
      clientId: "id",
      clientSecret: "secret",
      refreshToken: "refresh",
    });
  }
  const live = readSessionOptions({ ...credentials, baseUrl: "https://api.tradestation.com" });
  assertFalse(live.sandbox); // the address says it, and nobody has said otherwise
  const other = readSessionOptions({ ...credentials, sandbox: false, refreshToken: "other" });
  assertEquals([other.sandbox, other.credentials.refreshToken], [false, "other"]);
});

Deno.test("readSessionOptions() recommends no option of a call that a session lacks", () => {
  for (const name of ["params", "header"]) {
    const { message } = assertThrows(() => read({ [name]: 1 }), TypeError);
    assertEquals(message, `Cannot create a session: there is no option "${name}"`);
  }
});

Deno.test("readSessionOptions() refuses an option that there is not, and names the one that was meant", () => {
  for (
    const [name, meant] of [
      ["is_test", "sandbox"],
      ["isTest", "sandbox"],
      ["sandBox", "sandbox"],
      ["base_url", "baseUrl"],
      ["api_key", "clientId"],
    ]
  ) {
    const options = JSON.parse(JSON.stringify({ ...CREDENTIALS, [name ?? ""]: true }));
    const error = assertThrows(() => readSessionOptions(options), TypeError, `no option "${name}"`);
    assert(error.message.endsWith(`It is called ${meant} here`));
  }
  const unheardOf = JSON.parse(JSON.stringify({ ...CREDENTIALS, colour: "red" }));
  const { message } = assertThrows(() => readSessionOptions(unheardOf), TypeError);
  assertEquals(message, 'Cannot create a session: there is no option "colour"');
});

Deno.test("readSessionOptions() refuses values of the wrong type in a sentence", () => {
  for (
    const [option, value, words] of [
      ["broker", "tradestation", "pass the value"],
      ["sandbox", "true", "it must be true or false"],
      ["store", "tokens.json", "fileStore"],
    ] as const
  ) {
    const options = JSON.parse(JSON.stringify({ ...CREDENTIALS, [option]: value }));
    assertThrows(() => readSessionOptions(options), TypeError, words);
  }
  for (const options of [null, "secret"]) {
    assertThrows(
      () => readSessionOptions(JSON.parse(JSON.stringify(options))),
      TypeError,
      "must be an object",
    );
  }
});

Deno.test("readSessionOptions() checks what is inside of retry, rateLimit and fetch", () => {
  const untyped = (options: unknown) => options as SessionOptions;
  assertThrows(() => read(untyped({ retry: { limits: 3 } })), TypeError, "retry.limits");
  assertThrows(() => read(untyped({ retry: { maxDelayMs: "5" } })), RangeError, "maxDelayMs");
  assertThrows(() => read(untyped({ timeoutMs: "5000" })), RangeError, "timeoutMs 5000");
  for (const perMs of [Infinity, NaN, 2 ** 31, "1000", 0]) {
    const rateLimit = { requests: 1, perMs };
    assertThrows(() => read(untyped({ rateLimit })), TypeError, "Cannot use this rateLimit");
  }
  assertThrows(() => read(untyped({ fetch: "fetch" })), TypeError, "it must be a function");
  assertStrictEquals(read({ fetch: globalThis.fetch }).fetch, read().fetch);
});
