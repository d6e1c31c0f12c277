/** The pages are /console/callbacks/new, /console/callbacks/:id/edit and /delete. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { VNode } from "preact";
import { testedUrl } from "../../../domain/audit/audit-entry.js";
import { type Callback, type CallbackSettings, hasSameSettings, isRepaired } from "../../../domain/callback.js";
import { isWhcbError } from "../../../domain/errors.js";
import { shownUrl } from "../../../domain/mask.js";
import type { RetryPolicy } from "../../../domain/retry-policy.js";
import type { CallCounts } from "../../../store/calls/call-counts.js";
import { parseCallback } from "../../../wire/json/parse-callback.js";
import { authorOf } from "../../auth/author.js";
import { ownerOf } from "../../requests/byte-budget.js";
import type { CallbackPath } from "../../routes/route-context.js";
import { createCallback, deleteCallback, testEndpoint, updateCallback } from "../../use-cases/change-callbacks.js";
import {
  type CallbackFields,
  type Conflict,
  fieldsOf,
  findConflict,
  type LoadedForm,
  NEW_FIELDS,
  type Problems,
  problemsOf,
  readFields,
  readLoaded,
  readSettings,
} from "../callback-fields.js";
import { callbackPage } from "../components/callback-page.js";
import { Count, count, Facts } from "../components/data.js";
import { Button, ButtonLink, ButtonRow, CopyButton, Form, TextField } from "../components/forms.js";
import { Alert } from "../components/layout.js";
import { resentText } from "../components/next-attempt.js";
import { consolePath } from "../console-path.js";
import { keptForm } from "../kept-forms.js";
import { type ConsoleContext, formOf, redirectDone } from "../page.js";
import { SavedForms, typedKey } from "../saved-forms.js";
import { formToken } from "../sessions.js";
import { CallbackForm, maskedKey, type TestView, testView } from "./callback-form.js";

const LOST_SECRET = " Sent twice: only the first answer had the signing secret. If you don't have it, save with a new one.";

export function addCallbackPages(app: FastifyInstance, context: ConsoleContext): void {
  const { deps, lookup, sessions } = context;
  const saved = new SavedForms();

  app.get("/console/callbacks/new", async (request, reply) => {
    const kept = keptForm(request, deps.store);
    return showForm(request, reply, null, kept === null ? { fields: NEW_FIELDS } : { fields: readFields(kept), isKept: true });
  });

  app.post("/console/callbacks/new", { config: { keepsForm: true } }, async (request, reply) => {
    const typed = readFields(formOf(request));
    const read = readSettings(typed, typedKey(request), null, parseCallback);
    if (isTest(request)) return showTest(request, reply, null, typed);
    if (read.kind === "invalid") return showForm(request, reply, null, { fields: typed, problems: read.problems });
    try {
      const callback = await createCallback(context, read.settings, ownerOf(request), authorOf(request, deps));
      const [made] = callback.signingSecrets;
      saved.remember(request, callback.id, made !== undefined);
      if (made !== undefined) return showSecret(reply, callback, made.secret);
      return redirectDone(reply, consolePath(callback.id, "edit"), `Created: messages name it ${callback.name}.`);
    } catch (error) {
      const problems = problemsOf(error);
      const existing = isWhcbError(error, "duplicate-name") ? await deps.store.callbacks.find(read.settings.name) : null;
      const note = existing && sentTwiceNote(request, read.settings, existing);
      if (existing !== null && note !== null)
        return redirectDone(reply, consolePath(existing.id, "edit"), `Created: messages name it ${existing.name}.${note}`);
      return showForm(request, reply, null, { fields: typed, problems });
    }
  });

  app.get<CallbackPath>("/console/callbacks/:id/edit", { config: { isLive: true } }, async (request, reply) => {
    const stored = await lookup.find(request.params.id);
    const kept = keptForm(request, deps.store);
    if (kept === null) return showForm(request, reply, stored, { fields: fieldsOf(stored) });
    const [fields, form] = [readFields(kept), loadedForm(request, stored)];
    // The mark of the ended session can't be compared with this one's.
    const conflict = findConflict({ ...form, fields: readLoaded(kept).fields }, fields, form);
    return showForm(request, reply, stored, { fields: conflict?.merged ?? fields, ...conflict, isKept: true });
  });

  app.post("/console/callbacks/:id/edit", { config: { keepsForm: true } }, saveChanges);

  async function saveChanges(request: FastifyRequest<CallbackPath>, reply: FastifyReply): Promise<FastifyReply> {
    const stored = await lookup.find(request.params.id);
    const typed = readFields(formOf(request));
    if (isTest(request)) return showTest(request, reply, stored, typed);
    const read = readSettings(typed, typedKey(request), stored, parseCallback);
    const done = (text: string): FastifyReply => redirectDone(reply, consolePath(stored.id, "edit"), text);
    const note = read.kind === "valid" ? sentTwiceNote(request, read.settings, stored) : null;
    if (note !== null) return done(`Saved.${note}`);
    const conflict = findConflict(readLoaded(formOf(request)), typed, loadedForm(request, stored));
    if (conflict !== null) {
      const { merged, problems, changes } = conflict;
      return showForm(request, reply, stored, { fields: merged, problems, changes });
    }
    if (read.kind === "invalid") return showForm(request, reply, stored, { fields: typed, problems: read.problems });
    if (hasSameSettings(stored, read.settings)) return done("Saved.");
    try {
      const change = { author: authorOf(request, deps), expected: stored };
      const { callback, madeSecret } = await updateCallback(context, stored, read.settings, change);
      saved.remember(request, stored.id, madeSecret !== undefined);
      if (madeSecret !== undefined) return showSecret(reply, callback, madeSecret);
    } catch (error) {
      // The callback has changed since it was read above.
      if (isWhcbError(error, "locked")) return saveChanges(request, reply);
      return showForm(request, reply, stored, { fields: typed, problems: problemsOf(error) });
    }
    return done(savedText(stored, read.settings, deps.policy));
  }

  /** It isn't led to by a redirect, as no page but this answer may have the secret. */
  async function showSecret(reply: FastifyReply, callback: Callback, secret: string): Promise<FastifyReply> {
    const [record] = await deps.store.endpoints.listReports([callback.id]);
    const content = <MadeSecret callback={callback} secret={secret} />;
    const trail = [{ text: "Settings", href: consolePath(callback.id, "edit") }];
    return reply.showPage(callbackPage(callback, record, { title: "Signing secret", content, tab: "settings", trail }));
  }

  /** Returns null unless it was, else what else to say. */
  function sentTwiceNote(request: FastifyRequest, settings: CallbackSettings, stored: Callback): string | null {
    const last = saved.find(request, stored.id);
    if (last === null || !hasSameSettings(stored, settings)) return null;
    return last.hasShownSecret ? LOST_SECRET : "";
  }

  app.get<CallbackPath>("/console/callbacks/:id/delete", async (request, reply) => {
    return showDelete(request, reply, await lookup.find(request.params.id));
  });

  app.post<CallbackPath>("/console/callbacks/:id/delete", async (request, reply) => {
    try {
      const callback = await lookup.find(request.params.id);
      const typed = formOf(request).get("name") ?? "";
      if (!isSameName(typed, callback.name) && hasCalls(await deps.store.calls.count(callback.id))) {
        return showDelete(request, reply, callback, typed);
      }
      await deleteCallback(context, callback, authorOf(request, deps));
      return redirectDone(reply, "/console", `Deleted ${callback.name}.`);
    } catch (error) {
      // The form was sent twice.
      if (isWhcbError(error, "not-found")) return redirectDone(reply, "/console", "The callback is deleted.");
      throw error;
    }
  });

  /** If something else than the name was typed, the form says so. */
  async function showDelete(request: FastifyRequest, reply: FastifyReply, callback: Callback, typed?: string) {
    const counts = await deps.store.calls.count(callback.id);
    const [record] = await deps.store.endpoints.listReports([callback.id]);
    const page = callbackPage(callback, record, {
      title: "Delete API callback",
      tab: "settings",
      trail: [{ text: "Settings", href: consolePath(callback.id, "edit") }],
      content: <DeleteCallback callback={callback} formToken={formToken(request)} counts={counts} typed={typed} />,
      status: typed === undefined ? 200 : 422,
    });
    return reply.showPage(page);
  }

  async function showTest(
    request: FastifyRequest,
    reply: FastifyReply,
    stored: Callback | null,
    typed: CallbackFields,
  ): Promise<FastifyReply> {
    // A test doesn't need a name and an e-mail address.
    const read = readSettings({ ...typed, name: "test", email: "test@example.com" }, typedKey(request), stored, parseCallback);
    if (read.kind === "invalid") return showForm(request, reply, stored, { fields: typed, problems: read.problems });
    try {
      deps.checkCallbackUrl(read.settings.url);
    } catch (error) {
      return showForm(request, reply, stored, { fields: typed, problems: problemsOf(error) });
    }
    const target = { ...read.settings, signingSecrets: stored?.signingSecrets ?? [] };
    if (deps.checkEndpoint !== null) {
      const change = { action: "endpoint-tested", count: 1, details: testedUrl(target) } as const;
      await deps.store.audit.record(authorOf(request, deps), { ...change, ...(stored && { callback: stored }) });
    }
    const test = await testEndpoint(deps, target, ownerOf(request));
    return showForm(request, reply, stored, { fields: typed, test: test === null ? null : testView(test, target) });
  }

  /** The conflict with what another saved is still to be found when a form is sent again. */
  async function showForm(
    request: FastifyRequest,
    reply: FastifyReply,
    stored: Callback | null,
    state: FormState,
  ): Promise<FastifyReply> {
    const { fields, problems = NO_PROBLEMS, changes = [], test = null, isKept = false } = state;
    const isSent = request.method === "POST";
    const loaded = isSent && changes.length === 0 ? readLoaded(formOf(request)) : null;
    const content = (
      <>
        {isKept && (
          <Alert kind="info">
            Your session had ended, and nothing was done. Look at what you typed, then send it again. A key isn't kept.
          </Alert>
        )}
        <CallbackForm
          action={stored === null ? "/console/callbacks/new" : consolePath(stored.id, "edit")}
          formToken={formToken(request)}
          fields={fields}
          problems={problems}
          isKeyLost={typedKey(request) !== ""}
          stored={stored && { id: stored.id, maskedKey: maskedKey(stored.auth), loaded: loaded ?? loadedForm(request, stored) }}
          changes={changes}
          test={test}
          canTest={deps.checkEndpoint !== null}
          policy={deps.policy}
          authParameter={deps.authParameter}
          bodyNames={deps.bodyNames}
        />
      </>
    );
    const status = isKept ? 200 : changes.length > 0 ? 409 : problems.size > 0 ? 422 : 200;
    if (stored === null) return reply.showPage({ title: "New API callback", breadcrumb: [], content, status });
    const [record] = await deps.store.endpoints.listReports([stored.id]);
    const page = callbackPage(stored, record, { title: "Edit API callback", content, status, tab: "settings", trail: [] });
    return reply.showPage(page);
  }

  function loadedForm(request: FastifyRequest, stored: Callback): LoadedForm {
    return { fields: fieldsOf(stored), targetMark: sessions.targetMarkOf(stored, request) };
  }
}

