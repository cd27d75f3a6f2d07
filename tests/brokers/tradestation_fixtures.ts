import { Session, type SessionOptions, tradestation } from "../../mod.ts";
import type { Emulator } from "../../src/emulator/emulator.ts";

export const ACCOUNTS = "/brokerage/accounts";

export function open(emulator: Emulator, options: SessionOptions = {}): Session {
  return new Session({
    broker: tradestation,
    ...emulator.tradestation,
    retry: false,
    ...options,
  });
}
