import { assertEquals, assertLess } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { run, RUNTIMES } from "../support/runtimes.ts";

for (const runtime of RUNTIMES) {
  Deno.test(`AutoRefreshSession keeps no process alive, on ${runtime.name}`, async () => {
    await using emulator = await startEmulator();
    const { code, stdout, stderr } = await run(runtime, [
      "tests/support/background_process.ts",
      JSON.stringify(emulator.tastytrade),
    ]);
    assertEquals(code, 0, stderr);
    // The program says when its work is done, and how long after that it still was there.
    assertLess(Number(stdout), 50, stdout);
  });
}
