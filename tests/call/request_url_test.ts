import { assertEquals, assertThrows } from "@std/assert";
import { requestUrl } from "../../src/call/request.ts";
import { BASE_URL } from "./request_fixtures.ts";

Deno.test("requestUrl() puts a path behind the base, its path included", () => {
  assertEquals(requestUrl("/accounts", BASE_URL), "https://api.example.com/accounts");
  assertEquals(requestUrl("/a?b=c#d", `${BASE_URL}/v3`), "https://api.example.com/v3/a?b=c#d");
  assertEquals(requestUrl("/", BASE_URL), "https://api.example.com/");
});

Deno.test("requestUrl() takes an absolute URL of the broker's origin, however it is spelled", () => {
  for (
    const url of [
      "https://api.example.com/a?b=c",
      "HTTPS://API.example.COM/a?b=c",
      "https://api.example.com:443/a?b=c",
      "https:/api.example.com/a?b=c",
    ]
  ) {
    assertEquals(requestUrl(url, `${BASE_URL}/v3`), "https://api.example.com/a?b=c");
  }
});

Deno.test("requestUrl() never leads to another origin", () => {
  for (
    const url of [
      "https://evil.example/a",
      "http://api.example.com/a",
      "https://api.example.com:8443/a",
      "https://api.example.com.evil.example/a",
      "https://api.example.com@evil.example/a",
      "https://user@api.example.com/a",
      "https://:password@api.example.com/a",
      "wss://api.example.com/a",
      "data:text/plain,a",
      "javascript:alert(1)",
      "//evil.example/a",
      "///evil.example/a",
      "\\\\evil.example\\a",
      "\\evil.example",
    ]
  ) {
    assertThrows(() => requestUrl(url, BASE_URL), TypeError, "Cannot send a request to", url);
  }
  for (
    const path of ["/\\evil.example", "/@evil.example", "/\t/evil.example", "/:1@evil.example"]
  ) {
    assertEquals(new URL(requestUrl(path, BASE_URL)).host, "api.example.com", path);
    assertEquals(new URL(requestUrl(path, `${BASE_URL}/v3`)).host, "api.example.com", path);
  }
});

Deno.test("requestUrl() says how a path is written", () => {
  const untyped = [undefined, null, 5] as unknown as string[]; // what JavaScript lets through
  for (const path of ["", "accounts", "./accounts", " /accounts", "?a=b", "1:2", ...untyped]) {
    assertThrows(() => requestUrl(path, BASE_URL), TypeError, "a path starts with one slash", path);
  }
});

Deno.test("requestUrl() shows neither path nor query of a foreign URL", () => {
  const { message } = assertThrows(
    () => requestUrl("https://evil.example/secret-path?token=secret", BASE_URL),
    TypeError,
  );
  assertEquals(
    message,
    'Cannot send a request to "https://evil.example": the access token goes to ' +
      "https://api.example.com only",
  );
});
