import { assertEquals, assertFalse, assertStringIncludes, assertThrows } from "@std/assert";
import type { Broker } from "../src/brokers/broker.ts";
import { tastytrade } from "../src/brokers/tastytrade/tastytrade.ts";
import { type CredentialOptions, findClient, readClient } from "../src/credential_options.ts";
import { CredentialsError, type CredentialsErrorCode } from "../src/errors.ts";
import { Session } from "../src/session.ts";
import { Environment } from "./support/environment.ts";
import { GIVEN, IN_ENVIRONMENT, NEEDS_ID, read, refusal } from "./support/credential_fixtures.ts";

const NOWHERE = {
  TASTY_CLIENT_ID: undefined,
  TASTY_CLIENT_SECRET: undefined,
  TASTY_REFRESH_TOKEN: undefined,
};

/** All variables that somebody could mean, none of them set. */
const UNSET = Object.fromEntries(
  Object.keys(Deno.env.toObject())
    .filter((name) => /^(TT|TASTY\w*|TRADE\w*|TS)_|_REFRESH_TOKEN$/i.test(name))
    .map((name) => [name, undefined]),
);

Deno.test("readCredentials() takes the options", () => {
  using _environment = new Environment(IN_ENVIRONMENT);
  assertEquals(read({ ...GIVEN, clientId: "id" }), { ...GIVEN, clientId: "id" });
});

Deno.test("readCredentials() takes the rest from the environment", () => {
  using _environment = new Environment(IN_ENVIRONMENT);
  const refreshToken = "env-refresh";
  assertEquals(read({}), { clientId: "env-id", clientSecret: "env-secret", refreshToken });
  assertEquals(read({ clientSecret: "secret" }), {
    clientId: undefined,
    clientSecret: "secret",
    refreshToken,
  });
  assertEquals(read({ refreshToken: "refresh" }), {
    clientId: "env-id",
    clientSecret: "env-secret",
    refreshToken: "refresh",
  });
});

Deno.test("readCredentials() takes an optional client id from where its secret is", () => {
  using _environment = new Environment(IN_ENVIRONMENT);
  const rows: readonly [CredentialOptions, string | undefined][] = [
    [{}, "env-id"],
    [{ clientId: "id" }, "id"],
    [{ clientId: "" }, undefined],
    [{ clientSecret: "secret" }, undefined],
    [{ clientSecret: "secret", clientId: "id" }, "id"],
    [{ clientSecret: "secret", clientId: "" }, undefined],
  ];
  for (const [options, clientId] of rows) assertEquals(read(options).clientId, clientId);
});

Deno.test("readCredentials() takes an empty optional client id in the environment for none", () => {
  using _environment = new Environment({ ...IN_ENVIRONMENT, TASTY_CLIENT_ID: "" });
  assertEquals(read({}).clientId, undefined);
});

Deno.test("readCredentials() takes a required client id from the environment beside a given secret", () => {
  using _environment = new Environment(IN_ENVIRONMENT);
  assertEquals(read(GIVEN, NEEDS_ID), { ...GIVEN, clientId: "env-id" });
});

Deno.test("readCredentials() names option, variable and origin of what is nowhere", () => {
  using _environment = new Environment(NOWHERE);
  const rows: readonly [CredentialOptions, CredentialsErrorCode, string, string][] = [
    [
      { clientId: "a", refreshToken: "a" },
      "missing_client_secret",
      "clientSecret",
      "TASTY_CLIENT_SECRET",
    ],
    [
      { clientId: "a", clientSecret: "a" },
      "missing_refresh_token",
      "refreshToken",
      "TASTY_REFRESH_TOKEN",
    ],
    [GIVEN, "missing_client_id", "clientId", "TASTY_CLIENT_ID"],
  ];
  for (const [options, code, option, variable] of rows) {
    const { message } = refusal(options, code, NEEDS_ID);
    assertStringIncludes(message, `Pass ${option} or set ${variable}. `);
    assertStringIncludes(message, tastytrade.credentialsHelp);
  }
});

Deno.test("readCredentials() takes empty for missing, also in the environment", () => {
  using _environment = new Environment({ ...IN_ENVIRONMENT, TASTY_CLIENT_SECRET: "" });
  refusal({}, "missing_client_secret");
  refusal({ ...GIVEN, refreshToken: "" }, "missing_refresh_token");
  refusal({ ...GIVEN, clientId: "" }, "missing_client_id", NEEDS_ID);
});

