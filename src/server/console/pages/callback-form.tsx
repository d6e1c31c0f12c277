/** A new callback and an edited one have the same form: the fields of the screen, and what a test showed. */
import type { VNode } from "preact";
import { type DeliveryResult, isAccepted, resultMessage } from "../../../domain/attempt.js";
import type { BodyFormat, CallbackSettings, DeliveryTarget } from "../../../domain/callback.js";
import { formatDuration, spellDuration } from "../../../domain/duration.js";
import { callbackSecrets, isMasked, maskKey, secretMask, shownUrl } from "../../../domain/mask.js";
import type { MessageResponse } from "../../../domain/message-response.js";
import type { RetryPolicy } from "../../../domain/retry-policy.js";
import { deliveryBody } from "../../../wire/delivery-request.js";
import type { BodyNames } from "../../../wire/delivery-settings.js";
import type { EndpointTest } from "../../use-cases/change-callbacks.js";
import {
  type CallbackFields,
  type FieldName,
  type ForeignChange,
  KEY_LABEL,
  LABELS,
  type LoadedForm,
  NEW_FIELDS,
  type Problems,
  shownValue,
  writeLoaded,
} from "../callback-fields.js";
import { Facts } from "../components/data.js";
import {
  Button,
  ButtonLink,
  ButtonRow,
  CheckField,
  type Choice,
  ErrorSummary,
  Form,
  RadioField,
  SelectField,
  TextField,
} from "../components/forms.js";
import { consolePath } from "../console-path.js";
import { prettyBody } from "../pretty-body.js";

export interface CallbackFormView {
  readonly action: string;
  readonly formToken: string;
  readonly fields: CallbackFields;
  readonly problems: Problems;
  /** A key was typed, which no page contains: it has to be typed again. */
  readonly isKeyLost: boolean;
  /** `stored` is null for a new callback. */
  readonly stored: { readonly id: string; readonly maskedKey: string | null; readonly loaded: LoadedForm } | null;
  readonly changes: readonly ForeignChange[];
  readonly test: TestView | null;
  /** A service that doesn't check endpoints can't. */
  readonly canTest: boolean;
  readonly policy: RetryPolicy;
  /** Query string sends the key in this parameter. */
  readonly authParameter: string;
  readonly bodyNames: BodyNames;
}

export function CallbackForm(view: CallbackFormView): VNode {
  const { fields, stored } = view;
  const field = (name: FieldName) => ({ name, label: LABELS[name], value: fields[name], error: errorOf(view, name) });
  const choice = (name: FieldName, value: string): Choice => ({ value, text: capitalized(shownValue(name, value)) });
  return (
    <>
      <Summary {...view} />
      {view.test !== null && <TestResult {...view.test} isKeyLost={view.isKeyLost} />}
      <Form
        action={view.action}
        formToken={view.formToken}
        class="card callback-form"
        noValidate
        data-unsaved={isUnsaved(view) || undefined}
      >
        {stored !== null && (
          <>
            <input type="hidden" name="loaded" value={writeLoaded(stored.loaded)} />
            <input type="hidden" name="targetMark" value={stored.loaded.targetMark} />
          </>
        )}
        <TextField {...field("name")} isRequired hint="1 to 50 characters, unique. A message names it as its callbackId." />
        <TextField {...field("url")} type="url" isRequired isMonospaced hint={urlHint(fields.url)} />
        <RadioField {...field("contentType")} choices={["json", "xml"].map((value) => choice("contentType", value))} />
        <Samples bodyNames={view.bodyNames} />
        <fieldset class="field">
          <legend>Invoke</legend>
          {(["callbacks.reply", "callbacks.undeliverable"] as const).map((name) => (
            <CheckField key={name} {...field(name)} isChecked={fields[name] === "enabled"} />
          ))}
        </fieldset>
        <SelectField {...field("auth.type")} choices={authChoices(view.authParameter)} />
        <KeyField {...view} />
        <RadioField
          {...field("removeHTML")}
          choices={[
            { ...choice("removeHTML", "disabled"), hint: "<b>Yes</b> is sent as <b>Yes</b>" },
            { ...choice("removeHTML", "enabled"), hint: "<b>Yes</b> is sent as Yes" },
          ]}
        />
        <RadioField
          {...field("retriesEnabled")}
          hint={retriesHint(view)}
          choices={["true", "false"].map((value) => choice("retriesEnabled", value))}
        />
        <TextField {...field("email")} type="email" isRequired hint="Gets one e-mail when the endpoint begins to fail." />
        <RadioField
          {...field("signing")}
          hint={SIGNING_HINT}
          choices={["enabled", ...(stored?.loaded.fields.signing === "enabled" ? ["new"] : []), "disabled"].map((value) =>
            choice("signing", value),
          )}
        />
        <ButtonRow>
          <Button kind="primary" busyText={stored === null && view.canTest ? "Checking the endpoint…" : "Saving…"}>
            {stored === null ? "Create callback" : "Save changes"}
          </Button>
          {view.canTest && (
            <Button name="step" value="test" busyText="Testing…">
              Send a test
            </Button>
          )}
          <ButtonLink kind="quiet" href="/console">
            Cancel
          </ButtonLink>
          {stored !== null && (
            <a class="delete-link" href={consolePath(stored.id, "delete")}>
              Delete…
            </a>
          )}
        </ButtonRow>
        {view.canTest && (
          <p class="field-hint">
            A test sends one GET to the URL, with the key, and saves nothing.
            {stored === null && " Creating a callback sends it too: only an endpoint that answers exactly 200 is accepted."}
          </p>
        )}
      </Form>
    </>
  );
}

