import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { CredentialsError, login, LoginError, Session, tradestation } from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { Environment } from "../support/environment.ts";
import { changed, NO_CLIENT, parametersOf } from "./login_fixtures.ts";

Deno.test("login() with pasteAddress asks again, and says what was wrong", async () => {
  await using emulator = await startEmulator();
  const pastes = ["", "garbage", "https://example.com/?code=x", "a-code-of-old"];
  const problems: string[] = [];
  const credentials = await login({
    ...emulator.tradestation,
    broker: tradestation,
    pasteAddress: async (url, problem) => {
      if (problem !== undefined) problems.push(problem.message);
      return pastes.shift() ?? `"${await emulator.submitConsent(url, "accept")}"`;
    },
  });
  assertEquals(credentials.broker, tradestation);
  const reasons = [
    "nothing was pasted",
    "it is neither an address nor a code",
    "it is not the callback address",
    "TradeStation does not know it, or it was used before",
  ];
  assertEquals(problems.map((problem) => /pasted: (.*?)\. Log in/.exec(problem)?.[1]), reasons);
});

Deno.test("login() at tastytrade refuses half a pair of addresses", async () => {
  await assertRejects(
    () =>
      login({
        clientId: "id",
        clientSecret: "secret",
        baseUrl: "http://127.0.0.1:8787/tastytrade",
        pasteAddress: () => "",
      }),
    TypeError,
    "Pass signInUrl too",
  );
});

Deno.test("login() without a broker mentions that there are others", async () => {
  using _environment = new Environment(NO_CLIENT);
  const { message } = await assertRejects(
    () => login({ pasteAddress: () => "" }),
    CredentialsError,
    "For another broker, pass it, as in broker: tradestation",
  );
  assertStringIncludes(message, "Cannot log in to tastytrade: no client id and no client secret");
});

Deno.test("login() with pasteAddress asks five times at the most, each time for as long as the first", async () => {
  await using emulator = await startEmulator();
  const options = { ...emulator.tradestation, broker: tradestation };
  let asked = 0;
  const pasteAddress = () => {
    asked += 1;
    return "garbage";
  };
  await assertRejects(() => login({ ...options, pasteAddress }), LoginError, "neither an address");
  assertEquals(asked, 5);
  const late = login({
    ...options,
    timeoutMs: 200,
    pasteAddress: (_, problem) => problem ? new Promise(() => {}) : "a-code-of-old",
  });
  assertEquals((await assertRejects(() => late, LoginError)).code, "login_timeout");
});

Deno.test("login() with pasteAddress takes the pasted address, or a bare code (scenario 87)", async () => {
  await using emulator = await startEmulator();
  const options = { ...emulator.tradestation, broker: tradestation };
  const paths: ((address: string) => string)[] = [
    (address) => address,
    (address) => ` ${address}\n`,
    (address) => address.replace("?", "/?"),
    (address) => `${parametersOf(address).get("code")}`,
    (address) => new URL(address).search,
    (address) => new URL(address).search.slice(1),
  ];
  for (const take of paths) {
    const shown: string[] = [];
    const credentials = await login({
      ...options,
      async pasteAddress(url) {
        shown.push(url);
        return take(await emulator.submitConsent(url, "accept"));
      },
    });
    assertEquals(shown.length, 1);
    assertEquals(parametersOf(`${shown[0]}`).get("redirect_uri"), "http://localhost:3001");
    await using session = new Session(credentials);
    assert(await session.validate());
  }
});

Deno.test("login() with pasteAddress checks what was pasted as it checks a callback (scenario 87)", async () => {
  await using emulator = await startEmulator();
  const refusal = async (change: (address: string) => string) => {
    const { code, message } = await assertRejects(() =>
      login({
        ...emulator.tradestation,
        broker: tradestation,
        pasteAddress: async (url) => change(await emulator.submitConsent(url, "accept")),
      }), LoginError);
    assertStringIncludes(message, "Cannot log in to TradeStation with what was pasted: ");
    assertStringIncludes(message, "whole address at which the browser ends");
    return code;
  };
  assertEquals(await refusal((address) => changed(address, { state: "x" })), "state_mismatch");
  assertEquals(
    await refusal((address) => changed(address, { state: undefined })),
    "state_mismatch",
  );
  assertEquals(await refusal((address) => `${address}&code=x`), "invalid_address");
  assertEquals(
    await refusal((address) => changed(address, { code: undefined })),
    "invalid_address",
  );
  assertEquals(await refusal((address) => address.replace("3001", "3000")), "invalid_address");
  assertEquals(await refusal((address) => address.replace("?", "/x?")), "invalid_address");
  assertEquals(await refusal(() => "https://"), "invalid_address");
  assertEquals(await refusal(() => ""), "invalid_address");
  assertEquals(await refusal(() => "garbage"), "invalid_address");
  assertEquals(emulator.count("POST /oauth/token"), 0);
});

Deno.test("login() with pasteAddress ends with the broker's no, a timeout, an abort, or what was thrown", async () => {
  await using emulator = await startEmulator();
  const options = { ...emulator.tradestation, broker: tradestation };
  const declined = login({
    ...options,
    pasteAddress: (url) => emulator.submitConsent(url, "decline"),
  });
  assertEquals((await assertRejects(() => declined, LoginError)).code, "access_denied");

  const never = new Promise<string>(() => {});
  const late = login({ ...options, pasteAddress: () => never, timeoutMs: 20 });
  assertEquals((await assertRejects(() => late, LoginError)).code, "login_timeout");

  const stop = new AbortController();
  const aborted = login({ ...options, pasteAddress: () => never, signal: stop.signal });
  stop.abort("enough");
  assertEquals(await aborted.catch((reason) => reason), "enough");

  const thrown = new Error("the terminal is gone");
  const failed = login({
    ...options,
    pasteAddress() {
      throw thrown;
    },
  });
  assertStrictEquals(await failed.catch((error) => error), thrown);
});

Deno.test("login() with pasteAddress needs client id and secret, and says where they come from", async () => {
  using _environment = new Environment(NO_CLIENT);
  const ask = { broker: tradestation, pasteAddress: () => "" };
  const { code, message } = await assertRejects(() => login(ask), CredentialsError);
  assertEquals(code, "missing_client_id");
  assertStringIncludes(
    message,
    "Cannot log in to TradeStation: no client id and no client secret. Pass clientId and clientSecret",
  );
  const half = await assertRejects(() => login({ ...ask, clientId: "id" }), CredentialsError);
  assertEquals(half.code, "missing_client_secret");
});
