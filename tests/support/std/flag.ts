/**
 * Prints the flag that maps `@std/*` to the stand-ins in this folder, or nothing where JSR answers.
 *
 * Some machines reach npm but not JSR. Tests and examples are written against the real packages that
 * `deno.json` names; on such a machine the tasks put this flag on the command line and nothing else
 * changes.
 *
 * @module
 */

if (!(await isJsrReachable())) {
  const importMap = new URL("./import_map.json", import.meta.url);
  console.log(`--import-map=${importMap.href}`);
}

/** Asks the only way that needs no host name: by importing what the tests import. */
async function isJsrReachable(): Promise<boolean> {
  try {
    await import("@std/assert");
    return true;
  } catch {
    return false;
  }
}
