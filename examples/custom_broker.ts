// Signs in to a broker that the module has never heard of, and lists its accounts. The broker, Acorn,
// is invented: it is the one value below, and without an address, a server of a few lines stands in for
// it. Runs with `deno run -A`, `bun run` and `node`.
// Usage: custom_broker.ts [address], with ACORN_SECRET and ACORN_REFRESH_TOKEN in the environment
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import process from "node:process";
import { Account, type AccountRecord, type Broker, Session } from "../mod.ts"; // "@tasty/session"

const unexplained = { code: undefined, message: undefined, advice: undefined };
const acorn: Broker = {
  name: "Acorn",
  environment: {
    clientId: "ACORN_CLIENT_ID",
    clientSecret: "ACORN_SECRET",
    refreshToken: "ACORN_REFRESH_TOKEN",
  },
  requiresClientId: false,
  credentialsAdvice: "Acorn's support sends both by owl",
  endpoints: ({ baseUrl = "https://api.acorn.example" }) => ({
    baseUrl,
    tokenUrl: `${baseUrl}/token`,
    headers: {},
    validatePath: "/accounts",
  }),
  tokenRequestFormat: "form",
  defaultTokenLifetimeMs: 600_000,
  readTokenRefusal: ({ status }) => ({ ...unexplained, isPermanent: status === 400 }),
  listQuery: "repeat",
  unwrap: (body) => body,
  readPage: (body) => ({ items: Object(body), next: undefined }),
  readApiRefusal: () => ({ ...unexplained, errors: [] }),
  accounts: {
    listPath: "/accounts",
    readList: (data) => Object(data).map(readAccount),
    path: (accountNumber) => `/accounts/${accountNumber}`,
    read: readAccount,
    balancesPath: (accountNumber) => `/accounts/${accountNumber}/balances`,
    readBalances: leftOut,
    positionsPath: (accountNumber) => `/accounts/${accountNumber}/positions`,
    readPositions: leftOut,
  },
};

function readAccount(raw: unknown): AccountRecord {
  const { id, name, closed } = Object(raw);
  const untold = { accountType: undefined, marginOrCash: undefined, authorityLevel: undefined };
  const told = { accountNumber: String(id), nickname: String(name), isClosed: Boolean(closed) };
  return { ...untold, ...told, openedAt: undefined, raw: Object(raw) };
}

function leftOut(): never {
  throw new Error("Balances and positions are left out of this example");
}

async function serveAcorn(): Promise<Server> {
  const server = createServer(({ url }, response) => {
    const token = { "access_token": "leaf", "token_type": "Bearer", "expires_in": 600 };
    const answer = url === "/token" ? token : [{ id: 1, name: "Oak" }, { id: 2, name: "Beech" }];
    response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server;
}

async function listAccounts(): Promise<void> {
  const [address] = process.argv.slice(2);
  await using server = address ? undefined : await serveAcorn();
  const baseUrl = address ?? `http://127.0.0.1:${Object(server?.address()).port}`;
  const invented = address ? {} : { clientSecret: "nut", refreshToken: "seed" };
  await using session = new Session({ broker: acorn, baseUrl, ...invented });

  for (const { accountNumber, nickname } of await Account.get(session)) {
    console.log(accountNumber, nickname);
  }
}

await listAccounts().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
