import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { run, RUNTIMES, withGarbageCollector } from "../support/runtimes.ts";

const FRAMES = 1_000_000;

for (const runtime of RUNTIMES) {
  Deno.test(`A million frames as fast as they come lose none and need no more memory, on ${runtime.name}`, async () => {
    const { code, stdout, stderr } = await run(withGarbageCollector(runtime), [
      "tests/runtimes/frames_process.ts",
      `${FRAMES}`,
    ]);
    assertEquals(code, 0, stderr);
    const { frames, gaps, shareOfBare, mostGrowth } = JSON.parse(stdout);
    assertEquals([frames, gaps], [FRAMES, 0]);
    // Bare are a million or more a second. A time would depend on what else the machine does.
    assertGreater(shareOfBare, 0.1);
    assertLess(mostGrowth, 8_000_000); // 80 MB arrive, and a chunk and its frames are on their way
  });
}
