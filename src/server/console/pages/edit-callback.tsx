/** /console/callbacks/new, /console/callbacks/:id/edit and /delete. */
import type { VNode } from "preact";
import { type Callback, type CallbackSettings, hasSameSettings, isRepaired } from "../../../domain/callback.js";
import { count } from "../../../domain/count.js";
import { spellDuration } from "../../../domain/duration.js";
import { isWhcbError } from "../../../domain/errors.js";
import { shownUrl } from "../../../domain/mask.js";
import type { RetryPolicy } from "../../../domain/retry-policy.js";
import { lazyParts } from "../../lazy-parts.js";
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
import { callbackPage, callsUrl } from "../components/callback-page.js";
import { Count, Facts } from "../components/data.js";
import { Button, ButtonLink, ButtonRow, Form } from "../components/forms.js";
import { type Page, type PageAnswer, redirect, type Visit } from "../page.js";
import type { Pages } from "../pages.js";
import { CallbackForm, maskedKey, type TestView, testView } from "./callback-form.js";

const LIST = { text: "Callbacks", href: "/console" };

const pathTo = ({ id }: Pick<Callback, "id">, page: "edit" | "delete" | "calls") => callsUrl(id, page);

export function addCallbackPages(pages: Pages): void {
  const { deps, lookup } = pages.context;

  pages.get("/console/callbacks/new", async (visit) => formPage(visit, null, { fields: NEW_FIELDS }));

  pages.post("/console/callbacks/new", async (visit) => {
    const typed = readFields(visit.form);
    const key = typedKey(visit);
    const read = readSettings(typed, key, null, await parser());
    if (isTest(visit)) return showTest(visit, null, typed);
    if (read.kind === "invalid") return formPage(visit, null, { fields: typed, problems: read.problems });
    try {
      const callback = await createCallback(pages.context, read.settings);
      return redirect(pathTo(callback, "edit"), `Created: messages name it ${callback.name}.`);
    } catch (error) {
      const problems = problemsOf(error);
      // The form was sent twice.
      const existing = isWhcbError(error, "duplicate-name") ? await deps.store.findCallback(read.settings.name) : null;
      if (existing !== null && hasSameSettings(existing, read.settings)) {
        return redirect(pathTo(existing, "edit"), `Created: messages name it ${existing.name}.`);
      }
      return formPage(visit, null, { fields: typed, problems });
    }
  });

  pages.get(
    "/console/callbacks/:id/edit",
    async (visit) => {
      const stored = await lookup.find(visit.params.id ?? "");
      return formPage(visit, stored, { fields: fieldsOf(stored) });
    },
    { isLive: true },
  );

  pages.post("/console/callbacks/:id/edit", saveChanges);

  async function saveChanges(visit: Visit): Promise<PageAnswer> {
    const stored = await lookup.find(visit.params.id ?? "");
    const typed = readFields(visit.form);
    if (isTest(visit)) return showTest(visit, stored, typed);
    const read = readSettings(typed, typedKey(visit), stored, await parser());
    // The form was sent twice, or nothing was changed.
    if (read.kind === "valid" && hasSameSettings(stored, read.settings)) return redirect(pathTo(stored, "edit"), "Saved.");
    const conflict = findConflict(readLoaded(visit.form), typed, loadedForm(visit, stored));
    if (conflict !== null) {
      const { merged, problems, changes } = conflict;
      return formPage(visit, stored, { fields: merged, problems, changes });
    }
    if (read.kind === "invalid") return formPage(visit, stored, { fields: typed, problems: read.problems });
    try {
      await updateCallback(pages.context, stored, read.settings, stored);
    } catch (error) {
      // Changed since it was read above.
      if (isWhcbError(error, "locked")) return saveChanges(visit);
      return formPage(visit, stored, { fields: typed, problems: problemsOf(error) });
    }
    return redirect(pathTo(stored, "edit"), savedText(stored, read.settings, deps.policy));
  }

  pages.get("/console/callbacks/:id/delete", async ({ params, formToken }) => {
    const callback = await lookup.find(params.id ?? "");
    const { FAILED: failed, PENDING: waiting, SUCCESS: accepted } = await deps.store.countCalls(callback.id);
    return {
      kind: "page",
      title: "Delete API Callback",
      breadcrumb: [LIST, { text: callback.name, href: pathTo(callback, "edit") }],
      content: <DeleteCallback callback={callback} formToken={formToken} counts={{ failed, waiting, accepted }} />,
    };
  });

  pages.post("/console/callbacks/:id/delete", async ({ params }) => {
    try {
      const callback = await lookup.find(params.id ?? "");
      await deleteCallback(pages.context, callback);
      return redirect("/console", `Deleted ${callback.name}.`);
    } catch (error) {
      // The form was sent twice.
      if (isWhcbError(error, "not-found")) return redirect("/console", "The callback is deleted.");
      throw error;
    }
  });

  async function showTest(visit: Visit, stored: Callback | null, typed: CallbackFields): Promise<PageAnswer> {
    // Not needed for a test.
    const read = readSettings({ ...typed, name: "test", email: "test@example.com" }, typedKey(visit), stored, await parser());
    if (read.kind === "invalid") return formPage(visit, stored, { fields: typed, problems: read.problems });
    try {
      deps.checkCallbackUrl(read.settings.url);
    } catch (error) {
      return formPage(visit, stored, { fields: typed, problems: problemsOf(error) });
    }
    const test = await testEndpoint(pages.context, read.settings);
    return formPage(visit, stored, { fields: typed, test: test === null ? null : testView(test, read.settings) });
  }

  /** The conflict with what another saved is still to be found when a form is sent again. */
  async function formPage(visit: Visit, stored: Callback | null, state: FormState): Promise<Page> {
    const { fields, problems = NO_PROBLEMS, changes = [], test = null } = state;
    const isSent = visit.request.method === "POST";
    const loaded = isSent && changes.length === 0 ? readLoaded(visit.form) : null;
    const content = (
      <CallbackForm
        action={stored === null ? "/console/callbacks/new" : pathTo(stored, "edit")}
        formToken={visit.formToken}
        fields={fields}
        problems={problems}
        isKeyLost={typedKey(visit) !== ""}
        stored={stored && { id: stored.id, maskedKey: maskedKey(stored.auth.key), loaded: loaded ?? loadedForm(visit, stored) }}
        changes={changes}
        test={test}
        canTest={deps.checkEndpoint !== null}
        policy={deps.policy}
        authParameter={deps.authParameter}
        bodyNames={deps.bodyNames}
      />
    );
    const status = changes.length > 0 ? 409 : problems.size > 0 ? 422 : 200;
    if (stored === null) return { kind: "page", title: "New API Callback", breadcrumb: [LIST], content, status };
    return callbackPage(deps, stored, { title: "Edit API Callback", content, status, tab: "settings", trail: [] });
  }
}

