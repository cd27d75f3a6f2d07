/**
 * What goes wrong in the simulated world.
 *
 * @module
 */

/** What is wrong with the world at the moment. */
export interface FaultState {
  token:
    | "fair"
    | "busy"
    | "later"
    | "refused"
    | "lost"
    | "hang"
    | "garbage"
    | "not yet";
  api: "fair" | "down" | "denied" | "hang" | "refused";
  store: "fair" | "slow" | "late" | "broken" | "unwritable" | "mute";
}

/** What is so all day. */
export interface FaultProfile {
  readonly isOneTime: boolean;
  readonly hasStore: boolean;
  readonly lifetimeS: number;
  readonly isLifetimeSteady: boolean;
  /** How the endpoint writes `expires_in`. */
  readonly writes: "number" | "text" | "nothing";
  readonly defaultLifetimeMs: number;
  readonly latencyMs: number;
  readonly tokenUrl: string;
}

/** How often what happened: a day on which nothing happens proves nothing. */
export type Counts = Record<string, number>;

/** An error of the store, which goes through to the caller as it is. */
export class StoreFailure extends Error {}
