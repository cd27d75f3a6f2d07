/**
 * Real engines for stores, each started in a folder of its own and stopped at the end of the scope. Where
 * one is not installed, `isAvailable` says so.
 *
 * @module
 */

import { npm } from "../package/pack.ts";
import { runTool } from "../support/run_tool.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

/** A running engine. */
export interface Engine extends AsyncDisposable {
  /** What `openStore()` takes. */
  readonly url: string;
  /** Ends it at once, as a power cut would, and starts it again. */
  restart(): Promise<void>;
}

/** A kind of engine. */
export interface EngineKind {
  readonly name: "files" | "Redis" | "Valkey" | "Deno KV" | "PostgreSQL";
  readonly isAvailable: boolean;
  start(): Promise<Engine>;
}

/** The engines that the stores are tested with. */
export const ENGINES: readonly EngineKind[] = [
  { name: "files", isAvailable: true, start: () => Promise.resolve(inFolder("file", "/tokens")) },
  await redisKind("Redis", "redis-server"),
  await redisKind("Valkey", "valkey-server"),
  { name: "Deno KV", isAvailable: true, start: () => Promise.resolve(inFolder("denokv", "/kv")) },
  { name: "PostgreSQL", isAvailable: await findPostgres() !== undefined, start: startPostgres },
];

/** Installs the clients for Node and Bun. Deno gets them by itself. */
export async function installClients(): Promise<void> {
  const flags = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"];
  await runTool(npm(), ["install", ...flags], new URL("./", import.meta.url));
}

/** An engine without a server. */
function inFolder(scheme: string, path: string): Engine {
  const folder = new TemporaryFolder();
  return {
    url: `${scheme}:${folder.path}${path}`,
    restart: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(folder[Symbol.dispose]()),
  };
}

async function redisKind(name: "Redis" | "Valkey", program: string): Promise<EngineKind> {
  const path = await find(program);
  return { name, isAvailable: path !== undefined, start: () => startRedis(path ?? "") };
}

async function startRedis(program: string): Promise<Engine> {
  const port = freePort();
  const options = ["--port", String(port), "--bind", "127.0.0.1", "--save", ""];
  const durable = ["--appendonly", "yes", "--appendfsync", "always"];
  return await startServer({
    url: `redis://127.0.0.1:${port}`,
    command: (folder) => [program, ...options, ...durable, "--dir", folder],
    readyWhen: "Ready to accept connections",
  });
}

async function startPostgres(): Promise<Engine> {
  const port = freePort();
  const bin = await findPostgres() ?? "";
  // PostgreSQL refuses to run as root.
  const user = Deno.uid() === 0
    ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    : [];
  const server = [
    "-p",
    String(port),
    "-c",
    "listen_addresses=127.0.0.1",
    "-c",
    "unix_socket_directories=",
  ];
  return await startServer({
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    async prepare(folder) {
      if (user.length > 0) await runTool("chown", ["postgres", folder], folder);
      const initdb = [
        ...user,
        `${bin}/initdb`,
        "-D",
        `${folder}/data`,
        "-A",
        "trust",
        "-U",
        "postgres",
      ];
      await runTool(initdb[0] ?? "", initdb.slice(1), folder);
    },
    command: (folder) => [...user, `${bin}/postgres`, "-D", `${folder}/data`, ...server],
    readyWhen: "ready to accept connections",
  });
}

interface ServerOptions {
  readonly url: string;
  readonly prepare?: (folder: string) => Promise<void>;
  readonly command: (folder: string) => string[];
  /** What it prints when it can be used. */
  readonly readyWhen: string;
}

async function startServer({ url, prepare, command, readyWhen }: ServerOptions): Promise<Engine> {
  const folder = new TemporaryFolder();
  await prepare?.(folder.path);
  const spawn = async () => {
    const [program = "", ...args] = command(folder.path);
    const process = new Deno.Command(program, {
      args,
      cwd: folder.path,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    // Either of the two streams tells; both are read to the end, or the server would stop writing.
    await new Promise<void>((resolve, reject) => {
      for (const stream of [process.stdout, process.stderr]) {
        readLines(stream, (line) => line.includes(readyWhen) && resolve());
      }
      process.status.then(({ code }) => reject(new Error(`${program} ended with ${code}`)));
    });
    return process;
  };
  let process = await spawn();
  const kill = async () => {
    try {
      process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await process.status;
  };
  // What a killed PostgreSQL leaves may be in the way for a moment.
  const spawnAgain = async (tries = 1): Promise<Deno.ChildProcess> => {
    try {
      return await spawn();
    } catch (error) {
      if (tries === 10) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
      return await spawnAgain(tries + 1);
    }
  };
  return {
    url,
    async restart() {
      await kill();
      process = await spawnAgain();
    },
    async [Symbol.asyncDispose]() {
      await kill();
      folder[Symbol.dispose]();
    },
  };
}

async function readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  }
}

/** A port that nobody uses at the moment. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** Where a program is, if it is installed. */
async function find(program: string): Promise<string | undefined> {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    const path = `${folder}/${program}`;
    const isThere = await Deno.stat(path).then(({ isFile }) => isFile, () => false);
    if (isThere) return path;
  }
  return undefined;
}

/** The folder of PostgreSQL's programs. Debian has them outside the path. */
async function findPostgres(): Promise<string | undefined> {
  const debian = "/usr/lib/postgresql";
  try {
    for await (const { name } of Deno.readDir(debian)) return `${debian}/${name}/bin`;
  } catch {
    // Not Debian.
  }
  return (await find("initdb"))?.replace(/\/initdb$/, "");
}