/** The script asks before such a form is left. */
function isUnsaved({ fields, stored }: CallbackFormView): boolean {
  const saved = stored?.loaded.fields ?? NEW_FIELDS;
  return Object.entries(fields).some(([name, value]) => saved[name as FieldName] !== value);
}

function urlHint(url: string): string {
  const rule = "Where each response is POSTed: http or https.";
  return isMasked(url) ? `${rule} **** is a secret: leave the URL as it is, or type all of it.` : rule;
}

const SIGNING_HINT =
  "Signed: each delivery proves by the headers of Standard Webhooks that it is the service's. The secret for it is made when you save, and shown once. A new one replaces it; for 24 hours deliveries are signed with the one before too.";

function retriesHint({ stored, policy }: CallbackFormView): string {
  const window = spellDuration(policy.windowMs);
  const rule = `Enabled: a response that isn't answered with 200 is sent again about every ${spellDuration(policy.intervalMs)} for ${window} from its first failure. Disabled: it is sent once.`;
  if (stored?.loaded.fields.retriesEnabled !== "false") return rule;
  return `${rule} When you enable them, the calls that failed within the last ${window} are sent again at once.`;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function errorOf({ problems }: CallbackFormView, name: string): string | undefined {
  const problem = problems.get(name);
  return problem === undefined ? undefined : `${capitalized(problem)}${/[.!?]$/.test(problem) ? "" : "."}`;
}

/** The fields have the order of the screen. */
const FIELD_ORDER: readonly (readonly [name: string, label: string])[] = Object.entries(LABELS).flatMap((field) =>
  field[0] === "auth.type" ? [field, ["auth.key", KEY_LABEL] as const] : [field],
);

function Summary({ problems, changes, isKeyLost }: CallbackFormView): VNode | null {
  const listed = FIELD_ORDER.flatMap(([name, label]) => {
    const problem = problems.get(name);
    return problem === undefined ? [] : [{ name, label: `${label}:`, problem }];
  });
  if (changes.length === 0) {
    return listed.length === 0 ? null : <ErrorSummary title="Nothing was saved. Please correct:" problems={listed} />;
  }
  return (
    <div class="alert alert-problem" role="alert" tabIndex={-1} autofocus>
      <p class="alert-title">Nothing was saved, because the callback was changed while you edited it:</p>
      <ul>
        {changes.map(({ label, values }) => (
          <li key={label}>
            {label}: {typeof values === "string" ? values : <Change {...values} />}
          </li>
        ))}
      </ul>
      <p>
        The form has these values now, and yours where you typed something. Look at it again, then save it.
        {isKeyLost && " Type the key again too."}
      </p>
    </div>
  );
}

function Change({ before, after }: { before: string; after: string }): VNode {
  return (
    <>
      <del>{before}</del> → <ins>{after}</ins>
    </>
  );
}

function authChoices(authParameter: string): readonly Choice[] {
  const sentAs = {
    httpheader: "X-Whispir-Callback-Key: …",
    queryparam: `?${authParameter}=…`,
    basicauth: "Authorization: Basic …",
    bearertoken: "Authorization: Bearer …",
    none: "no credential is sent",
  };
  return Object.entries(sentAs).map(([value, how]) => ({ value, text: `${shownValue("auth.type", value)} (${how})` }));
}

/** The field never has the key. */
function KeyField(view: CallbackFormView): VNode {
  const { stored, isKeyLost } = view;
  const masked = stored?.maskedKey ?? null;
  return (
    <TextField
      name="auth.key"
      label={KEY_LABEL}
      type="password"
      autocomplete="new-password"
      placeholder={masked === null ? "" : "unchanged"}
      error={errorOf(view, "auth.key")}
      hint={
        <>
          {isKeyLost && <strong data-key-lost="">Type it again: a page never contains a key. </strong>}
          {masked === null ? (
            "The key by which your endpoint knows the service; up to 128 characters. For Basic: base64 of user:password."
          ) : (
            <>
              Stored: <span class="monospaced">{masked}</span>. It stays unless you type another one. For another URL it has to be
              typed again.
            </>
          )}
        </>
      }
    />
  );
}

const SAMPLE: MessageResponse = {
  messageId: "4FBBC384BCE3DAABFE3A8B5A1A2B3C4D",
  messageLocation: "https://api.au.whispir.com/messages/4FBBC384BCE3DAAB",
  from: { name: "Fred Waters", mri: "Fred_Waters.528798@contact.au.whispir.com", mobile: "61400000001", email: "", voice: "" },
  responseMessage: { channel: "SMS", kind: "reply", date: "24/11/26 09:30", content: "Yes, I accept." },
  customParameters: { orderId: "1234" },
};

/** The style sheet shows the chosen one. */
function Samples({ bodyNames }: { bodyNames: BodyNames }): VNode {
  return (
    <div class="samples">
      {(["json", "xml"] as const satisfies readonly BodyFormat[]).map((format) => (
        <details key={format} class={`sample-${format}`} open>
          <summary>Sample body: {shownValue("contentType", format)}</summary>
          <pre>{prettyBody(deliveryBody({ contentType: format, removeHtml: false }, SAMPLE, bodyNames), format)}</pre>
        </details>
      ))}
    </div>
  );
}

export interface TestView {
  readonly isAccepted: boolean;
  readonly title: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** `body` is that of the answer, or "". */
  readonly body: string;
}

/** The key is never shown, even where the endpoint repeats it. */
export function testView({ result, durationMs }: EndpointTest, target: DeliveryTarget): TestView {
  const mask = secretMask(callbackSecrets(target));
  const { title, answer } = describeResultOfTest(result);
  return {
    isAccepted: isAccepted(result),
    title,
    facts: [
      ["Request", `GET ${shownUrl(target)}`],
      ["Answer", mask(answer)],
      ["Duration", formatDuration(durationMs)],
    ],
    body: result.kind === "answered" ? mask(result.body) : "",
  };
}

function describeResultOfTest(result: DeliveryResult): { readonly title: string; readonly answer: string } {
  if (result.kind === "unreachable") return { title: "The endpoint gave no answer.", answer: resultMessage(result) };
  const answer = `${result.statusCode} ${result.statusMessage}`.trim();
  if (isAccepted(result)) return { title: "The endpoint accepted the test.", answer };
  return { title: `The endpoint answered ${result.statusCode}: only 200 counts as delivered.`, answer };
}

function TestResult({ isAccepted: isDone, title, facts, body, isKeyLost }: TestView & { readonly isKeyLost: boolean }): VNode {
  return (
    <section class="card test-result" aria-label="Result of the test" tabIndex={-1} autofocus>
      <p class={`alert ${isDone ? "alert-done" : "alert-problem"}`} role="status">
        {title} Nothing was saved.
        {isKeyLost && <span data-key-lost=""> Type the key again before you save.</span>}
      </p>
      <Facts facts={facts.map(([name, value]) => [name, <span class="monospaced">{value}</span>])} />
      {body !== "" && (
        <>
          <h2>Body of the answer</h2>
          <pre>{body}</pre>
        </>
      )}
    </section>
  );
}

export function maskedKey(auth: CallbackSettings["auth"]): string | null {
  return auth.key === "" ? null : maskKey(auth);
}
