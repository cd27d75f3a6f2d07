import { type Credentials, login, Session, tradestation } from "../../mod.ts";
import type { Emulator } from "../../src/emulator/emulator.ts";

export const TOKEN_ROUTE = "POST /oauth/token";

/** Logs in, at a broker whose refresh tokens are good for one use. */
export async function logIn(emulator: Emulator): Promise<Credentials> {
  emulator.tradestation.rotation = true;
  return await login({
    ...emulator.tradestation,
    broker: tradestation,
    pasteAddress: (url) => emulator.submitConsent(url, "accept"),
  });
}

/** The refresh token that `toEnv()` writes. */
export function written(credentials: Credentials): string {
  return /^TRADESTATION_REFRESH_TOKEN=(.*)$/m.exec(credentials.toEnv())?.[1] ?? "";
}

/** Whether the next start of the program signs in with what was written. */
export async function isAlive(emulator: Emulator, refreshToken: string): Promise<boolean> {
  const options = { ...emulator.tradestation, broker: tradestation, refreshToken };
  await using session = new Session({ ...options, fetch: (input, init) => fetch(input, init) });
  return await session.validate();
}
