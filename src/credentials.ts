/**
 * Options and environment become credentials. Nothing else in the module reads the environment.
 */

import process from "node:process";
import type { Broker, EndpointOptions } from "./brokers/broker.ts";
import { envLine } from "./env_file.ts";
import { CredentialsError, type CredentialsErrorCode } from "./errors.ts";

/** What a session signs in with, as the user gives it. */
export interface CredentialOptions {
  /**
   * The OAuth client id: TradeStation's API key. At tastytrade optional, and sent only when given.
   *
   * @default {TASTY_CLIENT_ID} or `TRADESTATION_CLIENT_ID`, from the environment
   */
  readonly clientId?: string | undefined;
  /**
   * The OAuth client secret.
   *
   * @default {TASTY_CLIENT_SECRET} or `TRADESTATION_CLIENT_SECRET`, from the environment
   */
  readonly clientSecret?: string | undefined;
  /**
   * The OAuth refresh token.
   *
   * @default {TASTY_REFRESH_TOKEN} or `TRADESTATION_REFRESH_TOKEN`, from the environment
   */
  readonly refreshToken?: string | undefined;
}

/** What a session signs in with. Kept in private fields only: whatever can be printed will be. */
export interface GrantCredentials {
  readonly clientId: string | undefined;
  readonly clientSecret: string;
  readonly refreshToken: string;
}

/**
 * Takes what the options give, and the rest from the environment.
 *
 * @throws {CredentialsError} If a credential is nowhere, or visibly wrong.
 */
export function readCredentials(
  options: CredentialOptions,
  broker: Broker,
  endpointOptions: EndpointOptions,
): GrantCredentials {
  refusePassword(options, broker);
  const required = (option: CredentialName): string =>
    readRequired(option, options, broker, [CREATE_SESSION, broker.credentialsAdvice]);

  const clientSecret = required("clientSecret");
  const refreshToken = required("refreshToken");
  const clientId = broker.requiresClientId
    ? required("clientId")
    : optionalClientId(options, broker);

  const complaint = broker.checkRefreshToken?.(refreshToken, endpointOptions);
  if (complaint !== undefined) {
    throw new CredentialsError(`${CREATE_SESSION}: ${complaint.message}`, {
      code: complaint.code,
    });
  }
  return { clientId, clientSecret, refreshToken };
}

/** The application that a user lets in: what a login needs before there is a refresh token. */
export interface Client {
  readonly clientId: string;
  readonly clientSecret: string;
}

/**
 * Takes the client from the options and the environment.
 *
 * @throws {CredentialsError} If a part of it is nowhere, or visibly wrong.
 */
export function readClient(options: CredentialOptions, broker: Broker): Client {
  const words = [
    `Cannot log in to ${broker.name}`,
    broker.login?.clientAdvice ?? broker.credentialsAdvice,
  ] as const;
  return {
    clientId: readRequired("clientId", options, broker, words),
    clientSecret: readRequired("clientSecret", options, broker, words),
  };
}

