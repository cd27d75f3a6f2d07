/**
 * Starts a callback server, visits it on both loopback addresses, and prints what each visit got.
 *
 * @module
 */

import { request } from "node:http";
import process from "node:process";
import { CallbackServer } from "../../src/login/callback_server.ts";

const PORT = 3001;

function visit(host: string): Promise<string> {
  return new Promise((resolve) => {
    const options = { host, port: PORT, headers: { host: `localhost:${PORT}` } };
    request(options, (response) => {
      response.resume();
      resolve(String(response.statusCode));
    }).on("error", () => resolve("nobody")).end();
  });
}

const server = new CallbackServer(
  new URL(`http://localhost:${PORT}`),
  () => Promise.resolve({ status: 200 }),
);
try {
  await server.listen();
  process.stdout.write(`127.0.0.1 ${await visit("127.0.0.1")}, ::1 ${await visit("::1")}\n`);
} catch (error) {
  process.stdout.write(`${Object(error).code}\n`);
} finally {
  await server.close();
}
