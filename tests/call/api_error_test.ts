import {
  assertEquals,
  assertFalse,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  ApiError,
  type Broker,
  RateLimitError,
  Session,
  tastytrade,
  TokenError,
  tradestation,
} from "../../mod.ts";
import { acme } from "../support/broker_fixtures.ts";

/** A session with a broker that explains no refusal, whose server answers so. */
function refused(
  url: string,
  status: number,
  body: string | null,
  { contentType = "application/json", broker = acme }: { contentType?: string; broker?: Broker } =
    {},
) {
  return new Session({
    broker,
    clientSecret: "acme-secret",
    refreshToken: "acme-refresh",
    retry: false,
    fetch: (input) =>
      Promise.resolve(
        String(input).endsWith(url)
          ? new Response(body, { status, headers: { "content-type": contentType } })
          : Response.json({ "access_token": "acme-access", "token_type": "Bearer" }),
      ),
  });
}

Deno.test("A broker that explains no refusal has its token endpoint's told as RFC 6749 has it", async () => {
  for (
    const [status, body, code, isPermanent, message] of [
      [
        400,
        '{"error":"invalid_grant","error_description":"acme-refresh is spent"}',
        "invalid_grant",
        true,
        "400 invalid_grant: [redacted] is spent. The refresh token is wrong, revoked, or was used " +
        "before: a rotating token must be kept in a store. Ask Acme",
      ],
      [401, '{"error":"invalid_client"}', "invalid_client", true, "401 invalid_client. Ask Acme"],
      [400, '{"error":"invalid_scope"}', "invalid_scope", true, "400 invalid_scope. Ask Acme"],
      [400, '{"error":"invalid_request"}', "invalid_request", false, "400 invalid_request"],
      [503, "<html>", "http_503", false, "503"],
      [400, '{"error":["odd"]}', "http_400", false, "400"],
    ] as const
  ) {
    await using session = refused("/token", status, body);
    const error = await assertRejects(() => session.refresh(), TokenError);
    assertEquals([error.code, error.isPermanent, error.status], [code, isPermanent, status]);
    assertEquals(error.message, `Cannot refresh the access token: ${message}`);
  }
});

Deno.test("A broker that explains no refusal has its API's told by status and by RFC 9457", async () => {
  await using session = refused(
    "/me",
    403,
    '{"title":"No","detail":"x"}',
    { contentType: "application/problem+json" },
  );
  const error = await assertRejects(() => session.get("/me"), ApiError);
  assertEquals([error.code, error.status, error.errors], ["http_403", 403, []]);
  assertEquals(error.message, "Cannot GET https://api.acme.example/me: 403: No: x");
  await using busy = refused("/me", 429, "");
  await assertRejects(() => busy.get("/me"), RateLimitError);
});

Deno.test("A broker with no envelope gets bare answers, and with no way of its own with lists, repeated names", async () => {
  await using session = refused("/me?id=1&id=2", 200, '{"data":{"plain":true}}');
  assertEquals(await session.get("/me", { query: { id: [1, 2] } }), { data: { plain: true } });
});

/** A broker whose author has not thought of every answer. */
const hasty: Broker = {
  ...acme,
  unwrap: (body) => Object(Reflect.get(Object(body), "result")).value.of,
  readPage: (body) => ({ items: Reflect.get(Object(body), "result") }),
  parseApiError: ({ body }) => ({ code: Object(body).fault.id }),
  parseTokenError: ({ body }) => ({ code: Object(body).fault.id, isPermanent: true }),
};

Deno.test("A broker that cannot read a good response does not hide that an order may be there", async () => {
  const body = '{"result":{"secret":"acme-access"}}';
  await using session = refused("/orders", 200, body, { broker: hasty });
  const error = await assertRejects(() => session.post("/orders", {}), ApiError);
  assertEquals([error.code, error.status], ["invalid_response", 200]);
  assertMatch(
    error.message,
    /^Cannot POST https:\/\/api\.acme\.example\/orders: 200: Acme cannot read it: TypeError: .*\. It may have been carried out: check that before you send it again$/,
  );
  const read = await assertRejects(() => session.get("/orders"), ApiError, "Acme cannot read it");
  assertFalse(read.message.includes("carried out"));
  const noList = "readPage() found no list of items";
  await assertRejects(() => session.items("/orders").next(), ApiError, noList);
});

