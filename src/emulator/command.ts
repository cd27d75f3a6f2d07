import { parseArgs } from "node:util";
import { type Emulator, type ReceivedRequest, startEmulator } from "./emulator.ts";

/** Where a command writes, and what interrupts it. */
export interface Terminal {
  /** Writes a line. */
  print(line: string): void;
  /** Writes an error line. */
  printError(line: string): void;
  /** Resolves when the user interrupts the command. */
  readonly interrupted: Promise<void>;
}

// Fixed, so that a copied address remains valid.
const DEFAULT_PORT = "8787";

const HELP = `Starts the emulator of the brokers on this machine.

  --port=N  the port on 127.0.0.1 (${DEFAULT_PORT}); 0 is any free one`;

/** Runs an emulator until it is interrupted, one line for each request; returns the exit code. */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const port = parsePort(args);
  if (port === undefined) {
    terminal.printError(HELP);
    return 2;
  }
  const emulator = await start(port, terminal);
  if (emulator === undefined) return 1;
  for (const line of introduce(emulator)) terminal.print(line);
  await terminal.interrupted;
  await emulator.close();
  return 0;
}

async function start(port: number, terminal: Terminal): Promise<Emulator | undefined> {
  const onRequest = (request: ReceivedRequest) => terminal.print(describe(request));
  try {
    return await startEmulator({ port, onRequest });
  } catch (error) {
    terminal.printError(
      `Cannot start the emulator on port ${port}: choose another one with --port=N (${error})`,
    );
    return undefined;
  }
}

/** The port, or `undefined` if the arguments are invalid. */
function parsePort(args: readonly string[]): number | undefined {
  try {
    const options = { port: { type: "string", default: DEFAULT_PORT } } as const;
    const { port } = parseArgs({ args: [...args], options }).values;
    return /^\d{1,5}$/.test(port) && Number(port) <= 65_535 ? Number(port) : undefined;
  } catch {
    return undefined;
  }
}

function introduce({ url, tastytrade, tradestation }: Emulator) {
  const { baseUrl, clientSecret, refreshToken } = tastytrade;
  return [
    `The emulator listens on ${url}; no real account is behind it. Ctrl+C ends it.`,
    "",
    `export TASTY_CLIENT_SECRET=${clientSecret}`,
    `export TASTY_REFRESH_TOKEN=${refreshToken}`,
    "",
    `deno run -A examples/accounts.ts --base-url=${baseUrl}`,
    "",
    `new Session({ baseUrl: "${baseUrl}" })`,
    "",
    `export TRADESTATION_CLIENT_ID=${tradestation.clientId}`,
    `export TRADESTATION_CLIENT_SECRET=${tradestation.clientSecret}`,
    `export TRADESTATION_REFRESH_TOKEN=${tradestation.refreshToken}`,
    "",
    "new Session({",
    "  broker: tradestation,",
    `  baseUrl: "${tradestation.baseUrl}",`,
    `  signInUrl: "${tradestation.signInUrl}",`,
    "})",
    "",
  ];
}

/** A request without anything secret: no headers, no body, no query. */
function describe({ method, path, broker, environment, status }: ReceivedRequest): string {
  const place = [broker ?? "nowhere", environment].filter((word) => word !== undefined);
  const words = [...place, method, path.replace(/\?.*/, ""), status ?? "no response"];
  return words.join(" ");
}
