import { assert, assertEquals, assertFalse, assertStrictEquals, assertThrows } from "@std/assert";
import type { Broker } from "../src/brokers/broker.ts";
import { tastytrade } from "../src/brokers/tastytrade.ts";
import { tradestation } from "../src/brokers/tradestation.ts";
import { Credentials } from "../src/credentials.ts";
import { CredentialsError } from "../src/errors.ts";
import {
  readOptions,
  readTimeout,
  type SessionOptions,
  type SessionSettings,
} from "../src/session_options.ts";
import { VERSION } from "../src/version.ts";
import { serveAnswer } from "./support/loopback.ts";

const CREDENTIALS = { clientSecret: "secret", refreshToken: "refresh" };

function read(options: SessionOptions = {}): SessionSettings {
  return readOptions({ ...CREDENTIALS, ...options });
}

Deno.test("readOptions() fills in the defaults", () => {
  const { fetch: _fetch, ...settings } = read();
  assertEquals(settings, {
    broker: tastytrade,
    sandbox: false,
    apiVersion: undefined,
    endpoints: {
      baseUrl: "https://api.tastyworks.com",
      tokenUrl: "https://api.tastyworks.com/oauth/token",
      authorizeUrl: "https://my.tastytrade.com/auth.html",
      validatePath: "/customers/me",
      headers: {},
    },
    credentials: { clientId: undefined, ...CREDENTIALS },
    timeoutMs: 30_000,
    retry: { limit: 3, maxDelayMs: 30_000 },
    rateLimits: [],
    userAgent: `tasty-session/${VERSION}`,
    store: undefined,
  });
});

Deno.test("readOptions() takes what is given", () => {
  const given = {
    sandbox: true,
    apiVersion: "20240501",
    timeoutMs: 5_000,
    userAgent: "my-bot/1.0 (contact)",
    fetch: () => Promise.resolve(new Response()),
  };
  const settings = read({ ...given, clientId: "id" });
  assertStrictEquals(settings.fetch, given.fetch);
  const { sandbox, apiVersion, timeoutMs, userAgent } = settings;
  assertEquals({ sandbox, apiVersion, timeoutMs, userAgent, fetch: given.fetch }, given);
  assertEquals(settings.credentials, { clientId: "id", ...CREDENTIALS });
  assertEquals(settings.endpoints, {
    baseUrl: "https://api.cert.tastyworks.com",
    tokenUrl: "https://api.cert.tastyworks.com/oauth/token",
    authorizeUrl: "https://cert-my.staging-tasty.works/auth.html",
    validatePath: "/customers/me",
    headers: { "accept-version": "20240501" },
  });
});

Deno.test("readOptions() refuses an address with an empty query or fragment, which would swallow paths", () => {
  for (const address of ["https://x.example/?", "https://x.example/#", "https://x.example/a?#"]) {
    assertThrows(() => read({ baseUrl: address }), TypeError, "Cannot use this baseUrl");
    assertThrows(() => read({ signInUrl: address }), TypeError, "Cannot use this signInUrl");
  }
});

Deno.test("readOptions() looks the global fetch up at each call, and binds it to nothing", async () => {
  await using server = await serveAnswer(200, "");
  const settings = read();
  const global = globalThis.fetch;
  const receivers: unknown[] = [];
  try {
    globalThis.fetch = function (this: unknown, ...given: Parameters<typeof fetch>) {
      receivers.push(this);
      return global(...given);
    };
    const { fetch } = settings;
    await (await fetch(server.url)).text();
  } finally {
    globalThis.fetch = global;
  }
  assertEquals(receivers, [undefined]);
  assertEquals(server.arrivals.length, 1);
});

Deno.test("readOptions() takes a baseUrl with https, or http on this machine, and moves the token endpoint with it", () => {
  const rows: readonly [string, string][] = [
    ["https://proxy.example", "https://proxy.example"],
    ["https://proxy.example/", "https://proxy.example"],
    ["HTTPS://PROXY.example:443/", "https://proxy.example"],
    ["https://proxy.example/tasty//", "https://proxy.example/tasty"],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
    ["http://127.1.2.3/a/", "http://127.1.2.3/a"],
    ["http://localhost:8080", "http://localhost:8080"],
    ["http://[::1]:8080/", "http://[::1]:8080"],
  ];
  for (const [given, baseUrl] of rows) {
    const { endpoints } = read({ baseUrl: given });
    assertEquals([endpoints.baseUrl, endpoints.tokenUrl], [baseUrl, `${baseUrl}/oauth/token`]);
  }
});

