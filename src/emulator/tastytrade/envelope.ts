import { type EmulatedResponse, type Json, type JsonObject, jsonResponse } from "../response.ts";
import errors from "./recordings/errors.json" with { type: "json" };

/** One entry of a `validation_error`. */
export interface ValidationError extends JsonObject {
  readonly domain: string;
  readonly reason: string;
}

/** tastytrade's envelope for data. */
export function dataResponse(
  data: Json,
  context: string,
  { status = 200, pagination }: { status?: number; pagination?: Json } = {},
): EmulatedResponse {
  return jsonResponse(status, { data, context, pagination });
}

/** tastytrade's envelope of a failure. */
export function errorResponse(status: number, code: string, message: string): EmulatedResponse {
  return jsonResponse(status, { error: { code, message } });
}

/** The recorded 400 for parameters, with these complaints. */
export function validationResponse(complaints: readonly ValidationError[]): EmulatedResponse {
  const { error } = errors.validation_error;
  return jsonResponse(400, { error: { ...error, errors: complaints } });
}

/**
 * The answer for an unknown account, symbol or id. The status is documented; the code was seen in
 * another client's mock only, the message is ours.
 */
export function unknownResponse(what: string): EmulatedResponse {
  return errorResponse(404, "record_not_found", `Couldn't find ${what}`);
}
