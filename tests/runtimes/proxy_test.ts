/** What the documentation says about proxies and certificates, on each runtime. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { createServer, request } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { connect } from "node:net";
import { startEmulator } from "../../src/emulator/emulator.ts";
import { close, listen } from "../support/loopback.ts";
import { isAvailable, run, RUNTIMES } from "../support/runtimes.ts";
import { TemporaryFolder } from "../support/temporary_folder.ts";
import { CERTIFICATE, KEY } from "../support/untrusted_certificate.ts";

const PROGRAM = "tests/runtimes/proxy_process.ts";

/** A proxy that forwards requests (RFC 9112 section 3.2.2) and makes tunnels (RFC 9110 section 9.3.6). */
async function startProxy() {
  const targets: string[] = [];
  const server = createServer((message, response) => {
    const { method, url = "", headers } = message;
    targets.push(new URL(url).host);
    const onward = request(
      url,
      { method, headers: { ...headers, connection: "close" } },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, { ...answer.headers, connection: "close" });
        answer.pipe(response);
      },
    );
    message.pipe(onward);
  });
  server.on("connect", ({ url = "" }, socket) => {
    targets.push(url);
    const { hostname, port } = new URL(`http://${url}`);
    const onward = connect(Number(port), hostname, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    onward.on("error", () => socket.destroy());
    socket.on("error", () => onward.destroy());
  });
  const url = `http://127.0.0.1:${await listen(server)}`;
  return { url, targets, [Symbol.asyncDispose]: () => close(server) };
}

for (const runtime of RUNTIMES) {
  const ignore = !await isAvailable(runtime);

  Deno.test({
    name: `A session uses the proxy of the environment, on ${runtime.name}`,
    ignore,
    async fn() {
      await using emulator = await startEmulator();
      await using proxy = await startProxy();
      const options = JSON.stringify({ ...emulator.tastytrade });
      const HTTP_PROXY = proxy.url;
      const env = { HTTP_PROXY, NODE_USE_ENV_PROXY: "1" };
      const { stdout } = await run(runtime, [PROGRAM, options], env);
      assertEquals(stdout.trim(), "2");
      const { host } = new URL(emulator.tastytrade.baseUrl);
      assertEquals(new Set(proxy.targets), new Set([host]));

      const others = await run(runtime, [PROGRAM, options], { ...env, NO_PROXY: "127.0.0.1" });
      assertEquals([others.stdout.trim(), proxy.targets.length], ["2", 2]);
      const isNode = runtime.name.startsWith("Node");
      await run(runtime, [PROGRAM, options], { HTTP_PROXY });
      assertEquals(proxy.targets.length, isNode ? 2 : 4); // Node must be told to
    },
  });

  Deno.test({
    name: `A session trusts the authorities of NODE_EXTRA_CA_CERTS, on ${runtime.name}`,
    ignore,
    async fn() {
      using folder = new TemporaryFolder();
      const file = `${folder.path}/ca.pem`;
      await Deno.writeTextFile(file, CERTIFICATE);
      const server = createHttpsServer({ cert: CERTIFICATE, key: KEY }, (message, response) => {
        message.resume();
        const isToken = message.url?.endsWith("/token");
        response.writeHead(200, { "content-type": "application/json", "connection": "close" });
        response.end(isToken ? '{ "access_token": "a" }' : '{ "data": { "items": [] } }');
      });
      await using _closing = { [Symbol.asyncDispose]: () => close(server) };
      const baseUrl = `https://localhost:${await listen(server)}`;
      const options = JSON.stringify({ baseUrl, clientSecret: "s", refreshToken: "r" });
      const refused = await run(runtime, [PROGRAM, options], { NODE_EXTRA_CA_CERTS: "" });
      assertStringIncludes(refused.stdout, "NODE_EXTRA_CA_CERTS=ca.pem");
      const trusted = await run(runtime, [PROGRAM, options], { NODE_EXTRA_CA_CERTS: file });
      assertEquals(trusted.stdout.trim(), "0");
    },
  });
}