interface FormState {
  readonly fields: CallbackFields;
  readonly problems?: Problems;
  readonly changes?: Conflict["changes"];
  readonly test?: TestView | null;
  /** The fields were typed before the user signed in again. */
  readonly isKept?: boolean;
}

const NO_PROBLEMS: Problems = new Map();

function isTest(request: FastifyRequest): boolean {
  return formOf(request).get("step") === "test";
}

function savedText(before: CallbackSettings, after: CallbackSettings, policy: RetryPolicy): string {
  if (before.retriesEnabled && !after.retriesEnabled)
    return "Saved. Retries are disabled, and those that were due are cancelled.";
  if (!before.retriesEnabled && after.retriesEnabled) return `Saved. Retries are enabled: ${resentText(policy)}`;
  if (after.retriesEnabled && isRepaired(before, after)) return `Saved. ${resentText(policy).replace("the", "The")}`;
  return "Saved.";
}

function MadeSecret({ callback, secret }: { callback: Callback; secret: string }): VNode {
  return (
    <section class="card readable">
      <Alert kind="done">Saved. Deliveries to {callback.name} are signed from now on.</Alert>
      <p>
        <strong>Copy the secret now and give it to your endpoint: it isn't shown again.</strong> If you lose it, save the callback
        with a new one.
      </p>
      <pre id="secret">{secret}</pre>
      {callback.signingSecrets.length > 1 && <p>For 24 hours deliveries are signed with the secret before too.</p>}
      <ButtonRow>
        <CopyButton what="the secret" of="secret" />
        <ButtonLink href={consolePath(callback.id, "edit")}>Back to the settings</ButtonLink>
      </ButtonRow>
    </section>
  );
}