interface FormState {
  readonly fields: CallbackFields;
  readonly problems?: Problems;
  readonly changes?: Conflict["changes"];
  readonly test?: TestView | null;
}

const NO_PROBLEMS: Problems = new Map();

function loadedForm({ mark }: Visit, stored: Callback): LoadedForm {
  return { fields: fieldsOf(stored), urlMark: mark(stored.url), keyMark: mark(stored.auth.key) };
}

function typedKey({ form }: Visit): string {
  return form.get("auth.key") ?? "";
}

function isTest({ form }: Visit): boolean {
  return form.get("step") === "test";
}

async function parser() {
  return (await lazyParts.callbackParsers()).parseCallback;
}

/** What follows from it: docs/dispatcher.md, A call, rules 7 and 8. */
function savedText(before: CallbackSettings, after: CallbackSettings, { windowMs }: RetryPolicy): string {
  const failed = `the calls that failed within the last ${spellDuration(windowMs)}`;
  if (before.retriesEnabled && !after.retriesEnabled)
    return "Saved. Retries are disabled, and those that were due are cancelled.";
  if (!before.retriesEnabled && after.retriesEnabled) return `Saved. Retries are enabled: ${failed} are sent again now.`;
  if (after.retriesEnabled && isRepaired(before, after)) return `Saved. ${failed.replace("the", "The")} are sent again now.`;
  return "Saved.";
}

interface DeleteView {
  readonly callback: Pick<Callback, "id" | "name" | "url" | "auth">;
  readonly formToken: string;
  readonly counts: { readonly failed: number; readonly waiting: number; readonly accepted: number };
}

export function DeleteCallback({ callback, formToken, counts }: DeleteView): VNode {
  const { failed, waiting, accepted } = counts;
  return (
    <Form action={pathTo(callback, "delete")} formToken={formToken} class="card readable">
      <Facts
        facts={[
          ["Callback", callback.name],
          ["Destination", <span class="monospaced">{shownUrl(callback)}</span>],
          ["Failed calls", <Count value={failed} />],
          ["Waiting calls", <Count value={waiting} />],
          ["Accepted calls", <Count value={accepted} />],
        ]}
      />
      {failed + waiting > 0 && (
        <p>
          <strong>{unsentText(failed, waiting)} never sent again.</strong>{" "}
          {failed > 0 && <a href={`${pathTo(callback, "calls")}?status=FAILED`}>Look at the failed calls</a>}
        </p>
      )}
      <p>
        All its calls, with their attempts, and its outages are removed. Responses to messages that name it are rejected from now
        on.
      </p>
      <p>This can't be undone.</p>
      <ButtonRow>
        <Button kind="danger">Delete this callback</Button>
        <ButtonLink href={pathTo(callback, "edit")}>Cancel</ButtonLink>
      </ButtonRow>
    </Form>
  );
}

function unsentText(failed: number, waiting: number): string {
  const parts = [failed > 0 ? count(failed, "failed call") : "", waiting > 0 ? count(waiting, "waiting call") : ""];
  return `Its ${parts.filter((part) => part !== "").join(" and ")} ${failed + waiting === 1 ? "is" : "are"}`;
}
