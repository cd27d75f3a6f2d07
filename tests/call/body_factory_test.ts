import { assertEquals, assertRejects } from "@std/assert";
import { NetworkError, Session } from "../../mod.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { idle, settle } from "../support/idle.ts";
import { hang, ScriptedBroker, signedIn } from "../support/scripted_broker.ts";
import { failing, rest } from "./retry_fixtures.ts";

Deno.test("Session makes a body again for each sending if it is a function", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
  const bodies: string[] = [];
  broker.onRequest = async ({ init }) => {
    bodies.push(await new Response(init.body ?? null).text());
    return new Response("{}", { status: bodies.length % 2 === 1 ? 401 : 200 });
  };
  let made = 0;
  const streamed = () => new Blob([`stream ${++made}`]).stream();
  const method = "POST";
  assertEquals((await session.fetch("/a", { method, body: streamed })).status, 200);
  await session.post("/a", () => ({ made: ++made }));
  await session.put("/a", () => Promise.resolve(`{"made":${++made}}`));
  const request = new Request(`${session.baseUrl}/a`, { method });
  assertEquals((await session.fetch(request, { body: streamed })).status, 200);
  const expected = ["stream 1", "stream 2", '{"made":3}', '{"made":4}', '{"made":5}', '{"made":6}'];
  assertEquals(bodies, [...expected, "stream 7", "stream 8"]);
});

Deno.test("Session passes on what a body's function throws, and sends nothing", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  const mistake = new Error("no order today");
  const make = () => {
    throw mistake;
  };
  for (const call of [session.post("/a", make), session.put("/a", () => Promise.reject(mistake))]) {
    assertEquals(await assertRejects(() => call), mistake);
  }
  await assertRejects(() => session.post("/a", () => undefined), TypeError, "has no JSON");
  assertEquals(broker.requests.length, 0);
});

Deno.test("Session takes what a body's function throws for no failure of its own", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
  let calls = 0;
  const make = () => {
    calls += 1;
    return failing("ECONNREFUSED")();
  };
  await assertRejects(() => session.post("/a", make), TypeError, "fetch failed");
  assertEquals([calls, broker.requests.length], [1, 0]);
});

Deno.test("Session does not wait for a body's function beyond the end of the call", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  const never = () => new Promise<string>(() => {});
  const late = await assertRejects(
    () => session.post("/a", never, { timeoutMs: 20 }),
    NetworkError,
  );
  assertEquals([late.kind, late.outcome], ["timeout", "not_processed"]);
  const controller = new AbortController();
  const call = session.fetch("/a", { method: "POST", body: never, signal: controller.signal });
  controller.abort("enough");
  assertEquals(await call.catch((reason) => reason), "enough");
});

Deno.test("Session sends a form as it was when it was given", async () => {
  const broker = new ScriptedBroker();
  await using session = new Session(broker.options);
  const sent: FormData[] = [];
  broker.onRequest = ({ init }) => {
    if (init.body instanceof FormData) sent.push(init.body);
    return new Response("{}", { status: sent.length === 1 ? 401 : 200 });
  };
  const form = new FormData();
  form.set("quantity", "1");
  form.set("file", new File(["a"], "a.txt"));
  const call = session.post("/order", form);
  form.set("quantity", "100");
  await call;
  assertEquals(sent.map((one) => one.get("quantity")), ["1", "1"]);
  const file = sent[0]?.get("file");
  assertEquals(file instanceof File ? file.name : file, "a.txt");
});

Deno.test("Session takes a function's body in place of a Request's own, even of one that was used", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  const bodies: string[] = [];
  broker.onRequest = async ({ init }) => {
    bodies.push(await new Response(init.body ?? null).text());
    return new Response("{}");
  };
  const used = new Request(`${session.baseUrl}/a`, { method: "POST", body: "old" });
  await used.text();
  await session.fetch(used, { body: () => "new" });
  assertEquals(bodies, ["new"]);
});

Deno.test("Session counts the reading of a Request's body in the time of the call", async () => {
  using clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  broker.onRequest = ({ init }) => hang(init);
  const { readable, writable } = new TransformStream();
  const request = new Request(`${session.baseUrl}/a`, {
    method: "POST",
    body: readable,
    duplex: "half",
  } as RequestInit);
  const call = assertRejects(() => session.fetch(request), NetworkError);
  await rest();
  clock.advance(20_000);
  await writable.close();
  while (broker.requests.length === 0) await idle();
  clock.advance(9_999);
  assertEquals(clock.armed, 1);
  clock.advance(1);
  assertEquals((await call).kind, "timeout");
});

Deno.test("Session makes no body for a call that its caller has left", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker);
  const controller = new AbortController();
  broker.onRequest = () => {
    controller.abort("enough"); // and then the response is there, which asks for another token
    return new Response("", { status: 401 });
  };
  let made = 0;
  const body = () => {
    made += 1;
    return "{}";
  };
  const call = session.post("/order", body, { signal: controller.signal });
  assertEquals(await call.catch((reason: unknown) => reason), "enough");
  await settle();
  assertEquals([made, broker.requests.length], [1, 1]);
});

Deno.test("Session keeps what it knows of an order if a body's function fails later", async () => {
  const broker = new ScriptedBroker();
  await using session = await signedIn(broker, { retry: { maxDelayMs: 0 } });
  broker.onRequest = failing("ECONNRESET");
  let made = 0;
  const make = () => {
    if (++made === 1) return "{}";
    // The function may need the network itself.
    throw new NetworkError("Cannot GET a price", { kind: "dns", outcome: "not_processed" });
  };
  const error = await assertRejects(
    () => session.put("/order", make, { idempotent: true }),
    NetworkError,
    "Cannot GET a price. It may have been carried out: check that before you send it again",
  );
  assertEquals([error.outcome, error.kind, broker.requests.length], ["unknown", "dns", 1]);
});
