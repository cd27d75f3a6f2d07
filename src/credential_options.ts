/** Options and environment become the credentials that a session or a login starts with. */

import type { Broker, EndpointOptions } from "./brokers/broker.ts";
import { findVariable, readVariable, variableNames } from "./environment.ts";
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

/** The application that a user lets in: what a login needs before there is a refresh token. */
export interface Client {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** The name of a credential, as the options have it. */
export type CredentialName = keyof CredentialOptions;

/** All credentials, in the order in which they are told. */
export const CREDENTIAL_NAMES: readonly CredentialName[] = [
  "clientId",
  "clientSecret",
  "refreshToken",
];

/**
 * Takes what the options give, and the rest from the environment.
 *
 * @param isDefaultBroker Whether nobody has chosen the broker.
 * @throws {CredentialsError} If a credential is nowhere, or visibly wrong.
 */
export function readCredentials(
  options: CredentialOptions,
  broker: Broker,
  place: EndpointOptions,
  isDefaultBroker = false,
): GrantCredentials {
  refusePassword(options, broker);
  const action = "Cannot create a session";
  const names: CredentialName[] = ["clientSecret", "refreshToken"];
  if (broker.requiresClientId) names.push("clientId");
  const advice = [broker.credentialsAdvice];
  if (isDefaultBroker) advice.unshift(...otherBrokers(broker));
  const found = readAll(names, options, broker, { action, advice });
  const { clientId = optionalClientId(options, broker, action), clientSecret, refreshToken } =
    found;

  const complaint = broker.checkRefreshToken?.(refreshToken, place);
  if (complaint !== undefined) {
    throw new CredentialsError(`${action}: ${complaint.message}`, { code: complaint.code });
  }
  return { clientId, clientSecret, refreshToken };
}

/**
 * Takes the client from the options and the environment.
 *
 * @throws {CredentialsError} If a part of it is nowhere, or visibly wrong.
 */
export function readClient(options: CredentialOptions, broker: Broker): Client {
  const action = `Cannot log in to ${broker.name}`;
  const advice = [broker.login?.clientAdvice ?? broker.credentialsAdvice];
  return readAll(["clientId", "clientSecret"], options, broker, { action, advice });
}

/** Takes as much of the client as there is, for a login that can ask for the rest. */
export function findClient(options: CredentialOptions, broker: Broker): Partial<Client> {
  const action = `Cannot log in to ${broker.name}`;
  const found: { clientId?: string; clientSecret?: string } = {};
  for (const name of ["clientId", "clientSecret"] as const) {
    const value = options[name] ?? findVariable(broker.environment[name]);
    if (!value) continue;
    refuseMalformed(value, name, whereIs(name, options, broker), action);
    found[name] = value;
  }
  return found;
}

/** What no credential has: the traces of a bad copy or of a badly quoted `.env` file. */
export function flawIn(value: string): string | undefined {
  if (/^["']|["']$/.test(value)) return "quotes around it";
  if (/^bearer\s/i.test(value)) return 'the word "Bearer" before it';
  if (/\s/.test(value)) return "white space in it";
  if (/[^\x21-\x7e]/.test(value)) return "characters in it that are not ASCII";
  return undefined;
}

/** Options of the sign-in with a password, which the brokers have ended. */
export const PASSWORD_OPTIONS: readonly string[] = ["username", "login", "password"];

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

/** Reads some credentials, and tells of all that are missing at once. */
function readAll<Name extends CredentialName>(
  names: readonly Name[],
  options: CredentialOptions,
  broker: Broker,
  { action, advice }: { action: string; advice: readonly string[] },
): Record<Name, string> & { readonly clientId?: string } {
  const denied: Name[] = [];
  let cause: unknown;
  const found = names.map((name): [Name, string | undefined] => {
    try {
      return [name, options[name] ?? readVariable(broker.environment[name])];
    } catch (error) { // Deno, without the permission
      cause = error;
      denied.push(name);
      return [name, undefined];
    }
  });
  const variablesOf = (some: readonly Name[]) => some.map((name) => broker.environment[name]);
  if (denied.length > 0) {
    const variables = variablesOf(denied);
    throw new CredentialsError(
      `Cannot read ${listed(variables)} from the environment. Run with ` +
        `--allow-env=${variables.join(",")}, or pass ${listed(denied)}`,
      { code: "environment_denied", cause },
    );
  }
  const missing = found.filter(([, value]) => value === undefined || value === "")
    .map(([name]) => name);
  const [first] = missing;
  if (first !== undefined) {
    const comma = missing.length > 1 ? "," : "";
    const sentences = [
      `${action}: ${listed(missing.map((name) => `no ${SPOKEN[name]}`))}`,
      `Pass ${listed(missing)}${comma} or set ${listed(variablesOf(missing))}`,
      ...similarVariables(broker),
      ...advice,
    ];
    throw new CredentialsError(sentences.join(". "), { code: MISSING[first] });
  }
  for (const [name, value = ""] of found) {
    refuseMalformed(value, name, whereIs(name, options, broker), action);
  }
  return Object.fromEntries(found) as Record<Name, string>;
}

/** Variables that were perhaps meant, told by their names. */
function similarVariables({ environment, otherPrefixes = [] }: Broker): string[] {
  const known = Object.values(environment);
  const [ownPrefix = ""] = environment.clientSecret.split("_");
  const prefixes = [ownPrefix, ...otherPrefixes].map((prefix) => `${prefix}_`);
  const names = variableNames().filter((name) => {
    const upper = name.toUpperCase();
    return !known.includes(name) && prefixes.some((prefix) => upper.startsWith(prefix)) &&
      /SECRET|REFRESH|TOKEN|CLIENT|KEY/.test(upper);
  });
  if (names.length === 0) return [];
  const verb = names.length === 1
    ? "is set, which is another name"
    : "are set, which are other names";
  return [`${listed(names.slice(0, 5))} ${verb}`];
}

/** Other brokers whose variables are set, where nobody has said which broker is meant. */
function otherBrokers({ environment }: Broker): string[] {
  const pairs = variableNames().flatMap((name) => {
    const [, prefix = ""] = /^([A-Z][A-Z0-9]*)_REFRESH_TOKEN$/.exec(name) ?? [];
    const isOther = prefix !== "" && name !== environment.refreshToken;
    return isOther && findVariable(`${prefix}_CLIENT_SECRET`) ? [prefix] : [];
  });
  return pairs.map((prefix) =>
    `${prefix}_CLIENT_SECRET and ${prefix}_REFRESH_TOKEN are set: if they are meant, pass ` +
    `that broker too, as in broker: ${prefix.toLowerCase()}`
  );
}

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
function optionalClientId(
  options: CredentialOptions,
  broker: Broker,
  action: string,
): string | undefined {
  const { clientId, clientSecret } = options;
  const variable = broker.environment.clientId;
  const value = clientId ?? (clientSecret === undefined ? findVariable(variable) : undefined);
  if (!value) return undefined;
  refuseMalformed(value, "clientId", whereIs("clientId", options, broker), action);
  return value;
}

function whereIs(name: CredentialName, options: CredentialOptions, broker: Broker): string {
  return options[name] === undefined ? broker.environment[name] : name;
}

function refuseMalformed(
  value: unknown,
  name: CredentialName,
  where: string,
  action: string,
): void {
  const flaw = typeof value === "string" ? flawIn(value) : "another type than a string";
  if (flaw === undefined) return;
  throw new CredentialsError(
    `${action}: the ${SPOKEN[name]} in ${where} has ${flaw}. Copy it again, and nothing but it`,
    { code: "malformed_credential" },
  );
}

/** "a, b and c" */
function listed(words: readonly string[]): string {
  return words.join(", ").replace(/, ([^,]*)$/, " and $1");
}
