import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import type { Broker } from "../src/brokers/broker.ts";
import { tastytrade } from "../src/brokers/tastytrade/tastytrade.ts";
import { tradestation } from "../src/brokers/tradestation/tradestation.ts";
import { CredentialsError } from "../src/errors.ts";
import { serveAnswer } from "./support/loopback.ts";
import { read } from "./support/session_options_fixtures.ts";

/** A refresh token of tastytrade's, as far as its issuer goes. */
function tokenFrom(issuer: string): string {
  const part = (value: unknown) => btoa(JSON.stringify(value)).replaceAll("=", "");
  return `${part({ typ: "rt+jwt" })}.${part({ iss: issuer })}.signature`;
}

Deno.test("readSessionOptions() refuses an address with an empty query or fragment, which would swallow paths", () => {
  for (const address of ["https://x.example/?", "https://x.example/#", "https://x.example/a?#"]) {
    assertThrows(() => read({ baseUrl: address }), TypeError, "Cannot use this baseUrl");
    assertThrows(() => read({ signInUrl: address }), TypeError, "Cannot use this signInUrl");
  }
});

Deno.test("readSessionOptions() looks the global fetch up at each call, and binds it to nothing", async () => {
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

Deno.test("readSessionOptions() takes a baseUrl with https, or http on this machine, and moves the token endpoint with it", () => {
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

Deno.test("readSessionOptions() refuses a baseUrl that would show the token to others, and does not repeat it", () => {
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

Deno.test("readSessionOptions() takes a userAgent with product and version", () => {
  for (
    const userAgent of ["a/1", "my-bot/1.0", "a.b_c/1.0+2~3", "bot/2 (mailto:me@x.example) lib/3"]
  ) {
    assertEquals(read({ userAgent }).userAgent, userAgent);
  }
});

Deno.test("readSessionOptions() refuses a userAgent that tastytrade or a header would not take", () => {
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

Deno.test("readSessionOptions() asks the broker about apiVersion", () => {
  for (const apiVersion of ["v2", "2024-05-01", "", "202405011"]) {
    assertThrows(() => read({ apiVersion }), RangeError, `apiVersion "${apiVersion}"`);
  }
});

Deno.test("readSessionOptions() tells the broker where it is before it looks at the credentials", () => {
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

Deno.test("readSessionOptions() knows every issuer of each environment", () => {
  const production = ["https://api.tastyworks.com", "https://api.tastytrade.com/"];
  const sandbox = [
    "https://api.cert.tastyworks.com",
    "https://api.cert.tastytrade.com",
    "https://api.sandbox.tastytrade.com",
  ];
  for (const [issuers, isSandbox] of [[production, false], [sandbox, true]] as const) {
    for (const issuer of issuers) {
      const refreshToken = tokenFrom(issuer);
      read({ sandbox: isSandbox, refreshToken });
      const error = assertThrows(
        () => read({ sandbox: !isSandbox, refreshToken }),
        CredentialsError,
      );
      assertEquals([issuer, error.code], [issuer, "wrong_environment"]);
    }
  }
  for (const issuer of ["https://api.tastytrade.com.evil.example", "api.tastytrade.com", ""]) {
    read({ sandbox: true, refreshToken: tokenFrom(issuer) });
  }
});

Deno.test("readSessionOptions() takes the environment from a baseUrl of the broker's own", () => {
  const rows: readonly [Broker, string, boolean][] = [
    [tastytrade, "https://api.cert.tastyworks.com", true],
    [tastytrade, "https://api.cert.tastyworks.com/", true],
    [tastytrade, "https://api.tastytrade.com", false],
    [tradestation, "https://sim-api.tradestation.com", true],
    [tradestation, "https://api.tradestation.com", false],
  ];
  for (const [broker, baseUrl, sandbox] of rows) {
    const options = { broker, clientId: "id", baseUrl };
    assertEquals(read(options).sandbox, sandbox, baseUrl);
    assertEquals(read({ ...options, sandbox }).sandbox, sandbox);
    const environment = sandbox ? "sandbox" : "production";
    assertThrows(
      () => read({ ...options, sandbox: !sandbox }),
      TypeError,
      `which is ${broker.name}'s ${environment}: leave out one of them`,
    );
  }
  assertFalse(read({ baseUrl: "https://proxy.example" }).sandbox);
  assert(read({ baseUrl: "https://proxy.example", sandbox: true }).sandbox);
  const { hosts: _, ...unknown } = tastytrade;
  assertFalse(read({ broker: unknown, baseUrl: "https://api.cert.tastyworks.com" }).sandbox);

  const refreshToken = tokenFrom("https://api.tastyworks.com");
  const error = assertThrows(
    () => read({ baseUrl: "https://api.cert.tastyworks.com", refreshToken }),
    CredentialsError,
  );
  assertEquals(error.code, "wrong_environment");
  read({ baseUrl: "https://proxy.example", sandbox: true, refreshToken }); // the server decides
});

Deno.test("readSessionOptions() refuses half a pair of addresses", () => {
  const options = { broker: tradestation, clientId: "id" };
  for (const baseUrl of ["http://127.0.0.1:8787/tradestation", "https://proxy.example"]) {
    assertThrows(
      () => read({ ...options, baseUrl }),
      TypeError,
      "alone: the sign-in would still be at https://signin.tradestation.com. Pass signInUrl too",
    );
    assertThrows(
      () => read({ ...options, signInUrl: baseUrl }),
      TypeError,
      "alone: its tokens would still go to https://api.tradestation.com. Pass baseUrl too",
    );
    read({ ...options, baseUrl, signInUrl: `${baseUrl}/sign-in` });
    read({ ...options, baseUrl, signInUrl: "https://signin.tradestation.com" }); // meant so
    read({ ...options, baseUrl: "https://api.tradestation.com", signInUrl: baseUrl });
    read({ baseUrl }); // tastytrade's token endpoint moves along
    read({ signInUrl: baseUrl }); // where no login is, nobody goes there
  }
  read({ ...options, baseUrl: "https://sim-api.tradestation.com" });
  read({ ...options, signInUrl: "https://signin.tradestation.com" });
});

Deno.test("readSessionOptions() refuses what would be added at the end of an address once more", () => {
  const options = { broker: tradestation, clientId: "id", baseUrl: "https://api.example" };
  const signInUrl = "https://signin.example";
  for (const version of ["v2", "v3"]) {
    const given = { ...options, signInUrl, baseUrl: `https://api.example/${version}/` };
    assertThrows(() => read(given), TypeError, "leave out the version at its end, apiVersion");
  }
  for (const path of ["/oauth/token", "/authorize", "/oauth/revoke/"]) {
    const given = { ...options, signInUrl: signInUrl + path };
    const added = path.replace(/\/$/, "");
    assertThrows(
      () => read(given),
      TypeError,
      `leave out ${added} at its end, it is added automatically`,
    );
  }
  const baseUrl = "https://api.tastyworks.com/oauth/token";
  assertThrows(() => read({ baseUrl }), TypeError, "leave out /oauth/token at its end");
  const authorizeUrl = "https://my.tastytrade.com/auth.html";
  assertThrows(
    () => read({ signInUrl: authorizeUrl }),
    TypeError,
    "leave out /auth.html at its end",
  );
});
