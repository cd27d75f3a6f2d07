import { assertEquals, assertInstanceOf } from "@std/assert";
import { NetworkError } from "../../mod.ts";
import { ScriptedBroker, signedIn } from "../support/scripted_broker.ts";
import { answering, failing } from "./retry_fixtures.ts";

// Each cell: whether a request of this method is sent again after this ending.
const METHODS = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST", "PATCH"];

const MATRIX: readonly [name: string, end: () => Response | Promise<Response>, cells: string][] = [
  ["refused", failing("ECONNREFUSED"), "again again again again again again again"],
  ["dns", failing("ENOTFOUND"), "again again again again again again again"],
  ["no connection in time", failing("UND_ERR_CONNECT_TIMEOUT"), "again ".repeat(7).trim()],
  ["reset", failing("ECONNRESET"), "again again again once once once once"],
  [
    "no headers in time",
    failing("UND_ERR_HEADERS_TIMEOUT"),
    "again again again once once once once",
  ],
  ["no HTTP", failing("HPE_INVALID_CONSTANT"), "again again again once once once once"],
  ["a bad certificate", failing("CERT_HAS_EXPIRED"), "once once once once once once once"],
  ["400", answering(400), "once once once once once once once"],
  ["401 again and again", answering(401), "replayed ".repeat(7).trim()],
  ["403", answering(403), "once once once once once once once"],
  ["404", answering(404), "once once once once once once once"],
  ["408", answering(408), "again again again once once once once"],
  ["425", answering(425), "once once once once once once once"],
  ["429", answering(429), "again again again once once once once"],
  ["500", answering(500), "again again again once once once once"],
  ["501", answering(501), "once once once once once once once"],
  ["502", answering(502), "again again again once once once once"],
  ["503", answering(503), "again again again once once once once"],
  ["504", answering(504), "again again again once once once once"],
];

for (const [name, end, cells] of MATRIX) {
  Deno.test(`Session sends again after "${name}" what the table says`, async () => {
    const words = { again: 4, once: 1, replayed: 2 } as Record<string, number>;
    const counts: [string, number][] = [];
    for (const method of METHODS) {
      const broker = new ScriptedBroker();
      await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
      broker.onRequest = end;
      await session.fetch("/a", { method }).catch((error) => assertInstanceOf(error, NetworkError));
      counts.push([method, broker.requests.length]);
    }
    const expected = cells.split(" ").map((word) => words[word] ?? 0);
    assertEquals(counts, METHODS.map((method, i) => [method, expected[i] ?? 0]));
  });
}

Deno.test("Session sends anything again, byte for byte, that says it may arrive twice", async () => {
  for (const end of [answering(503), failing("ECONNRESET")]) {
    const broker = new ScriptedBroker();
    await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
    const bodies: Promise<string>[] = [];
    broker.onRequest = ({ init }) => {
      bodies.push(new Response(init.body ?? null).text());
      return bodies.length < 3 ? end() : new Response('{"ok":true}');
    };
    const order = { a: "é" };
    assertEquals(await session.post("/a", order, { idempotent: true }), { ok: true });
    assertEquals(await Promise.all(bodies), Array(3).fill('{"a":"é"}'));
    const request = new Request(`${session.baseUrl}/a`, { method: "PUT", body: "1" });
    bodies.length = 0;
    assertEquals((await session.fetch(request, { idempotent: true })).status, 200);
    assertEquals(await Promise.all(bodies), ["1", "1", "1"]);
  }
});

Deno.test("Session sends no stream again, although the method may arrive twice", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
  broker.onRequest = answering(503);
  const body = new Blob(["a"]).stream();
  const response = await session.fetch("/a", { method: "PUT", body, idempotent: true });
  assertEquals([response.status, broker.requests.length], [503, 1]);
});
