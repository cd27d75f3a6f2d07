import { Session, type SessionOptions } from "../../mod.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { idle, settle } from "../support/idle.ts";
import { ScriptedBroker } from "../support/scripted_broker.ts";

/** A session under limits, on a clock of its own. */
export async function paced(
  rateLimit: SessionOptions["rateLimit"],
  options: SessionOptions = {},
): Promise<{ clock: FakeClock; broker: ScriptedBroker; session: Session; departures: number[] }> {
  const clock = new FakeClock({ timers: true });
  const broker = new ScriptedBroker();
  broker.lifetimeS = 1e6;
  const session = new Session({ ...broker.options, timeoutMs: 600_000, rateLimit, ...options });
  await import("../../src/call/rate_limiter.ts"); // the session has begun to load it before
  await session.refresh();
  const startedAt = performance.now();
  const departures: number[] = [];
  broker.onRequest = () => {
    departures.push(performance.now() - startedAt);
    return new Response("{}");
  };
  return { clock, broker, session, departures };
}

/** Time passes in steps, and what is due happens in between. */
export async function pass(clock: FakeClock, ms: number, stepMs: number): Promise<void> {
  await idle();
  for (let passed = 0; passed < ms; passed += stepMs) {
    clock.advance(stepMs);
    for (let i = 0; i < 3; i++) await settle();
  }
  await idle();
}

/** The most departures in any window of so long. */
export function mostIn(departures: readonly number[], windowMs: number): number {
  return Math.max(
    ...departures.map((start) =>
      departures.filter((at) => at >= start && at < start + windowMs).length
    ),
  );
}
