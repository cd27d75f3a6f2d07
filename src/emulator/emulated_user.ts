import type { EmulatedTastytrade } from "./tastytrade/access.ts";
import type { EmulatedTradestation } from "./tradestation/access.ts";

/** A user of the emulated brokers, with what a session needs to act for them. */
export interface EmulatedUser {
  /** tastytrade's production. */
  readonly tastytrade: EmulatedTastytrade;
  /** tastytrade's sandbox, with an address, a grant and tokens of its own. */
  readonly tastytradeSandbox: EmulatedTastytrade & { readonly sandbox: true };
  /** TradeStation's LIVE. */
  readonly tradestation: EmulatedTradestation;
  /** TradeStation's SIM. */
  readonly tradestationSandbox: EmulatedTradestation & { readonly sandbox: true };
}
