import { assertEquals } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { isAvailable, run, type Runtime, RUNTIMES } from "../support/runtimes.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";

/** A runtime that sees a small disk at a folder. */
function withSmallDisk({ name, command }: Runtime, folder: string): Runtime {
  const script = 'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"';
  return { name, command: ["unshare", "--mount", "sh", "-c", script, folder, ...command] };
}

using probe = new TemporaryFolder();
const canMount = await isAvailable(withSmallDisk({ name: "true", command: ["true"] }, probe.path))
  .catch(() => false);

for (const runtime of RUNTIMES) {
  Deno.test({
    name:
      `A full disk fails a call with a clear error, and costs the next one nothing, on ${runtime.name}`,
    ignore: !canMount,
    async fn() {
      await using emulator = await startEmulator();
      using folder = new TemporaryFolder();
      const options = JSON.stringify(emulator.tastytrade);
      const paths = [`${folder.path}/tokens`, `${folder.path}/filler`];
      const program = ["tests/support/full_disk_process.ts", options, ...paths];
      const { code, stdout, stderr } = await run(withSmallDisk(runtime, folder.path), program);
      assertEquals(code, 0, stderr);
      assertEquals(JSON.parse(stdout), { full: "store_failed", free: "done", isPrompt: true });
    },
  });

  Deno.test({
    name: `A file store where nothing can be written says so, on ${runtime.name}`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      await using emulator = await startEmulator();
      const options = JSON.stringify({ broker: "tastytrade", ...emulator.tastytrade });
      const program = ["tests/support/token_process.ts", options, "/proc/tasty/tokens", "1"];
      const { code, stderr } = await run(runtime, program);
      assertEquals(code, 1, stderr);
    },
  });
}
