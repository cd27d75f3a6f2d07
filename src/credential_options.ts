/** Credentials from options and environment variables, and their checks. */

import type { Broker, EndpointOptions } from "./brokers/broker.ts";
import { findVariable, readVariable, variableNames } from "./env_variables.ts";
import { formatList } from "./error_message.ts";
import { CredentialsError, type CredentialsErrorCode } from "./errors.ts";

/** The credentials of a session. */
export interface CredentialOptions {
  /**
   * The OAuth client id: TradeStation's API key. At tastytrade it is optional, and sent only if given.
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

/** The credentials of a grant. To be kept in private fields only, because objects get printed. */
export interface GrantCredentials {
  readonly clientId: string | undefined;
  readonly clientSecret: string;
  readonly refreshToken: string;
}

/** The OAuth client of a login. */
export interface Client {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** The name of a credential's option. */
export type CredentialName = keyof CredentialOptions;

/** All credentials, in the order in which they are shown. */
export const CREDENTIAL_NAMES: readonly CredentialName[] = [
  "clientId",
  "clientSecret",
  "refreshToken",
];

/** Options of the sign-in with a password, which the brokers no longer have. */
export const PASSWORD_OPTIONS: readonly string[] = ["username", "login", "password"];

/**
 * Reads the credentials of a session from the options and the environment.
 *
 * @param isDefaultBroker Whether the program has not chosen a broker.
 * @throws {CredentialsError} If a credential is missing or visibly wrong.
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
  const advice = [broker.credentialsHelp];
  if (isDefaultBroker) advice.unshift(...otherBrokers(broker));
  const found = readAll(names, options, broker, { action, advice });
  const { clientId = optionalClientId(options, broker, action), clientSecret, refreshToken } =
    found;

  const problem = broker.checkRefreshToken?.(refreshToken, place);
  if (problem !== undefined) {
    throw new CredentialsError(`${action}: ${problem.message}`, { code: problem.code });
  }
  return { clientId, clientSecret, refreshToken };
}

/**
 * Reads the client of a login from the options and the environment.
 *
 * @param isDefaultBroker Whether the program has not chosen a broker.
 * @throws {CredentialsError} If id or secret is missing or visibly wrong.
 */
export function readClient(
  options: CredentialOptions,
  broker: Broker,
  isDefaultBroker = false,
): Client {
  const action = `Cannot log in to ${broker.name}`;
  const advice = [broker.login?.clientHelp ?? broker.credentialsHelp];
  if (isDefaultBroker) advice.unshift(...otherBrokers(broker));
  return readAll(["clientId", "clientSecret"], options, broker, { action, advice });
}

/** Reads as much of the client as there is, for a login that can ask for the rest. */
export function findClient(options: CredentialOptions, broker: Broker): Partial<Client> {
  const action = `Cannot log in to ${broker.name}`;
  const found: { clientId?: string; clientSecret?: string } = {};
  for (const name of ["clientId", "clientSecret"] as const) {
    const value = options[name] ?? findVariable(broker.envVariables[name]);
    if (!value) continue;
    refuseMalformed(value, name, sourceOf(name, options, broker), action);
    found[name] = value;
  }
  return found;
}

/** Describes the traces of a bad copy or of a badly quoted `.env` file, if there are any. */
export function credentialProblem(value: string): string | undefined {
  if (/^["']|["']$/.test(value)) return "quotes around it";
  if (/^bearer\s/i.test(value)) return 'the word "Bearer" before it';
  if (/\s/.test(value)) return "white space in it";
  if (/[^\x21-\x7e]/.test(value)) return "characters in it that are not ASCII";
  return undefined;
}

const MISSING_CODES = {
  clientId: "missing_client_id",
  clientSecret: "missing_client_secret",
  refreshToken: "missing_refresh_token",
} as const satisfies Record<CredentialName, CredentialsErrorCode>;

const LABELS = {
  clientId: "client id",
  clientSecret: "client secret",
  refreshToken: "refresh token",
} as const satisfies Record<CredentialName, string>;

/** Reads some credentials, and reports all that are missing at once. */
function readAll<Name extends CredentialName>(
  names: readonly Name[],
  options: CredentialOptions,
  broker: Broker,
  { action, advice }: { action: string; advice: readonly string[] },
): Record<Name, string> & { readonly clientId?: string } {
  const found = new Map(names.map((name) => [name, options[name]]));
  readEnvironment(found, broker);
  const missing = names.filter((name) => found.get(name) === undefined || found.get(name) === "");
  const [first] = missing;
  if (first !== undefined) {
    const comma = missing.length > 1 ? "," : "";
    const variables = missing.map((name) => broker.envVariables[name]);
    const sentences = [
      `${action}: ${formatList(missing.map((name) => `no ${LABELS[name]}`))}`,
      `Pass ${formatList(missing)}${comma} or set ${formatList(variables)}`,
      ...similarVariables(broker),
      ...advice,
    ];
    throw new CredentialsError(sentences.join(". "), { code: MISSING_CODES[first] });
  }
  for (const [name, value = ""] of found) {
    refuseMalformed(value, name, sourceOf(name, options, broker), action);
  }
  return Object.fromEntries(found) as Record<Name, string>;
}

/** Fills in what is in the environment, or names all variables that Deno does not permit to read. */
function readEnvironment<Name extends CredentialName>(
  found: Map<Name, string | undefined>,
  { envVariables }: Broker,
): void {
  const denied: Name[] = [];
  let cause: unknown;
  for (const [name, value] of found) {
    try {
      found.set(name, value ?? readVariable(envVariables[name]));
    } catch (error) {
      cause = error;
      denied.push(name);
    }
  }
  if (denied.length === 0) return;
  const variables = denied.map((name) => envVariables[name]);
  throw new CredentialsError(
    `Cannot read ${formatList(variables)} from the environment. Run with ` +
      `--allow-env=${variables.join(",")}, or pass ${formatList(denied)}`,
    { code: "environment_denied", cause },
  );
}

/** Mentions variables whose names look as if they were meant. */
function similarVariables({ envVariables, otherEnvPrefixes = [] }: Broker): string[] {
  const known = Object.values(envVariables);
  const [ownPrefix = ""] = envVariables.clientSecret.split("_");
  const prefixes = [ownPrefix, ...otherEnvPrefixes].map((prefix) => `${prefix}_`);
  const names = variableNames().filter((name) => {
    const upper = name.toUpperCase();
    return !known.includes(name) && prefixes.some((prefix) => upper.startsWith(prefix)) &&
      /SECRET|REFRESH|TOKEN|CLIENT|KEY/.test(upper);
  });
  if (names.length === 0) return [];
  const verb = names.length === 1
    ? "is set, but this module does not read it"
    : "are set, but this module does not read them";
  return [`${formatList(names.slice(0, 5))} ${verb}`];
}

/** Mentions that there are other brokers, and those whose variables are set. */
function otherBrokers({ envVariables }: Broker): string[] {
  const prefixes = variableNames().flatMap((name) => {
    const [, prefix = ""] = /^([A-Z][A-Z0-9]*)_REFRESH_TOKEN$/.exec(name) ?? [];
    const isOther = prefix !== "" && name !== envVariables.refreshToken;
    return isOther && findVariable(`${prefix}_CLIENT_SECRET`) ? [prefix] : [];
  });
  if (prefixes.length === 0) return ["For another broker, pass it, as in broker: tradestation"];
  return prefixes.map((prefix) =>
    `${prefix}_CLIENT_SECRET and ${prefix}_REFRESH_TOKEN are set: to use them, pass that broker ` +
    `too, as in broker: ${prefix.toLowerCase()}`
  );
}

/** Says what to do instead of signing in with a password. */
function refusePassword(options: CredentialOptions, broker: Broker): void {
  for (const name of PASSWORD_OPTIONS) {
    if (Reflect.get(options, name) === undefined) continue;
    const { clientSecret, refreshToken } = broker.envVariables;
    throw new CredentialsError(
      `Cannot create a session with "${name}": ${broker.name} no longer accepts passwords, but ` +
        `refresh tokens. ${broker.credentialsHelp}. Then pass them, or set ${clientSecret} and ` +
        refreshToken,
      { code: "password_login" },
    );
  }
}

/**
 * Reads the optional client id. Id and secret belong to one application, so the id comes from the
 * environment only if the secret does: next to a secret that was passed, it might be another one's.
 */
function optionalClientId(
  options: CredentialOptions,
  broker: Broker,
  action: string,
): string | undefined {
  const { clientId, clientSecret } = options;
  const variable = broker.envVariables.clientId;
  const value = clientId ?? (clientSecret === undefined ? findVariable(variable) : undefined);
  if (!value) return undefined;
  refuseMalformed(value, "clientId", sourceOf("clientId", options, broker), action);
  return value;
}

/** The option or the variable that a credential comes from. */
function sourceOf(name: CredentialName, options: CredentialOptions, broker: Broker): string {
  return options[name] === undefined ? broker.envVariables[name] : name;
}

function refuseMalformed(
  value: unknown,
  name: CredentialName,
  source: string,
  action: string,
): void {
  const problem = typeof value === "string"
    ? credentialProblem(value)
    : "another type than a string";
  if (problem === undefined) return;
  throw new CredentialsError(
    `${action}: the ${LABELS[name]} in ${source} has ${problem}. Copy it again, without anything ` +
      "around it",
    { code: "malformed_credential" },
  );
}
