import type { Broker } from "./brokers/broker.ts";
import { CREDENTIAL_NAMES } from "./credential_options.ts";
import { envLine } from "./env_file.ts";
import { CredentialsError } from "./errors.ts";
import { keepRefreshToken, loginTokensOf } from "./token/login_tokens.ts";

/** The fields of {@linkcode Credentials}. */
export interface CredentialsOptions {
  /** The broker. */
  readonly broker: Broker;
  /** Whether they are for the broker's test system. */
  readonly sandbox?: boolean | undefined;
  /** The address of the API, if it is not the broker's own. */
  readonly baseUrl?: string | undefined;
  /** The address of the sign-in, if it is not the broker's own. */
  readonly signInUrl?: string | undefined;
  /** The address of the account streamer, if it is not the broker's own. */
  readonly streamerUrl?: string | undefined;
  /** The OAuth client id. */
  readonly clientId: string;
  /** The OAuth client secret. */
  readonly clientSecret: string;
  /** The OAuth refresh token. */
  readonly refreshToken: string;
}

/**
 * The result of a login: all that a session needs, as in `new Session(await login())` or
 * `new Session({ ...credentials, store })`.
 *
 * A session starts with the access token of the login. If refresh tokens rotate, all sessions from
 * these credentials share the current one, and {@linkcode Credentials.toEnv} writes it; with a store it
 * writes the first one, by which the store finds the current one.
 *
 * Printing it shows no secrets, and a spread copy holds none, only a reference to it.
 */
export class Credentials {
  readonly #options: CredentialsOptions;

  /** This object itself: the only property that `{ ...credentials, store }` copies. */
  readonly credentials: Credentials = this;

  /** Programs get them from {@linkcode login}. */
  constructor(options: CredentialsOptions) {
    this.#options = { ...options };
    keepRefreshToken(this, options.refreshToken);
    // For console.log. A static block would keep bundlers from leaving this class out.
    Object.defineProperty(this, Symbol.for("nodejs.util.inspect.custom"), {
      value: () => `Credentials ${JSON.stringify(this)}`,
    });
  }

  /** The broker. */
  get broker(): Broker {
    return this.#options.broker;
  }

  /** Whether they are for the broker's test system. */
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

  /** The address of the account streamer, if it is not the broker's own. */
  get streamerUrl(): string | undefined {
    return this.#options.streamerUrl;
  }

  /** The OAuth client id. */
  get clientId(): string {
    return this.#options.clientId;
  }

  /** The OAuth client secret. */
  get clientSecret(): string {
    return this.#options.clientSecret;
  }

  /** The OAuth refresh token. If it rotates, the current one, or with a store the first one. */
  get refreshToken(): string {
    const { first, current, isStored } = loginTokensOf(this).refreshToken;
    return isStored ? first : current;
  }

  /**
   * Writes the lines of a `.env` file so that `@std/dotenv`, Deno, Bun and Node read them the same.
   *
   * @returns One line for each variable that `new Session()` reads. They hold secrets.
   * @throws {CredentialsError} If a value has characters that these readers treat differently.
   */
  toEnv(): string {
    const { envVariables } = this.broker;
    return CREDENTIAL_NAMES.map((name) => {
      const variable = envVariables[name];
      const line = envLine(variable, this[name]);
      if (line !== undefined) return `${line}\n`;
      throw new CredentialsError(
        `Cannot write ${variable} for a .env file: programs read some of its characters differently ` +
          "there. Set the variable in another way",
        { code: "unwritable_credential" },
      );
    }).join("");
  }

  /** For `JSON.stringify`: without secrets. */
  toJSON(): Readonly<Record<string, unknown>> {
    const redacted = Object.fromEntries(CREDENTIAL_NAMES.map((name) => [name, "[redacted]"]));
    return { broker: this.broker.name, sandbox: this.sandbox, ...redacted };
  }
}
