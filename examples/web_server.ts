// A web server whose requests share one session: what the accounts are worth, as JSON, on http://127.0.0.1:8080/;
// whether it can work, for a load balancer, on /health. On SIGTERM it answers what it has begun, signs out and ends.
// With your accounts if the environment has credentials, else the emulator's. Runs with `deno run -A`, `bun run` and
// `node`. Options: --port=8080; --broker=tradestation; --sandbox; --base-url=… for an emulator.
import process from "node:process";
import { parseArgs } from "node:util";
import { Account, AutoRefreshSession, type Session, SessionError } from "../mod.ts"; // "@tasty/session"
import { findPlace, PLACE_OPTIONS } from "./shared/place.ts";
import { serve } from "./shared/serve.ts";

async function runServer(): Promise<void> {
  const options = { ...PLACE_OPTIONS, port: { type: "string" } } as const;
  const { port = "8080", ...values } = parseArgs({ options }).values;
  await using place = await findPlace(values);
  // One for all requests: they share its tokens, its rate limit and its pauses after failures.
  await using session = await AutoRefreshSession.start({
    ...place.options,
    rateLimit: "published",
  });
  const worth = new Worth(session);
  const server = await serve(Number(port), (request) => answer(request, session, worth));
  console.log(server.url);
  await new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, resolve);
  });
  await server.stop(); // and then the session is closed, which the last requests still need
  console.log("Signed out");
}

async function answer({ url }: Request, session: Session, worth: Worth): Promise<Response> {
  const { hostname, pathname } = new URL(url);
  // Another site's name may be made to lead here, so that its scripts could read this.
  if (hostname !== "127.0.0.1") return Response.json({}, { status: 421 });
  if (pathname === "/health") return Response.json({}, { status: session.isGrantLost ? 503 : 200 });
  if (pathname !== "/") return Response.json({ error: "There is no such page" }, { status: 404 });
  try {
    return Response.json(await worth.read());
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    return Response.json({ error: error.message }, { status: 502 });
  }
}

/** What the accounts are worth. Visitors who come at once share one answer: tastytrade permits one in a second. */
class Worth {
  readonly #session: Session;
  #reading: Promise<unknown> | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  async read(): Promise<unknown> {
    this.#reading ??= this.#read().finally(() => this.#reading = undefined);
    return await this.#reading;
  }

  async #read(): Promise<unknown> {
    const accounts = await Account.get(this.#session);
    return await Promise.all(accounts.map(async (account) => {
      const { netLiquidatingValue, currency } = await account.balances();
      return { account: account.accountNumber, netLiquidatingValue, currency };
    }));
  }
}

await runServer().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
