/**
 * The libraries that the bench compares, each used as its documentation says, and all of them doing
 * the same: get a path with a live access token, and read the JSON.
 *
 * @module
 */

import { OAuth2Client as BadgatewayClient, OAuth2Fetch } from "@badgateway/oauth2-client";
import TastytradeClient from "@tastytrade/api";
import { OAuth2Client as GoogleClient } from "google-auth-library";
import ky from "ky";
import * as oauth from "oauth4webapi";
import { Session } from "../../mod.ts";

/** Something that gets a path. */
export interface Contender {
  readonly name: string;
  /** Opens it at a server, signed in lazily where it can do so by itself. */
  open(
    origin: string,
  ): Promise<() => Promise<unknown>> | (() => Promise<unknown>);
  /** Whether it gets and refreshes access tokens by itself. */
  readonly refreshes: boolean;
}

const PATH = "/customers/me";
const TIMEOUT_MS = 30_000;

async function tokenOf(origin: string): Promise<string> {
  const response = await fetch(`${origin}/oauth/token`, {
    method: "POST",
    body: "{}",
  });
  return (await response.json()).access_token;
}

async function bare(origin: string, signal: () => AbortSignal | null) {
  const headers = {
    authorization: `Bearer ${await tokenOf(origin)}`,
    accept: "application/json",
  };
  return async () => await (await fetch(origin + PATH, { headers, signal: signal() })).json();
}

const DECODER = new TextDecoder();

/** Reads a body that might fill the memory. */
async function readLimited(response: Response): Promise<string> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes > 64 * 2 ** 20) throw new Error("the body is too long");
  }
  return chunks.length === 1 ? DECODER.decode(chunks[0]) : await new Blob(chunks).text();
}

export const CONTENDERS: readonly Contender[] = [
  {
    name: "`fetch` with a timeout signal",
    refreshes: false,
    open: (origin) => bare(origin, () => AbortSignal.timeout(TIMEOUT_MS)),
  },
  {
    name: "`fetch`",
    refreshes: false,
    open: (origin) => bare(origin, () => null),
  },
  {
    name: "`fetch` with the signal and a limit of 64 MiB",
    refreshes: false,
    open: async (origin) => {
      const headers = {
        authorization: `Bearer ${await tokenOf(origin)}`,
        accept: "application/json",
      };
      return async () => {
        const signal = AbortSignal.timeout(TIMEOUT_MS);
        return JSON.parse(await readLimited(await fetch(origin + PATH, { headers, signal })));
      };
    },
  },
  {
    name: "**@tasty/session**",
    refreshes: true,
    open: (baseUrl) => {
      const session = new Session({
        baseUrl,
        clientSecret: "s",
        refreshToken: "r",
      });
      return () => session.get(PATH);
    },
  },
  {
    name: "@tastytrade/api",
    refreshes: true,
    open: (baseUrl) => {
      const client = new TastytradeClient({
        baseUrl,
        clientSecret: "s",
        refreshToken: "r",
        accountStreamerUrl: "wss://127.0.0.1",
        oauthScopes: ["read"],
      });
      return () => client.accountsAndCustomersService.getCustomerResource();
    },
  },
  {
    name: "ky",
    refreshes: false,
    open: async (origin) => {
      const headers = { authorization: `Bearer ${await tokenOf(origin)}` };
      const client = ky.create({ headers, timeout: TIMEOUT_MS });
      return () => client.get(origin + PATH).json();
    },
  },
  {
    name: "oauth4webapi",
    refreshes: false,
    open: async (origin) => {
      const token = await tokenOf(origin);
      const url = new URL(origin + PATH);
      const options = {
        [oauth.allowInsecureRequests]: true,
        signal: () => AbortSignal.timeout(TIMEOUT_MS),
      };
      return async () =>
        await (await oauth.protectedResourceRequest(
          token,
          "GET",
          url,
          undefined,
          null,
          options,
        ))
          .json();
    },
  },
  {
    name: "google-auth-library",
    refreshes: true,
    open: (origin) => {
      const client = new GoogleClient(
        {
          clientId: "c",
          clientSecret: "s",
          endpoints: { oauth2TokenUrl: `${origin}/oauth/token` },
        } as ConstructorParameters<typeof GoogleClient>[0],
      );
      client.setCredentials({ "refresh_token": "r" });
      return async () => (await client.request({ url: origin + PATH })).data;
    },
  },
  {
    name: "@badgateway/oauth2-client",
    refreshes: true,
    open: (server) => {
      const client = new BadgatewayClient({
        server,
        clientId: "c",
        tokenEndpoint: "/oauth/token",
      });
      const getNewToken = () =>
        client.refreshToken({
          accessToken: "",
          refreshToken: "r",
          expiresAt: 0,
        });
      const wrapper = new OAuth2Fetch({
        client,
        getNewToken,
        scheduleRefresh: false,
      });
      return async () => await (await wrapper.fetch(server + PATH)).json();
    },
  },
];
