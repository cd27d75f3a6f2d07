import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { KINDS as EVENT_KINDS } from "../support/events.ts";
import { secretsIn } from "../support/printed_secrets.ts";
import {
  fromNpm,
  isAvailable,
  run,
  type Runtime,
  RUNTIMES,
  withGarbageCollector,
} from "../support/runtimes.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

const KINDS = ["client_secret", "refresh_token", "access_token", "code", "code_verifier", "state"];
const CLASSES = [
  "Session",
  "AutoRefreshSession",
  "Account",
  "Customer",
  "Credentials",
  "SessionError",
  "CredentialsError",
  "LoginError",
  "TokenError",
  "ApiError",
  "RateLimitError",
  "NetworkError",
  "SessionClosedError",
];

interface Probed {
  readonly stdout: string;
  readonly stderr: string;
  /** What must not have been printed, by kind. */
  readonly secrets: Readonly<Record<string, readonly string[]>>;
  /** The classes of what was printed. */
  readonly printed: readonly string[];
  /** What failed with an error that is not the module's, although the network did it. */
  readonly untyped: readonly string[];
}

async function probe(runtime: Runtime, ...args: string[]): Promise<Probed> {
  using folder = new TemporaryFolder();
  const file = `${folder.path}/secrets.json`;
  const program = "tests/runtimes/secrets_probe.ts";
  const { code, stdout, stderr } = await run(runtime, [program, file, ...args]);
  const report = JSON.parse(await Deno.readTextFile(file).catch(() => "{}"));
  assert("secrets" in report, stderr.slice(-2_000));
  assertEquals(code, 1, stderr.slice(-2_000)); // it ends with an error that nobody catches
  assertStringIncludes(stdout, "=== end"); // nothing is missing
  return { stdout, stderr, ...report };
}

/** The secrets themselves, and each as a Basic header would have it (RFC 7617 section 2). */
function needles(secrets: readonly string[]): string[] {
  return [...secrets, ...secrets.map((secret) => btoa(`client-id:${secret}`))];
}

/** The lines of a text with a secret in them. Most lines stand there many times: stacks, for instance. */
function leaks(text: string, secrets: readonly string[]): string[] {
  const lines = [...new Set(text.split("\n"))];
  if (secretsIn(lines.join("\n"), secrets).length === 0) return [];
  return lines.filter((line) => secretsIn(line, secrets).length > 0);
}

for (const runtime of RUNTIMES) {
  const ignore = !await isAvailable(runtime);

  Deno.test({
    name: `A response that is broken HTTP is a typed error, on ${runtime.name}`,
    ignore,
    async fn() {
      assertEquals((await probe(runtime, "raw")).untyped, []);
    },
  });

  Deno.test({
    name: `Nothing that a program can print has a secret in it, on ${runtime.name}`,
    ignore,
    async fn() {
      const { stdout, stderr, secrets, printed } = await probe(runtime);
      for (const kind of KINDS) assert(secrets[kind], `There was no ${kind}`);
      for (const name of CLASSES) assert(printed.includes(name), `No ${name} was printed`);
      assertStringIncludes(stderr, "TokenStoreWarning");
      for (const kind of EVENT_KINDS) assertStringIncludes(stdout, `EVENT ${kind} asyncEnd`);
      const found = leaks(`${stdout}\n${stderr}`, needles(Object.values(secrets).flat()));
      assertEquals(found.length, 0, found.slice(0, 5).join("\n").slice(0, 4_000));
    },
  });

  Deno.test({
    name: `The search for secrets finds one of every kind in every form, on ${runtime.name}`,
    ignore,
    async fn() {
      const { stdout, stderr, secrets } = await probe(runtime, "leak");
      const lines = `${stdout}\n${stderr}`.split("\n").filter((line) => line.startsWith("LEAK "));
      const forms = ["plain", "percent", "form", "base64", "base64url", "json", "basic"];
      assertEquals(lines.length, KINDS.length * forms.length);
      for (const line of lines) {
        const [, kind = ""] = line.split(" ");
        assertEquals(leaks(line, needles(secrets[kind] ?? [])), [line]);
      }
    },
  });
}

const node: Runtime = { name: "Node", command: await fromNpm("node@24") };

Deno.test({
  name: "Closed sessions hold no secret in the heap, and open ones do, on Node",
  ignore: !(await isAvailable(node)),
  async fn() {
    const args = ["tests/support/forget_process.ts"];
    const inspected = withGarbageCollector(node);
    assertEquals((await run(inspected, args)).stdout, "nothing\n4 kept\n");
    const { stdout } = await run(inspected, [...args, "open"]); // the search finds what is there
    for (
      const line of ["open-client-secret", "open-refresh-token", "open-access-token-2", "5 kept"]
    ) {
      assert(stdout.split("\n").includes(line), stdout);
    }
    assertFalse(/closed|disposed|background|stored/.test(stdout), stdout);
  },
});
