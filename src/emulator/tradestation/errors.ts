import { randomUUID } from "node:crypto";
import { type EmulatedResponse, jsonResponse } from "../response.ts";

/** The titles of the API's errors, by status. */
const TITLES: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  429: "TooManyRequests",
  500: "InternalServerError",
  501: "NotImplemented",
  503: "ServiceUnavailable",
  504: "GatewayTimeout",
};

/** The error format of v3. The titles are documented, except for 404 (recorded). */
export function errorResponse(status: number, message: string): EmulatedResponse {
  return jsonResponse(status, { Error: TITLES[status], Message: message });
}

/** The error form of v2. */
export function legacyErrorResponse(status: number, message: string): EmulatedResponse {
  return jsonResponse(status, { TraceId: randomUUID(), StatusCode: status, Message: message });
}

/** The recorded 404: these members in this order, and the path in lower case without the version. */
export function notFoundResponse(path: string): EmulatedResponse {
  const message = `not found ${path.replace(/^\/v3(?=\/|$)/, "").toLowerCase()}`;
  return jsonResponse(404, { Message: message, Error: TITLES[404] });
}
