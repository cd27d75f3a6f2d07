import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import { Deadline, DeadlineGroup } from "../../src/net/deadline.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { ABORTED, TIMED_OUT } from "./deadline_fixtures.ts";

Deno.test("DeadlineGroup have one timer between them, and each call ends in its own time", () => {
  using clock = new FakeClock({ timers: true });
  const beside = new DeadlineGroup();
  const [long, short, longest] = [60, 20, 90].map((ms) =>
    new Deadline(ms, () => TIMED_OUT, null, beside)
  );
  assertEquals(clock.armed, 1);
  const ended = () => [short, long, longest].map((deadline) => deadline?.signal.aborted);
  clock.advance(20);
  assertEquals(ended(), [true, false, false]);
  clock.advance(39);
  assertEquals(ended(), [true, false, false]);
  clock.advance(1);
  assertEquals(ended(), [true, true, false]);
  longest?.stopTimer();
  assertEquals(clock.armed, 0);
  beside.close(() => ABORTED);
  assertStrictEquals(longest?.signal.reason, ABORTED);
});

Deno.test("DeadlineGroup that keep their timer let the process end between calls, and rearm it for a shorter one", () => {
  using clock = new FakeClock({ timers: true });
  const beside = new DeadlineGroup({ keepsTimer: true });
  const timers = () => [clock.armed, clock.holding];
  new Deadline(1_000, () => TIMED_OUT, null, beside).dispose();
  assertEquals(timers(), [1, 0]);
  clock.advance(500);
  const second = new Deadline(1_000, () => TIMED_OUT, null, beside);
  assertEquals(timers(), [1, 1]);
  clock.advance(999); // the first would be over by now
  assertFalse(second.signal.aborted);
  assertEquals(timers(), [1, 1]);
  clock.advance(1);
  assert(second.signal.aborted);
  assertEquals(timers(), [0, 0]);

  const long = new Deadline(1_000, () => TIMED_OUT, null, beside);
  long.dispose();
  const short = new Deadline(10, () => TIMED_OUT, null, beside);
  clock.advance(10);
  assert(short.signal.aborted);
  new Deadline(1_000, () => TIMED_OUT, null, beside).dispose();
  clock.advance(1_000); // it rings for nobody
  assertEquals(timers(), [0, 0]);
  new Deadline(1_000, () => TIMED_OUT, null, beside).dispose();
  beside.close(() => ABORTED);
  assertEquals(timers(), [0, 0]);
  new Deadline(1_000, () => TIMED_OUT, null, beside).dispose(); // what comes late keeps nothing
  assertEquals(timers(), [0, 0]);
});

Deno.test("DeadlineGroup end a short call in time after a sleep that the timer has not noticed", () => {
  using clock = new FakeClock({ timers: true });
  const beside = new DeadlineGroup();
  const before = new Deadline(30_000, () => TIMED_OUT, null, beside);
  clock.sleepMonotonic(3_600_000);
  const after = new Deadline(50, () => TIMED_OUT, null, beside);
  clock.advance(0);
  clock.advance(49);
  assertFalse(after.signal.aborted);
  clock.advance(1);
  assert(after.signal.aborted);
  clock.advance(950);
  assert(before.signal.aborted);
  assertEquals(clock.armed, 0);
});

Deno.test("DeadlineGroup end a short call in time after a sleep that has left the timer some time", () => {
  using clock = new FakeClock({ timers: true });
  const beside = new DeadlineGroup();
  const before = new Deadline(30_000, () => TIMED_OUT, null, beside);
  clock.sleepMonotonic(29_900); // its timer has 30 s left, and it has 0.1
  const after = new Deadline(200, () => TIMED_OUT, null, beside);
  clock.advance(100);
  assert(before.signal.aborted);
  clock.advance(100);
  assert(after.signal.aborted);
  assertEquals(clock.armed, 0);
});
