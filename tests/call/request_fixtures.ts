import type { PreparedRequest } from "../../src/call/request.ts";

export const BASE_URL = "https://api.example.com";

/** Sends a prepared request as a session does, and reads the response. */
export async function send({ url, init, headers }: PreparedRequest): Promise<string> {
  const response = await fetch(url, { ...init, headers });
  return await response.text();
}

export function streamOf(text: string): ReadableStream<Uint8Array> {
  return new Blob([text]).stream();
}
