/**
 * What may happen on a simulated day.
 *
 * @module
 */

import type { Random } from "../support/random.ts";
import type { Call, Kind, Running } from "./checks.ts";
import type { FaultProfile, FaultState } from "./faults.ts";
import type { Grant } from "./program.ts";
import type { SimulatedBroker } from "./simulated_broker.ts";
import type { SimulatedTime } from "./simulated_time.ts";

const DAY_MS = 86_400_000;

/** What an event can do. */
export interface DayActions {
  readonly random: Random;
  readonly profile: FaultProfile;
  readonly broker: SimulatedBroker;
  readonly time: SimulatedTime;
  readonly running: readonly Running[];
  readonly calls: ReadonlySet<Call>;
  readonly grant: Grant;
  call(running: Running, kind: Kind): void;
  abort(call: Call): void;
  sleep(ms: number): void;
  restart(index: number): void;
  login(): void;
}

/** A name, and what happens. */
type DayEvent = [string, () => void];

const KINDS: readonly [Kind, ...Kind[]] = [
  "get",
  "get",
  "get",
  "post",
  "post",
  "fetch",
  "accessToken",
  "refresh",
  "force",
];

/** Picks what happens next: mostly calls. */
export function pickEvent(day: DayActions): DayEvent {
  const isWild = day.random.chance(0.3);
  if (isWild) return day.random.pick([...faultEvents(day), ...otherEvents(day)]);
  const calls = day.random.pick([1, 1, 1, 2, 3, 10]);
  return ["calls", () => {
    for (let i = 0; i < calls; i++) {
      const running = day.running[day.random.between(0, 1)];
      if (running !== undefined) day.call(running, day.random.pick(KINDS));
    }
  }];
}

/** The time until the next event, in milliseconds. */
export function pickGapMs({ random, profile }: Pick<DayActions, "random" | "profile">): number {
  const { lifetimeS } = profile;
  const ms = random.pick([
    0,
    random.between(0, 50),
    random.between(0, 50),
    random.between(0, 3_000),
    random.between(0, 3_000),
    random.between(0, 30_000),
    random.between(0, lifetimeS * 500),
    random.between(0, lifetimeS * 1_100),
  ]);
  return Math.min(ms, 300_000 + lifetimeS * 200, lifetimeS * 20_000, 3_600_000);
}

/** A fault begins or ends. */
function faultEvents(day: DayActions): readonly [DayEvent, ...DayEvent[]] {
  const { faults } = day.broker;
  const is = (part: keyof FaultState) => faults[part] !== "fair";
  return [
    ["token endpoint", () => {
      faults.token = is("token")
        ? "fair"
        : day.random.pick(["busy", "later", "refused", "hang", "garbage", "not yet", "lost"]);
      // Of what is lost here with a one-time refresh token, only a new login helps.
      if (faults.token === "lost" && day.profile.isOneTime && day.random.chance(0.8)) {
        faults.token = "refused";
      }
    }],
    ["token endpoint is well", () => {
      faults.token = "fair";
    }],
    ["API", () => {
      faults.api = is("api")
        ? "fair"
        : day.random.pick(["down", "denied", "hang", "refused", "denied"]);
    }],
    ["API is well", () => {
      faults.api = "fair";
    }],
    ["store", () => {
      faults.store = is("store")
        ? "fair"
        : day.random.pick(["slow", "slow", "late", "broken", "unwritable", "mute"]);
    }],
    ["store is well", () => {
      faults.store = "fair";
    }],
  ];
}

/** What programs, users and machines do. */
function otherEvents(day: DayActions): readonly DayEvent[] {
  return [
    ["access tokens revoked", () => day.broker.revokeAccessTokens(day.grant)],
    ["access tokens revoked", () => day.broker.revokeAccessTokens(day.grant)],
    ["grant", () => {
      if (day.random.chance(0.3)) {
        day.grant.isRevoked = true;
        day.broker.revokeAccessTokens(day.grant);
      }
    }],
    ["sleep", () => day.sleep(day.random.size(1_000, 8 * 3_600_000))],
    ["sleep", () => day.sleep(day.random.size(1_000, 8 * 3_600_000))],
    ["clock is set", () => {
      const ms = day.random.size(1, DAY_MS) * day.random.pick([-1, 1]);
      day.time.setWall(Date.now() + ms);
    }],
    ["aborts", () => {
      for (const call of day.calls) if (day.random.chance(0.5)) day.abort(call);
    }],
    ["restart", () => day.restart(day.random.pick([0, 1]))],
    ["restart", () => day.restart(day.random.pick([0, 1]))],
    ["login", () => day.login()],
  ];
}