/** Takes as much of the client as there is, for a login that can ask for the rest. */
export function findClient(options: CredentialOptions, broker: Broker): Partial<Client> {
  const found: { clientId?: string; clientSecret?: string } = {};
  for (const option of ["clientId", "clientSecret"] as const) {
    const variable = broker.environment[option];
    const given = options[option];
    const value = given ?? tryEnvironment(variable);
    if (!value) continue;
    const where = given === undefined ? variable : option;
    refuseMalformed(value, option, where, `Cannot log in to ${broker.name}`);
    found[option] = value;
  }
  return found;
}

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

  /** The OAuth refresh token. */
  get refreshToken(): string {
    return this.#options.refreshToken;
  }

  /**
   * Writes them for a `.env` file, in a way that `@std/dotenv`, Deno, Bun and Node read the same.
   *
   * @returns One line each, with the variables that `new Session()` reads.
   * @throws {CredentialsError} If there is no such way, because of the characters in one of them.
   */
  toEnv(): string {
    const { environment } = this.broker;
    return NAMES.map((name) => {
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
    const redacted = Object.fromEntries(NAMES.map((name) => [name, "[redacted]"]));
    return { broker: this.broker.name, sandbox: this.sandbox, ...redacted };
  }
}

type CredentialName = "clientId" | "clientSecret" | "refreshToken";

const NAMES: readonly CredentialName[] = ["clientId", "clientSecret", "refreshToken"];

const CREATE_SESSION = "Cannot create a session";

const MISSING = {
  clientId: "missing_client_id",
  clientSecret: "missing_client_secret",
  refreshToken: "missing_refresh_token",
} as const satisfies Record<CredentialName, CredentialsErrorCode>;

/** How messages call a credential. */
const SPOKEN = {
  clientId: "client id",
  clientSecret: "client secret",
  refreshToken: "refresh token",
} as const satisfies Record<CredentialName, string>;

function readRequired(
  option: CredentialName,
  options: CredentialOptions,
  broker: Broker,
  [action, advice]: readonly [action: string, advice: string],
): string {
  const variable = broker.environment[option];
  const given = options[option];
  const value = given ?? readEnvironment(variable, option);
  if (value === undefined || value === "") {
    throw new CredentialsError(
      `${action}: no ${SPOKEN[option]}. Pass ${option} or set ${variable}. ${advice}`,
      { code: MISSING[option] },
    );
  }
  refuseMalformed(value, option, given === undefined ? variable : option, action);
  return value;
}

/** Options of the sign-in with a password, which the brokers have ended. */
export const PASSWORD_OPTIONS: readonly string[] = ["username", "login", "password"];

/** Says how to come over from the sign-in with a password. */
function refusePassword(options: CredentialOptions, broker: Broker): void {
  for (const name of PASSWORD_OPTIONS) {
    if (Reflect.get(options, name) === undefined) continue;
    const { clientSecret, refreshToken } = broker.environment;
    throw new CredentialsError(
      `Cannot create a session with "${name}": ${broker.name} has ended the sign-in with a password. ` +
        `A refresh token takes its place. ${broker.credentialsAdvice}. Then pass them, or set ` +
        `${clientSecret} and ${refreshToken}`,
      { code: "password_login" },
    );
  }
}

/**
 * An id and a secret are a pair, of one application. So an optional id is taken from the environment
 * only where its secret is: beside a secret that was passed, it might be that of another one.
 */
function optionalClientId(options: CredentialOptions, broker: Broker): string | undefined {
  const { clientId, clientSecret } = options;
  const variable = broker.environment.clientId;
  const value = clientId ?? (clientSecret === undefined ? tryEnvironment(variable) : undefined);
  if (!value) return undefined;
  const where = clientId === undefined ? variable : "clientId";
  refuseMalformed(value, "clientId", where, CREATE_SESSION);
  return value;
}

/** Reads what may as well be missing. */
function tryEnvironment(variable: string): string | undefined {
  try {
    return process.env[variable];
  } catch {
    return undefined; // Deno, without the permission
  }
}

function readEnvironment(variable: string, option: string): string | undefined {
  try {
    return process.env[variable];
  } catch (cause) { // Deno, without the permission
    throw new CredentialsError(
      `Cannot read ${variable} from the environment. Run with --allow-env=${variable}, or pass ${option}`,
      { code: "environment_denied", cause },
    );
  }
}

/** What no credential has: the traces of a bad copy or of a badly quoted `.env` file. */
export function flawIn(value: string): string | undefined {
  if (/^["']|["']$/.test(value)) return "quotes around it";
  if (/^bearer\s/i.test(value)) return 'the word "Bearer" before it';
  if (/\s/.test(value)) return "white space in it";
  if (/[^\x21-\x7e]/.test(value)) return "characters in it that are not ASCII";
  return undefined;
}

function refuseMalformed(
  value: string,
  option: CredentialName,
  where: string,
  action: string,
): void {
  const flaw = flawIn(value);
  if (flaw === undefined) return;
  throw new CredentialsError(
    `${action}: the ${SPOKEN[option]} in ${where} has ${flaw}. Copy it again, and nothing but it`,
    { code: "malformed_credential" },
  );
}
