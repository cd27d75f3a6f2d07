import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { at, call } from "../support/emulator_wire.ts";

Deno.test("emulator listens on a free port of 127.0.0.1 and serves both environments there", async () => {
  await using emulator = await startEmulator();
  assertMatch(emulator.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  assertEquals(emulator.tastytrade.baseUrl, `${emulator.url}/tastytrade`);
  assertEquals(emulator.tastytradeSandbox.baseUrl, `${emulator.url}/tastytrade-sandbox`);
  assertEquals(Object.keys(emulator.tastytrade), [
    "baseUrl",
    "clientSecret",
    "refreshToken",
    "streamerUrl",
  ]);
  assert(emulator.tastytradeSandbox.sandbox);
});

Deno.test("emulator listens on the port it is given, and a taken one is an error", async () => {
  await using emulator = await startEmulator();
  const port = Number(new URL(emulator.url).port);
  const error = await assertRejects(() => startEmulator({ port }), Error);
  assertEquals(at(error, "code"), "EADDRINUSE");
  await emulator.close();
  await using second = await startEmulator({ port });
  assertEquals(second.url, emulator.url);
});

Deno.test("emulator closes once, however often it is asked", async () => {
  const emulator = await startEmulator();
  const { baseUrl } = emulator.tastytrade;
  await call(baseUrl);
  await Promise.all([emulator.close(), emulator.close()]);
  await emulator.close();
  await emulator[Symbol.asyncDispose]();
  await assertRejects(() => call(baseUrl), TypeError);
});

Deno.test("emulator makes credentials of its own each time", async () => {
  await using one = await startEmulator();
  await using other = await startEmulator();
  const all = [one.tastytrade, one.tastytradeSandbox, other.tastytrade, other.tastytradeSandbox];
  assertEquals(new Set(all.map(({ clientSecret }) => clientSecret)).size, 4);
  assertEquals(new Set(all.map(({ refreshToken }) => refreshToken)).size, 4);
});
