import { assertEquals } from "@std/assert";
import { ref, unref } from "../../src/net/timer.ts";

/** Timers as Deno had them before 2.8. */
class NumberedTimers implements Disposable {
  readonly told: unknown[] = [];
  readonly #before = { refTimer: Deno.refTimer, unrefTimer: Deno.unrefTimer };

  constructor() {
    Object.assign(Deno, {
      refTimer: (timer: number) => this.told.push(["ref", timer]),
      unrefTimer: (timer: number) => this.told.push(["unref", timer]),
    });
  }

  [Symbol.dispose](): void {
    Object.assign(Deno, this.#before);
  }
}

Deno.test("unref() and ref() tell a timer that is an object by its methods", () => {
  const told: string[] = [];
  const timer = { ref: () => told.push("ref"), unref: () => told.push("unref") };
  unref(timer);
  ref(timer);
  assertEquals(told, ["unref", "ref"]);
});

Deno.test("unref() and ref() tell Deno of a timer that is a number", () => {
  using timers = new NumberedTimers();
  unref(7);
  ref(7);
  assertEquals(timers.told, [["unref", 7], ["ref", 7]]);
});

Deno.test("unref() and ref() leave alone what is no timer, or a timer that cannot be told", () => {
  using timers = new NumberedTimers();
  for (const timer of [undefined, null, {}]) {
    unref(timer);
    ref(timer);
  }
  assertEquals(timers.told, []);
});
