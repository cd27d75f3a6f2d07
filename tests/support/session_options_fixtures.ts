import {
  readSessionOptions,
  type SessionOptions,
  type SessionSettings,
} from "../../src/session_options.ts";

export const CREDENTIALS = { clientSecret: "secret", refreshToken: "refresh" };

export function read(options: SessionOptions = {}): SessionSettings {
  return readSessionOptions({ ...CREDENTIALS, ...options });
}
