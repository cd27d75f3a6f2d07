import { assertRejects } from "@std/assert";
import { Session, type SessionError, type SessionOptions } from "../../mod.ts";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";

export const ME = "/customers/me";

export const ORDERS = "/accounts/5WT00000/orders";

/** Runs one call against the emulator and returns the error that it ends with. */
export async function errorAfter(
  prepare: (emulator: Emulator) => SessionOptions | void,
  call: (session: Session) => Promise<unknown> = (session) => session.get(ME),
): Promise<SessionError> {
  await using emulator = await startEmulator();
  const options = prepare(emulator) ?? {};
  await using session = new Session({
    ...emulator.tastytrade,
    retry: false,
    ...options,
  });
  return await assertRejects(() => call(session), Error) as SessionError;
}
