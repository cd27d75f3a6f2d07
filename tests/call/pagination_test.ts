/** Lists whose pages lead nowhere: a loop over them ends, and says why. */

import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { ApiError, Session, tastytrade } from "../../mod.ts";
import { ScriptedBroker, signedIn } from "../support/scripted_broker.ts";

/** Reads a whole list. */
async function all(session: Session): Promise<unknown[]> {
  const items: unknown[] = [];
  for await (const item of session.items("/list")) items.push(item);
  return items;
}

function tokenIn(path: string): string | null {
  return new URL(path, "https://api.example").searchParams.get("nextToken");
}

Deno.test("Session.items() refuses a page that leads to one that was read already", async () => {
  const leads: readonly ((token: string | null) => string)[] = [
    () => "again", // always the same
    (token) => token === "a" ? "b" : token === "b" ? "c" : "a", // round in a ring
  ];
  for (const lead of leads) {
    for (const items of [[{ OrderID: "1" }], []]) {
      const broker = new ScriptedBroker();
      broker.onRequest = ({ path }) =>
        Response.json({ Orders: items, NextToken: lead(tokenIn(path)) });
      await using session = await signedIn(broker);
      const error = await assertRejects(() => all(session), ApiError, "paging does not end");
      assertEquals(error.code, "invalid_response");
      assertLess(broker.requests.length, 6);
    }
  }
});

/** A session at tastytrade whose pages hold the same item each, and what has asked for them. */
function repeatingPages(pageOffset: (page: number) => number, pages: number) {
  const asked = { pages: 0 };
  const answer = (url: string) => {
    if (url.endsWith("/oauth/token")) {
      return Response.json({ access_token: "access", token_type: "Bearer", expires_in: 900 });
    }
    asked.pages += 1;
    const pagination = { "page-offset": pageOffset(asked.pages), "total-pages": pages };
    return Response.json({ data: { items: [{ id: 1 }] }, pagination });
  };
  const session = new Session({
    broker: tastytrade,
    clientSecret: "secret",
    refreshToken: "refresh",
    fetch: (input) => Promise.resolve(answer(String(input))),
  });
  return { session, asked };
}

Deno.test("Session.items() refuses an offset that does not advance", async () => {
  const { session, asked } = repeatingPages(() => 0, 5);
  await assertRejects(() => all(session), ApiError, "paging does not end");
  assertEquals(asked.pages, 2);
  await session.close();
});

Deno.test("Session.items() does not follow pages for ever that repeat their items", async () => {
  const { session, asked } = repeatingPages((page) => page, 1e9);
  await assertRejects(() => all(session), ApiError, "paging does not end");
  assertLess(asked.pages, 103);
  await session.close();
});

Deno.test("Session.items() does not follow empty pages for ever, but over some", async () => {
  for (const [emptyPages, isFound] of [[90, true], [101, false]] as const) {
    const broker = new ScriptedBroker();
    let page = 0;
    broker.onRequest = () => {
      page += 1;
      if (page > emptyPages) return Response.json({ Orders: [{ OrderID: "1" }] });
      return Response.json({ Orders: [], NextToken: `page-${page}` });
    };
    await using session = await signedIn(broker);
    if (isFound) assertEquals(await all(session), [{ OrderID: "1" }]);
    else await assertRejects(() => all(session), ApiError, "paging does not end");
    assertLess(page, 102);
  }
});
