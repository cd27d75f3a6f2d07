// Logs in with the browser, and offers to keep what comes of it in .env, for `new Session()` to find.
// Runs with `deno run -A`, `bun run` and `node`. Options: --broker=tradestation, --sandbox, --port=…,
// --manual where there is no browser, --file=…; --api=… and --site=… for an emulator.
import { existsSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import process from "node:process";
import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { Account, login, Session, tastytrade, tradestation } from "../mod.ts"; // "@tasty/session"

const [text, flag] = [{ type: "string" }, { type: "boolean" }] as const;
const texts = { broker: text, port: text, file: text, api: text, site: text };
const brokers = new Map(Object.entries({ tastytrade, tradestation }));
const terminal = createInterface({ input: process.stdin, output: process.stdout });
const stop = new AbortController();
terminal.once("close", () => stop.abort(new Error("Not answered"))); // Ctrl+C, or the end of a file

async function logIn(): Promise<void> {
  const { values } = parseArgs({ options: { ...texts, manual: flag, sandbox: flag } });
  const { broker = "tastytrade", file = ".env", sandbox, manual } = values;
  if (!brokers.has(broker)) throw new Error(`--broker is one of ${[...brokers.keys()].join(", ")}`);
  const ask = (url: string, problem?: Error) =>
    terminal.question(`${problem?.message ?? ""}\nOpen\n\n${url}\n\nand paste where it ends: `);
  const credentials = await login({
    broker: brokers.get(broker),
    sandbox,
    port: values.port ? Number(values.port) : undefined,
    baseUrl: values.api,
    signInUrl: values.site,
    pasteAddress: manual ? ask : undefined,
    signal: stop.signal,
  });
  await using session = new Session(credentials);
  const numbers = (await Account.get(session)).map((account) => account.accountNumber);
  console.log("Signed in:", numbers.join(", "));
  const answer = await terminal.question(`Write the credentials to ${file}? [y/N] `, stop);
  if (!/^y(es)?$/i.test(answer.trim())) return console.log("Nothing is written");

  const own = Object.values(credentials.broker.envVariables).join("|");
  const ownLines = new RegExp(`^[ \\t]*(export[ \\t]+)?(${own})[ \\t]*=.*(\\n|$)`, "gm");
  const others = (existsSync(file) ? await readFile(file, "utf8") : "").replace(ownLines, "");
  const end = others === "" || others.endsWith("\n") ? "" : "\n";
  await writeFile(`${file}.new`, others + end + credentials.toEnv(), { mode: 0o600, flag: "wx" });
  await rename(`${file}.new`, file); // all of it, or nothing
  console.log("Written to", file);
}

await logIn().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
}).finally(() => terminal.close());
