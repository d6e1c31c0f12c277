/** What `whcb serve`, replays and other commands write while they work. Some of them are ended in the middle. */
import { writeFileSync } from "node:fs";
import type { Random } from "../../../src/platform/random.js";
import { writeNote } from "../../support/power/disk-trace.js";
import type { RecordEnv } from "../../support/power/recorder.js";
import { apiOf, callIdOf, type ServedApi, storedProfile } from "../../support/process/served-api.js";
import { eventually, type Home, type Outcome, type Running } from "../../support/process/whcb-process.js";
import { newestJournal } from "../../support/replay/replay-outage.js";
import type { Promised } from "./promised.js";
import type { RepairedEndpoint } from "./repaired-endpoint.js";

export const SERVE = ["--no-endpoint-check", "--retry-interval", "1s", "--log-level", "warn"];
const PASSWORD = "a password of the tests";

export interface RecordedPlace {
  readonly home: Home;
  readonly endpoint: RepairedEndpoint;
  readonly env: RecordEnv;
}

export class RecordedWork {
  readonly #place: RecordedPlace;
  readonly #random: Random;
  readonly #endFiles = new Map<Running, string>();
  #handed = 0;
  #port = "0";

  constructor(place: RecordedPlace, random: Random) {
    this.#place = place;
    this.#random = random;
  }

  /** Resolves when all is done and every process has ended. */
  async run(): Promise<void> {
    const { home, endpoint } = this.#place;
    let serving = await this.#serve();
    const fine = await this.#create("fine");
    const broken = await this.#create("broken");
    const failing = 100 + this.#upTo(100);
    await Promise.all([this.#hand(broken, failing), this.#handAgainAndAgain(fine, 5)]);
    await this.#failed(broken, failing);
    await this.#noteNotified(broken);
    await this.#noteSuccess(fine);
    await Promise.all([this.#cutOff(serving), this.#handAgainAndAgain(fine, 20).catch(() => undefined)]);

    serving = await this.#serve();
    await this.#run(["config", "set", "rate", "200"]);
    this.#note({ settings: [storedProfile(home)] });
    await this.#run(["users", "add", "ada", "--password-stdin"], { input: PASSWORD });
    this.#note({ users: ["ada"] });
    endpoint.isRepaired = true;
    endpoint.onReplayed = (id) => this.#note({ replayed: [id] });
    const replaying = this.#start(["replay", "broken", "--failed", "--yes", "--concurrency", "8"]);
    const most = this.#upTo(failing / 2);
    await eventually(
      async () => newestJournal(home)?.accepted.size ?? 0,
      (accepted) => accepted > most,
    );
    await this.#cutOff(replaying);
    await this.#resume();
    endpoint.onReplayed = () => {};
    await this.#noteSuccess(broken);

    await this.#run(["db", "backup", home.path("backup.db")]);
    this.#note({ backups: ["backup.db"] });
    endpoint.isRepaired = false;
    await this.#hand(broken, 10);
    const marked = await this.#failed(broken, 10);
    await this.#run(["mark-success", "broken", "--failed", "--yes"]);
    this.#note({ success: marked });
    await serving.stop();

    serving = await this.#serve();
    await this.#hand(broken, 10);
    const requested = await this.#failed(broken, 10);
    endpoint.isRepaired = true;
    const answer = await this.#api.fetch(`/callbacks/${broken}/replays?${requested.map((id) => `id=${id}`).join("&")}`, {
      method: "POST",
    });
    if (answer.status !== 202) throw new Error(`${answer.status}: ${await answer.text()}`);
    this.#note({ requested });
    await this.#handAgainAndAgain(fine, 3);
    await serving.stop();
  }

  get #api(): ServedApi {
    return apiOf(this.#place.home);
  }

  #note(note: Partial<Promised>): void {
    writeNote(this.#place.env.POWER_TRACE, note);
  }

  #upTo(most: number): number {
    return Math.floor(this.#random.fraction() * most);
  }

  async #serve(): Promise<Running> {
    const { home } = this.#place;
    const serving = this.#start(["serve", "--port", this.#port, ...SERVE]);
    const [, url = ""] = await serving.says(/Listening on (http:\/\/\S+)/);
    this.#port = new URL(url).port;
    this.#note({ ports: [this.#port], settings: [storedProfile(home)] });
    return serving;
  }

  async #create(name: string): Promise<string> {
    const id = await this.#api.create({
      name,
      url: `http://127.0.0.1:${this.#place.endpoint.port}/${name}`,
      retriesEnabled: name === "fine",
    });
    this.#note({ callbacks: [id] });
    return id;
  }

  async #hand(callback: string, calls: number): Promise<void> {
    const ids = Array.from({ length: calls }, () => callIdOf(this.#handed++));
    const answer = await this.#api.hand(callback, ids);
    if (answer.status !== 202) throw new Error(`${answer.status}: ${await answer.text()}`);
    this.#note({ accepted: ids });
  }

  async #handAgainAndAgain(callback: string, times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) await this.#hand(callback, 1 + this.#upTo(30));
  }

  async #failed(callback: string, calls: number): Promise<readonly string[]> {
    const failed = await eventually(
      () => this.#api.list(callback, "FAILED"),
      ({ length }) => length === calls,
    );
    return failed.map(({ id }) => id);
  }

  async #noteSuccess(callback: string): Promise<void> {
    this.#note({ success: (await this.#api.list(callback, "SUCCESS")).map(({ id }) => id) });
  }

  async #noteNotified(callback: string): Promise<void> {
    const outages = await eventually(
      () => this.#api.outages(callback),
      (all) => all.length > 0 && all.every(({ notifiedAt }) => notifiedAt !== undefined),
    );
    this.#note({ notified: outages.map(({ id }) => id) });
  }

  /** Replays until the endpoint has all calls and the service says so. */
  async #resume(): Promise<void> {
    const outcome = await this.#run(["replay", "--resume"], { codes: [0, 8] });
    // A call may have been on its way when the replay was ended.
    const { stdout } = outcome.code === 0 ? outcome : await this.#run(["replay", "--resume", "--resend-unknown"]);
    const [, runId = ""] = /\(run (\S+)\)/.exec(stdout) ?? [];
    const [accepted = 0, marked = 0] = ["accepted", "marked"].map((name) =>
      Number(new RegExp(`${name} +(\\d+)`).exec(stdout)?.[1]),
    );
    this.#note({ runs: [{ runId, counts: { accepted, marked } }] });
  }

  async #run(
    args: readonly string[],
    { input = "", codes = [0] }: { input?: string; codes?: readonly number[] } = {},
  ): Promise<Outcome> {
    const running = this.#start(args);
    running.child.stdin.end(input);
    const outcome = await running.ended;
    if (!codes.includes(outcome.code ?? -1))
      throw new Error(`whcb ${args.join(" ")} ended with ${outcome.code}: ${outcome.stderr}`);
    return outcome;
  }

  #start(args: readonly string[]): Running {
    const { home, env } = this.#place;
    const endFile = `${env.POWER_TRACE}-end-${this.#endFiles.size}`;
    const running = home.start(args, { env: { ...env, POWER_END: endFile } });
    this.#endFiles.set(running, endFile);
    return running;
  }

  /** Ends the process right after something that it has written. */
  async #cutOff(running: Running): Promise<void> {
    writeFileSync(this.#endFiles.get(running) ?? "", "");
    await running.ended;
  }
}
