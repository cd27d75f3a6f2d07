import {
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { parse } from "@std/dotenv";
import { inspect } from "node:util";
import type { Broker } from "../src/brokers/broker.ts";
import { tastytrade } from "../src/brokers/tastytrade/tastytrade.ts";
import { tradestation } from "../src/brokers/tradestation/tradestation.ts";
import {
  type CredentialOptions,
  findClient,
  type GrantCredentials,
  readClient,
  readCredentials,
} from "../src/credential_options.ts";
import { Credentials } from "../src/credentials.ts";
import { CredentialsError, type CredentialsErrorCode } from "../src/errors.ts";
import { Session } from "../src/session.ts";
import { Environment } from "./support/environment.ts";
import { printed } from "./support/login.ts";

const NOWHERE = {
  TASTY_CLIENT_ID: undefined,
  TASTY_CLIENT_SECRET: undefined,
  TASTY_REFRESH_TOKEN: undefined,
};
const IN_ENVIRONMENT = {
  TASTY_CLIENT_ID: "env-id",
  TASTY_CLIENT_SECRET: "env-secret",
  TASTY_REFRESH_TOKEN: "env-refresh",
};
const GIVEN = { clientSecret: "secret", refreshToken: "refresh" };
const NEEDS_ID: Broker = { ...tastytrade, requiresClientId: true };

function read(options: CredentialOptions, broker: Broker = tastytrade): GrantCredentials {
  const place = {
    sandbox: false,
    apiVersion: undefined,
    baseUrl: undefined,
    signInUrl: undefined,
  };
  return readCredentials(options, broker, place);
}

function refusal(
  options: CredentialOptions,
  code: CredentialsErrorCode,
  broker: Broker = tastytrade,
): CredentialsError {
  const error = assertThrows(() => read(options, broker), CredentialsError);
  assertEquals(error.code, code);
  return error;
}

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

Deno.test({
  name: "readCredentials() needs no environment for credentials that are given",
  permissions: { env: false },
  fn() {
    assertEquals(read(GIVEN), { ...GIVEN, clientId: undefined });
    assertEquals(read({ ...GIVEN, clientId: "id" }, NEEDS_ID), { ...GIVEN, clientId: "id" });
  },
});

Deno.test({
  name: "readCredentials() names the permission that is missing",
  permissions: { env: false },
  fn() {
    const error = refusal({ refreshToken: "refresh" }, "environment_denied");
    assertEquals(
      error.message,
      "Cannot read TASTY_CLIENT_SECRET from the environment. Run with " +
        "--allow-env=TASTY_CLIENT_SECRET, or pass clientSecret",
    );
    assertInstanceOf(error.cause, Error);
  },
});

Deno.test({
  name: "readCredentials() does without an optional client id that may not be read",
  permissions: { env: ["TASTY_CLIENT_SECRET", "TASTY_REFRESH_TOKEN"] },
  fn() {
    using _environment = new Environment({
      TASTY_CLIENT_SECRET: "env-secret",
      TASTY_REFRESH_TOKEN: "env-refresh",
    });
    assertEquals(read({}), {
      clientId: undefined,
      clientSecret: "env-secret",
      refreshToken: "env-refresh",
    });
  },
});

Deno.test("new Session() runs in a program without any permission", async () => {
  const mod = new URL("../mod.ts", import.meta.url);
  const program = `
    import { Session } from ${JSON.stringify(mod)};
    await new Session(${JSON.stringify(GIVEN)}).close();
    try { new Session(); } catch (error) { console.log(error.name, error.code); }
  `;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--quiet", "-"],
    env: IN_ENVIRONMENT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  await using child = command.spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program));
  await writer.close();
  const { stdout, stderr } = await output;
  assertEquals(new TextDecoder().decode(stderr), "");
  assertEquals(new TextDecoder().decode(stdout), "CredentialsError environment_denied\n");
});

Deno.test("readCredentials() refuses a client id that was copied badly, optional or not", () => {
  const given = { clientSecret: "secret", refreshToken: "refresh", clientId: '"id"' };
  const error = assertThrows(() => read(given), CredentialsError);
  assertEquals(error.code, "malformed_credential");
  assertStringIncludes(error.message, "the client id in clientId has quotes around it");
});

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
  assertEquals(Reflect.ownKeys(credentials), ["credentials"]);
  assertStrictEquals({ ...credentials }.credentials, credentials);
  assertFalse(printed({ credentials }).includes("5ecret"));
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

/** All variables that somebody could mean, none of them set. */
const UNSET = Object.fromEntries(
  Object.keys(Deno.env.toObject())
    .filter((name) => /^(TT|TASTY\w*|TRADE\w*|TS)_|_REFRESH_TOKEN$/i.test(name))
    .map((name) => [name, undefined]),
);

Deno.test("readCredentials() tells of all that is missing at once", () => {
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
      "TT_REFRESH and TT_SECRET are set, which are other names. ",
    ],
    [
      { TASTYTRADE_CLIENT_SECRET: "hidden" },
      "TASTYTRADE_CLIENT_SECRET is set, which is another name",
    ],
    [{ TASTYWORKS_REFRESH_TOKEN: "hidden" }, "TASTYWORKS_REFRESH_TOKEN is set"],
    [{ tasty_client_secret: "hidden" }, "tasty_client_secret is set"],
    [{ TASTY_CLIENT_SECRT: "hidden" }, "TASTY_CLIENT_SECRT is set"],
    [{ TASTY_SECRET: "" }, undefined],
    [{ TASTY_FOOD: "hidden", OTHER_SECRET: "hidden", TTY_SECRET: "hidden" }, undefined],
  ];
  for (const [variables, words] of rows) {
    using _environment = new Environment({ ...UNSET, ...NOWHERE, ...variables });
    const { message } = refusal({}, "missing_client_secret");
    assertFalse(message.includes("hidden"));
    if (words === undefined) assertFalse(/ (is|are) set, which/.test(message), message);
    else assertStringIncludes(message, words);
  }
});

Deno.test("Session tells of another broker whose variables are set, where none was chosen", () => {
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
