// Keeps tokens in PostgreSQL, so that any number of machines share one grant. A store is two functions:
// any engine with a conditional write can be one.
//
// Runs against the emulator: DATABASE_URL=postgres://… deno run -A examples/postgres_store.ts
import process from "node:process";
import { Account, Session, type TokenStore } from "../mod.ts"; // in your program: "@tasty/session"
import { startEmulator } from "../src/emulator/emulator.ts"; // "@tasty/session/emulator"

/** The part of a `Pool` of the npm package `pg` that is used. */
interface Pool {
  query(sql: string, values?: unknown[]): Promise<{
    rows: { record: string }[];
    rowCount: number | null;
  }>;
}

const TABLE = "CREATE TABLE IF NOT EXISTS grants (key text PRIMARY KEY, record text NOT NULL)";
const SELECT = "SELECT record FROM grants WHERE key = $1";
const INSERT = "INSERT INTO grants VALUES ($1, $2) ON CONFLICT DO NOTHING";
const UPDATE = "UPDATE grants SET record = $2 WHERE key = $1 AND record = $3";

/** Makes a store over the table. */
export const postgresStore = (pool: Pool): TokenStore => ({
  get: async (key) => (await pool.query(SELECT, [key])).rows[0]?.record,
  compareAndSet: async (key, before, after) => {
    const { rowCount } = before === undefined
      ? await pool.query(INSERT, [key, after])
      : await pool.query(UPDATE, [key, after, before]);
    return rowCount === 1;
  },
});

/** Makes the table. In a real program this is a migration: two processes must not do it at once. */
export const createTable = async (pool: Pool): Promise<unknown> => await pool.query(TABLE);

async function main(): Promise<void> {
  const { default: pg } = await import("pg");
  const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL });
  await using emulator = await startEmulator(); // leave it out to trade real money
  await createTable(pool);
  const store = postgresStore(pool);
  {
    await using session = new Session({ ...emulator.tastytrade, store });
    for (const { accountNumber } of await Account.get(session)) console.log(accountNumber);
  }
  await pool.end();
}

if (import.meta.main) await main();
