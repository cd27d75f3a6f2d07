// Signs in to a broker that the module has never heard of, and lists its accounts. The broker, Acorn,
// is invented: it is the one value below, and without an address, a server of a few lines stands in for
// it. In your program, import from "@tasty/session". Runs with `deno run -A`, `bun run` and `node`.
// Usage: custom_broker.ts [address], with ACORN_SECRET and ACORN_REFRESH_TOKEN in the environment
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import process from "node:process";
import { Account, type AccountRecord, type Broker, type Position, Session } from "../mod.ts";

const acorn: Broker = {
  name: "Acorn",
  envVariables: {
    clientId: "ACORN_CLIENT_ID",
    clientSecret: "ACORN_SECRET",
    refreshToken: "ACORN_REFRESH_TOKEN",
  },
  requiresClientId: false,
  credentialsHelp: "Acorn's support sends both by owl", // ends the messages about credentials
  endpoints: ({ baseUrl = "https://api.acorn.example" }) => ({
    baseUrl,
    tokenUrl: `${baseUrl}/token`,
    validatePath: "/accounts",
  }),
  defaultTokenLifetimeMs: 600_000, // where a response does not tell it
  readPage: (body) => ({ items: Object(body) }),
  accounts: {
    listPath: "/accounts",
    readList: (data) => Object(data).map(readAccount),
    path: (accountNumber) => `/accounts/${accountNumber}`,
    read: readAccount,
    balancesPath: (accountNumber) => `/accounts/${accountNumber}/balances`,
    readBalances: (raw) => ({ cashBalance: Object(raw).cash, raw: Object(raw) }),
    positionsPath: (accountNumber) => `/accounts/${accountNumber}/positions`,
    readPositions: (data) => Object(data).map(readPosition),
  },
};

// With these types a misspelt field does not pass.
function readAccount(raw: unknown): AccountRecord {
  const { id, name } = Object(raw);
  return { accountNumber: String(id), nickname: name, raw: Object(raw) };
}

function readPosition(raw: unknown): Position {
  const { ticker, shares } = Object(raw);
  const quantityDirection = shares < 0 ? "Short" : "Long";
  return {
    symbol: ticker,
    quantity: String(Math.abs(shares)),
    quantityDirection,
    raw: Object(raw),
  };
}

/** In place of the broker. */
async function serveAcorn(): Promise<Server> {
  const answers: Record<string, unknown> = {
    "/token": { access_token: "leaf", token_type: "Bearer", expires_in: 600 },
    "/accounts": [{ id: 1, name: "Oak" }],
    "/accounts/1/balances": { cash: "12.50" },
    "/accounts/1/positions": [{ ticker: "NUT", shares: -3 }],
  };
  const server = createServer(({ url = "" }, response) => {
    response.setHeader("content-type", "application/json").end(JSON.stringify(answers[url]));
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

  for (const account of await Account.get(session)) {
    const { cashBalance } = await account.balances();
    console.log(account.accountNumber, account.nickname, "holds", cashBalance, "in cash");
    for (const { quantityDirection, quantity, symbol } of await account.positions()) {
      console.log(quantityDirection, quantity, symbol);
    }
  }
}

await listAccounts().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
