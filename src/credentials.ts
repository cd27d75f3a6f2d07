/**
 * Options and environment become credentials. Nothing else in the module reads the environment.
 */

import process from "node:process";
import type { Broker, EndpointOptions } from "./brokers/broker.ts";
import { CredentialsError } from "./errors.ts";

/** What a session signs in with, as the user gives it. */
export interface CredentialOptions {
  /** The OAuth client id. Optional at tastytrade, where it is sent only when given. */
  readonly clientId?: string;
  /** The OAuth client secret. */
  readonly clientSecret?: string;
  /** The OAuth refresh token. */
  readonly refreshToken?: string;
}

/** What a session signs in with. Kept in private fields only: whatever can be printed will be. */
export interface Credentials {
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
): Credentials {
  refusePassword(options, broker);
  const { environment, credentialsAdvice } = broker;

  const required = (
    option: "clientId" | "clientSecret" | "refreshToken",
    what: string,
    code: "missing_client_id" | "missing_client_secret" | "missing_refresh_token",
  ): string => {
    const variable = environment[option];
    const given = options[option];
    const value = given ?? readEnvironment(variable, option);
    if (value === undefined || value === "") {
      throw new CredentialsError(
        `Cannot create a session: no ${what}. Pass ${option} or set ${variable}. ${credentialsAdvice}`,
        { code },
      );
    }
    refuseMalformed(value, what, given === undefined ? variable : option);
    return value;
  };

  const clientSecret = required("clientSecret", "client secret", "missing_client_secret");
  const refreshToken = required("refreshToken", "refresh token", "missing_refresh_token");
  const clientId = broker.requiresClientId
    ? required("clientId", "client id", "missing_client_id")
    : optionalClientId(options, broker);

  const complaint = broker.checkRefreshToken?.(refreshToken, endpointOptions);
  if (complaint !== undefined) {
    throw new CredentialsError(`Cannot create a session: ${complaint.message}`, {
      code: complaint.code,
    });
  }
  return { clientId, clientSecret, refreshToken };
}

/** Says how to come over from the sign-in with a password, which the brokers have ended. */
function refusePassword(options: CredentialOptions, broker: Broker): void {
  for (const name of ["username", "login", "password"]) {
    if (!(name in options)) continue;
    const { clientSecret, refreshToken } = broker.environment;
    throw new CredentialsError(
      `Cannot create a session with "${name}": ${broker.name} has ended the sign-in with a password. ` +
        "Two steps lead to a refresh token, once: create an OAuth application and save its client " +
        "secret, then create a grant and save its refresh token. " +
        `${broker.credentialsAdvice}. Then pass clientSecret and refreshToken, or set ` +
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
  if (options.clientId !== undefined || options.clientSecret !== undefined) {
    return options.clientId || undefined;
  }
  try {
    return readEnvironment(broker.environment.clientId, "clientId") || undefined;
  } catch {
    return undefined; // it was optional
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

/** Refuses what no credential has: the traces of a bad copy or of a badly quoted `.env` file. */
function refuseMalformed(value: string, what: string, where: string): void {
  const trace = /^["'].*["']$/s.test(value)
    ? "quotes around it"
    : /^bearer\s/i.test(value)
    ? 'the word "Bearer" before it'
    : /\s/.test(value)
    ? "white space in it"
    : /[^\x21-\x7e]/.test(value)
    ? "characters in it that are not ASCII"
    : undefined;
  if (trace === undefined) return;
  throw new CredentialsError(
    `Cannot create a session: the ${what} in ${where} has ${trace}. Copy it again, and nothing but it`,
    { code: "malformed_credential" },
  );
}
