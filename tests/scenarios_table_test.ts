import { assert, assertEquals, assertGreater } from "@std/assert";

const table = await Deno.readTextFile(new URL("SCENARIOS.md", import.meta.url));

Deno.test("SCENARIOS.md names tests that exist, each under the name that stands in its file", async () => {
  const references = [...table.matchAll(/`((?:portable\/)?\w+_test\.ts)`: "((?:[^"\\]|\\.)+)"/g)];
  assertGreater(references.length, 100);
  for (const [, file = "", name = ""] of references) {
    const source = await Deno.readTextFile(new URL(file, import.meta.url));
    // The name is the first argument, or a property of it.
    const isThere = ["test(", "name: "].some((before) =>
      source.includes(`${before}"${name}"`) || source.includes(`${before}\`${plain(name)}\``)
    );
    assert(isThere, `${file} has no test "${name}"`);
  }
});

Deno.test("SCENARIOS.md has every scenario once, with a test and a verdict", () => {
  const rows = [
    ...table.matchAll(/^\| ([A-Z]\d+) \| .+ \| `(?:portable\/)?\w+_test\.ts`.* \| [^|]+ \|$/gm),
  ];
  const range = (section: string, first: number, last: number) =>
    Array.from({ length: last - first + 1 }, (_, i) => `${section}${first + i}`);
  assertEquals(rows.map(([, number]) => number), [
    ...range("A", 1, 8),
    ...range("B", 9, 21),
    ...range("C", 22, 32),
    ...range("D", 33, 46),
    ...range("E", 47, 53),
    ...range("F", 54, 63),
    ...range("G", 64, 68),
    ...range("H", 69, 75),
    ...range("I", 76, 78),
    ...range("K", 88, 90),
  ]);
});

/** A name as it stands between backticks, where quotes need no backslash. */
function plain(name: string): string {
  return name.replaceAll('\\"', '"');
}
