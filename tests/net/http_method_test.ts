import { assert, assertEquals, assertThrows } from "@std/assert";
import { isUnsafe, readMethod } from "../../src/net/http_method.ts";

Deno.test("isUnsafe() is false for the methods that change nothing, and for no other", () => {
  assertEquals(["GET", "HEAD", "OPTIONS"].map(isUnsafe), [false, false, false]);
  const changing = ["POST", "PUT", "PATCH", "DELETE", "PURGE"];
  assert(changing.every(isUnsafe));
});

Deno.test("readMethod() reads no method as GET, and a name in capital letters", () => {
  assertEquals([undefined, null, "get", "Patch"].map(readMethod), ["GET", "GET", "GET", "PATCH"]);
  for (const method of ["", "GET ", "GET\r\n", "É"]) {
    assertThrows(() => readMethod(method), TypeError, "is not a method");
  }
});
