/**
 * The token endpoint of the model, whose refresh tokens work once: a second use revokes the grant.
 *
 * @module
 */

import type { Flight, ModelProcess, Question } from "./process.ts";

/** The endpoint. */
export class Endpoint {
  /** How often a refresh token was sent that had been used. */
  reuses = 0;
  /** Every request, in the order in which they were sent. */
  readonly flights: Flight[] = [];
  readonly #report: (violation: string) => void;
  /** The number of the refresh token that is good. */
  #generation = 0;
  #isRevoked = false;

  /** @param report Takes a second use that could have been avoided. */
  constructor(report: (violation: string) => void) {
    this.#report = report;
  }

  /** A process sends its refresh token. */
  send(by: ModelProcess): Question {
    const sent = Number(by.refreshToken?.current.split("-")[1]);
    const flight = { sent, by, response: undefined, isSaved: false, isExcused: false };
    this.flights.push(flight);
    return { kind: "token", flight };
  }

  /** The request arrives. */
  arrive(question: Question): void {
    if (question.kind !== "token") throw new Error("only a request arrives");
    const { flight } = question;
    if (flight.sent === this.#generation && !this.#isRevoked) {
      this.#generation += 1;
      flight.response = issue(this.#generation);
      return;
    }
    flight.response = Response.json({ error: "invalid_grant" }, { status: 403 });
    if (flight.sent === this.#generation) return;
    if (this.#isRevoked) return; // it can do no more harm
    this.reuses += 1;
    this.#isRevoked = true;
    const users = this.flights.filter(({ sent, response }) =>
      sent === flight.sent && response !== undefined
    );
    if (users.some(({ isExcused }) => isExcused)) return;
    this.#report(
      `refresh-${flight.sent} is used by ${users.map(({ by }) => by.name).join(" and ")}`,
    );
  }

  /** The requests of a process. */
  flightsOf(process: ModelProcess): Flight[] {
    return this.flights.filter(({ by }) => by === process);
  }

  /** What its further answers depend on. */
  state(indexOf: (by: ModelProcess) => number): unknown {
    const flights = this.flights.map(({ by, sent, isSaved, isExcused }) => [
      indexOf(by),
      sent,
      isSaved,
      isExcused,
    ]);
    return [this.#generation, this.#isRevoked, this.reuses, flights];
  }
}

function issue(generation: number): Response {
  return Response.json({
    "access_token": `access-${generation}`,
    "token_type": "Bearer",
    "expires_in": 1_200,
    "refresh_token": `refresh-${generation}`,
  });
}