Deno.test("readOptions() refuses a baseUrl that would show the token to others, and does not repeat it", () => {
  for (
    const baseUrl of [
      "",
      "hidden",
      "hidden.example",
      "http://hidden.example",
      "http://127.0.0.1.hidden.example",
      "http://localhost.hidden.example",
      "http://127hidden.0.0.1.example",
      "http://10.0.0.1/hidden",
      "http://[::2]/hidden",
      "http://0.0.0.0/hidden",
      "ws://127.0.0.1/hidden",
      "file:///hidden",
      "https://user:hidden@proxy.example",
      "https://hidden@proxy.example",
      "https://:hidden@proxy.example",
      "https://proxy.example/?hidden=1",
      "https://proxy.example/#hidden",
    ]
  ) {
    const { message } = assertThrows(() => read({ baseUrl }), TypeError, "Cannot use this baseUrl");
    assertFalse(message.includes("hidden"), baseUrl);
  }
});

Deno.test("readTimeout() takes what setTimeout can wait", () => {
  for (const timeoutMs of [0.5, 1, 30_000, 2 ** 31 - 1]) {
    assertEquals(readTimeout(timeoutMs), timeoutMs);
    assertEquals(read({ timeoutMs }).timeoutMs, timeoutMs);
  }
});

Deno.test("readTimeout() refuses what would fire at once or never", () => {
  for (const timeoutMs of [0, -0, -1, NaN, Infinity, -Infinity, 2 ** 31]) {
    assertThrows(() => readTimeout(timeoutMs), RangeError, `timeoutMs ${timeoutMs}:`);
    assertThrows(() => read({ timeoutMs }), RangeError, `timeoutMs ${timeoutMs}:`);
  }
});

Deno.test("readOptions() checks how failed requests are sent again", () => {
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

Deno.test("readOptions() takes a userAgent with product and version", () => {
  for (
    const userAgent of ["a/1", "my-bot/1.0", "a.b_c/1.0+2~3", "bot/2 (mailto:me@x.example) lib/3"]
  ) {
    assertEquals(read({ userAgent }).userAgent, userAgent);
  }
});

Deno.test("readOptions() refuses a userAgent that tastytrade or a header would not take", () => {
  for (
    const userAgent of [
      "",
      "bot",
      "/1",
      "bot/",
      "bot /1",
      " bot/1",
      "bot/1\r\nx: y",
      "bot/1\n",
      "böt/1",
    ]
  ) {
    assertThrows(() => read({ userAgent }), TypeError, "<product>/<version>");
  }
});

Deno.test("readOptions() asks the broker about apiVersion", () => {
  for (const apiVersion of ["v2", "2024-05-01", "", "202405011"]) {
    assertThrows(() => read({ apiVersion }), RangeError, `apiVersion "${apiVersion}"`);
  }
});

Deno.test("readOptions() tells the broker where it is before it looks at the credentials", () => {
  const places: unknown[] = [];
  const broker: Broker = {
    ...tastytrade,
    checkRefreshToken(_refreshToken, { sandbox, apiVersion, baseUrl }) {
      places.push({ sandbox, apiVersion, baseUrl });
      return undefined;
    },
  };
  const place = { sandbox: true, apiVersion: "20240501", baseUrl: "http://127.0.0.1:1/a" };
  read({ ...place, baseUrl: "http://127.0.0.1:1/a/", broker });
  assertEquals(places, [place]);
});

Deno.test("readOptions() hands credentials on to be checked", () => {
  assertThrows(() => read({ refreshToken: "a b" }), CredentialsError, "refreshToken");
});

Deno.test("readOptions() takes what a login has brought, whole, copied or beside options", () => {
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
    const settings = readOptions(options);
    assertStrictEquals(settings.broker, tradestation);
    assert(settings.sandbox);
    assertEquals(settings.credentials, {
      clientId: "id",
      clientSecret: "secret",
      refreshToken: "refresh",
    });
  }
  const other = readOptions({ ...credentials, sandbox: false, refreshToken: "other" });
  assertEquals([other.sandbox, other.credentials.refreshToken], [false, "other"]);
});

Deno.test("readOptions() refuses an option that there is not, and names the one that was meant", () => {
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
    const error = assertThrows(() => readOptions(options), TypeError, `no option "${name}"`);
    assert(error.message.endsWith(`It is called ${meant} here`));
  }
  const misspelt = JSON.parse(JSON.stringify({ ...CREDENTIALS, sandBox: true }));
  assertThrows(() => readOptions(misspelt), TypeError, 'no option "sandBox"');
});

Deno.test("readOptions() refuses values of the wrong type in a sentence", () => {
  for (
    const [option, value, words] of [
      ["broker", "tradestation", "pass the value"],
      ["sandbox", "true", "it is true or false"],
      ["store", "tokens.json", "fileStore"],
    ] as const
  ) {
    const options = JSON.parse(JSON.stringify({ ...CREDENTIALS, [option]: value }));
    assertThrows(() => readOptions(options), TypeError, words);
  }
  for (const options of [null, "secret"]) {
    assertThrows(
      () => readOptions(JSON.parse(JSON.stringify(options))),
      TypeError,
      "are an object",
    );
  }
});
