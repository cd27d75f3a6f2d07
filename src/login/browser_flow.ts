/**
 * The conversation with the browser, from the first request to the page that says how the login ended.
 *
 * It asks for an unknown client id or secret, sends the browser to the broker, accepts the one response
 * with the `state` of this login, and has its code exchanged once. All other requests change nothing.
 */

import { type Client, credentialProblem } from "../credential_options.ts";
import type { Credentials } from "../credentials.ts";
import { type LoginError, SessionError } from "../errors.ts";
import { type Deferred, deferred } from "../net/deferred.ts";
import { Authorization, type AuthorizationContext } from "./authorization.ts";
import type { CallbackRequest, CallbackResponse } from "./callback_server.ts";
import type { Page } from "./page_template.ts";
import {
  alreadyDonePage,
  type ClientField,
  clientPage,
  declinedPage,
  failedPage,
  foreignFormPage,
  notAllowedPage,
  notFoundPage,
  signedInPage,
  unrelatedPage,
} from "./pages.ts";
import { isSameSecret, randomToken } from "./pkce.ts";

/** Exchanges a code for credentials. */
export type Exchange = (authorization: Authorization, code: string) => Promise<Credentials>;

/** Where the browser is sent at the end, so that no code remains in its address bar. */
const DONE_PATH = "/done";

/** Where the user confirms that the broker has refused. */
const DECLINED_PATH = "/declined";

/** One login in the browser. */
export class BrowserFlow {
  readonly #known: Partial<Client>;
  readonly #context: AuthorizationContext;
  readonly #exchange: Exchange;
  readonly #callbackPath: string;
  readonly #origin: string;
  /** Proves that a form was sent from a page of this login. */
  readonly #formToken = randomToken();
  readonly #outcome: Deferred<Credentials> = deferred();
  /** The request that the browser is sent with; none before the client is known. */
  #authorization: Authorization | undefined;
  /** Runs from the first valid response on. */
  #ending: Promise<void> | undefined;
  #lastPage: Page | undefined;
  /** The last refusal without proof, which the user may confirm. */
  #unproven: LoginError | undefined;

  constructor(known: Partial<Client>, context: AuthorizationContext, exchange: Exchange) {
    this.#known = known;
    this.#context = context;
    this.#exchange = exchange;
    const { pathname, origin } = new URL(context.redirectUri);
    this.#callbackPath = pathname;
    this.#origin = origin;
    this.#outcome.promise.catch(() => {}); // there may be nobody who waits
    const { clientId, clientSecret } = known;
    if (clientId !== undefined && clientSecret !== undefined) {
      this.#authorization = new Authorization({ clientId, clientSecret }, context);
    }
  }

  /** The address to open: the broker's, or this server's while there is something to ask. */
  get startUrl(): string {
    return this.#authorization?.url ?? `${this.#origin}/`;
  }

  /** Whether the response has come, after which a failure to open the browser does not matter. */
  get isAnswered(): boolean {
    return this.#ending !== undefined;
  }

  /** The result of the login. */
  get credentials(): Promise<Credentials> {
    return this.#outcome.promise;
  }

