// Sends spans of what a session does to an OpenTelemetry collector, on http://localhost:4318 or where the variable
// OTEL_EXPORTER_OTLP_ENDPOINT says. Deno has OpenTelemetry built in:
//   OTEL_DENO=true deno run -A examples/otel.ts
// Node needs its SDK: npm install @opentelemetry/api @opentelemetry/sdk-trace-node
// @opentelemetry/exporter-trace-otlp-http, and runs it with `node examples/otel.ts`.
// At your account if the environment has credentials, else at the emulator's, where something goes wrong.
// Options: --broker=tradestation; --sandbox; --base-url=… for an emulator.
import process from "node:process";
import { parseArgs } from "node:util";
import { Account, Session } from "../mod.ts"; // in your program: "@tasty/session"
import { WIRES } from "./shared/bad_connection.ts";
import { findPlace, PLACE_OPTIONS } from "./shared/place.ts";
import { traceSessions } from "./shared/spans.ts";

/** Where the runtime has none of its own, starts the SDK. Returns what sends the last spans. */
async function startTelemetry(): Promise<() => Promise<void>> {
  if ("Deno" in globalThis) return () => Promise.resolve(); // Deno sends them when it ends
  const { NodeTracerProvider, BatchSpanProcessor } = await import("@opentelemetry/sdk-trace-node");
  const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-http");
  const processor = new BatchSpanProcessor(new OTLPTraceExporter());
  const provider = new NodeTracerProvider({ spanProcessors: [processor] });
  provider.register();
  return () => provider.shutdown();
}

async function readAccounts(): Promise<void> {
  await using place = await findPlace(parseArgs({ options: PLACE_OPTIONS }).values);
  for (const { balances } of Object.values(WIRES)) { // so that there is a retry to be seen
    place.emulator?.injectFault(balances, { status: 503, body: "" });
  }
  await using session = new Session(place.options);
  for (const account of await Account.get(session)) {
    const { netLiquidatingValue } = await account.balances();
    console.log(account.accountNumber, netLiquidatingValue ?? "");
  }
}

const stopTelemetry = await startTelemetry();
traceSessions();
await readAccounts().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
await stopTelemetry();
