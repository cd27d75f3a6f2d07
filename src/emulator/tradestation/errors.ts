import { randomUUID } from "node:crypto";
import { type Answer, jsonAnswer } from "../answer.ts";

/** An answer that ends the handling of a request wherever it is thrown. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly answer: Answer;

  constructor(answer: Answer) {
    super(`refused with ${answer.status}`);
    this.answer = answer;
  }
}

/** The titles of the API's errors, by status. */
const TITLES: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  429: "TooManyRequests",
  500: "InternalServerError",
  501: "NotImplemented",
  503: "ServiceUnavailable",
  504: "GatewayTimeout",
};

/** The error form of v3. The titles are documented, but for those of 404 (recorded) and 405. */
export function errorAnswer(status: number, message: string): Answer {
  return jsonAnswer(status, { Error: TITLES[status], Message: message });
}

/** The error form of v2. */
export function legacyErrorAnswer(status: number, message: string): Answer {
  return jsonAnswer(status, { TraceId: randomUUID(), StatusCode: status, Message: message });
}

/** The recorded 404: these members in this order, and the path in lower case without the version. */
export function notFoundAnswer(path: string): Answer {
  const message = `not found ${path.replace(/^\/v3(?=\/|$)/, "").toLowerCase()}`;
  return jsonAnswer(404, { Message: message, Error: TITLES[404] });
}
