import { assertEquals, assertFalse, assertStrictEquals, assertThrows } from "@std/assert";
import { parse } from "@std/dotenv";
import { inspect } from "node:util";
import { tastytrade } from "../src/brokers/tastytrade/tastytrade.ts";
import { tradestation } from "../src/brokers/tradestation/tradestation.ts";
import { Credentials } from "../src/credentials.ts";
import { CredentialsError } from "../src/errors.ts";
import { Session } from "../src/session.ts";
import { Environment } from "./support/environment.ts";
import { printed } from "./support/printed_secrets.ts";
import { read } from "./support/credential_fixtures.ts";

const LOGGED_IN = { broker: tastytrade, clientId: "an-id", clientSecret: "a-secret" };

Deno.test("Credentials make a session, with the place that they are good for", async () => {
  const baseUrl = "http://127.0.0.1:1/api";
  const signInUrl = "http://127.0.0.1:1/sign-in";
  const options = { ...LOGGED_IN, refreshToken: "refresh", sandbox: true, baseUrl, signInUrl };
  const credentials = new Credentials(options);
  await using session = new Session(credentials);
  assertEquals([session.broker, session.sandbox, session.baseUrl], [tastytrade, true, baseUrl]);
  assertEquals(credentials.signInUrl, signInUrl);
  assertFalse(new Credentials({ ...LOGGED_IN, refreshToken: "refresh" }).sandbox);
});

Deno.test("Credentials.toEnv() writes what new Session() reads", () => {
  for (const broker of [tastytrade, tradestation]) {
    const given = { clientId: "id=", clientSecret: "a#'b", refreshToken: "e.y/+_~-" };
    const text = new Credentials({ ...given, broker }).toEnv();
    const variables = parse(text);
    assertEquals(Object.keys(variables).sort(), Object.values(broker.envVariables).sort());
    assertEquals(text.split("\n").length, 4);
    using _environment = new Environment(variables);
    assertEquals(read({}, broker), given);
  }
});

Deno.test("Credentials.toEnv() refuses what programs would read differently, and does not show it", () => {
  const credentials = new Credentials({ ...LOGGED_IN, refreshToken: "a$b" });
  const error = assertThrows(() => credentials.toEnv(), CredentialsError, "TASTY_REFRESH_TOKEN");
  assertEquals(error.code, "unwritable_credential");
  assertFalse(error.message.includes("a$b"));
});

Deno.test("Credentials print redacted, and copy to themselves", () => {
  const secrets = { clientId: "id-5ecret", clientSecret: "s-5ecret", refreshToken: "r-5ecret" };
  const credentials = new Credentials({ broker: tastytrade, ...secrets });
  const expected = {
    broker: "tastytrade",
    sandbox: false,
    clientId: "[redacted]",
    clientSecret: "[redacted]",
    refreshToken: "[redacted]",
  };
  assertEquals(JSON.parse(JSON.stringify(credentials)), expected);
  assertEquals(inspect(credentials), `Credentials ${JSON.stringify(expected)}`);
  assertEquals(Object.keys(credentials), ["credentials"]);
  assertEquals(Reflect.ownKeys({ ...credentials }), ["credentials"]);
  assertStrictEquals({ ...credentials }.credentials, credentials);
  assertFalse(printed({ credentials }).includes("5ecret"));
});
