import type { JsonObject } from "./response.ts";

/** An order that was placed. */
export interface EmulatedOrder {
  /** The broker. */
  readonly broker: "tastytrade" | "tradestation";
  /** The environment. */
  readonly environment: "production" | "sandbox";
  /** The account. */
  readonly accountNumber: string;
  /** Its id, unique in its environment. At TradeStation it is a string. */
  readonly id: number | string;
  /** Its current status, in the broker's words: `Live`, `ACK`, …. */
  readonly status: string;
  /** The id of the order that it replaced. At TradeStation a replaced order keeps its id. */
  readonly replaces: number | undefined;
  /** The order's current JSON. */
  readonly wire: JsonObject;
}
