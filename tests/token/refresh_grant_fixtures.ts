import { Session, type SessionOptions, tradestation } from "../../mod.ts";
import type { Emulator } from "../../src/emulator/emulator.ts";

export const TOKEN_ROUTE = "POST /oauth/token";

/** A session whose refresh tokens are good for one use. */
export function rotating(emulator: Emulator, options: SessionOptions = {}): Session {
  emulator.tradestation.rotation = true;
  return new Session({ broker: tradestation, ...emulator.tradestation, ...options });
}
