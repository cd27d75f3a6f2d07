import { assertEquals } from "@std/assert";
import { ref, unref } from "../../src/net/timer.ts";

Deno.test("unref() and ref() call the methods of a timer", () => {
  const told: string[] = [];
  const timer = { ref: () => told.push("ref"), unref: () => told.push("unref") };
  unref(timer);
  ref(timer);
  assertEquals(told, ["unref", "ref"]);
});

Deno.test("unref() and ref() leave alone what has no such methods, as a browser's timers", () => {
  for (const timer of [undefined, {}, 7]) {
    unref(timer);
    ref(timer);
  }
});
