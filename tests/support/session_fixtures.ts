import { Session, type SessionOptions } from "../../mod.ts";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";

export const TOKEN_ROUTE = "POST /oauth/token";

export const ME = "/customers/me";

/** A session with the emulator; `using` closes both. */
export async function open(
  options: SessionOptions = {},
): Promise<AsyncDisposable & { emulator: Emulator; session: Session }> {
  const emulator = await startEmulator();
  const session = new Session({ ...emulator.tastytrade, retry: false, ...options });
  return {
    emulator,
    session,
    async [Symbol.asyncDispose]() {
      await session.close();
      await emulator.close();
    },
  };
}
