// A user's program, for the TypeScript compiler: without the types of browsers, and with everything
// that the package exports.
import * as module from "@tasty/session";
import {
  Account,
  type Broker,
  type CallOptions,
  type RequestOptions,
  Session,
  type SessionOptions,
  type SessionRequestInit,
  type TokenStore,
} from "@tasty/session";
import { type Emulator, startEmulator } from "@tasty/session/emulator";
import { encryptedStore, redisStore } from "@tasty/session/stores";

const emulator: Emulator = await startEmulator({ port: 0, clientSecret: "secret" });
const store: TokenStore = module.fileStore("tokens");
const redis: TokenStore = redisStore({ sendCommand: (args: string[]) => Promise.resolve(args[0]) });
export const encrypted: TokenStore = encryptedStore(redis, "a key");
const broker: Broker = module.tradestation;
const options: SessionOptions = { broker, ...emulator.tradestation, store };
const session: AsyncDisposable & Disposable = new Session(options);
const init: SessionRequestInit = { method: "POST", body: () => new Blob(["{}"]), timeoutMs: 1 };
const request: RequestOptions = { headers: { accept: "text/csv" }, query: { status: ["Live"] } };
const call: CallOptions = { signal: AbortSignal.timeout(1_000) };

/** Uses what a session returns. */
export async function main(session: Session): Promise<string | undefined> {
  const response: Response = await session.fetch("/accounts", init);
  await session.accessToken(call);
  await session.get<{ items: string[] }>("/accounts", request);
  const accounts: Account[] = await Account.get(session);
  // @ts-expect-error An amount is a string.
  const amount: number | undefined = (await accounts[0]?.balances())?.netLiquidatingValue;
  return response.headers.get("date") ?? String(amount);
}

// @ts-expect-error An option that does not exist.
export const wrong: SessionOptions = { sandbx: true };
export default session;
