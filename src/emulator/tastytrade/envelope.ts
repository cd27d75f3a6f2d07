import { type Answer, type Json, jsonAnswer, type JsonObject } from "../answer.ts";
import errors from "./recordings/errors.json" with { type: "json" };

/** One entry of a `validation_error`. */
export interface ValidationError extends JsonObject {
  readonly domain: string;
  readonly reason: string;
}

/** An answer that ends the handling of a request wherever it is thrown. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(`refused with ${answer.status}`);
    this.answer = answer;
  }
}

/** tastytrade's envelope of a success. */
export function dataAnswer(
  data: Json,
  context: string,
  { status = 200, pagination }: { status?: number; pagination?: Json } = {},
): Answer {
  return jsonAnswer(status, { data, context, pagination });
}

/** tastytrade's envelope of a failure. */
export function errorAnswer(status: number, code: string, message: string): Answer {
  return jsonAnswer(status, { error: { code, message } });
}

/** The recorded 400 for parameters, with these complaints. */
export function validationAnswer(complaints: readonly ValidationError[]): Answer {
  const { error } = errors.validation_error;
  return jsonAnswer(400, { error: { ...error, errors: complaints } });
}

/**
 * The answer for an unknown account, symbol or id. The status is documented; the code was seen in
 * another client's mock only, the message is ours.
 */
export function unknownAnswer(what: string): Answer {
  return errorAnswer(404, "record_not_found", `Couldn't find ${what}`);
}
