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
  /** Sets the clock of the process ahead. */
  advanceClock(ms: number): void;
}

// Fixed, so that a copied address remains valid.
const DEFAULT_PORT = "8787";

const HELP = `Starts the emulator of the brokers on this machine.

  --port=N            the port on 127.0.0.1 (${DEFAULT_PORT}); 0 is any free one
  --client-id=ID      the credentials, for every broker; each that is left out is random
  --client-secret=SECRET
  --refresh-token=TOKEN
  --token-lifetime=S  how long access tokens live, in seconds
  --rotation          TradeStation replaces a refresh token with each use
  --callback-url=URL  a callback address that is registered; may be repeated
  --help              shows this

A test controls it with JSON at /control, for instance:

  curl -X PUT http://127.0.0.1:${DEFAULT_PORT}/control/prices/AAPL -d '{"price": "187.20"}'

  GET /control                            addresses, credentials and settings
  PATCH /control {"latencyMs": 100}       changes settings: tokenLifetimeS, scopes, latencyMs,
                                          orderDelayMs, orderListDelayMs, rotation, callbackUrls,
                                          isStateKeptOnDecline, listsConfirmIds, endsStreamsWithToken,
                                          acksNameAccounts, batchesNotifications, wantsAuthAfterState
  POST /control/users {"accounts": [{"accountNumber": "5WX00001", "cash": "25000.00"}]}
                                          adds a user with accounts, and returns the credentials
  POST /control/reset                     everything but credentials and tokens as at the start
  GET, DELETE /control/requests           what arrived; forgets it
  GET /control/unserved                   what was refused because it is not modelled
  GET /control/orders                     the orders that were placed
  POST /control/orders/ID/reject {"reason": "...", "broker": "tastytrade", "environment": "sandbox"}
  PUT /control/prices/SYMBOL {"price": "187.20", "size": "10"}
  POST /control/end-trading-day
  POST /control/faults {"route": "GET /customers/me", "fault": "tastytrade.badGateway", "times": 2}
                                          or "hang", "reset", {"status": 500, "body": "..."}, or one
                                          of them after an effect: {"afterEffect": "reset"}
  DELETE /control/faults
  POST /control/streams/disturb {"route": "GET /streamer", "fault": "drop"}
                                          or "end", "reset", "silence", "goAway", "duplicate", "delay",
                                          "cut", {"close": 1011}, {"send": "..."}
  POST /control/revoke-access-tokens, /control/revoke-grant, /control/restore-grant
  POST /control/consent {"authorizeUrl": "...", "decision": "accept"}
  POST /control/clock {"advanceMs": 900000}`;

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
  const { tokenLifetimeS, rotation, callbackUrls } = options.settings;
  emulator.tokenLifetimeS = tokenLifetimeS;
  emulator.tradestation.rotation = rotation;
  if (callbackUrls !== undefined) emulator.tradestation.callbackUrls = callbackUrls;
  for (const line of introduce(emulator)) terminal.print(line);
  await terminal.interrupted;
  await emulator.close();
  return 0;
}

/** The arguments of the command. */
interface Arguments {
  readonly options: EmulatorOptions;
  readonly settings: {
    readonly tokenLifetimeS: number | undefined;
    readonly rotation: boolean;
    readonly callbackUrls: readonly string[] | undefined;
  };
}

async function start({ options }: Arguments, terminal: Terminal): Promise<Emulator | undefined> {
  const onRequest = (request: ReceivedRequest) => terminal.print(describe(request));
  try {
    const control = { advanceClock: (ms: number) => terminal.advanceClock(ms) };
    return await startEmulator({ ...options, onRequest, control });
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
function parseOptions(args: readonly string[]): Arguments | "help" | undefined {
  try {
    const options = {
      port: { type: "string", default: DEFAULT_PORT },
      "client-id": { type: "string" },
      "client-secret": { type: "string" },
      "refresh-token": { type: "string" },
      "token-lifetime": { type: "string" },
      "callback-url": { type: "string", multiple: true },
      rotation: { type: "boolean" },
      help: { type: "boolean" },
    } as const;
    const { port, help, ...given } = parseArgs({ args: [...args], options }).values;
    if (help) return "help";
    if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) return undefined;
    const lifetime = given["token-lifetime"];
    if (lifetime !== undefined && !/^[1-9]\d{0,8}$/.test(lifetime)) return undefined;
    return {
      options: {
        port: Number(port),
        clientId: given["client-id"],
        clientSecret: given["client-secret"],
        refreshToken: given["refresh-token"],
      },
      settings: {
        tokenLifetimeS: lifetime === undefined ? undefined : Number(lifetime),
        rotation: given.rotation ?? false,
        callbackUrls: given["callback-url"],
      },
    };
  } catch {
    return undefined;
  }
}

function introduce({ url, tastytrade, tradestation }: Emulator) {
  const { baseUrl, clientSecret, refreshToken } = tastytrade;
  return [
    `The emulator listens on ${url}; no real account is behind it. Ctrl+C ends it.`,
    `Tests control it at ${url}/control, as --help says.`,
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
