/** What a promise rejects with, or `undefined`. */
export function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(() => undefined, (error: unknown) => error);
}

/** Answers that wait until the test gives them, in the order of the requests. */
export class HeldAnswers {
  readonly #waiting: PromiseWithResolvers<Response>[] = [];

  hold(): Promise<Response> {
    const answer = Promise.withResolvers<Response>();
    this.#waiting.push(answer);
    return answer.promise;
  }

  give(response: Response): void {
    this.#waiting.shift()?.resolve(response);
  }
}
