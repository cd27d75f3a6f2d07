/**
 * The server that all contenders talk to. Issues tokens after 20 ms, answers everything else with a
 * small JSON, and counts the token requests. `POST /revoke` makes the tokens so far worthless: then each
 * refusal takes 15 ms longer than the one before.
 *
 * @module
 */

import { createServer } from "node:http";

const BODY = JSON.stringify({
  data: { id: "me", "first-name": "Jane", "last-name": "Doe" },
});
let [issued, revoked, tokenRequests, refusals] = [0, 0, 0, 0];

const server = createServer((request, response) => {
  const answer = (status: number, body: string) =>
    response.writeHead(status, { "content-type": "application/json" }).end(
      body,
    );
  const { url, headers } = request;
  request.resume();
  if (url === "/count") {
    answer(200, String(tokenRequests));
    tokenRequests = 0;
  } else if (url === "/revoke") {
    [revoked, refusals] = [issued, 0];
    answer(200, "{}");
  } else if (url === "/oauth/token") {
    tokenRequests += 1;
    const token = {
      "access_token": `token-${++issued}`,
      "token_type": "Bearer",
      "expires_in": 900,
    };
    setTimeout(() => answer(200, JSON.stringify(token)), 20);
  } else if (Number(headers.authorization?.split("-").at(-1)) > revoked) {
    answer(200, BODY);
  } else {
    setTimeout(() => answer(401, "{}"), 15 * refusals++);
  }
});
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", () => console.log(Object(server.address()).port));
