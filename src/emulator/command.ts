import { parseArgs } from "node:util";
import {
  type Emulator,
  type EmulatorOptions,
  type ReceivedRequest,
  startEmulator,
} from "./emulator.ts";

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

  --port=N            the port on 127.0.0.1 (${DEFAULT_PORT}); 0 is any free one
  --client-id=ID      the credentials, for every broker; each that is left out is random
  --client-secret=SECRET
  --refresh-token=TOKEN
  --help              shows this`;

/** Runs an emulator until it is interrupted, one line for each request; returns the exit code. */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const options = parseOptions(args);
  if (options === undefined) {
    terminal.printError(HELP);
    return 2;
  }
  if (options === "help") {
    terminal.print(HELP);
    return 0;
  }
  const emulator = await start(options, terminal);
  if (emulator === undefined) return 1;
  for (const line of introduce(emulator)) terminal.print(line);
  await terminal.interrupted;
  await emulator.close();
  return 0;
}

async function start(
  options: EmulatorOptions,
  terminal: Terminal,
): Promise<Emulator | undefined> {
  const onRequest = (request: ReceivedRequest) => terminal.print(describe(request));
  try {
    return await startEmulator({ ...options, onRequest });
  } catch (error) {
    terminal.printError(
      error instanceof TypeError
        ? error.message
        : `Cannot start the emulator on port ${options.port}: choose another one with --port=N ` +
          `(${error})`,
    );
    return undefined;
  }
}

/** The options, or `undefined` if the arguments are invalid. */
function parseOptions(args: readonly string[]): EmulatorOptions | "help" | undefined {
  try {
    const options = {
      port: { type: "string", default: DEFAULT_PORT },
      "client-id": { type: "string" },
      "client-secret": { type: "string" },
      "refresh-token": { type: "string" },
      help: { type: "boolean" },
    } as const;
    const { port, help, ...given } = parseArgs({ args: [...args], options }).values;
    if (help) return "help";
    if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) return undefined;
    return {
      port: Number(port),
      clientId: given["client-id"],
      clientSecret: given["client-secret"],
      refreshToken: given["refresh-token"],
    };
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
