import { assert, assertEquals, assertFalse, assertMatch, assertRejects } from "@std/assert";
import { createServer } from "node:net";
import {
  type CallbackRequest,
  type CallbackResponse,
  CallbackServer,
} from "../../src/login/callback_server.ts";
import { signedInPage } from "../../src/login/pages.ts";
import { exchangeBytes, visit } from "../support/login.ts";
import { closedPort } from "../support/loopback.ts";

interface Served extends AsyncDisposable {
  readonly server: CallbackServer;
  readonly port: number;
  readonly origin: string;
  readonly visits: readonly CallbackRequest[];
}

async function serve(reply: CallbackResponse | Error = { status: 200 }): Promise<Served> {
  const port = await closedPort();
  const origin = `http://localhost:${port}`;
  const visits: CallbackRequest[] = [];
  const server = new CallbackServer(new URL(origin), (visit) => {
    visits.push(visit);
    return reply instanceof Error ? Promise.reject(reply) : Promise.resolve(reply);
  });
  await server.listen();
  return { server, port, origin, visits, [Symbol.asyncDispose]: () => server.close() };
}

Deno.test("CallbackServer hands over what the browser asks for", async () => {
  await using served = await serve();
  const { origin, visits } = served;
  await visit(`${origin}/a%20b?code=1&state=a?b&state=c`);
  await visit(`${origin}/`, {
    method: "POST",
    headers: { origin },
    body: new URLSearchParams({ secret: "ü &=" }),
  });
  const [got, posted] = visits;
  assertEquals([got?.method, got?.path, got?.origin], ["GET", "/a%20b", undefined]);
  assertEquals([...got?.query ?? []], [["code", "1"], ["state", "a?b"], ["state", "c"]]);
  assertEquals([posted?.method, posted?.path, posted?.origin], ["POST", "/", origin]);
  assertEquals([...posted?.form ?? []], [["secret", "ü &="]]);
});

Deno.test("CallbackServer reads no more of a form than one can be long", async () => {
  await using served = await serve();
  const { status } = await visit(served.origin, {
    method: "POST",
    body: `a=${"x".repeat(100_000)}`,
  });
  assertEquals([status, served.visits[0]?.form.size], [200, 0]);
});

Deno.test("CallbackServer keeps neither connections nor pages, not even for a mistake of ours", async () => {
  for (const reply of [{ status: 200, page: signedInPage("x") }, new Error("secret words")]) {
    await using served = await serve(reply);
    const { status, headers, text } = await visit(served.origin);
    assertEquals(status, reply instanceof Error ? 500 : 200);
    assertFalse(text.includes("secret words"));
    assertEquals(headers.get("connection"), "close");
    assertEquals(headers.get("cache-control"), "no-store");
    assertMatch(`${headers.get("content-security-policy")}`, /^default-src 'none'/);
  }
});

Deno.test("CallbackServer answers under its own name only", async () => {
  await using served = await serve();
  const { port, visits } = served;
  const hosts = [`evil.example:${port}`, "localhost", `127.0.0.1:${port}`, `[::1]:${port}`, ""];
  for (const host of hosts) {
    const answer = await exchangeBytes(port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assertMatch(answer, /^HTTP\/1.1 400 /);
  }
  const old = await exchangeBytes(port, "GET / HTTP/1.0\r\n\r\n"); // without a name
  assertMatch(old, /^HTTP\/1.[01] 400 /);
  assertEquals(visits, []);
});

Deno.test("CallbackServer knows that port 80 is not written", async () => {
  const server = new CallbackServer(new URL("http://localhost"), () => {
    return Promise.resolve({ status: 200 });
  });
  try {
    await server.listen();
  } catch {
    return; // this machine has a server there, or permits none
  }
  for (
    const [host, status] of [["localhost", 200], ["localhost:80", 200], ["x:80", 400]] as const
  ) {
    const answer = await exchangeBytes(80, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assertEquals([host, answer.slice(9, 12)], [host, String(status)]);
  }
  await server.close();
});

Deno.test("CallbackServer.listen() fails if another has the port on either address", async () => {
  for (const host of ["127.0.0.1", "::1"]) {
    const port = await closedPort();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(port, host, resolve));
    const server = new CallbackServer(new URL(`http://localhost:${port}`), () => {
      return Promise.resolve({ status: 200 });
    });
    const error = await assertRejects(() => server.listen(), Error);
    assertEquals("code" in error && error.code, "EADDRINUSE");
    await server.close();
    await new Promise<void>((resolve) => other.close(() => resolve()));
  }
});

Deno.test("CallbackServer.close() drops idle and half-spoken connections, and frees the port", async () => {
  const { server, port } = await serve();
  const idle = await Deno.connect({ hostname: "127.0.0.1", port });
  const slow = await Deno.connect({ hostname: "127.0.0.1", port });
  await slow.write(new TextEncoder().encode("GET / HTT"));
  await exchangeBytes(port, "nonsense\r\n\r\n");
  await server.close();
  await server.close();
  for (const connection of [idle, slow]) {
    assertEquals(await connection.read(new Uint8Array(1)).catch(() => null), null);
    connection.close();
  }
  await assertRejects(() => exchangeBytes(port, ""), Error, "ECONNREFUSED");
  const again = new CallbackServer(new URL(`http://localhost:${port}`), () => {
    return Promise.resolve({ status: 204 });
  });
  await again.listen();
  await again.close();
});

Deno.test("CallbackServer.waitForLastPage() ends soon after the last page, or soon without it", async () => {
  await using served = await serve({ status: 200, page: signedInPage("x"), isLast: true });
  const startedAt = performance.now();
  const waitForLastPage = served.server.waitForLastPage();
  await visit(served.origin);
  await waitForLastPage;
  const tookMs = performance.now() - startedAt;
  assert(tookMs >= 95 && tookMs < 300, `${tookMs} ms`);

  await using alone = await serve();
  const aloneAt = performance.now();
  await alone.server.waitForLastPage();
  const aloneMs = performance.now() - aloneAt;
  assert(aloneMs >= 395 && aloneMs < 500, `${aloneMs} ms`);
});

/** Runs the callback process on a machine of its own, of whose loopback this command makes something else. */
async function withLoopback(command: string): Promise<string> {
  const script = new URL("../support/callback_process.ts", import.meta.url).pathname;
  const run =
    `ip link set lo up && ${command} && exec "${Deno.execPath()}" run -A --no-check "${script}"`;
  const { stdout, stderr } = await new Deno.Command("unshare", {
    args: ["--net", "sh", "-c", run],
    env: { NO_COLOR: "1" },
  }).output();
  return new TextDecoder().decode(stdout).trim() || new TextDecoder().decode(stderr).trim();
}

/** Needs Linux, and a user who may make a network namespace. */
const canMakeNetworks = Deno.build.os === "linux" &&
  (await new Deno.Command("sh", {
    args: ["-c", "unshare --net ip link set lo up"],
    stderr: "null",
  }).output()).success;

Deno.test({
  name: "CallbackServer listens on each loopback address that the machine has",
  ignore: !canMakeNetworks,
  async fn() {
    const without4 = "ip addr del 127.0.0.1/8 dev lo";
    const without6 = "ip -6 addr del ::1/128 dev lo";
    assertEquals(await withLoopback("true"), "127.0.0.1 200, ::1 200");
    assertEquals(await withLoopback(without6), "127.0.0.1 200, ::1 nobody");
    assertEquals(await withLoopback(without4), "127.0.0.1 nobody, ::1 200");
    assertMatch(await withLoopback(`${without4} && ${without6}`), /^E(ADDRNOTAVAIL|INVAL)$/);
  },
});
