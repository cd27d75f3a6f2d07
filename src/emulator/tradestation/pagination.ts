import { Buffer } from "node:buffer";
import {
  type EmulatedResponse,
  type JsonObject,
  jsonResponse,
  parseJsonObject,
} from "../response.ts";
import { errorResponse } from "./errors.ts";
import { RequestError } from "../request_error.ts";

/** The query parameters of a page. */
export const PAGE = ["pageSize", "nextToken"] as const;

const MOST = 600;
const TOKEN_LIFETIME_MS = 60 * 60 * 1000;

/**
 * A page of orders. The token of the next page is as recorded: JSON in base64, valid for an hour. The
 * last page has none.
 *
 * @throws {RequestError} If the size or the token is invalid. Both responses are UNCONFIRMED.
 */
export function orderPage(
  orders: readonly JsonObject[],
  errors: readonly JsonObject[],
  query: URLSearchParams,
): EmulatedResponse {
  const size = query.get("pageSize") ?? `${MOST}`;
  if (!/^\d+$/.test(size) || Number(size) < 1 || Number(size) > MOST) {
    throw new RequestError(errorResponse(400, "pageSize is invalid"));
  }
  const start = offsetOf(query.get("nextToken"));
  const end = start + Number(size);
  return jsonResponse(200, {
    Orders: orders.slice(start, end),
    Errors: errors,
    NextToken: end < orders.length ? tokenOf(end) : undefined,
  });
}

function tokenOf(offset: number): string {
  const timestamp = Date.now();
  const expirationTimestamp = timestamp + TOKEN_LIFETIME_MS;
  return Buffer.from(JSON.stringify({ timestamp, offset, expirationTimestamp })).toString("base64");
}

function offsetOf(token: string | null): number {
  if (token === null) return 0;
  const { offset, expirationTimestamp } =
    parseJsonObject(Buffer.from(token, "base64").toString("utf8")) ?? {};
  if (Number.isInteger(offset) && Date.now() < Number(expirationTimestamp)) return Number(offset);
  throw new RequestError(errorResponse(400, "nextToken is invalid"));
}
