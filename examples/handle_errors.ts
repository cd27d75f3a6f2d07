// Shows what a program does about each error. Sends one order again and again, to an emulator that
// injects faults, never to a broker. Runs with `deno run -A`, `bun run` and `node`.
import { ApiError, CredentialsError, RateLimitError, Session, SessionClosedError } from "../mod.ts";
import { SessionError, TokenError } from "../mod.ts"; // in your program: "@tasty/session"
import { startEmulator, tastytradeFaults } from "../src/emulator/emulator.ts"; // "@tasty/session/emulator"

async function send(open: () => Session, signal?: AbortSignal): Promise<void> {
  const order = async () =>
    await open().post("/accounts/5WT00000/orders", { "order-type": "Market" }, { signal });
  await order().catch((error) => console.log(`${error.name}: ${cure(error)}`));
}

function cure(error: unknown): string {
  if (!(error instanceof SessionError)) return "stop: the reason is your own";
  if (error.outcome === "unknown") return "look for the order: it may be working";
  if (error instanceof CredentialsError) return `correct the settings, ${error.code}`;
  if (error instanceof TokenError) return error.isPermanent ? "log in again" : "try again later";
  if (error instanceof RateLimitError) return `wait ${error.retryAfterMs ?? 60_000} ms`;
  if (error instanceof ApiError) return error.errors.map(({ message }) => message).join(", ");
  if (error instanceof SessionClosedError) return "open another session";
  return "send it again";
}

await using emulator = await startEmulator();
const options = { ...emulator.tastytrade, retry: false } as const; // so that it shows them at once
await send(() => new Session({ ...options, refreshToken: '"copied with its quotes"' }));
emulator.injectFault("POST /oauth/token", tastytradeFaults.grantRevoked);
await send(() => new Session(options));

await using session = new Session(options);
const { preflightFailed, tooManyRequests, badGateway } = tastytradeFaults;
for (const fault of [preflightFailed, tooManyRequests, badGateway, "reset"] as const) {
  emulator.injectFault("POST /accounts/*/orders", fault);
  await send(() => session);
}
await send(() => session, AbortSignal.abort(new Error("the user pressed Cancel")));
await session.close();
await send(() => session);
await emulator.close();
await send(() => new Session(options)); // nobody listens there any more
