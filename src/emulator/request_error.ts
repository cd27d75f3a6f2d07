import type { EmulatedResponse } from "./response.ts";

/** Thrown where a request is refused. The service sends the response. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly response: EmulatedResponse;

  constructor(response: EmulatedResponse) {
    super(`refused with ${response.status}`);
    this.response = response;
  }
}
