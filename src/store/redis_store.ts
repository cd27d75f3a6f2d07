import { MAX_AGE_MS, type TokenStore } from "./token_store.ts";

/** The client of the npm package `redis` (node-redis), connected, or of one that has this function. */
export interface NodeRedisClient {
  /** Sends a command. */
  sendCommand(command: string[]): Promise<unknown>;
}

/** The client of the npm package `ioredis`. */
export interface IORedisClient {
  /** Sends a command. */
  call(command: string, ...args: string[]): Promise<unknown>;
}

/** The client of Bun, `Bun.redis` or a `RedisClient`. */
export interface BunRedisClient {
  /** Sends a command. */
  send(command: string, args: string[]): Promise<unknown>;
}

/** A client for Redis or Valkey. */
export type RedisClient = NodeRedisClient | IORedisClient | BunRedisClient;

/** Options for {@linkcode redisStore}. */
export interface RedisStoreOptions {
  /**
   * What the keys begin with.
   *
   * @default {"tasty-session:"}
   */
  readonly prefix?: string | undefined;
}

/** A script is atomic. `SET` with `IFEQ` would do the same, but Redis has it since 8.4 only. */
const COMPARE_AND_SET = `
local current = redis.call("GET", KEYS[1])
if current == false then current = nil end
local before = nil
if ARGV[1] == "some" then before = ARGV[2] end
if current ~= before then return 0 end
redis.call("SET", KEYS[1], ARGV[3], "PX", ARGV[4])
return 1`;

/**
 * Keeps tokens in Redis or Valkey, for any number of machines. Works with node-redis, ioredis and Bun's own
 * client; the program creates, connects and closes it.
 *
 * Redis must be durable, because the refresh token in it may be the only one that works: set
 * `appendonly yes` and `maxmemory-policy noeviction`. With `appendfsync everysec`, its default, a power cut
 * may lose the writes of the last second; `always` loses none. A replica that takes over may lack the last
 * write too.
 *
 * A grant that nobody refreshes for 400 days expires. The tokens are not encrypted: whoever can read the key
 * can trade. {@linkcode encryptedStore} encrypts them.
 *
 * @param client The client.
 * @throws {TypeError} If it is none of the three.
 *
 * @example With node-redis
 * ```ts ignore
 * import { createClient } from "redis";
 * import { Session } from "@tasty/session";
 * import { redisStore } from "@tasty/session/stores";
 *
 * const client = await createClient({ url: "redis://127.0.0.1:6379" }).connect();
 * await using session = new Session({ store: redisStore(client) });
 * ```
 */
export function redisStore(client: RedisClient, options: RedisStoreOptions = {}): TokenStore {
  const { prefix = "tasty-session:" } = options;
  const send = commandOf(Object(client));
  return {
    async get(key: string): Promise<string | undefined> {
      const text = await send("GET", [prefix + key]);
      return text === null || text === undefined ? undefined : String(text);
    },
    async compareAndSet(key: string, before: string | undefined, after: string): Promise<boolean> {
      const expected = before === undefined ? ["none", ""] : ["some", before];
      const values = [...expected, after, String(MAX_AGE_MS)];
      const reply = await send("EVAL", [COMPARE_AND_SET, "1", prefix + key, ...values]);
      return Number(reply) === 1;
    },
  };
}

/** How a client sends any command. Each of the three has another function for it. */
function commandOf(client: RedisClient): (command: string, args: string[]) => Promise<unknown> {
  if ("call" in client && typeof client.call === "function") {
    return (command, args) => client.call(command, ...args);
  }
  if ("sendCommand" in client && typeof client.sendCommand === "function") {
    return (command, args) => client.sendCommand([command, ...args]);
  }
  if ("send" in client && typeof client.send === "function") {
    return (command, args) => client.send(command, args);
  }
  throw new TypeError(
    "Cannot use this client: pass a connected one of redis (node-redis), ioredis or Bun",
  );
}
