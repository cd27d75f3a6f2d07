import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { run, RUNTIMES } from "../support/runtimes.ts";
import { ENGINES } from "./engines.ts";

const EXAMPLE = "examples/postgres_store.ts";
const postgres = ENGINES.find(({ name }) => name === "PostgreSQL");

Deno.test({
  name: `examples/postgres_store.ts shares a grant through PostgreSQL${
    postgres?.isAvailable ? "" : " (not installed here)"
  }`,
  ignore: !postgres?.isAvailable,
  async fn() {
    assert(postgres);
    await using engine = await postgres.start();
    const [deno] = RUNTIMES;
    assert(deno);
    const { code, stdout, stderr } = await run(deno, [EXAMPLE], { DATABASE_URL: engine.url });
    assertEquals(code, 0, stderr);
    assertEquals(stdout, "5WT00000\n5WT00001\n");
  },
});

Deno.test("The store of examples/postgres_store.ts has ten lines at most", async () => {
  const source = await Deno.readTextFile(new URL(`../../${EXAMPLE}`, import.meta.url));
  const [store] = /^export const postgresStore .*?^\}\);$/ms.exec(source) ?? [];
  assert(store);
  assertLessOrEqual(store.split("\n").length, 10);
});
