/**
 * Measures the module beside `fetch` and its peers, on every runtime, and writes `results.md`.
 *
 * Usage: deno task bench [rounds] [runs]
 *
 * @module
 */

import { arch, cpus, platform } from "node:os";
import { run, type Runtime, RUNTIMES, withGarbageCollector } from "../support/runtimes.ts";
import type { Figures, Refreshes, Report } from "./client.ts";
import { compiled, importMs, installed } from "./import_time.ts";
import { median } from "./median.ts";
import { FOLDER, shell } from "./shell.ts";
import { sharesOfSize, sizes } from "./size.ts";

const [rounds = "5", runs = "3"] = Deno.args;

/** The server of all contenders, in a process of its own. */
async function serve(): Promise<Deno.ChildProcess & { readonly origin: string }> {
  const args = ["--yes", "node@24", "server.ts"];
  const server = new Deno.Command("npx", { args, cwd: FOLDER, stdout: "piped", stderr: "null" })
    .spawn();
  const { value } = await server.stdout.getReader().read();
  const port = new TextDecoder().decode(value).trim();
  return Object.assign(server, { origin: `http://127.0.0.1:${port}` });
}

async function versionOf(runtime: Runtime): Promise<string> {
  const [program, ...args] = runtime.command.filter((word) => !/^(run|--allow-all)$/.test(word));
  return (await shell(program ?? "", [...args, "--version"])).match(/\d+\.\d+\.\d+/)?.[0] ?? "?";
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join(
    "\n",
  );
}

function refreshesCell(refreshes: Refreshes | null | undefined, calls: number): string {
  if (!refreshes) return "–";
  const { requests, failures } = refreshes;
  return failures === 0 ? String(requests) : `${requests}, and ${failures} of ${calls} fail`;
}

/** What is measured on one runtime, in one run. */
interface Run {
  readonly report: Report;
  readonly ms: number;
  readonly compiledMs: number;
  readonly installedMs: number;
}

/** What is measured on one runtime. */
interface Measured {
  readonly runtime: Runtime;
  readonly version: string;
  readonly memory: { readonly heapMib: number; readonly residentMib: number };
  readonly runs: Run[];
}

/** A figure of several runs: the median, and the least and the greatest. */
function spread(figures: readonly (number | undefined)[], digits: number): string {
  const found = figures.filter((figure) => figure !== undefined);
  const text = (figure: number) => figure.toFixed(digits);
  const [least, greatest] = [text(Math.min(...found)), text(Math.max(...found))];
  return least === greatest ? least : `${text(median(found))} (${least} to ${greatest})`;
}

const server = await serve();
const reports: Measured[] = [];
for (const runtime of RUNTIMES) {
  const memory = await run(withGarbageCollector(runtime), [
    "tests/runtimes/memory_process.ts",
    "200000",
  ]);
  const version = await versionOf(runtime);
  reports.push({ runtime, version, memory: JSON.parse(memory.stdout), runs: [] });
}
const [compiledModule, installedModule] = [await compiled(), await installed()];
for (let count = 1; count <= Number(runs); count++) {
  for (const { runtime, runs } of reports) {
    const client = ["tests/bench/client.ts", server.origin, rounds];
    const { stdout, stderr } = await run(withGarbageCollector(runtime), client);
    if (!stdout.includes("{")) throw new Error(`${runtime.name}: ${stderr}`);
    runs.push({
      report: JSON.parse(stdout.slice(stdout.indexOf("{"))),
      ms: await importMs(runtime, new URL("../../mod.ts", FOLDER).href),
      compiledMs: await importMs(runtime, compiledModule),
      installedMs: await importMs(runtime, installedModule),
    });
    console.error(`${runtime.name} is measured, run ${count}`);
  }
}
server.kill();

/** A row of figures, one for each runtime. */
function row(name: string, figure: (run: Run) => number | undefined, digits = 1): string[] {
  return [name, ...reports.map(({ runs }) => spread(runs.map(figure), digits))];
}

const names = reports.map(({ runtime, version }) => `${runtime.name.split(" ")[0]} ${version}`);
const [first] = reports[0]?.runs ?? [];
const contenders = first?.report.contenders.map(({ name }) => name) ?? [];
const of = (report: Report, name: string): Figures | undefined =>
  report.contenders.find((figures) => figures.name === name);

