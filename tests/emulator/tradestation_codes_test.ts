import { Buffer } from "node:buffer";
import { assertEquals, assertFalse } from "@std/assert";
import errors from "../../src/emulator/tradestation/recordings/errors.json" with { type: "json" };
import token from "../../src/emulator/tradestation/recordings/token.json" with { type: "json" };
import { CALLBACK, TradestationClient } from "../support/emulator_tradestation.ts";
import { at, call, decodeJwt, listAt, sending, shapeOf } from "../support/emulator_wire.ts";
import { atTime, oauthError, pkce } from "./tradestation_fixtures.ts";

Deno.test("emulator changes a code into the documented answer", async () => {
  await using client = await TradestationClient.open();
  const { status, headers, json } = await client.exchange(await client.code());
  assertEquals(status, 200);
  assertEquals(headers.get("cache-control"), "no-store");
  assertEquals(Object.keys(Object(json)), Object.keys(token));
  assertEquals(shapeOf(json), shapeOf(token));
  for (const name of ["token_type", "scope", "expires_in"] as const) {
    assertEquals(at(json, name), token[name]);
  }
  assertFalse(`${at(json, "access_token")}`.includes("."), "opaque, not a JWT");
});

Deno.test("emulator takes token requests in JSON as well", async () => {
  await using client = await TradestationClient.open();
  const { clientId, clientSecret, refreshToken, signInUrl } = client.emulator.tradestation;
  const { status } = await call(
    `${signInUrl}/oauth/token`,
    sending("POST", {
      grant_type: "refresh_token",
      client_id: clientId,
      client_secret: clientSecret,
      refresh_token: refreshToken,
    }),
  );
  assertEquals(status, 200);
});

Deno.test("emulator takes a code once, for ten minutes and for the same redirect URI", async () => {
  await using client = await TradestationClient.open();
  const code = await client.code();
  assertEquals((await client.exchange(code)).status, 200);
  for (const used of [code, "unknown"]) {
    const { status, json } = await client.exchange(used);
    assertEquals([status, json], [403, errors.invalid_code]);
  }

  const elsewhere = await client.code();
  const wrong = await client.exchange(elsewhere, { redirect_uri: "http://localhost:3000" });
  assertEquals([wrong.status, wrong.json], [
    403,
    oauthError(
      "unauthorized_client",
      `The redirect URI is wrong. You sent http://localhost:3000, and we expected ${CALLBACK}`,
    ),
  ]);
  assertEquals((await client.exchange(elsewhere)).json, errors.invalid_code);

  const start = Date.now();
  using _now = atTime(start);
  const [early, late] = [await client.code(), await client.code()];
  {
    using _later = atTime(start + 599_999);
    assertEquals((await client.exchange(early)).status, 200);
  }
  {
    using _later = atTime(start + 600_000);
    assertEquals((await client.exchange(late)).json, errors.invalid_code);
  }
});

Deno.test("emulator verifies the PKCE verifier wherever there was a challenge", async () => {
  await using client = await TradestationClient.open();
  const { verifier, query } = pkce();
  const refusal = oauthError("invalid_grant", "Failed to verify code verifier");
  for (const wrong of [undefined, "", verifier.slice(1), pkce().verifier, `${verifier}!`]) {
    const { status, json } = await client.exchange(await client.code(query), {
      code_verifier: wrong,
    });
    assertEquals([status, json], [403, refusal]);
  }
  const right = { "code_verifier": verifier };
  assertEquals((await client.exchange(await client.code(query), right)).status, 200);
  assertEquals((await client.exchange(await client.code(), right)).status, 200);
});

