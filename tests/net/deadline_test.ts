import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Deadline, MAX_TIMEOUT_MS } from "../../src/net/deadline.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { ABORTED, TIMED_OUT } from "./deadline_fixtures.ts";

/** A signal that knows how many listen to it. */
function countedSignal(): { abort(): void; signal: AbortSignal; listening(): number } {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (type: string, listener: EventListenerOrEventListenerObject) => {
    listeners.add(listener);
    add(type, listener);
  };
  signal.removeEventListener = (type: string, listener: EventListenerOrEventListenerObject) => {
    listeners.delete(listener);
    remove(type, listener);
  };
  return { abort: () => controller.abort(ABORTED), signal, listening: () => listeners.size };
}

/** What a promise rejects with. */
async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  return await assertRejects(() => promise);
}

Deno.test("Deadline ends when its time is up, not before, with the reason made at that moment", () => {
  using clock = new FakeClock({ timers: true });
  let state = "early";
  const deadline = new Deadline(50, () => new Error(state));
  clock.advance(49);
  assertFalse(deadline.signal.aborted);
  state = "late";
  clock.advance(1);
  assert(deadline.signal.aborted);
  assertEquals(deadline.signal.reason.message, "late");
});

Deno.test("Deadline ends with the caller's own reason, in the same tick", () => {
  using clock = new FakeClock({ timers: true });
  const caller = countedSignal();
  const deadline = new Deadline(50, () => TIMED_OUT, caller.signal);
  caller.abort();
  assertStrictEquals(deadline.signal.reason, ABORTED);
  assertEquals(clock.armed, 0);
  assertEquals(caller.listening(), 0);
});

Deno.test("Deadline throws the caller's reason if that is aborted already, and arms nothing", async () => {
  using clock = new FakeClock({ timers: true });
  const caller = countedSignal();
  caller.abort();
  const made = Promise.try(() => new Deadline(50, () => TIMED_OUT, caller.signal));
  assertStrictEquals(await reasonOf(made), ABORTED);
  assertEquals([clock.armed, caller.listening()], [0, 0]);
});

Deno.test("Deadline.dispose() releases the timer and the caller's signal, also when called twice", () => {
  using clock = new FakeClock({ timers: true });
  const caller = countedSignal();
  const deadline = new Deadline(50, () => TIMED_OUT, caller.signal);
  assertEquals([clock.armed, caller.listening()], [1, 1]);
  deadline.dispose();
  deadline.dispose();
  assertEquals([clock.armed, caller.listening()], [0, 0]);
  caller.abort();
  clock.advance(100);
  assertFalse(deadline.signal.aborted);
});

Deno.test("Deadline releases the caller's signal when its time is up", () => {
  using clock = new FakeClock({ timers: true });
  const caller = countedSignal();
  const deadline = new Deadline(50, () => TIMED_OUT, caller.signal);
  clock.advance(50);
  assertEquals(caller.listening(), 0);
  caller.abort();
  assertStrictEquals(deadline.signal.reason, TIMED_OUT);
});

Deno.test("Deadline.stopTimer() leaves the caller and abort() to end the call", () => {
  using clock = new FakeClock({ timers: true });
  const caller = countedSignal();
  const deadline = new Deadline(50, () => TIMED_OUT, caller.signal);
  deadline.stopTimer();
  clock.advance(100);
  assertEquals([deadline.signal.aborted, clock.armed, caller.listening()], [false, 0, 1]);
  caller.abort();
  assertStrictEquals(deadline.signal.reason, ABORTED);
});

Deno.test("Deadline.abort() ends the call with the first reason it was given", () => {
  using clock = new FakeClock({ timers: true });
  const caller = countedSignal();
  const deadline = new Deadline(50, () => TIMED_OUT, caller.signal);
  deadline.abort("closed");
  deadline.abort("closed again");
  assertStrictEquals(deadline.signal.reason, "closed");
  assertEquals([clock.armed, caller.listening()], [0, 0]);
});

Deno.test("Deadline takes null for no caller, as fetch does", () => {
  using clock = new FakeClock({ timers: true });
  const deadline = new Deadline(50, () => TIMED_OUT, null);
  clock.advance(50);
  assertStrictEquals(deadline.signal.reason, TIMED_OUT);
});

