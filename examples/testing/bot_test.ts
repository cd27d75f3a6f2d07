// Tests of a program against the emulator. The same file runs with `deno test -A`, `bun test` and `node --test`; for
// Vitest, import `test` from "vitest". Nothing leaves the machine, and no account is needed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "../../mod.ts"; // in your program: "@tasty/session"
import { startEmulator, tastytradeFaults } from "../../src/emulator/emulator.ts"; // "@tasty/session/emulator"
import { buy } from "./bot.ts";

test("it buys one share", async () => {
  await using emulator = await startEmulator(); // one for each test: they cannot disturb one another
  await using session = new Session({ ...emulator.tastytrade });
  emulator.setPrice("AAPL", "187.20");
  assert.equal(await buy(session, "AAPL", "187.20"), "Filled");
  assert.equal(emulator.orders.length, 1);
});

test("it waits for its price", async () => {
  await using emulator = await startEmulator();
  await using session = new Session({ ...emulator.tastytrade });
  emulator.setPrice("AAPL", "187.20");
  assert.equal(await buy(session, "AAPL", "180.00"), "Live");
});

test("it knows what it has bought although the answer was lost", async () => {
  await using emulator = await startEmulator();
  await using session = new Session({ ...emulator.tastytrade });
  emulator.setPrice("AAPL", "187.20");
  emulator.injectFault("POST /accounts/*/orders", { afterEffect: "reset" });
  assert.equal(await buy(session, "AAPL", "187.20"), "Filled");
  assert.equal(emulator.orders.length, 1); // and not two
});

test("it gives up where the broker refuses", async () => {
  await using emulator = await startEmulator();
  await using session = new Session({ ...emulator.tastytrade });
  emulator.injectFault("POST /accounts/*/orders", tastytradeFaults.preflightFailed);
  assert.equal(await buy(session, "AAPL", "187.20"), "refused");
  assert.equal(emulator.count("POST /accounts/*/orders"), 1);
});
