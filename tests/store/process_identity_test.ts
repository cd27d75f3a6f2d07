import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { isRunning, processIdentity } from "../../src/store/process_identity.ts";

for (const system of [Deno.build.os, "another system"]) {
  Deno.test(`processIdentity() tells one process from another (${system})`, async () => {
    await using child = new Deno.Command("sleep", { args: ["60"] }).spawn();
    const [own, other] = [Deno.pid, child.pid].map((pid) => processIdentity(pid, system));
    assert(own !== undefined && other !== undefined);
    assertNotEquals(own, other);
    assert(!own.includes("\n"));
    assert(isRunning(own, system) && isRunning(other, system));
    child.kill("SIGKILL");
    await child.status;
    assertEquals([isRunning(other, system)], [false]);
    assertEquals(processIdentity(child.pid, system), undefined);
  });
}

Deno.test({
  name: "isRunning() takes no other process for the one that had its id before",
  ignore: Deno.build.os !== "linux",
  fn() {
    const earlier = `${processIdentity()}`.replace(/\d+$/, "1");
    assertEquals([isRunning(earlier)], [false]);
  },
});

Deno.test("isRunning() claims nothing of another machine, another boot or another container", () => {
  const own = `${processIdentity()}`;
  const others = [own.replace(/^\S+/, "another"), own.replace(/pid:\[\d+\]/, "pid:[1]"), "", "1"];
  for (const other of others.filter((identity) => identity !== own)) {
    assertEquals(isRunning(other), undefined, other);
  }
});

Deno.test("Deno without --allow-all claims nothing, and asks for nothing", async () => {
  const module = new URL("../../src/store/process_identity.ts", import.meta.url);
  const program = `import { isRunning, processIdentity } from "${module}";
    console.log(processIdentity(), isRunning("a b 1 2"));`;
  for (const flags of [[], ["--allow-read"], ["--allow-read=/tmp"], ["--allow-run"]]) {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-lock",
        "--no-check",
        ...flags,
        `data:text/typescript,${encodeURIComponent(program)}`,
      ],
      env: { NO_COLOR: "1" },
    }).output();
    const text = new TextDecoder().decode(stdout);
    assertEquals(text, "undefined undefined\n", new TextDecoder().decode(stderr));
  }
});
