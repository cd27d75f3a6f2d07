import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { isAvailable, run, type Runtime, RUNTIMES } from "../support/runtimes.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { TOKEN_ROUTE } from "../token/refresh_grant_fixtures.ts";

for (const runtime of RUNTIMES) {
  Deno.test(`Two processes with one file make one token request between them, on ${runtime.name}`, async () => {
    await using emulator = await startEmulator();
    using folder = new TemporaryFolder();
    emulator.tradestation.rotation = true;
    emulator.latencyMs = 50;
    const options = JSON.stringify({ broker: "tradestation", ...emulator.tradestation });
    const program = ["tests/support/token_process.ts", options, `${folder.path}/tokens`, "0"];
    const outcomes = await Promise.all([run(runtime, program), run(runtime, program)]);
    assertEquals(
      outcomes.map(({ code }) => code),
      [0, 0],
      outcomes.map(({ stderr }) => stderr).join(),
    );
    assertEquals(outcomes[0]?.stdout, outcomes[1]?.stdout);
    assertEquals(emulator.count(TOKEN_ROUTE), 1);
  });
}

/**
 * A runtime in a container of its own, as far as process ids go.
 *
 * @param processes How many processes the container had before, so that ids differ between containers.
 */
function contained({ name, command }: Runtime, processes: number): Runtime {
  const script = 'for i in $(seq "$0"); do /bin/true; done; "$@"; exit $?';
  const namespace = ["unshare", "--pid", "--fork", "--mount-proc"] as const;
  return { name, command: [...namespace, "sh", "-c", script, String(processes), ...command] };
}

const canContain = await isAvailable(contained({ name: "true", command: ["true"] }, 1))
  .catch(() => false);

for (const runtime of RUNTIMES) {
  Deno.test({
    name: `Containers with one folder never take one another for dead, on ${runtime.name}`,
    ignore: !canContain,
    async fn() {
      await using emulator = await startEmulator();
      using folder = new TemporaryFolder();
      emulator.tradestation.rotation = true;
      emulator.latencyMs = 300; // so that one waits while the other refreshes
      const options = JSON.stringify({ broker: "tradestation", ...emulator.tradestation });
      const path = `${folder.path}/tokens`;
      const program = ["tests/support/token_process.ts", options, path, "3"];
      const outcomes = await Promise.all(
        [1, 20, 300].map((processes) => run(contained(runtime, processes), program)),
      );
      for (const { code, stderr } of outcomes) assertEquals(code, 0, stderr);
      assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
    },
  });
}

Deno.test("One-time refresh tokens survive fifty kills and two competing processes without a reuse", async () => {
  await using emulator = await startEmulator();
  using folder = new TemporaryFolder();
  emulator.tradestation.rotation = true;
  const [deno] = RUNTIMES;
  assert(deno);
  const options = JSON.stringify({ broker: "tradestation", ...emulator.tradestation });
  const path = `${folder.path}/tokens`;
  const refresh = (refreshes: string, ...fate: string[]) =>
    run(deno, ["tests/support/token_process.ts", options, path, refreshes, ...fate]);
  // Killed between refreshes: a process refreshes, ends without a goodbye, and the next goes on.
  for (let kill = 0; kill < 25; kill++) {
    const outcomes = await Promise.all([refresh("2", "kill-after"), refresh("2", "kill-after")]);
    for (const { stdout } of outcomes) assertStringIncludes(stdout, "refreshed");
  }
  const { code, stderr } = await refresh("1");
  assertEquals(code, 0, stderr);
  assertEquals(emulator.tradestation.reusedRefreshTokens, 0);
  assert(emulator.count(TOKEN_ROUTE) > 25); // of 101 refreshes; the others took what one had got
});

Deno.test("A process that is killed in the middle of a refresh leaves the grant to the next", async () => {
  await using emulator = await startEmulator();
  using folder = new TemporaryFolder();
  const [deno] = RUNTIMES;
  assert(deno);
  const options = JSON.stringify({ broker: "tastytrade", ...emulator.tastytrade });
  const program = ["tests/support/token_process.ts", options, `${folder.path}/tokens`, "1"];
  const killed = await run(deno, [...program, "die"]);
  assertNotEquals(killed.code, 0);
  const next = await run(deno, program);
  assertEquals(next.code, 0, next.stderr);
});
