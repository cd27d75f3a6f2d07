import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { run, RUNTIMES, withGarbageCollector } from "../support/runtimes.ts";

const FRAMES = 1_000_000;

for (const runtime of RUNTIMES) {
  Deno.test(`A stream of 100,000 frames a second loses none and needs no more memory, on ${runtime.name}`, async () => {
    const { code, stdout, stderr } = await run(withGarbageCollector(runtime), [
      "tests/runtimes/frames_process.ts",
      `${FRAMES}`,
    ]);
    assertEquals(code, 0, stderr);
    const { frames, gaps, perSecond, mostGrowth } = JSON.parse(stdout);
    assertEquals([frames, gaps], [FRAMES, 0]);
    assertGreater(perSecond, 100_000); // five to ten times as many when nothing else runs
    assertLess(mostGrowth, 8_000_000); // 80 MB arrive, and a chunk and its frames are on their way
  });
}
