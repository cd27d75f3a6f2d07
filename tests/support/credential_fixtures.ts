import { assertEquals, assertThrows } from "@std/assert";
import type { Broker } from "../../src/brokers/broker.ts";
import { tastytrade } from "../../src/brokers/tastytrade/tastytrade.ts";
import {
  type CredentialOptions,
  type GrantCredentials,
  readCredentials,
} from "../../src/credential_options.ts";
import { CredentialsError, type CredentialsErrorCode } from "../../src/errors.ts";

export const IN_ENVIRONMENT = {
  TASTY_CLIENT_ID: "env-id",
  TASTY_CLIENT_SECRET: "env-secret",
  TASTY_REFRESH_TOKEN: "env-refresh",
};

export const GIVEN = { clientSecret: "secret", refreshToken: "refresh" };

export const NEEDS_ID: Broker = { ...tastytrade, requiresClientId: true };

export function read(options: CredentialOptions, broker: Broker = tastytrade): GrantCredentials {
  const place = {
    sandbox: false,
    apiVersion: undefined,
    baseUrl: undefined,
    signInUrl: undefined,
  };
  return readCredentials(options, broker, place);
}

export function refusal(
  options: CredentialOptions,
  code: CredentialsErrorCode,
  broker: Broker = tastytrade,
): CredentialsError {
  const error = assertThrows(() => read(options, broker), CredentialsError);
  assertEquals(error.code, code);
  return error;
}