Deno.test("A broker is not asked about a response without a body", async () => {
  await using session = refused("/orders/1", 204, null, { broker: hasty });
  assertEquals(await session.delete("/orders/1"), undefined);
  assertEquals(await Array.fromAsync(session.items("/orders/1")), []);
});

Deno.test("A broker that cannot read a refusal does not hide it", async () => {
  await using session = refused("/orders", 502, "<html>", { broker: hasty });
  const error = await assertRejects(() => session.post("/orders", {}), ApiError);
  assertEquals([error.code, error.status], ["http_502", 502]);
  assertMatch(
    error.message,
    /: 502: Acme cannot read it: TypeError: .* It may have been carried out/,
  );
  await using outside = refused("/token", 400, '{"error":"invalid_client"}', { broker: hasty });
  const refusal = await assertRejects(() => outside.refresh(), TokenError, "Acme cannot read it");
  assertEquals([refusal.code, refusal.isPermanent], ["invalid_client", true]);
});

/** A session whose API, or sign-in, answers so. */
function answered(
  broker: Broker,
  where: "api" | "sign-in",
  response: () => Response,
): Session {
  return new Session({
    broker,
    clientId: "client",
    clientSecret: "secret",
    refreshToken: "refresh",
    retry: false,
    fetch: (input) => {
      const isSignIn = String(input).includes("/oauth/");
      if (isSignIn === (where === "sign-in")) return Promise.resolve(response());
      return Promise.resolve(Response.json({ "access_token": "access", "token_type": "Bearer" }));
    },
  });
}

const HTML = { "content-type": "text/html" };

for (const broker of [tastytrade, tradestation]) {
  Deno.test(`${broker.name}: a response that is a proxy's does not blame scopes, paths or the moment`, async () => {
    const rows: readonly [number, Record<string, string>, string][] = [
      [
        403,
        HTML,
        "Something between this program and the broker may have answered, such as a proxy or a firewall",
      ],
      [404, HTML, "Something between this program and the broker may have answered"],
      [511, HTML, "Something between this program and the broker may have answered"],
      [407, HTML, "HTTPS_PROXY=http://user:password@proxy:8080"],
      [407, {}, "HTTPS_PROXY=http://user:password@proxy:8080"],
      [
        302,
        { location: "https://portal.example/sign-in?a=hidden" },
        "redirects to https://portal.example,",
      ],
      [307, { location: "/hidden" }, "The response redirects, where the token must not go"],
      [301, {}, "compare baseUrl with the broker's address"],
    ];
    for (const [status, headers, words] of rows) {
      const page = () => new Response("<html>Forbidden</html>", { status, headers });
      await using session = answered(broker, "api", page);
      const error = await assertRejects(() => session.get("/a"), ApiError);
      assertStringIncludes(error.message, words);
      assertFalse(/scope|hidden|There is no such/.test(error.message), error.message);
    }
    const signInRows = [
      [403, "a proxy or a firewall"],
      [407, "HTTPS_PROXY"],
      [302, "The response redirects"],
    ] as const;
    for (const [status, words] of signInRows) {
      const page = () => new Response("<html>Forbidden</html>", { status, headers: HTML });
      await using session = answered(broker, "sign-in", page);
      const error = await assertRejects(() => session.get("/a"), TokenError, words);
      assertFalse(/try again later|log in again/i.test(error.message), error.message);
      assertFalse(error.isPermanent);
    }
  });

  Deno.test(`${broker.name}: a 401 that stays mentions the scopes`, async () => {
    const answer = () => Response.json({ error: { code: "x" } }, { status: 401 });
    await using session = answered(broker, "api", answer);
    const error = await assertRejects(() => session.get("/a"), ApiError);
    assertStringIncludes(error.message, "scopes");
  });
}
