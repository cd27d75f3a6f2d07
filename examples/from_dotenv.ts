// Signs in with the credentials of a .env file, which go nowhere else: not into the environment, where
// every program that this one starts would find them. Without a file, at the emulator. For Deno:
//   deno run --allow-read=.env --allow-net examples/from_dotenv.ts [file] [--base-url=…]
// Bun reads .env by itself and Node does with --env-file=.env: there `new Session()` is enough.
import { parseArgs } from "node:util";
import { load } from "@std/dotenv";
import { Account, Session } from "../mod.ts"; // in your program: "@tasty/session"
import { startEmulator } from "../src/emulator/emulator.ts"; // "@tasty/session/emulator"

async function signIn(): Promise<void> {
  const options = { "base-url": { type: "string" } } as const;
  const { values, positionals } = parseArgs({ args: Deno.args, options, allowPositionals: true });
  const [envPath = ".env"] = positionals;
  const { TASTY_CLIENT_SECRET: clientSecret, TASTY_REFRESH_TOKEN: refreshToken } = await load({
    envPath,
  });
  const isOwn = clientSecret || refreshToken;
  await using emulator = isOwn ? undefined : await startEmulator();
  if (emulator) console.log(`No TASTY_CLIENT_SECRET in ${envPath}: emulated accounts`);
  const credentials = emulator?.tastytrade ?? { clientSecret, refreshToken };
  await using session = new Session({ baseUrl: values["base-url"], ...credentials });

  for (const { accountNumber, nickname } of await Account.get(session)) {
    console.log(accountNumber, nickname);
  }
}

await signIn().catch((error: Error) => {
  console.error(error.message);
  Deno.exitCode = 1;
});