const results = `# What it costs

Measured by \`deno task bench\` on ${
  new Date().toISOString().slice(0, 10)
}, on ${cpus().length} cores of
"${
  cpus()[0]?.model
}" (${platform()}, ${arch()}), against a server on loopback in a process of its own.
Ratios are medians of ${rounds} rounds in one process, in each of which everybody has their turn, with
garbage collected before it; absolute times of such a machine mean nothing. Everything was measured in
${runs} ${
  runs === "1" ? "run" : "runs"
}: the median of them, and in brackets the least and the greatest.

## Requests in the same time

As a share of what \`fetch\` with a timeout signal and \`json()\` makes. More is better.

${
  table(
    ["one at a time", ...names],
    contenders.map((name) => row(name, ({ report }) => of(report, name)?.alone, 2)),
  )
}

${
  table(
    ["32 at once", ...names],
    contenders.map((name) => row(name, ({ report }) => of(report, name)?.together, 2)),
  )
}

## Token requests

For those that get and refresh tokens by themselves, on ${names[0]}.

${
  table(
    ["", "1,000 first calls at once", "20 calls, 401s 15 ms apart"],
    (first?.report.contenders ?? []).filter(({ cold }) => cold !== null)
      .map(({ name, cold, staggered }) => [
        name,
        refreshesCell(cold, 1_000),
        refreshesCell(staggered, 20),
      ]),
  )
}

## The session itself

${
  table(["", ...names], [
    row("added to a stub of `fetch`, µs a call", ({ report }) => report.addedUs),
    row("the same with the caller's signal", ({ report }) => report.addedWithSignalUs),
    row("the same while somebody listens to all that it tells", ({ report }) =>
      report.addedWithListenersUs),
    row("to learn that nobody listens, ns a call", ({ report }) =>
      report.unheardNs),
    row("import of the npm package, ms beyond an empty module", ({ installedMs }) => installedMs),
    row("the same of single files, as JSR serves them", ({ compiledMs }) => compiledMs),
    row("the same of `mod.ts` in a clone", ({ ms }) => ms),
    [
      "heap after 200,000 calls with one signal, MiB more than before",
      ...reports.map(({ memory }) => memory.heapMib.toFixed(1)),
    ],
    [
      "the same of the process, which comes and goes by some 30 MiB",
      ...reports.map(({ memory }) => memory.residentMib.toFixed(1)),
    ],
  ])
}

## Size

Bundled, minified and gzipped.

${table(["", "kB"], (await sizes()).map(([name, kb]) => [name, kb.toFixed(1)]))}

Of the minified program with \`Session\`:

${table(["", "%"], (await sharesOfSize()).map(([room, share]) => [room, share.toFixed(0)]))}

## Targets

| target                                                           | reached                                   |
| ---------------------------------------------------------------- | ----------------------------------------- |
| one token request for 1,000 callers, and for 20 staggered 401s   | yes                                       |
| 0.95 of the requests of \`fetch\` with the same signal           | see the tables; what remains is below     |
| 20 ns of a call for what it tells, where nobody listens         | yes                                       |
| 1.5 µs added to a call, 2.5 with the caller's signal             | no: see the table                         |
| an import of the published JavaScript in 8 ms                    | on Deno; see the table for Bun and Node    |
| 15 kB for a program that uses a \`Session\`                      | no                                        |
| no heap after 200,000 calls                                      | yes                                       |

What remains, by profiles of 40,000 calls, 32 at once:

- The body. A response without a length, or a compressed one, is read piece by piece, so that it can
  never fill the memory. \`text()\` and \`json()\` of Deno and Bun read it outside of JavaScript, and
  without a limit. The row "with a limit" is \`fetch\` with such a reader and nothing else. With a length,
  the session leaves the reading to the platform.
- On Deno, 42 % of the busy time is \`fetch\` itself, 22 % the streams of that reading, 20 % the garbage
  of both, and 9 % this module, in twenty functions of about 1 % or less.
- On Bun, 55 % is \`fetch\` itself and 6 % \`text()\`; the rest is spread over twenty functions of this
  module, none above 4 %. An \`AbortController\` costs 0.4 µs there, which \`AbortSignal.timeout()\` saves,
  and then leaves a timer for 30 s.
- The 1.5 µs: an \`AbortController\`, four looks at clocks (0.4 µs on Deno), and one promise for each of
  five steps: the call, its retries, the request, the body, the JSON.
- The size: checks of options and credentials, and what errors say, are in every room, and programs need
  them when they fail. Login, file store, rate limiter and TradeStation are not in it.
`;
await Deno.writeTextFile(new URL("results.md", FOLDER), results);
console.log(results);
