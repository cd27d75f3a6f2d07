/**
 * The table of which broker fills which field, from the files that read the brokers' JSON. Prints it, for the
 * documentation in `src/brokers/records.ts`:
 *
 *     deno run --allow-read tests/brokers/fields_table.ts
 *
 * @module
 */

const BROKERS = ["tastytrade", "tradestation"] as const;

/** Makes the lines of a table: a row for each field, a column for each broker. */
export function fieldsTable(reader: string): string[] {
  const columns = BROKERS.map((broker) => {
    const source = new URL(`../../src/brokers/${broker}/records.ts`, import.meta.url);
    const code = Deno.readTextFileSync(source).replaceAll(/^ *\/\/.*\n/gm, "");
    return wireNames(code.replaceAll(/ *\/\/.*/g, ""), reader);
  });
  const [first = new Map()] = columns;
  const rows = [...first.keys()].map((field) => {
    return `| \`${field}\` | ${
      columns.map((names) => cellOf(names.get(field) ?? [])).join(" | ")
    } |`;
  });
  return ["| field | tastytrade | TradeStation |", "| --- | --- | --- |", ...rows];
}

function cellOf(names: readonly string[]): string {
  const [first] = names;
  if (first === undefined) return "–";
  if (names.length > 4) return `\`${first}\` and ${names.length - 1} more`;
  return names.map((name) => `\`${name}\``).join(", ");
}

/** The names in the broker's JSON from which a function makes each field. */
function wireNames(source: string, reader: string): Map<string, string[]> {
  const [, body = ""] =
    new RegExp(`function ${reader}\\b[^]*?\\{\\n([^]*?)\\n\\}\\n`).exec(source) ?? [];
  const [head = "", literal = ""] = body.split("  return {\n");
  const variables = new Map<string, string>();
  for (const [, name = "", value = ""] of head.matchAll(/const \[?(\w+)[^=]*\]? = ([^;]+);/g)) {
    const [path] = pathsIn(value, variables);
    if (path !== undefined) variables.set(name, path);
  }
  const names = new Map<string, string[]>();
  for (
    const [, field = "", value = ""] of literal.matchAll(
      /^ {4}(\w+)(?:: ([^]*?))?,$(?=\n {4}\S|\n {2}\})/gm,
    )
  ) {
    if (field !== "raw") names.set(field, pathsIn(value || field, variables));
  }
  return names;
}

/** `raw.Balance` as `Balance`, and what a variable stands for as its own path. */
function pathsIn(code: string, variables: ReadonlyMap<string, string>): string[] {
  const found = code.matchAll(/\b(\w+)(?:\.(\w+)|\["([\w-]+)"\])?(?![\w(:"])/g);
  const paths = [...found].flatMap(([, variable = "", member, key]) => {
    const name = member ?? key;
    if (variable === "raw") return name === undefined ? [] : [name];
    const path = variables.get(variable);
    return path === undefined ? [] : [name === undefined ? path : `${path}.${name}`];
  });
  return [...new Set(paths)];
}

if (import.meta.main) {
  for (const reader of ["readBalances", "readPosition"]) {
    console.log(fieldsTable(reader).map((line) => ` * ${line}`).join("\n"), "\n");
  }
}
