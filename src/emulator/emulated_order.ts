import type { JsonObject } from "./response.ts";

/** An order that a client placed. */
export interface EmulatedOrder {
  /** The broker that took it. */
  readonly broker: "tastytrade" | "tradestation";
  /** The environment that took it. */
  readonly environment: "production" | "sandbox";
  /** The account that it was placed in. */
  readonly accountNumber: string;
  /** Its number, unique in its environment; TradeStation writes it as text. */
  readonly id: number | string;
  /** Its status now in the broker's words, as `Live` or `ACK`. */
  readonly status: string;
  /** The order that it replaced; at TradeStation a replaced order stays the same one. */
  readonly replaces: number | undefined;
  /** The order as the wire has it now. */
  readonly wire: JsonObject;
}