interface DeleteView {
  readonly callback: Callback;
  readonly formToken: string;
  readonly counts: CallCounts;
  /** This isn't the callback's name. */
  readonly typed?: string | undefined;
}

function hasCalls({ FAILED, PENDING, SUCCESS }: CallCounts): boolean {
  return FAILED + PENDING + SUCCESS > 0;
}

/** A name may have spaces and characters that nobody types the same way twice. */
function isSameName(typed: string, name: string): boolean {
  const plain = (text: string) => text.normalize("NFKC").replace(/\s+/g, " ").trim();
  return plain(typed) === plain(name);
}

export function DeleteCallback({ callback, formToken, counts, typed }: DeleteView): VNode {
  const { FAILED: failed, PENDING: waiting, SUCCESS: accepted } = counts;
  return (
    <Form action={consolePath(callback.id, "delete")} formToken={formToken} class="card readable">
      <Facts
        facts={[
          ["Callback", callback.name],
          ["Destination URL", <span class="monospaced">{shownUrl(callback)}</span>, "wide"],
          ["Failed calls", <Count value={failed} />],
          ["Waiting calls", <Count value={waiting} />],
          ["Successful calls", <Count value={accepted} />],
        ]}
      />
      {failed + waiting > 0 && (
        <p>
          <strong>{unsentText(failed, waiting)} never sent again.</strong>{" "}
          {failed > 0 && <a href={`${consolePath(callback.id, "calls")}?status=FAILED`}>Look at the failed calls</a>}
        </p>
      )}
      <p>
        All its calls, with their attempts, and its outages are removed. Responses to messages that name it are rejected from now
        on.
      </p>
      <p>This can't be undone.</p>
      {hasCalls(counts) && (
        <TextField
          name="name"
          label="Type the callback's name to delete it"
          value={typed ?? ""}
          error={typed === undefined ? undefined : "This isn't the callback's name."}
          hasFocus={typed !== undefined}
        />
      )}
      <ButtonRow>
        <Button kind="danger">Delete this callback</Button>
        <ButtonLink href={consolePath(callback.id, "edit")}>Cancel</ButtonLink>
      </ButtonRow>
    </Form>
  );
}

function unsentText(failed: number, waiting: number): string {
  const parts = [failed > 0 ? count(failed, "failed call") : "", waiting > 0 ? count(waiting, "waiting call") : ""];
  return `Its ${parts.filter((part) => part !== "").join(" and ")} ${failed + waiting === 1 ? "is" : "are"}`;
}