Deno.test("readCredentials() names the trace of a bad copy without repeating the credential", () => {
  using _environment = new Environment(NOWHERE);
  const rows: readonly [string, string][] = [
    ['"hidden"', "quotes around it"],
    ["'hidden'", "quotes around it"],
    ['"Bearer hidden"', "quotes around it"],
    ["Bearer hidden", 'the word "Bearer" before it'],
    ["bearer\thidden", 'the word "Bearer" before it'],
    [" hidden", "white space in it"],
    ["hidden\n", "white space in it"],
    ["hid den", "white space in it"],
    ["hidden\u00a0", "white space in it"],
    ["\ufeffhidden", "white space in it"],
    ["hidden…", "characters in it that are not ASCII"],
    ["hidden\u200b", "characters in it that are not ASCII"],
    ["hidden\u0007", "characters in it that are not ASCII"],
  ];
  for (const [value, trace] of rows) {
    for (const option of ["clientSecret", "refreshToken", "clientId"] as const) {
      const { message } = refusal(
        { ...GIVEN, clientId: "id", [option]: value },
        "malformed_credential",
        NEEDS_ID,
      );
      assertStringIncludes(message, `in ${option} has ${trace}`);
      assertFalse(message.includes("hid"), message);
    }
  }
});

Deno.test("readCredentials() names the variable that holds a bad copy", () => {
  using _environment = new Environment({ ...IN_ENVIRONMENT, TASTY_REFRESH_TOKEN: '"hidden"' });
  const { message } = refusal({}, "malformed_credential");
  assertStringIncludes(message, "the refresh token in TASTY_REFRESH_TOKEN has quotes around it");
});

Deno.test("readCredentials() takes every printable ASCII character", () => {
  using _environment = new Environment(NOWHERE);
  const printable = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index))
    .join("");
  assertEquals(read({ clientSecret: printable, refreshToken: "bearer" }).clientSecret, printable);
});

Deno.test("readCredentials() sends those who sign in with a password another way", () => {
  using _environment = new Environment(IN_ENVIRONMENT);
  for (const option of ["username", "login", "password"]) {
    const options = { ...GIVEN, [option]: "hidden" };
    const { message } = refusal(options, "password_login");
    assertStringIncludes(message, `with "${option}": tastytrade no longer accepts passwords`);
    assertStringIncludes(message, "TASTY_CLIENT_SECRET and TASTY_REFRESH_TOKEN");
    assertFalse(message.includes("hidden"));
  }
});

Deno.test("readCredentials() passes on what the broker sees wrong with a refresh token", () => {
  const broker: Broker = {
    ...tastytrade,
    checkRefreshToken: (refreshToken, { sandbox }) => ({
      code: "wrong_environment",
      message: `${refreshToken.length} characters, sandbox ${sandbox}`,
    }),
  };
  const { message } = refusal(GIVEN, "wrong_environment", broker);
  assertEquals(message, "Cannot create a session: 7 characters, sandbox false");
});

Deno.test("readCredentials() asks nothing of a broker without a check", () => {
  const { checkRefreshToken: _without, ...broker } = tastytrade;
  assertEquals(read(GIVEN, broker).refreshToken, "refresh");
});

Deno.test("readCredentials() refuses a client id that was copied badly, optional or not", () => {
  const given = { clientSecret: "secret", refreshToken: "refresh", clientId: '"id"' };
  const error = assertThrows(() => read(given), CredentialsError);
  assertEquals(error.code, "malformed_credential");
  assertStringIncludes(error.message, "the client id in clientId has quotes around it");
});

Deno.test("findClient() takes what there is, and refuses what is visibly wrong", () => {
  using _environment = new Environment({ ...NOWHERE, TASTY_CLIENT_SECRET: "env-secret" });
  assertEquals(findClient({}, tastytrade), { clientSecret: "env-secret" });
  assertEquals(findClient({ clientId: "id", clientSecret: "s" }, tastytrade), {
    clientId: "id",
    clientSecret: "s",
  });
  const error = assertThrows(() => findClient({ clientId: '"id"' }, tastytrade), CredentialsError);
  assertEquals(
    error.message,
    "Cannot log in to tastytrade: the client id in clientId has quotes around it. Copy it again, " +
      "without anything around it",
  );
});

