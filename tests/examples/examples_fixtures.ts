import type { Runtime } from "../support/runtimes.ts";

/** Deno, with the same `@std` as this test: the real packages or the stand-ins, wherever they are. */
export function denoWith(...permissions: string[]): Runtime {
  const packages = ["@std/assert", "@std/dotenv", "@std/http/status"];
  const imports = Object.fromEntries(packages.map((name) => [name, import.meta.resolve(name)]));
  imports["@dxfeed/dxlink-api"] = "npm:@dxfeed/dxlink-api@^0.3.0"; // as in deno.json
  imports["@opentelemetry/api"] = "npm:@opentelemetry/api@^1.9.0";
  const map = `data:application/json,${encodeURIComponent(JSON.stringify({ imports }))}`;
  return { name: "Deno", command: [Deno.execPath(), "run", ...permissions, `--import-map=${map}`] };
}
