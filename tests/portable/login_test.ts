/**
 * The login, with a browser that follows what it is shown.
 *
 * @module
 */

import assert from "node:assert/strict";
import test from "node:test";
import { Account, login, LoginError, Session, tradestation } from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { arrive, begin, visit } from "../support/login.ts";

test("a user accepts, and the session works", async () => {
  const emulator = await startEmulator();
  const { opened, origin, credentials } = await begin(emulator);
  assert.equal((await visit(`${origin}/favicon.ico`)).status, 404);
  const address = await emulator.submitConsent(opened, "accept");
  assert.equal((await arrive(address)).status, 200);
  const session = new Session({ ...(await credentials) });
  assert.ok((await Account.get(session)).length > 0);
  await session.close();
  await emulator.close();
});

test("a user declines", async () => {
  const emulator = await startEmulator();
  const { opened, credentials } = await begin(emulator);
  const refusal = assert.rejects(credentials, (error) => {
    assert.ok(error instanceof LoginError);
    assert.equal(error.code, "access_denied");
    return true;
  });
  await arrive(await emulator.submitConsent(opened, "decline"));
  await refusal;
  await emulator.close();
});

test("a user pastes the address", async () => {
  const emulator = await startEmulator();
  const credentials = await login({
    broker: tradestation,
    ...emulator.tradestation,
    pasteAddress: (url) => emulator.submitConsent(url, "accept"),
  });
  const session = new Session(credentials);
  assert.ok((await Account.get(session)).length > 0);
  await session.close();
  await emulator.close();
});
