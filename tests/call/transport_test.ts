import { assertEquals, assertStrictEquals } from "@std/assert";
import { Session } from "../../mod.ts";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { ScriptedBroker } from "../support/scripted_broker.ts";

// That nothing arrives twice is in portable/once_test.ts, because each runtime repeats something else.

const json = '{"a":1}';

Deno.test("Session.fetch() hands over the platform's own Response, while its body still streams", async () => {
  const broker = new ScriptedBroker();
  await using session = new Session(broker.options);
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const streaming = new Response(readable, { headers: { "x-own": "1" } });
  for (const answer of [streaming, new Response(null, { status: 204 }), Response.error()]) {
    broker.onRequest = () => answer;
    assertStrictEquals(await session.fetch("/a"), answer);
  }
  const writer = writable.getWriter();
  const writing = writer.write(new TextEncoder().encode("begun"));
  const reader = streaming.body?.getReader();
  assertEquals(new TextDecoder().decode((await reader?.read())?.value), "begun");
  await Promise.all([writing, writer.close(), reader?.read()]);
});

Deno.test("Session sends a body with its length, and with the type that fetch would give it", async () => {
  await using emulator = await startEmulator();
  await using session = new Session(emulator.tastytrade);
  for (
    const [body, type] of [
      [json, "text/plain;charset=utf-8"],
      [new URLSearchParams({ a: "1" }), "application/x-www-form-urlencoded;charset=utf-8"],
      [new TextEncoder().encode(json), undefined],
      [new Blob([json], { type: "application/x-mine" }), "application/x-mine"],
    ] as const
  ) {
    const response = await session.fetch("/anywhere", { method: "POST", body });
    await response.body?.cancel();
    const request = emulator.requests.at(-1);
    assertEquals(request?.headers["content-type"], type);
    assertEquals(request?.headers["content-length"], String(request?.body.length));
    assertEquals(request?.headers["transfer-encoding"], undefined);
  }
});
