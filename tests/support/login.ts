/**
 * A login under way, and a browser without a screen: it sends requests and shows what came back.
 *
 * @module
 */

import { connect } from "node:net";
import { type Credentials, login, type LoginOptions, tradestation } from "../../mod.ts";
import type { Emulator } from "../../src/emulator/emulator.ts";
import { closedPort } from "./loopback.ts";

/** A page as a browser gets it; redirects are not followed. */
export interface Shown {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** What is in the big letters. */
  readonly title: string;
  /** Where it leads, for a redirect. */
  readonly location: string;
}

/** A login that waits for its browser. */
export interface Waiting {
  readonly port: number;
  /** `http://localhost:` and the port. */
  readonly origin: string;
  /** What was to be opened. */
  readonly opened: string;
  readonly credentials: Promise<Credentials>;
}

/** Gets a page, or sends a form. */
export async function visit(url: string, init: RequestInit = {}): Promise<Shown> {
  const response = await fetch(url, { ...init, redirect: "manual" });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    title: /<h1>(.*?)<\/h1>/s.exec(text)?.[1] ?? "",
    location: response.headers.get("location") ?? "",
  };
}

/** Goes to the address on which the user ended, and on to the last page. */
export async function arrive(address: string): Promise<Shown> {
  const { location } = await visit(address);
  return await visit(new URL(location, address).href);
}

/** Sends these very bytes to this machine, and returns what comes back until the end. */
export function exchangeBytes(port: number, text: string, host = "127.0.0.1"): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = "";
    const socket = connect(port, host, () => socket.write(text));
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => received += chunk);
    socket.on("error", reject);
    socket.on("close", () => resolve(received));
  });
}

/** Begins a login at the emulated TradeStation, with a callback address that is registered there. */
export async function begin(emulator: Emulator, options: LoginOptions = {}): Promise<Waiting> {
  const port = options.port ?? await closedPort();
  emulator.tradestation.callbackUrls = [
    ...emulator.tradestation.callbackUrls,
    `http://localhost:${port}`,
  ];
  const opening = Promise.withResolvers<string>();
  const credentials = login({
    ...emulator.tradestation,
    broker: tradestation,
    port,
    openBrowser: opening.resolve,
    timeoutMs: 10_000, // a test that fails leaves nobody waiting for long
    ...options,
  });
  credentials.catch(opening.reject);
  return { port, origin: `http://localhost:${port}`, opened: await opening.promise, credentials };
}
