import { assert, assertEquals } from "@std/assert";
import { isUnsafe } from "../../src/net/http_method.ts";

Deno.test("isUnsafe() is false for the methods that change nothing, and for no other", () => {
  assertEquals(["GET", "HEAD", "OPTIONS"].map(isUnsafe), [false, false, false]);
  const changing = ["POST", "PUT", "PATCH", "DELETE", "PURGE"];
  assert(changing.every(isUnsafe));
});
