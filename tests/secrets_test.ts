import { assert, assertEquals, assertRejects } from "@std/assert";
import { Account, Customer, Session, SessionError } from "../mod.ts";
import { type Emulator, startEmulator, tastytradeFaults } from "../src/emulator/emulator.ts";
import { encodedForms } from "../src/net/redact.ts";
import { printed } from "./support/printed_secrets.ts";

const ME = "/customers/me";

function assertNoSecret(value: unknown, secrets: readonly string[]): void {
  const text = printed(value);
  for (const secret of secrets) {
    for (const form of encodedForms(secret)) {
      assert(!text.includes(form), `A secret is printed:\n${text.slice(0, 2_000)}`);
    }
  }
}

/** A session after its first request, and all that must not be printed of it. */
async function signedIn(emulator: Emulator): Promise<{ session: Session; secrets: string[] }> {
  const session = new Session({ ...emulator.tastytrade, retry: { maxDelayMs: 0 } });
  const { clientSecret, refreshToken } = emulator.tastytrade;
  return { session, secrets: [clientSecret, refreshToken, await session.accessToken()] };
}

/** A response that repeats what it was sent, in every way. */
function echo(status: number, [clientSecret = "", refreshToken = "", accessToken = ""]: string[]) {
  const body = {
    error: {
      code: `code ${accessToken}`,
      message: `Bearer ${accessToken}; ${encodeURIComponent(clientSecret)}`,
      errors: [{ code: btoa(refreshToken), message: refreshToken }],
    },
    data: { echo: [clientSecret, accessToken] },
  };
  // Some writers of JSON escape what need not be: it is the same text after parsing.
  const json = JSON.stringify(body).replaceAll("/", "\\/").replaceAll("-", "\\u002d");
  return { status, body: status === 200 ? `<html>${json}` : json };
}

Deno.test("assertNoSecret() would see a secret", async () => {
  await using emulator = await startEmulator();
  const { clientSecret } = emulator.tastytrade;
  for (
    const leak of [
      { nested: [{ clientSecret }] },
      new Error("x", { cause: new Error(`y ${btoa(clientSecret)}`) }),
      Object.defineProperty({}, "hidden", { value: clientSecret, enumerable: false }),
    ]
  ) {
    let isSeen = false;
    try {
      assertNoSecret(leak, [clientSecret]);
    } catch {
      isSeen = true;
    }
    assert(isSeen);
  }
});

Deno.test("Session, its parts and its resources print no secret", async () => {
  await using emulator = await startEmulator();
  const { session, secrets } = await signedIn(emulator);
  const accounts = await Account.get(session);
  for (
    const value of [
      session,
      session.broker,
      { session },
      accounts,
      await Customer.get(session),
      await accounts[0]?.balances(),
    ]
  ) {
    assertNoSecret(value, secrets);
  }
  await session.close();
  assertNoSecret(session, secrets);
});

Deno.test("No API error prints a secret, not even one that the broker echoes", async () => {
  await using emulator = await startEmulator();
  const plain = [...Object.values(tastytradeFaults), "reset", "resetMidBody"] as const;
  const echoes = [200, 400, 403, 404, 422, 429, 500];
  for (const fault of [...plain, ...echoes]) {
    const { session, secrets } = await signedIn(emulator);
    const answer = typeof fault === "number" ? echo(fault, secrets) : fault;
    emulator.injectFault(`GET ${ME}`, answer, Infinity);
    const error = await assertRejects(() => session.get(`${ME}?token=${secrets[2]}`), SessionError);
    assertNoSecret(error, secrets);
    emulator.clearFaults();
    await session.close();
  }
});

Deno.test("No token error prints a secret, not even one that the broker echoes", async () => {
  await using emulator = await startEmulator();
  const { clientSecret, refreshToken } = emulator.tastytrade;
  const secrets = [clientSecret, refreshToken, "access-token-canary"];
  const plain = [...Object.values(tastytradeFaults), "reset", "resetMidBody"] as const;
  const bodies = [
    { "error_code": clientSecret, "error_description": `no ${refreshToken}` },
    { error: `${clientSecret} ${encodeURIComponent(refreshToken)}` },
    { error: { code: btoa(clientSecret), message: refreshToken } },
    { "access_token": "access-token-canary", "token_type": "mac", "refresh_token": refreshToken },
  ].flatMap((body) => [200, 400, 500].map((status) => ({ status, body: JSON.stringify(body) })));
  for (const answer of [...plain, ...bodies]) {
    emulator.injectFault("POST /oauth/token", answer, Infinity);
    const session = new Session({ ...emulator.tastytrade, retry: { maxDelayMs: 0 } });
    assertNoSecret(await assertRejects(() => session.get(ME), SessionError), secrets);
    emulator.clearFaults();
    await session.close();
  }
});

Deno.test("No credentials error prints the credential that it is about", async () => {
  const secret = "f00dcafe".repeat(5);
  for (
    const options of [
      { clientSecret: `"${secret}"`, refreshToken: secret },
      { clientSecret: secret, refreshToken: `Bearer ${secret}` },
      { clientSecret: secret, refreshToken: `${secret} ${secret}` },
      { clientSecret: secret, refreshToken: secret, password: secret },
      { clientSecret: secret, refreshToken: secret, userAgent: "bad agent", baseUrl: "http://x" },
      { clientSecret: secret, refreshToken: secret, baseUrl: `https://${secret}@broker.example` },
    ]
  ) {
    const error = await assertRejects(() => Promise.try(() => new Session(options)));
    assertNoSecret(error, [secret]);
  }
});

Deno.test("No error holds a Request, a Response or Headers", async () => {
  await using emulator = await startEmulator();
  const { session } = await signedIn(emulator);
  for (
    const answer of [
      tastytradeFaults.notPermitted,
      tastytradeFaults.tooManyRequests,
      "resetMidBody",
    ] as const
  ) {
    emulator.injectFault(`GET ${ME}`, answer, Infinity);
    const error = await assertRejects(() => session.get(ME), SessionError);
    emulator.clearFaults();
    const held: unknown[] = [];
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      held.push(...Reflect.ownKeys(cause).map((key) => Reflect.get(cause as object, key)));
    }
    assertEquals(
      held.filter((one) =>
        one instanceof Request || one instanceof Response || one instanceof Headers
      ),
      [],
    );
  }
  await session.close();
});

Deno.test("Session carries its secrets in headers and bodies, never in a URL", async () => {
  await using emulator = await startEmulator();
  const { session, secrets } = await signedIn(emulator);
  await session.get("/market-metrics", { query: { symbols: "AAPL" } });
  const urls = emulator.requests.map(({ path }) => path).join("\n");
  for (const secret of secrets) assert(!urls.includes(secret));
  await session.close();
});
