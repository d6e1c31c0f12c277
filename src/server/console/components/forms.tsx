/** Every control of a form has a label, and its mistake beside it. */
import { type ComponentChildren, h, type VNode } from "preact";

export function Form({
  action,
  formToken,
  children,
  ...rest
}: {
  action: string;
  /** `formToken` is the token of the visit. */
  formToken: string;
  class?: string;
  id?: string;
  /** The server says what is wrong at each field, so the browser doesn't. */
  noValidate?: boolean;
  /** The page shows what was typed and isn't saved. */
  "data-unsaved"?: true | undefined;
  children: ComponentChildren;
}): VNode {
  return (
    <form method="post" action={action} {...rest}>
      <input type="hidden" name="token" value={formToken} />
      {children}
    </form>
  );
}

interface FieldProps {
  readonly name: string;
  readonly label: ComponentChildren;
  /** `hint` is shown below the control. */
  readonly hint?: ComponentChildren;
  /** `error` says what is wrong with the value. */
  readonly error?: string | undefined;
}

function idsOf({ name, hint, error }: FieldProps) {
  const id = `field-${name}`;
  const notes = [hint !== undefined && `${id}-hint`, error !== undefined && `${id}-error`].filter((note) => note !== false);
  return {
    id,
    name,
    "aria-describedby": notes.length === 0 ? undefined : notes.join(" "),
    "aria-invalid": error === undefined ? undefined : true,
  } as const;
}

function Notes({ name, hint, error }: FieldProps): VNode {
  return (
    <>
      {error !== undefined && (
        <p class="field-error" id={`field-${name}-error`}>
          {error}
        </p>
      )}
      {hint !== undefined && (
        <p class="field-hint" id={`field-${name}-hint`}>
          {hint}
        </p>
      )}
    </>
  );
}

/** Comes first and has the focus: a link to each field with what is wrong. */
export function ErrorSummary({
  title,
  problems,
}: {
  title: string;
  problems: readonly { readonly name: string; readonly label: string; readonly problem: string }[];
}): VNode {
  return (
    <div class="alert alert-problem" role="alert" tabIndex={-1} autofocus>
      <p class="alert-title">{title}</p>
      <ul>
        {problems.map(({ name, label, problem }) => (
          <li key={name}>
            <a href={`#field-${name}`}>{label}</a> {problem}
          </li>
        ))}
      </ul>
    </div>
  );
}

function LabelledField({ field, children }: { field: FieldProps; children: ComponentChildren }): VNode {
  return (
    <div class={field.error === undefined ? "field" : "field has-error"}>
      <label for={`field-${field.name}`}>{field.label}</label>
      {children}
      <Notes {...field} />
    </div>
  );
}

export interface TextFieldProps extends FieldProps {
  readonly value?: string;
  readonly type?: "text" | "password" | "url" | "email" | "search" | "datetime-local" | "number";
  readonly autocomplete?: string;
  readonly placeholder?: string;
  readonly maxLength?: number;
  readonly isRequired?: boolean;
  readonly isMonospaced?: boolean;
  readonly hasFocus?: boolean;
}

export function TextField(props: TextFieldProps): VNode {
  const { value = "", type = "text", autocomplete = "off", placeholder, maxLength } = props;
  // `h` is used as an input's props differ by its type.
  const input = h("input", {
    ...idsOf(props),
    type,
    value,
    class: props.isMonospaced ? "monospaced" : undefined,
    autocomplete,
    autocapitalize: "none",
    spellcheck: false,
    placeholder,
    maxLength,
    required: props.isRequired,
    autofocus: props.hasFocus,
  });
  return <LabelledField field={props}>{input}</LabelledField>;
}

export interface Choice {
  readonly value: string;
  readonly text: string;
  readonly hint?: string;
}

export function SelectField(props: FieldProps & { readonly value: string; readonly choices: readonly Choice[] }): VNode {
  return (
    <LabelledField field={props}>
      <select {...idsOf(props)}>
        {props.choices.map(({ value, text }) => (
          <option key={value} value={value} selected={value === props.value}>
            {text}
          </option>
        ))}
      </select>
    </LabelledField>
  );
}

/** Shows two or three choices that should all be seen. */
export function RadioField(props: FieldProps & { readonly value: string; readonly choices: readonly Choice[] }): VNode {
  const { name, label, value, choices, error } = props;
  const { "aria-describedby": describedBy } = idsOf(props);
  return (
    <fieldset id={`field-${name}`} class={error === undefined ? "field" : "field has-error"} aria-describedby={describedBy}>
      <legend>{label}</legend>
      <div class="choices">
        {choices.map((choice) => (
          <label key={choice.value} class="choice">
            <input type="radio" name={name} value={choice.value} checked={choice.value === value} />
            <span>
              {choice.text}
              {choice.hint !== undefined && <small>{choice.hint}</small>}
            </span>
          </label>
        ))}
      </div>
      <Notes {...props} />
    </fieldset>
  );
}

/** Sends its name with "on" if checked. */
export function CheckField(props: FieldProps & { readonly isChecked: boolean }): VNode {
  return (
    <div class={props.error === undefined ? "field" : "field has-error"}>
      <label class="choice">
        <input {...idsOf(props)} type="checkbox" checked={props.isChecked} />
        <span>{props.label}</span>
      </label>
      <Notes {...props} />
    </div>
  );
}

export type ButtonKind = "primary" | "secondary" | "danger" | "quiet";

/** Submits its form, or the one that `form` names, with `name` and `value` if given. */
export function Button({
  kind = "secondary",
  busyText,
  children,
  ...rest
}: {
  kind?: ButtonKind;
  /** The script shows it until the answer comes. */
  busyText?: string;
  name?: string;
  value?: string;
  form?: string;
  formAction?: string;
  children: ComponentChildren;
}): VNode {
  return (
    <button type="submit" class={`button button-${kind}`} data-busy={busyText} {...rest}>
      {children}
    </button>
  );
}

/** Makes a link that looks like a button. */
export function ButtonLink({
  href,
  kind = "secondary",
  children,
}: {
  href: string;
  kind?: ButtonKind;
  children: ComponentChildren;
}): VNode {
  return (
    <a class={`button button-${kind}`} href={href}>
      {children}
    </a>
  );
}

/** Copies the text of the element with the id `of`. The script shows it where the browser lets it copy. */
export function CopyButton({ what, of }: { what: string; of: string }): VNode {
  return (
    <button type="button" class="button button-quiet copy" data-copy={of} hidden>
      Copy<span class="visually-hidden"> {what}</span>
    </button>
  );
}

export function ButtonRow({ children }: { children: ComponentChildren }): VNode {
  return <div class="button-row">{children}</div>;
}
