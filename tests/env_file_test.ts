import { assertEquals } from "@std/assert";
import { parse } from "@std/dotenv";
import { envLine } from "../src/env_file.ts";
import { isAvailable, run, RUNTIMES } from "./support/runtimes.ts";

/** Every printable character, alone and in company. */
const VALUES = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index)).flatMap(
  (
    char,
  ) => [char, `${char}a`, `a${char}b`, char + char, `a${char}b${char}`, `#${char}`, `a'${char}`],
);

/** A file with every value that can be written. */
function writable(): { text: string; values: Record<string, string> } {
  const values: Record<string, string> = {};
  const lines = VALUES.flatMap((value, index) => {
    const line = envLine(`V${index}`, value);
    if (line !== undefined) values[`V${index}`] = value;
    return line ?? [];
  });
  return { text: `${lines.join("\n")}\n`, values };
}

Deno.test("envLine() writes what credentials are made of without quotes", () => {
  assertEquals(envLine("NAME", "aZ09_.-+/=~:@%"), "NAME=aZ09_.-+/=~:@%");
  assertEquals(envLine("NAME", "a#b"), "NAME='a#b'");
  assertEquals(envLine("NAME", "a'b"), 'NAME="a\'b"');
});

Deno.test("envLine() writes nothing that would be read in two ways", () => {
  for (const value of ["a$b", "a\\b", "a`b", `'"`, "a\nb", "a\rb", "ä", "\0"]) {
    assertEquals([value, envLine("NAME", value)], [value, undefined]);
  }
});

Deno.test("envLine() writes what @std/dotenv reads back", () => {
  const { text, values } = writable();
  assertEquals(parse(text), values);
});

for (const runtime of RUNTIMES) {
  Deno.test({
    name: `envLine() writes what ${runtime.name} reads back`,
    ignore: !await isAvailable(runtime),
    async fn() {
      const { text, values } = writable();
      const folder = await Deno.makeTempDir();
      const program = `${folder}/print.mjs`;
      await Deno.writeTextFile(`${folder}/.env`, text);
      await Deno.writeTextFile(
        program,
        `import process from "node:process";
         const own = Object.entries(process.env).filter(([name]) => /^V\\d+$/.test(name));
         console.log(JSON.stringify(Object.fromEntries(own)));`,
      );
      const [command, ...args] = runtime.command;
      const withFile = [command, ...args, `--env-file=${folder}/.env`] as const;
      const { stdout } = await run({ ...runtime, command: withFile }, [program]);
      await Deno.remove(folder, { recursive: true });
      const read: Record<string, string> = JSON.parse(stdout);
      for (const [name, value] of Object.entries(values)) assertEquals(read[name], value);
      assertEquals(Object.keys(read).length, Object.keys(values).length);
    },
  });
}
