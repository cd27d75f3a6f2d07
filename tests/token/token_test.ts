import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLess,
  assertLessOrEqual,
} from "@std/assert";
import { parseToken, readClocks, remainingMs, type Token } from "../../src/token/token.ts";
import { FakeClock } from "../support/fake_clock.ts";

const DEFAULT_LIFETIME_MS = 900_000;
const TEN_YEARS_MS = 315_360_000_000;

/** Reads a good response with these changes. */
function parse(changes: Record<string, unknown>): Token | string {
  return parseToken({ access_token: "abc", token_type: "Bearer", ...changes }, {
    requestedAt: readClocks(),
    defaultLifetimeMs: DEFAULT_LIFETIME_MS,
  });
}

/** The token, where there must be one. */
function tokenOf(changes: Record<string, unknown>): Token {
  const token = parse(changes);
  assert(typeof token === "object", String(token));
  return token;
}

Deno.test("parseToken() takes a finite positive expires_in and falls back on the default for all else", () => {
  const rows: readonly [unknown, number][] = [
    [900, 900_000],
    ["900", 900_000],
    [900.7, 900_000],
    ["900.7", 900_000],
    [1, 1_000],
    [0.4, 1_000],
    ["0.4", 1_000],
    [2_592_000, 2_592_000_000],
    [34_560_000, 34_560_000_000],
    [1e12, TEN_YEARS_MS],
    ["1000000000000", TEN_YEARS_MS],
    [0, DEFAULT_LIFETIME_MS],
    ["0", DEFAULT_LIFETIME_MS],
    [-5, DEFAULT_LIFETIME_MS],
    ["-5", DEFAULT_LIFETIME_MS],
    [Infinity, DEFAULT_LIFETIME_MS], // how JSON.parse reads 1e400
    ["1e400", DEFAULT_LIFETIME_MS],
    ["9".repeat(400), DEFAULT_LIFETIME_MS],
    [NaN, DEFAULT_LIFETIME_MS],
    ["NaN", DEFAULT_LIFETIME_MS],
    ["abc", DEFAULT_LIFETIME_MS],
    ["", DEFAULT_LIFETIME_MS],
    [" 900", DEFAULT_LIFETIME_MS],
    ["0x384", DEFAULT_LIFETIME_MS],
    ["0x10", DEFAULT_LIFETIME_MS], // 16 where it is not read to its end
    ["16s", DEFAULT_LIFETIME_MS],
    ["1e1", DEFAULT_LIFETIME_MS],
    [null, DEFAULT_LIFETIME_MS],
    [undefined, DEFAULT_LIFETIME_MS],
    [true, DEFAULT_LIFETIME_MS],
    [{}, DEFAULT_LIFETIME_MS],
    [[900], DEFAULT_LIFETIME_MS],
  ];
  for (const [expiresIn, lifetimeMs] of rows) {
    const token = tokenOf({ expires_in: expiresIn });
    assertEquals(token.lifetimeMs, lifetimeMs, `expires_in ${JSON.stringify(expiresIn)}`);
    const times = [
      token.expiresAt,
      token.expiresAtMonotonic,
      token.advisoryWindowMs,
      token.mandatoryWindowMs,
    ];
    assert(times.every(Number.isFinite), `expires_in ${JSON.stringify(expiresIn)}`);
  }
});

Deno.test("parseToken() reads an overflowing expires_in from the wire", () => {
  const body: unknown = JSON.parse('{"access_token":"abc","expires_in":1e400}');
  const token = parseToken(body, { requestedAt: readClocks(), defaultLifetimeMs: 1_200_000 });
  assert(typeof token === "object");
  assertEquals(token.lifetimeMs, 1_200_000);
});

Deno.test("parseToken() counts the life from the sending of the request, on both clocks", () => {
  using clock = new FakeClock();
  clock.setWall(1_700_000_000_000);
  const requestedAt = readClocks();
  clock.advance(5_000);
  const token = parseToken({ access_token: "abc", expires_in: 900 }, {
    requestedAt,
    defaultLifetimeMs: DEFAULT_LIFETIME_MS,
  });
  assert(typeof token === "object");
  assertEquals(token.expiresAt, 1_700_000_900_000);
  assertEquals(token.expiresAtMonotonic, requestedAt.monotonic + 900_000);
  assertEquals(remainingMs(token), 895_000);
});

