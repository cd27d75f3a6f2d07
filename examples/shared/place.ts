// Where an example signs in. Your own program needs none of this: `new Session()`, or
// `new Session({ broker: tradestation })`, finds the credentials in the environment.
import process from "node:process";
import { type Broker, type SessionOptions, tastytrade, tradestation } from "../../mod.ts";
import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";

const BROKERS: Readonly<Record<string, Broker>> = { tastytrade, tradestation };

/**
 * The options of the command line that choose it: --broker=tradestation; --sandbox; for an emulator that
 * runs already, --base-url=… and, for TradeStation, --sign-in-url=….
 */
export const PLACE_OPTIONS = {
  "broker": { type: "string" },
  "sandbox": { type: "boolean" },
  "base-url": { type: "string" },
  "sign-in-url": { type: "string" },
} as const;

/** What a session needs, and the emulator, if it is one. */
export interface Place extends AsyncDisposable {
  readonly options: SessionOptions & { readonly broker: Broker };
  readonly emulator: Emulator | undefined;
  /** What the environment lacks, if it is one. */
  readonly missing: string;
}

/**
 * Chooses the broker that the command line names, else the one whose credentials the environment has. Without
 * any, starts an emulator.
 */
export async function findPlace(
  values: {
    [Name in keyof typeof PLACE_OPTIONS]?: string | boolean | undefined;
  },
): Promise<Place> {
  const broker = values.broker === undefined
    ? Object.values(BROKERS).find(hasCredentials) ?? tastytrade
    : brokerNamed(String(values.broker));
  const sandbox = values.sandbox === true;
  const [baseUrl, signInUrl] = [values["base-url"], values["sign-in-url"]]
    .map((url) => typeof url === "string" ? url : undefined);
  const isOwn = hasCredentials(broker) || baseUrl !== undefined;
  const emulator = isOwn ? undefined : await startEmulator();
  const emulated = broker === tradestation
    ? emulator?.[sandbox ? "tradestationSandbox" : "tradestation"]
    : emulator?.[sandbox ? "tastytradeSandbox" : "tastytrade"];
  return {
    options: { broker, ...(emulated ?? { sandbox, baseUrl, signInUrl }) },
    emulator,
    missing: `No ${broker.envVariables.clientSecret}, no ${broker.envVariables.refreshToken}`,
    [Symbol.asyncDispose]: async () => await emulator?.[Symbol.asyncDispose](),
  };
}

/** The broker that --broker=… names. */
export function brokerNamed(name: string): Broker {
  const broker = BROKERS[name];
  if (broker !== undefined) return broker;
  throw new Error(`--broker is one of ${Object.keys(BROKERS).join(", ")}`);
}

function hasCredentials({ envVariables: { clientSecret, refreshToken } }: Broker): boolean {
  return [clientSecret, refreshToken].some((variable) => process.env[variable]);
}