Deno.test("emulator needs no secret of who has used PKCE, then or later", async () => {
  await using client = await TradestationClient.open();
  const { verifier, query } = pkce();
  const secretless = { "client_secret": undefined };
  const { status, json } = await client.exchange(await client.code(query), {
    ...secretless,
    code_verifier: verifier,
  });
  assertEquals(status, 200);
  const refreshToken = `${at(json, "refresh_token")}`;
  assertEquals((await client.refresh(refreshToken, secretless)).status, 200);
  assertEquals((await client.refresh(refreshToken)).status, 200);

  const refused = [
    await client.exchange(await client.code(), secretless),
    await client.refresh(undefined, secretless),
    await client.refresh("unknown", secretless),
    await client.exchange(await client.code(query), {
      client_secret: "wrong",
      code_verifier: verifier,
    }),
  ];
  for (const { status, json } of refused) {
    assertEquals([status, json], [401, errors.wrong_secret]);
  }
  const { json: confidential } = await client.exchange(await client.code(query), {
    code_verifier: verifier,
  });
  const withSecret = `${at(confidential, "refresh_token")}`;
  assertEquals((await client.refresh(withSecret, secretless)).status, 401);
});

Deno.test("emulator gives a refresh token only for offline_access, an id token only for openid", async () => {
  await using client = await TradestationClient.open();
  const bare = await client.exchange(await client.code({ scope: "ReadAccount nonsense" }));
  assertEquals(Object.keys(Object(bare.json)), [
    "access_token",
    "token_type",
    "scope",
    "expires_in",
  ]);
  assertEquals(at(bare.json, "scope"), "ReadAccount");

  const short = await client.exchange(await client.code({ scope: "openid offline_access" }));
  const claims = decodeJwt(`${at(short.json, "id_token")}`, 1);
  assertEquals(Object.keys(Object(claims)).toSorted(), [
    "at_hash",
    "aud",
    "exp",
    "iat",
    "iss",
    "sub",
  ]);
  assertEquals(at(claims, "aud"), client.emulator.tradestation.clientId);
  assertEquals(Number(at(claims, "exp")) - Number(at(claims, "iat")), 1200);

  const long = await client.exchange(await client.code({ scope: "openid profile email" }));
  const more = decodeJwt(`${at(long.json, "id_token")}`, 1);
  assertEquals([at(more, "name"), at(more, "email_verified")], ["Test User", true]);

  const { json } = await client.exchange(await client.code({ scope: "offline_access" }));
  const { json: refreshed } = await client.refresh(`${at(json, "refresh_token")}`);
  assertEquals(at(refreshed, "scope"), "offline_access");
  assertFalse("id_token" in Object(refreshed));
});

Deno.test("emulator is an OpenID provider: discovery, keys, and id tokens that repeat the nonce", async () => {
  await using client = await TradestationClient.open();
  const { signInUrl, clientId } = client.emulator.tradestation;
  const { json: provider } = await call(`${signInUrl}/.well-known/openid-configuration`);
  assertEquals(at(provider, "issuer"), `${signInUrl}/`);
  assertEquals(at(provider, "authorization_endpoint"), `${signInUrl}/authorize`);
  assertEquals(at(provider, "token_endpoint"), `${signInUrl}/oauth/token`);
  const { json } = await client.exchange(await client.code({ scope: "openid", nonce: "n-0S6" }));
  const idToken = `${at(json, "id_token")}`;
  const claims = decodeJwt(idToken, 1);
  assertEquals(
    [at(claims, "nonce"), at(claims, "iss"), at(claims, "aud")],
    ["n-0S6", `${signInUrl}/`, clientId],
  );
  const { json: keys } = await call(`${at(provider, "jwks_uri")}`);
  const jwk = Object(
    listAt(keys, "keys").find((key) => at(key, "kid") === at(decodeJwt(idToken, 0), "kid")),
  );
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const isExtractable = false;
  const key = await crypto.subtle.importKey("jwk", jwk, algorithm, isExtractable, ["verify"]);
  const [head, body, signature = ""] = idToken.split(".");
  const isValid = (text: string) =>
    crypto.subtle.verify(
      algorithm,
      key,
      Uint8Array.from(Buffer.from(signature, "base64url")),
      new TextEncoder().encode(text),
    );
  assertEquals([await isValid(`${head}.${body}`), await isValid(`${head}.${body}x`)], [
    true,
    false,
  ]);
});