Deno.test("readClient() needs both halves", () => {
  using _environment = new Environment(NOWHERE);
  const client = { clientId: "id", clientSecret: "secret" };
  assertEquals(readClient(client, tastytrade), client);
  const error = assertThrows(() => readClient({ clientId: "id" }, tastytrade), CredentialsError);
  assertEquals(error.code, "missing_client_secret");
});

Deno.test("readCredentials() reports all that is missing at once", () => {
  using _environment = new Environment({ ...UNSET, ...NOWHERE });
  assertStringIncludes(
    refusal({}, "missing_client_secret").message,
    "Cannot create a session: no client secret and no refresh token. Pass clientSecret and " +
      "refreshToken, or set TASTY_CLIENT_SECRET and TASTY_REFRESH_TOKEN. ",
  );
  assertStringIncludes(
    refusal({}, "missing_client_secret", NEEDS_ID).message,
    "no client secret, no refresh token and no client id. Pass clientSecret, refreshToken and clientId,",
  );
});

Deno.test("readCredentials() names variables that were perhaps meant, never what is in them", () => {
  const rows: readonly [Readonly<Record<string, string>>, string | undefined][] = [
    [
      { TT_SECRET: "hidden", TT_REFRESH: "hidden" },
      "TT_REFRESH and TT_SECRET are set, but this module does not read them. ",
    ],
    [
      { TASTYTRADE_CLIENT_SECRET: "hidden" },
      "TASTYTRADE_CLIENT_SECRET is set, but this module does not read it",
    ],
    [{ TASTYWORKS_REFRESH_TOKEN: "hidden" }, "TASTYWORKS_REFRESH_TOKEN is set"],
    [{ tasty_client_secret: "hidden" }, "tasty_client_secret is set"],
    [{ TASTY_CLIENT_SECRT: "hidden" }, "TASTY_CLIENT_SECRT is set"],
    [{ TASTY_SECRET: "" }, undefined],
    [{ TASTY_FOOD: "hidden", OTHER_SECRET: "hidden", TTY_SECRET: "hidden" }, undefined],
    [{ TASTYSECRET: "hidden" }, undefined],
    [{ TASTY_REFRESH_TOKEN: "hidden", TASTY_CLIENT_ID: "hidden" }, undefined], // read, and not missing
  ];
  for (const [variables, words] of rows) {
    using _environment = new Environment({ ...UNSET, ...NOWHERE, ...variables });
    const { message } = refusal({}, "missing_client_secret");
    assertFalse(message.includes("hidden"));
    if (words === undefined) assertFalse(/ (is|are) set, but/.test(message), message);
    else assertStringIncludes(message, words);
  }
});

Deno.test("Session reports another broker whose variables are set, where none was chosen", () => {
  const variables = {
    TRADESTATION_CLIENT_ID: "hidden",
    TRADESTATION_CLIENT_SECRET: "hidden",
    TRADESTATION_REFRESH_TOKEN: "hidden",
  };
  using _environment = new Environment({ ...UNSET, ...NOWHERE, ...variables });
  const { message } = assertThrows(() => new Session(), CredentialsError);
  assertFalse(message.includes("hidden"));
  assertStringIncludes(
    message,
    "TRADESTATION_CLIENT_SECRET and TRADESTATION_REFRESH_TOKEN are set: to use them, pass that " +
      "broker too, as in broker: tradestation",
  );
  const chosen = assertThrows(() => new Session({ broker: tastytrade }), CredentialsError);
  assertFalse(chosen.message.includes("TRADESTATION"));
});

Deno.test("readCredentials() refuses a credential that is no text", () => {
  const options = { ...GIVEN, clientSecret: 5 } as unknown as CredentialOptions;
  const { message } = refusal(options, "malformed_credential");
  assertStringIncludes(message, "another type than a string");
});

Deno.test("readCredentials() takes no number, list or false for a credential that was left out", () => {
  for (const value of [0, 7, false, [], Number.NaN]) {
    const options = { ...GIVEN, clientSecret: value as unknown as string };
    assertStringIncludes(refusal(options, "malformed_credential").message, "clientSecret");
  }
});