Deno.test("parseToken() scales both windows to the life, and caps them for a long one", () => {
  const rows: readonly [seconds: number, soft: number, hard: number][] = [
    [1, 200, 100],
    [5, 1_000, 500],
    [60, 12_000, 6_000],
    [100, 20_000, 10_000],
    [600, 120_000, 10_000],
    [900, 120_000, 10_000],
    [2_592_000, 120_000, 10_000],
  ];
  for (const [seconds, soft, hard] of rows) {
    for (let draw = 0; draw < 50; draw++) {
      const { advisoryWindowMs, mandatoryWindowMs } = tokenOf({ expires_in: seconds });
      assertGreaterOrEqual(advisoryWindowMs, soft * 0.9);
      assertLessOrEqual(advisoryWindowMs, soft * 1.1 + 1e-6);
      assertEquals(mandatoryWindowMs, hard);
      assertGreater(advisoryWindowMs, mandatoryWindowMs);
    }
  }
});

Deno.test("parseToken() jitters the soft window over its whole range", () => {
  const leads = Array.from({ length: 500 }, () => tokenOf({ expires_in: 900 }).advisoryWindowMs);
  assertLess(Math.min(...leads), 110_400);
  assertGreater(Math.max(...leads), 129_600);
});

Deno.test("parseToken() takes token_type in any case, and a missing one for Bearer", () => {
  for (const tokenType of ["Bearer", "bearer", "BEARER", undefined, null]) {
    assertEquals(tokenOf({ token_type: tokenType }).accessToken, "abc");
  }
});

Deno.test("parseToken() refuses a token_type that it does not understand", () => {
  for (const tokenType of ["mac", "DPoP", "", " Bearer", "Bearer ", 5, true, {}, ["Bearer"]]) {
    assertEquals(parse({ token_type: tokenType }), "its token_type is not Bearer");
  }
});

Deno.test("parseToken() refuses a missing, empty or non-string access_token", () => {
  for (const accessToken of [undefined, null, "", 5, true, {}, ["abc"]]) {
    assertEquals(parse({ access_token: accessToken }), "it has no access_token");
  }
});

Deno.test("parseToken() refuses an access_token that a header cannot hold", () => {
  for (const accessToken of ["a b", "abc\n", "abc\r\nx: y", "ab\u0000c", "é", "a=b", "=", "a,b"]) {
    assertEquals(parse({ access_token: accessToken }), "its access_token is not a bearer token");
  }
});

Deno.test("parseToken() takes every bearer token of RFC 6750, of any size", () => {
  for (const accessToken of ["a", "a.b-c_d~e+f/g==", "eyJh.eyJp.c2ln", "x".repeat(20_000)]) {
    assertEquals(tokenOf({ access_token: accessToken }).accessToken, accessToken);
  }
});

Deno.test("parseToken() refuses what is no JSON object", () => {
  for (const body of [undefined, null, [], [{ access_token: "abc" }], "abc", 5, true]) {
    const flaw = parseToken(body, { requestedAt: readClocks(), defaultLifetimeMs: 1 });
    assertEquals(flaw, "it is not a JSON object");
  }
});

Deno.test("parseToken() takes a new refresh token, and nothing that is none", () => {
  assertEquals(tokenOf({ refresh_token: "next" }).refreshToken, "next");
  for (const refreshToken of [undefined, null, "", 5, {}]) {
    assertEquals(tokenOf({ refresh_token: refreshToken }).refreshToken, undefined);
  }
});

Deno.test("parseToken() ignores members that it does not know", () => {
  const token = tokenOf({ scope: "read trade", id_token: 5, expires_in: 60 });
  assertEquals(Object.keys(token).sort(), [
    "accessToken",
    "advisoryWindowMs",
    "expiresAt",
    "expiresAtMonotonic",
    "isStored",
    "lifetimeMs",
    "mandatoryWindowMs",
    "refreshToken",
  ]);
});

Deno.test("remainingMs() believes the clock that is worse for the token", () => {
  using clock = new FakeClock();
  const token = tokenOf({ expires_in: 900 });
  assertEquals(remainingMs(token), 900_000);
  clock.advance(100_000);
  assertEquals(remainingMs(token), 800_000);
  clock.sleep(300_000); // the monotonic clock stands still
  assertEquals(remainingMs(token), 500_000);
  clock.setWall(0); // the wall clock is set back
  assertEquals(remainingMs(token), 800_000);
  clock.setWall(Date.now() + 1e13);
  assertLess(remainingMs(token), 0);
});

Deno.test("readClocks() reads both clocks", () => {
  using clock = new FakeClock();
  clock.setWall(42);
  const before = readClocks();
  clock.advance(7);
  assertEquals(before.wall, 42);
  assertEquals(readClocks(), { wall: 49, monotonic: before.monotonic + 7 });
});
