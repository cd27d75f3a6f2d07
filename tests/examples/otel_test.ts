import { assert, assertEquals } from "@std/assert";
import { type Loopback, serve } from "../support/loopback.ts";
import { isAvailable, run, type Runtime, RUNTIMES } from "../support/runtimes.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { denoWith, installExamples, npmPackage } from "./examples_fixtures.ts";

const ROOT = new URL("../../", import.meta.url);

/** The packages that the first lines of the example name. */
const PACKAGES = [
  "@opentelemetry/api",
  "@opentelemetry/sdk-trace-node",
  "@opentelemetry/exporter-trace-otlp-http",
];

/** A span as OTLP has it in JSON. */
interface OtlpSpan {
  readonly spanId: string;
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly status?: { readonly code?: number };
  readonly attributes?: readonly {
    readonly key: string;
    /** A whole number is an `intValue`, on Deno a `doubleValue`. */
    readonly value: Readonly<Record<string, string | number | boolean>>;
  }[];
}

/** What a collector of OpenTelemetry received of this module. */
function spansIn({ arrivals }: Loopback): OtlpSpan[] {
  return arrivals.filter(({ url }) => url === "/v1/traces").flatMap(({ body }) => {
    const { resourceSpans } = JSON.parse(body) as {
      resourceSpans: {
        scopeSpans: { scope?: { name?: string }; spans: OtlpSpan[] }[];
      }[];
    };
    return resourceSpans.flatMap(({ scopeSpans }) =>
      scopeSpans.filter(({ scope }) => scope?.name === "@tasty/session")
        .flatMap(({ spans }) => spans)
    );
  });
}

/** A span's name, what is below it, and its attributes of HTTP. */
function tree(spans: readonly OtlpSpan[], parentId = ""): string[] {
  return spans.filter(({ parentSpanId = "" }) => parentSpanId === parentId).flatMap((span) => {
    const attributes = Object.fromEntries(
      (span.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]),
    );
    const path = attributes["url.path"] ?? "";
    const status = attributes["http.response.status_code"] ?? "";
    const line = [span.name, path, status].filter((word) => word !== "").join(" ");
    return [line, ...tree(spans, span.spanId).map((below) => `  ${below}`)];
  });
}

const EXPECTED = [
  "GET /customers/me/accounts 200",
  "  wait token",
  "    token first",
  "  attempt 200",
  "GET /accounts/5WT00000/balances 200",
  "  attempt 503",
  "  wait retry",
  "  attempt 200",
  "GET /accounts/5WT00001/balances 200",
  "  attempt 200",
];

/** Runs the example against a collector of this test's. */
async function collect(runtime: Runtime, folder: string | URL): Promise<OtlpSpan[]> {
  await using collector = await serve((response) => {
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  const { code, stdout, stderr } = await run(runtime, ["examples/otel.ts"], {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_SERVICE_NAME: "bot",
  }, folder);
  assertEquals([code, stdout], [0, "5WT00000 4544.727\n5WT00001 0.0\n"], stderr);
  return spansIn(collector);
}

function assertSpans(spans: readonly OtlpSpan[]): void {
  assertEquals(tree(spans), EXPECTED);
  assertEquals(new Set(spans.map(({ traceId }) => traceId)).size, 3); // one for each call
  const clients = spans.filter(({ kind }) => kind === 3).map(({ name }) => name);
  assertEquals(clients.toSorted(), ["attempt", "attempt", "attempt", "attempt", "token first"]);
  assert(spans.every(({ status }) => status?.code !== 2)); // what was tried again is no failure
}

Deno.test("examples/otel.ts sends spans to a collector, with Deno's own OpenTelemetry", async () => {
  assertSpans(await collect(denoWith("--allow-all"), ROOT));
});

Deno.test({
  name: "examples/otel.ts sends spans to a collector, with the SDK on Node",
  ignore: Deno.build.os === "windows",
  async fn(t) {
    using folder = new TemporaryFolder();
    const node = RUNTIMES.at(-1);
    if (node === undefined) throw new Error("There is always Node");
    const isReady = await installExamples(folder.path, PACKAGES.map(npmPackage)) &&
      await isAvailable(node);
    await t.step({
      name: node.name,
      ignore: !isReady,
      fn: async () => assertSpans(await collect(node, folder.path)),
    });
  },
});
