import type { EmulatedTastytrade } from "./tastytrade/access.ts";
import type { EmulatedTradestation } from "./tradestation/access.ts";

/** A user of the emulated brokers. A spread has what a session needs: `{ ...user.tastytrade }`. */
export interface EmulatedUser {
  /** tastytrade's production. */
  readonly tastytrade: EmulatedTastytrade;
  /** tastytrade's sandbox, with an address, a grant and tokens of its own. */
  readonly tastytradeSandbox: EmulatedTastytrade & { readonly sandbox: true };
  /** TradeStation's LIVE, and the settings of TradeStation. */
  readonly tradestation: EmulatedTradestation;
  /**
   * TradeStation's SIM: another address for the API, and all else the same. The documentation has one
   * sign-in and one audience and mentions no separate tokens for SIM, so here a token works for both;
   * UNCONFIRMED.
   */
  readonly tradestationSandbox: EmulatedTradestation & { readonly sandbox: true };
}
