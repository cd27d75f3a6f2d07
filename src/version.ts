/** The version of this module. A test compares it with `deno.json` and the changelog. */
export const VERSION: string = "0.1.0";
