// Signs in with the credentials of a .env file, which go nowhere else: not into the environment, where
// every program that this one starts would find them. Without a file, at the emulator. For Deno:
//   deno run --allow-read=.env --allow-net examples/from_dotenv.ts [file] [--broker=tradestation]
//     [--base-url=… --sign-in-url=…]
// Bun reads .env by itself and Node does with --env-file=.env: there `new Session()` is enough.
import { parseArgs } from "node:util";
import { load } from "@std/dotenv";
import { Account, Session, tradestation } from "../mod.ts"; // in your program: "@tasty/session"
import { startEmulator } from "../src/emulator/emulator.ts"; // "@tasty/session/emulator"
import { brokerNamed } from "./shared/place.ts";

async function signIn(): Promise<void> {
  const text = { type: "string" } as const;
  const options = { "broker": text, "base-url": text, "sign-in-url": text };
  const { values, positionals } = parseArgs({ args: Deno.args, options, allowPositionals: true });
  const [envPath = ".env"] = positionals;
  const broker = brokerNamed(values.broker ?? "tastytrade");
  const { envVariables: names } = broker;
  const file = await load({ envPath });
  const own = {
    clientId: file[names.clientId],
    clientSecret: file[names.clientSecret],
    refreshToken: file[names.refreshToken],
    baseUrl: values["base-url"],
    signInUrl: values["sign-in-url"],
  };
  const isOwn = own.clientSecret || own.refreshToken;
  await using emulator = isOwn ? undefined : await startEmulator();
  if (emulator) console.log(`No ${names.clientSecret} in ${envPath}: emulated accounts`);
  const emulated = broker === tradestation ? emulator?.tradestation : emulator?.tastytrade;
  await using session = new Session({ broker, ...(emulated ?? own) });

  for (const { accountNumber, nickname, accountType = "" } of await Account.get(session)) {
    console.log(accountNumber, nickname ?? accountType);
  }
}

await signIn().catch((error: Error) => {
  console.error(error.message);
  Deno.exitCode = 1;
});
