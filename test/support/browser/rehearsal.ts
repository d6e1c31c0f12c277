/** What the browser tests look at: `whcb serve` as a process, and an endpoint that goes down and comes back. */
import { type Behaviour, type Endpoint, openEndpoint } from "../../../src/cli/commands/listen/local-endpoint.js";
import { systemClock } from "../../../src/platform/clock.js";
import { ServedApi, USER_ENV } from "../process/served-api.js";
import { Home } from "../process/whcb-process.js";

const ACCEPTING: Behaviour = { status: 200, failFirst: null, failForMs: null, flaky: null, seed: 1, delayMs: 0, hang: false };

export class Rehearsal {
  readonly home: Home;
  /** Of the service, as a profile of this home has it. */
  readonly url: string;
  readonly api: ServedApi;
  readonly #endpoint: Endpoint;

  private constructor(home: Home, url: string, endpoint: Endpoint) {
    this.home = home;
    this.url = url;
    this.api = new ServedApi(url);
    this.#endpoint = endpoint;
  }

  static async begin(args: readonly string[] = []): Promise<Rehearsal> {
    const home = new Home();
    const { url } = await home.serve(args, { env: USER_ENV });
    const endpoint = await openEndpoint({ port: 0, behaviour: ACCEPTING, clock: systemClock }, () => undefined);
    return new Rehearsal(home, url, endpoint);
  }

  /** For a callback; it accepts what it is sent. */
  get endpointUrl(): string {
    return `${this.#endpoint.url}/hook`;
  }

  /** Every POST is answered with `status`, after `delayMs`. */
  answer(status: number, delayMs = 0): void {
    this.#endpoint.setBehaviour({ ...ACCEPTING, status, delayMs });
  }

  async end(): Promise<void> {
    await this.#endpoint.close();
    await this.home.leave();
  }
}