  /** Answers one request of the browser. */
  async answer(request: CallbackRequest): Promise<CallbackResponse> {
    const { method, path, query } = request;
    const isCallback = path === this.#callbackPath && (path !== "/" || query.size > 0);
    if (isCallback && (path !== DONE_PATH || query.size > 0)) {
      return method === "GET" ? await this.#receive(request) : notAllowed("GET");
    }
    if (path === DONE_PATH && this.#lastPage !== undefined) {
      return method === "GET"
        ? { status: 200, page: this.#lastPage, isLast: true }
        : notAllowed("GET");
    }
    if (path === DECLINED_PATH && this.#unproven !== undefined) {
      return method === "POST" ? await this.#confirm(request, this.#unproven) : notAllowed("POST");
    }
    if (path !== "/") return { status: 404, page: notFoundPage() };
    if (this.#ending !== undefined) return this.#alreadyDone();
    if (method === "GET") return this.#start();
    if (method === "POST" && this.#fields().length > 0) return this.#submit(request);
    return notAllowed(this.#fields().length > 0 ? "GET, POST" : "GET");
  }

  #start(): CallbackResponse {
    const authorization = this.#authorization;
    // A user who comes back to the form may want to correct it.
    return authorization === undefined || this.#fields().length > 0
      ? { status: 200, page: this.#form() }
      : redirect(authorization.url);
  }

  #isOwnForm({ origin, form }: CallbackRequest): boolean {
    return origin === this.#origin && isSameSecret(form.get("token") ?? "", this.#formToken);
  }

  #submit(request: CallbackRequest): CallbackResponse {
    if (!this.#isOwnForm(request)) return { status: 403, page: foreignFormPage() };
    const { form } = request;
    const client = { clientId: "", clientSecret: "", ...this.#known };
    for (const { name, label } of this.#fields()) {
      client[name] = form.get(name)?.trim() ?? "";
      const problem = client[name] === "" ? "nothing in it" : credentialProblem(client[name]);
      if (problem === undefined) continue;
      const page = this.#form(`The ${label.toLowerCase()} has ${problem}. Copy it again`);
      return { status: 400, page };
    }
    this.#authorization = new Authorization(client, this.#context);
    return redirect(this.#authorization.url);
  }

  async #receive({ query, isNavigation }: CallbackRequest): Promise<CallbackResponse> {
    const { broker } = this.#context;
    const authorization = this.#authorization;
    const unrelated = (reason: string): CallbackResponse => ({
      status: 400,
      page: unrelatedPage(broker.name, reason),
    });
    if (authorization === undefined) return unrelated("no login has started yet");
    if (!isNavigation) return unrelated("it was not a visit of the browser");
    const response = authorization.read(query);
    if (response.kind === "unrelated") return unrelated(response.reason);
    if (response.kind === "unproven") {
      if (this.#ending !== undefined) return this.#alreadyDone();
      // Any web page can send the browser here, so the user must confirm it.
      this.#unproven = response.error;
      return { status: 400, page: declinedPage(broker.name, DECLINED_PATH, this.#formToken) };
    }
    if (this.#lastPage !== undefined) return this.#alreadyDone();
    // A reload or a second tab waits for the same exchange.
    this.#ending ??= this.#end(
      response.kind === "code"
        ? this.#exchange(authorization, response.code)
        : Promise.reject(response.error),
    );
    await this.#ending;
    return redirect(DONE_PATH);
  }

  /** The user confirms a refusal. */
  async #confirm(request: CallbackRequest, refusal: LoginError): Promise<CallbackResponse> {
    if (!this.#isOwnForm(request)) return { status: 403, page: foreignFormPage() };
    this.#ending ??= this.#end(Promise.reject(refusal));
    await this.#ending;
    return redirect(DONE_PATH);
  }

  async #end(result: Promise<Credentials>): Promise<void> {
    const { name } = this.#context.broker;
    try {
      const credentials = await result;
      this.#lastPage = signedInPage(name);
      this.#outcome.resolve(credentials);
    } catch (error) {
      const message = error instanceof SessionError ? error.message : "The program ended the login";
      this.#lastPage = failedPage(name, message);
      this.#outcome.reject(error);
    }
  }

  #alreadyDone(): CallbackResponse {
    return { status: 410, page: alreadyDonePage(this.#context.broker.name) };
  }

  #form(problem?: string): Page {
    const { broker, login } = this.#context;
    return clientPage({
      broker: broker.name,
      help: login.clientHelp,
      fields: this.#fields(),
      token: this.#formToken,
      problem,
    });
  }

  /** The fields of the form: what is unknown of the client. */
  #fields(): ClientField[] {
    const { clientId, clientSecret } = this.#known;
    const idField: ClientField = {
      name: "clientId",
      label: "Client id",
      value: this.#authorization?.client.clientId ?? "",
    };
    const secretField: ClientField = { name: "clientSecret", label: "Client secret" };
    return [
      ...(clientId === undefined ? [idField] : []),
      ...(clientSecret === undefined ? [secretField] : []),
    ];
  }
}

/** RFC 9700 section 4.12: with 303, no browser sends a form again. */
function redirect(location: string): CallbackResponse {
  return { status: 303, headers: { location } };
}

function notAllowed(allow: string): CallbackResponse {
  return { status: 405, page: notAllowedPage(), headers: { allow } };
}
