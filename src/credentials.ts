import type { Broker } from "./brokers/broker.ts";
import { CREDENTIAL_NAMES } from "./credential_options.ts";
import { envLine } from "./env_file.ts";
import { CredentialsError } from "./errors.ts";
import { RefreshToken } from "./token/refresh_token.ts";
import type { Token } from "./token/token.ts";

/** What {@linkcode Credentials} are made from. */
export interface CredentialsOptions {
  /** See {@linkcode Credentials.broker}. */
  readonly broker: Broker;
  /** See {@linkcode Credentials.sandbox}. */
  readonly sandbox?: boolean | undefined;
  /** See {@linkcode Credentials.baseUrl}. */
  readonly baseUrl?: string | undefined;
  /** See {@linkcode Credentials.signInUrl}. */
  readonly signInUrl?: string | undefined;
  /** See {@linkcode Credentials.clientId}. */
  readonly clientId: string;
  /** See {@linkcode Credentials.clientSecret}. */
  readonly clientSecret: string;
  /** See {@linkcode Credentials.refreshToken}. */
  readonly refreshToken: string;
}

/**
 * What a login brings: all that a session needs, as in `new Session(await login())`, or in
 * `new Session({ ...credentials, store })`.
 *
 * A session starts with the access token that the login brought. Where refresh tokens rotate, the
 * sessions made from these credentials share the current one, which is also what
 * {@linkcode Credentials.toEnv} writes; or, with a store, the first one, by which the store finds it.
 *
 * Nothing prints its secrets, and no copy holds them: a spread carries a reference to it.
 */
export class Credentials {
  readonly #options: CredentialsOptions;

  static {
    // What console.log gets.
    Object.defineProperty(this.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value(this: Credentials): string {
        return `Credentials ${JSON.stringify(this)}`;
      },
    });
  }

  /** These credentials: what `{ ...credentials, store }` carries over, since all else is private. */
  readonly credentials: Credentials = this;

  /** Made by {@linkcode login}. */
  constructor(options: CredentialsOptions) {
    this.#options = { ...options };
    gained.set(this, { refreshToken: new RefreshToken(options.refreshToken) });
  }

  /** The broker. */
  get broker(): Broker {
    return this.#options.broker;
  }

  /** Whether it is the broker's own test system. */
  get sandbox(): boolean {
    return this.#options.sandbox ?? false;
  }

  /** The address of the API, if it is not the broker's own. */
  get baseUrl(): string | undefined {
    return this.#options.baseUrl;
  }

  /** The address of the sign-in, if it is not the broker's own. */
  get signInUrl(): string | undefined {
    return this.#options.signInUrl;
  }

  /** The OAuth client id. */
  get clientId(): string {
    return this.#options.clientId;
  }

  /** The OAuth client secret. */
  get clientSecret(): string {
    return this.#options.clientSecret;
  }

  /** The OAuth refresh token; where it rotates, the current one, or with a store the first one. */
  get refreshToken(): string {
    const { first, current, isStored } = gainedBy(this).refreshToken;
    return isStored ? first : current;
  }

  /**
   * Writes them for a `.env` file, in a way that `@std/dotenv`, Deno, Bun and Node read the same.
   *
   * @returns One line each, with the variables that `new Session()` reads.
   * @throws {CredentialsError} If there is no such way, because of the characters in one of them.
   */
  toEnv(): string {
    const { environment } = this.broker;
    return CREDENTIAL_NAMES.map((name) => {
      const variable = environment[name];
      const line = envLine(variable, this[name]);
      if (line !== undefined) return `${line}\n`;
      throw new CredentialsError(
        `Cannot write ${variable} for a .env file: it has characters that programs read differently ` +
          "there. Put it into the environment in another way",
        { code: "unwritable_credential" },
      );
    }).join("");
  }

  /** What `JSON.stringify` gets. */
  toJSON(): Readonly<Record<string, unknown>> {
    const redacted = Object.fromEntries(CREDENTIAL_NAMES.map((name) => [name, "[redacted]"]));
    return { broker: this.broker.name, sandbox: this.sandbox, ...redacted };
  }
}

/** What a login has gained beside the credentials that stay: nobody's business but a session's. */
export interface Gained {
  refreshToken: RefreshToken;
  readonly accessToken?: Token;
}

const gained = /* @__PURE__ */ new WeakMap<Credentials, Gained>();

/** What the login of these credentials has gained. */
export function gainedBy(credentials: Credentials): Gained {
  const found = gained.get(credentials);
  if (found !== undefined) return found;
  throw new TypeError("Cannot use these credentials: pass what login() returned, or parts of it");
}

/** Keeps the access token that came with the refresh token. */
export function withAccessToken(credentials: Credentials, accessToken: Token): Credentials {
  gained.set(credentials, { ...gainedBy(credentials), accessToken });
  return credentials;
}