Deno.test("Deadline.sleep() lasts for its time, or until the call ends, and leaves no timer", async () => {
  using clock = new FakeClock({ timers: true });
  const deadline = new Deadline(50, () => TIMED_OUT);
  assertEquals(deadline.remainingMs, 50);
  let isOver = false;
  const pause = deadline.sleep(20).then(() => isOver = true);
  clock.advance(19);
  assertEquals([isOver, deadline.remainingMs], [false, 31]);
  clock.advance(1);
  await pause;
  const second = reasonOf(deadline.sleep(100));
  clock.advance(30);
  assertStrictEquals(await second, TIMED_OUT);
  assertEquals(clock.armed, 0);
});

Deno.test("Deadline.race() passes on what the promise brings", async () => {
  using _clock = new FakeClock({ timers: true });
  const deadline = new Deadline(50, () => TIMED_OUT);
  assertEquals(await deadline.race(Promise.resolve("token")), "token");
  assertStrictEquals(await reasonOf(deadline.race(Promise.reject(ABORTED))), ABORTED);
  deadline.abort(TIMED_OUT); // to which nobody listens any more
});

Deno.test("Deadline ends every wait that is under way, in the same tick", async () => {
  using _clock = new FakeClock({ timers: true });
  const deadline = new Deadline(50, () => TIMED_OUT);
  const ends: unknown[] = [];
  for (let i = 0; i < 3; i++) deadline.race(new Promise(() => {})).catch((end) => ends.push(end));
  deadline.abort(ABORTED);
  await Promise.resolve();
  assertEquals(ends, [ABORTED, ABORTED, ABORTED]);
});

Deno.test("Deadline.race() ends with the call, and leaves the promise to the others", async () => {
  using clock = new FakeClock({ timers: true });
  const { promise, resolve } = Promise.withResolvers<string>();
  const hasty = new Deadline(50, () => TIMED_OUT);
  const patient = new Deadline(5_000, () => TIMED_OUT);
  const hastyWait = reasonOf(hasty.race(promise));
  const patientWait = patient.race(promise);
  clock.advance(50);
  assertStrictEquals(await hastyWait, TIMED_OUT);
  resolve("token");
  assertEquals(await patientWait, "token");
  patient.dispose();
});

Deno.test("Deadline.race() after the end rejects at once, whatever becomes of the promise", async () => {
  using _clock = new FakeClock({ timers: true });
  const deadline = new Deadline(50, () => TIMED_OUT);
  deadline.abort(ABORTED);
  assertStrictEquals(await reasonOf(deadline.race(new Promise(() => {}))), ABORTED);
  const failing = Promise.reject(new Error("late")); // must not become an unhandled rejection
  assertStrictEquals(await reasonOf(deadline.race(failing)), ABORTED);
});

Deno.test("MAX_TIMEOUT_MS is the last delay that setTimeout does not take for none", () => {
  assertEquals(MAX_TIMEOUT_MS, 2_147_483_647);
});

Deno.test("Deadline that is looked at too late waits a second for what has arrived, and lets nothing begin", async () => {
  using clock = new FakeClock({ timers: true });
  const deadline = new Deadline(10_000, () => TIMED_OUT);
  const arrived = Promise.withResolvers<string>();
  const read = deadline.race(arrived.promise);
  clock.sleepMonotonic(60_000); // the process was stopped
  clock.advance(10_000);
  assertFalse(deadline.signal.aborted);
  arrived.resolve("the one-time token");
  assertEquals(await read, "the one-time token");
  assertThrows(() => deadline.throwIfOver(), Error, TIMED_OUT.message);
  assert(deadline.signal.aborted);

  const silent = new Deadline(10_000, () => TIMED_OUT);
  clock.sleepMonotonic(60_000);
  clock.advance(10_999);
  assertFalse(silent.signal.aborted);
  clock.advance(1);
  assert(silent.signal.aborted);
  assertEquals(clock.armed, 0);
});

Deno.test("Deadline that is looked at in time waits for nothing", () => {
  using clock = new FakeClock({ timers: true });
  const deadline = new Deadline(10_000, () => TIMED_OUT);
  clock.advance(10_000);
  assert(deadline.signal.aborted);
  assertEquals(clock.armed, 0);
});
