/**
 * A client of the emulated TradeStation made of bare requests, with nothing of ours in between.
 *
 * @module
 */

import { type Emulator, startEmulator } from "../../src/emulator/emulator.ts";
import { at, call, type Reading } from "./emulator_wire.ts";

export const CALLBACK = "http://localhost:31022";

/** The example of the documentation. */
const SCOPE = "openid offline_access profile MarketData ReadAccount Trade Matrix OptionSpreads";

type Fields = Readonly<Record<string, string | undefined>>;

/** One emulator, seen by a client of TradeStation. */
export class TradestationClient implements AsyncDisposable {
  readonly emulator: Emulator;

  private constructor(emulator: Emulator) {
    this.emulator = emulator;
  }

  static async open(): Promise<TradestationClient> {
    return new TradestationClient(await startEmulator());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.emulator.close();
  }

  /** The address that a browser is sent to, right but for what `changes` says. */
  authorizeUrl(changes: Fields = {}): string {
    const { clientId, signInUrl } = this.emulator.tradestation;
    return `${signInUrl}/authorize?` + form({
      response_type: "code",
      client_id: clientId,
      audience: "https://api.tradestation.com",
      redirect_uri: CALLBACK,
      scope: SCOPE,
      state: "xyzABC123",
      ...changes,
    });
  }

  /** A code that the user has consented to. */
  async code(changes: Fields = {}): Promise<string> {
    const location = await this.emulator.submitConsent(this.authorizeUrl(changes), "accept");
    return new URL(location).searchParams.get("code") ?? "";
  }

  /** Changes a code into tokens. */
  exchange(code: string, changes: Fields = {}): Promise<Reading> {
    return this.ask({
      grant_type: "authorization_code",
      code,
      redirect_uri: CALLBACK,
      ...changes,
    });
  }

  /** Renews a token. */
  refresh(
    refreshToken: string = this.emulator.tradestation.refreshToken,
    changes: Fields = {},
  ): Promise<Reading> {
    return this.ask({ grant_type: "refresh_token", refresh_token: refreshToken, ...changes });
  }

  /** Any request with the credentials of the client. */
  ask(fields: Fields, path = "/oauth/token"): Promise<Reading> {
    const { clientId, clientSecret, signInUrl } = this.emulator.tradestation;
    const body = form({ client_id: clientId, client_secret: clientSecret, ...fields });
    return call(signInUrl + path, { method: "POST", body });
  }

  /** Somebody who is signed in: calls paths of LIVE or SIM with a bearer token. */
  async signIn(
    baseUrl: string = this.emulator.tradestation.baseUrl,
    changes: Fields = {},
  ): Promise<(path: string, init?: RequestInit) => Promise<Reading>> {
    const { json } = await this.exchange(await this.code(changes));
    const authorization = `Bearer ${at(json, "access_token")}`;
    return (path, init = {}) =>
      call(baseUrl + path, {
        ...init,
        headers: { authorization, ...Object.fromEntries(new Headers(init.headers)) },
      });
  }
}

function form(fields: Fields): URLSearchParams {
  const given = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]]
  );
  return new URLSearchParams(given);
}
