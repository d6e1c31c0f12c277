import type { CallbackSettings } from "../domain/callback.js";
import { advise, WhcbError } from "../domain/errors.js";
import { callbackSecrets } from "../domain/mask.js";
import type { TestMail } from "../domain/outage.js";
import { idInUrl } from "../wire/bulk-ids.js";
import {
  changeCallbackJson,
  type ListedCallback,
  readCallback,
  readCallbackList,
  settingsToJson,
} from "../wire/json/callback-json.js";
import { type JsonObject, objectOf, textOf } from "../wire/json/json-value.js";
import { KeptMemory, readWholeList } from "./list-walker.js";
import type { ApiRequest, ServiceApi } from "./service-api.js";
import { isSuccess, type TransportResponse } from "./transport.js";

const LIST = { command: "whcb callbacks list", when: "to see them" };

/** `willSend` gets the secrets of a callback before the service does, which may repeat them in an error. */
export function callbackRequests(api: ServiceApi, willSend: (secrets: readonly string[]) => void) {
  /** Some services list only id, name and url. */
  async function listCallbacks(): Promise<readonly ListedCallback[]> {
    const all = await readWholeList(`${api.basePath}/callbacks`, async (path) =>
      readCallbackList(await api.getDocument(api.withPageLimit(path), "callback")),
    );
    for (const { id, name } of all) api.callbackNames.set(id, name);
    return all;
  }

  /**
   * Returns all settings. Finds a name on every service: one that accepts only ids answers a name with 404, 400 or 422. Throws `not-found`.
   */
  async function getCallback(idOrName: string): Promise<ListedCallback> {
    const answer = await api.exchange({ method: "GET", path: callbackPath(idOrName), noun: "callback" });
    if (isSuccess(answer)) {
      const callback = readCallback(api.documentOf(answer));
      api.callbackNames.set(callback.id, callback.name);
      // A service may complete names, or ignore their case.
      if (callback.id === idOrName || callback.name === idOrName) return callback;
    } else if (![400, 404, 422].includes(answer.status)) throw api.errorOf(answer);
    const { id } = await findInList(idOrName);
    return getById(id);
  }

  /** Items that lack a setting are read by id. */
  async function getAllCallbacks(): Promise<readonly ListedCallback[]> {
    const all: ListedCallback[] = [];
    const kept = new KeptMemory();
    for (const listed of await listCallbacks()) {
      all.push(kept.keep(lacksSettings(listed) ? await getById(listed.id) : listed));
    }
    return all;
  }

  /** Throws `unavailable` if the service answers with another callback, as one that ignores the case of ids may. */
  async function getById(id: string): Promise<ListedCallback> {
    const answer = await api.expectSuccess({ method: "GET", path: callbackPath(id), noun: "callback" });
    const callback = readCallback(api.documentOf(answer));
    if (callback.id !== id)
      throw new WhcbError("unavailable", `${api.name} answered with callback ${callback.id} instead of ${id}`);
    api.callbackNames.set(id, callback.name);
    return callback;
  }

  async function findInList(idOrName: string): Promise<ListedCallback> {
    const callbacks = await listCallbacks();
    const [first, second] = callbacks.filter(({ name }) => name === idOrName);
    const found = callbacks.find(({ id }) => id === idOrName) ?? first;
    if (found?.id !== idOrName && second !== undefined) {
      throw new WhcbError("usage", `several callbacks are called ${idOrName}`, advise`give the id: ${LIST}`);
    }
    if (found === undefined) {
      throw new WhcbError("not-found", `no callback ${idOrName} at ${api.name}`, advise`List them with ${LIST}.`);
    }
    return found;
  }

  /** Throws `unauthenticated`, `forbidden` or `network`. */
  async function verify(): Promise<void> {
    await api.getDocument(`${api.basePath}/callbacks?limit=1`, "callback");
  }

  async function createCallback(settings: CallbackSettings): Promise<ListedCallback> {
    willSend(callbackSecrets(settings));
    const answer = await api.expectSuccess({
      method: "POST",
      path: "/callbacks",
      noun: "callback",
      body: settingsToJson(settings),
    });
    const created = readCallback(api.documentOf(answer));
    // Only a service that signs says so.
    return readCallback({ ...settingsToJson(settings), signing: undefined, ...created.raw, id: created.id });
  }

  /**
   * `changeCallbackJson` makes the body of what was read. The service may find that the callback has changed since, which is `duplicate-name`.
   * Returns a signing secret that it has made, or null.
   */
  async function updateCallback(id: string, changed: JsonObject, read: JsonObject): Promise<string | null> {
    // A request may arrive after a later one.
    // What isn't signed has no `signing`.
    const expected = { signing: "disabled", ...changeCallbackJson(read, {}) };
    const body = api.capabilities.has("guarded-updates") ? { ...changed, expected } : changed;
    const { url, auth } = readCallback({ ...body, id });
    willSend(callbackSecrets({ url, auth: { ...auth, key: auth.key ?? "" } }));
    // It has what was read too, which another user may have changed before it is repeated.
    const answer = await api.expectSuccess({
      method: "PUT",
      path: callbackPath(id),
      noun: "callback",
      body,
      isRepeatable: false,
    });
    const isSecretShown = answer.status === 200 && api.capabilities.has("signed-deliveries");
    return isSecretShown ? readCallback(api.documentOf(answer)).signingSecret : null;
  }

  async function deleteCallback(id: string): Promise<void> {
    await api.expectSuccess({ method: "DELETE", path: callbackPath(id), noun: "callback" });
  }

  /** Sends an outage's e-mail as a test. Returns null if the service can't. Throws `rate-limited` after too many, `unavailable`. */
  async function sendTestMail(id: string): Promise<TestMail | null> {
    const answer = await exchangeIfKnown(id, { method: "POST", path: `${callbackPath(id)}/test-email`, noun: "callback" });
    if (answer === null) return null;
    const { to, channel, sent, answer: said } = objectOf(api.documentOf(answer));
    return {
      to: textOf(to),
      channel: channel === "smtp" ? "smtp" : "file",
      isSent: sent === true,
      answer: api.quote(textOf(said)),
    };
  }

  /** `durationMs` is null for a pause without an end. Returns false if the service can't pause callbacks. */
  function pauseCallback(id: string, durationMs: number | null): Promise<boolean> {
    return changePause(id, { method: "POST", body: durationMs === null ? {} : { durationMs } });
  }

  /** Returns false if the service can't pause callbacks. */
  function resumeCallback(id: string): Promise<boolean> {
    return changePause(id, { method: "DELETE" });
  }

  async function changePause(id: string, change: Pick<ApiRequest, "method" | "body">): Promise<boolean> {
    // A repeat changes nothing more.
    const request = { ...change, path: `${callbackPath(id)}/pause`, noun: "callback", isRepeatable: true } as const;
    return (await exchangeIfKnown(id, request)) !== null;
  }

  /** Returns null if the service has no such route. */
  async function exchangeIfKnown(id: string, request: ApiRequest): Promise<TransportResponse | null> {
    const answer = await api.exchangeIfKnown(request);
    // A gateway's 403 for an unknown path looks like one for a wrong key.
    if (answer === null) await getById(id);
    return answer;
  }

  return {
    listCallbacks,
    getAllCallbacks,
    getCallback,
    verify,
    createCallback,
    updateCallback,
    deleteCallback,
    sendTestMail,
    pauseCallback,
    resumeCallback,
  };
}

function lacksSettings({ auth, contentType, retriesEnabled, email }: ListedCallback): boolean {
  return auth.type === null || contentType === null || retriesEnabled === null || email === null;
}

export function callbackPath(callbackId: string): string {
  return `/callbacks/${idInUrl(callbackId)}`;
}
