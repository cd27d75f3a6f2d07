import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Broker, Session, tradestation } from "../mod.ts";
import { tastytradeFaults } from "../src/emulator/emulator.ts";
import { serve } from "./support/loopback.ts";
import { ScriptedBroker, signedIn } from "./support/scripted_broker.ts";
import { open, TOKEN_ROUTE } from "./support/session_fixtures.ts";

Deno.test("Session.items() gets a page only when its first item is asked for", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const path = "/accounts/5WT00000/transactions";
  const items = session.items<{ id: number }>(path, { query: { "per-page": 10 } });
  assertEquals(emulator.count(`GET ${path}`), 0);
  let seen = 0;
  for await (const _ of items) if (++seen === 10) break;
  assertEquals(emulator.count(`GET ${path}`), 1);
});

Deno.test("Session.items() yields every item of every page once", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const path = "/accounts/5WT00000/transactions";
  const { pagination } = await (await session.fetch(`${path}?per-page=50`)).json();
  const ids: number[] = [];
  for await (const { id } of session.items<{ id: number }>(path, { query: { "per-page": 50 } })) {
    ids.push(id);
  }
  assertEquals(ids.length, pagination["total-items"]);
  assertEquals(new Set(ids).size, ids.length);
  assertEquals(emulator.count(`GET ${path}`), 1 + pagination["total-pages"]);
});

Deno.test("Session.items() goes on after a token refresh in the middle", async () => {
  await using opened = await open();
  const { emulator, session } = opened;
  const path = "/accounts/5WT00000/transactions";
  const ids = new Set<number>();
  for await (const { id } of session.items<{ id: number }>(path, { query: { "per-page": 100 } })) {
    if (ids.size % 100 === 50) emulator.revokeAccessTokens();
    ids.add(id);
  }
  assert(ids.size > 300);
  assert(emulator.count(TOKEN_ROUTE) > 3);
});

Deno.test("Session.items() goes on after failures in the middle, and yields nothing twice", async () => {
  await using opened = await open({ retry: { maxDelayMs: 0 } });
  const { emulator, session } = opened;
  const path = "/accounts/5WT00000/transactions";
  const [all, ids]: [number[], number[]] = [[], []];
  for await (const { id } of session.items<{ id: number }>(path)) all.push(id);
  const inTheMiddle = [
    tastytradeFaults.badGateway,
    "resetMidBody",
    tastytradeFaults.tooManyRequests,
  ] as const;
  for await (const { id } of session.items<{ id: number }>(path, { query: { "per-page": 50 } })) {
    const fault = inTheMiddle[ids.length / 50 % 3];
    if (fault !== undefined) emulator.injectFault(`GET ${path}`, fault);
    ids.push(id);
  }
  assertEquals(ids, all);
});

Deno.test("Session.items() leaves out what a page brings again because the list has grown", async () => {
  const pages = [[5, 4, 3], [4, 3, 2], [1, 1]]; // an item came while the first page was read
  const server = await serve((response, { url }) => {
    const offset = Number(new URL(url, "http://a").searchParams.get("page-offset"));
    const items = pages[offset]?.map((id) => ({ id })).concat([{}, {}] as { id: number }[]);
    const pagination = { "page-offset": offset, "total-pages": pages.length };
    const token = { "access_token": "a", "token_type": "Bearer" };
    response.writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify(url === "/oauth/token" ? token : { data: { items }, pagination }));
  });
  await using _server = server;
  await using session = new Session({ baseUrl: server.url, clientSecret: "s", refreshToken: "r" });
  const ids: unknown[] = [];
  for await (const { id } of session.items<{ id?: number }>("/list")) ids.push(id);
  const none = [undefined, undefined]; // what has no id is never left out
  assertEquals(ids, [5, 4, 3, ...none, 2, ...none, 1, ...none]);
});

Deno.test("Session.items() yields the items of a list that has no pages", async () => {
  await using opened = await open();
  const symbols: string[] = [];
  for await (
    const { symbol } of opened.session.items<{ symbol: string }>("/accounts/5WT00000/positions")
  ) {
    symbols.push(symbol);
  }
  assertEquals(symbols, ["RIVN  230609P00014000", "TQQQ"]);
});

Deno.test("Session.items() asks for no page that the broker cannot name in a query", async () => {
  const broker = new ScriptedBroker();
  const next = { page: { number: 2 } } as unknown as Record<string, string>;
  const odd: Broker = { ...tradestation, readPage: () => ({ items: [1], next }) };
  await using session = await signedIn(broker, { broker: odd });
  const items = session.items("/list");
  assertEquals((await items.next()).value, 1);
  await assertRejects(() => items.next(), TypeError, "Cannot use query.page: it must be a string");
  assertEquals(broker.requests.length, 1);
});
