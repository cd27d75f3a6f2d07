import { assert, assertEquals, assertLess } from "@std/assert";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { run, RUNTIMES, withGarbageCollector } from "../support/runtimes.ts";

for (const runtime of RUNTIMES) {
  // `deno task memory` makes 200,000 calls, and looks at the whole process.
  Deno.test(`Calls with one long-lived signal leave no memory behind, on ${runtime.name}`, async () => {
    const { code, stdout, stderr } = await run(withGarbageCollector(runtime), [
      "tests/runtimes/memory_process.ts",
      "20000",
    ]);
    assertEquals(code, 0, stderr);
    assertLess(JSON.parse(stdout).heapMib, 2); // 20 MiB for 200,000
  });

  Deno.test(`A program ends with its last response, whatever its times, on ${runtime.name}`, async () => {
    await using emulator = await startEmulator();
    const { code, stdout, stderr } = await run(runtime, [
      "tests/support/last_answer_process.ts",
      JSON.stringify(emulator.tastytrade),
    ]);
    assertEquals(code, 0, stderr);
    assert(stdout.trim() !== "");
    assertLess(Number(stdout), 50, stdout);
  });
}
