// What a user of the npm package may write, without `await using`, for every version of Node. It uses
// each part of the module, and prints what came of it.
import process from "node:process";
import {
  Account,
  AutoRefreshSession,
  fileStore,
  login,
  NetworkError,
  Session,
  tradestation,
} from "@tasty/session";
import { startEmulator, tastytradeFaults } from "@tasty/session/emulator";

async function readAccounts(emulator) {
  const session = new Session({ ...emulator.tastytrade, rateLimit: { requests: 5, perMs: 50 } });
  try {
    emulator.injectFault("GET /customers/me/accounts", tastytradeFaults.tokenInvalid);
    const lists = await Promise.all(Array.from({ length: 9 }, () => Account.get(session)));
    return [lists.length, lists[8][0].accountNumber, emulator.count("POST /oauth/token")];
  } finally {
    await session.close();
  }
}

async function order(emulator) {
  const session = new Session(emulator.tastytrade);
  try {
    emulator.injectFault("POST /accounts/*/orders", "hang");
    const order = {
      "time-in-force": "Day",
      "order-type": "Limit",
      "price": "1.00",
      "price-effect": "Debit",
      "legs": [
        { "instrument-type": "Equity", "symbol": "SPY", "quantity": 1, "action": "Buy to Open" },
      ],
    };
    const path = "/accounts/5WT00000/orders";
    const lost = session.post(path, order, { timeoutMs: 500 }).catch((error) => error);
    const { kind, outcome } = await lost;
    await session.post(path, order);
    return [await lost instanceof NetworkError, kind, outcome, emulator.orders.length];
  } finally {
    await session.close();
  }
}

async function logIn(emulator, options) {
  const { tradestation: settings } = emulator;
  const credentials = await login({ broker: tradestation, ...settings, ...options(emulator) });
  const session = new AutoRefreshSession({ ...credentials, store: fileStore("tokens") });
  try {
    const accounts = await Account.get(session);
    return [accounts.length, credentials.toEnv().split("\n").length];
  } finally {
    await session.close();
  }
}

const byPaste = (emulator) => ({
  pasteAddress: (url) => emulator.submitConsent(url, "accept"),
});

const inBrowser = (emulator) => ({
  port: 31022,
  openBrowser: async (url) => {
    const address = await emulator.submitConsent(url, "accept");
    await (await fetch(address)).text();
  },
});

async function main() {
  const emulator = await startEmulator();
  try {
    console.log(JSON.stringify({
      accounts: await readAccounts(emulator),
      order: await order(emulator),
      byPaste: await logIn(emulator, byPaste),
      inBrowser: await logIn(emulator, inBrowser),
    }));
  } finally {
    await emulator.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
