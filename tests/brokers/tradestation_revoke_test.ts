import { assertEquals, assertFalse, assertRejects } from "@std/assert";
import { Session, SessionError, TokenError, tradestation } from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { ACCOUNTS, open } from "./tradestation_fixtures.ts";

Deno.test("Session.revoke() revokes every refresh token of the key, and close() never does", async () => {
  await using emulator = await startEmulator();
  const session = open(emulator);
  await session.get(ACCOUNTS);
  await session.close();
  assertEquals(emulator.count("POST /oauth/revoke"), 0);
  await using again = open(emulator);
  await again.revoke();
  const [request] = emulator.requests.slice(-1);
  assertEquals(request?.path, "/oauth/revoke");
  assertEquals(Object.fromEntries(new URLSearchParams(request?.body)), {
    client_id: emulator.tradestation.clientId,
    client_secret: emulator.tradestation.clientSecret,
    token: emulator.tradestation.refreshToken,
  });
  await assertRejects(() => again.refresh({ force: true }), TokenError);
});

Deno.test("Session.revoke() says when the broker has no such thing", async () => {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  const error = await assertRejects(() => session.revoke(), SessionError, "tastytrade has no");
  assertEquals(error.code, "unsupported");
});

Deno.test("Session.revoke() reports what went wrong", async () => {
  await using emulator = await startEmulator();
  await using session = open(emulator);
  emulator.injectFault("POST /oauth/revoke", {
    status: 503,
    body: `{"error":"${emulator.tradestation.refreshToken}"}`,
  });
  const error = await assertRejects(() => session.revoke(), TokenError);
  assertEquals(error.status, 503);
  assertFalse(error.message.includes(emulator.tradestation.refreshToken));
  emulator.injectFault("POST /oauth/revoke", "hang");
  await assertRejects(() => session.revoke({ timeoutMs: 30 }), SessionError, "no response");
});

Deno.test("tradestation's readers survive whatever they are given", () => {
  const { accounts } = tradestation;
  for (
    const data of [undefined, null, [], "text", 7, {}, { Accounts: {} }, { Balances: [null, 3] }]
  ) {
    accounts.readList(data);
    accounts.read(data, "1");
    accounts.readBalances(data);
    accounts.readPositions(data);
    tradestation.readPage(data);
    tradestation.isErrorBody?.(data);
    const refusal = { status: 500, body: data, isHtml: false, sandbox: false };
    tradestation.parseTokenError?.({ ...refusal, refreshToken: "x" });
    tradestation.parseApiError?.({ ...refusal, method: "GET", apiVersion: undefined });
  }
});
