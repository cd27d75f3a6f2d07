import { assertEquals, assertRejects } from "@std/assert";
import { EventQueue } from "../../src/streams/event_queue.ts";

Deno.test("EventQueue keeps the order of many events, and forgets those that were taken", async () => {
  const queue = new EventQueue<number>();
  const taken: unknown[] = [];
  for (let n = 0; n < 20_000; n++) {
    queue.push(n);
    if (n % 3 > 0) taken.push((await queue.next()).value);
  }
  assertEquals(queue.length, 20_000 - taken.length);
  while (queue.length > 0) taken.push((await queue.next()).value);
  assertEquals(taken, Array.from({ length: 20_000 }, (_, n) => n));
});

Deno.test("EventQueue ends after what waits, tells its error once, and takes nothing more", async () => {
  const queue = new EventQueue<number>();
  queue.push(1);
  queue.end({ error: new Error("broken") });
  queue.end();
  queue.push(2);
  assertEquals(await queue.next(), { done: false, value: 1 });
  await assertRejects(() => queue.next(), Error, "broken");
  assertEquals(await queue.next(), { done: true, value: undefined });
});
