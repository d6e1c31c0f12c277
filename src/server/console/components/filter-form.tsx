import type { VNode } from "preact";
import { FAILURE_REASONS, reasonWords } from "../../../domain/call-filter.js";
import type { FailureGroup } from "../../../store/calls/call-counts.js";
import { consolePath } from "../console-path.js";
import {
  callsPath,
  FIELD_LABELS,
  FIELD_NAMES,
  type FieldName,
  LONGEST_FIELD,
  type ParsedFilter,
  type TypedFilter,
  withField,
} from "../filter-fields.js";
import { causeOf, failureText } from "./call-parts.js";
import { Count, count } from "./data.js";
import { Button, type Choice, SelectField, TextField } from "./forms.js";

interface FilterProps {
  readonly callbackId: string;
  readonly typed: TypedFilter;
}

/** The other fields are in a part that opens by itself when one of them is used. */
const FIRST_FIELDS: readonly FieldName[] = ["since", "until", "statusCode", "q"];

const PLACEHOLDERS: Readonly<Partial<Record<FieldName, string>>> = {
  since: "1h, 2d or 2026-11-26 02:00",
  until: "30m or 2026-11-26 06:00",
  statusCode: "503, 5xx or none",
  q: "in the message",
  channel: "SMS, EMAIL or VOICE",
  from: "mobile, e-mail or name",
  messageId: "32 digits",
};

const CHOICES: Readonly<Partial<Record<FieldName, readonly Choice[]>>> = {
  reason: FAILURE_REASONS.map((reason) => ({ value: reason, text: reasonWords(reason) })),
};

export function FilterForm({ callbackId, typed, problems }: FilterProps & { problems: ParsedFilter["problems"] }): VNode {
  const others = FIELD_NAMES.filter((name) => !FIRST_FIELDS.includes(name));
  const isOpen = others.some((name) => typed.fields[name] !== undefined || problems[name] !== undefined);
  const field = (name: FieldName) => (
    <FilterField key={name} name={name} value={typed.fields[name] ?? ""} problem={problems[name]} />
  );
  return (
    <search>
      <form class="filters" method="get" action={consolePath(callbackId)}>
        {typed.status !== "FAILED" && <input type="hidden" name="status" value={typed.status} />}
        <div class="filter-row">
          {FIRST_FIELDS.map(field)}
          <Button kind="primary">Filter</Button>
        </div>
        <details open={isOpen}>
          <summary>More filters</summary>
          <div class="filter-row">{others.map(field)}</div>
        </details>
      </form>
    </search>
  );
}

function FilterField({ name, value, problem }: { name: FieldName; value: string; problem: string | undefined }): VNode {
  const common = { name, label: FIELD_LABELS[name], value, error: problem };
  const choices = CHOICES[name];
  if (choices === undefined) return <TextField {...common} placeholder={PLACEHOLDERS[name] ?? ""} maxLength={LONGEST_FIELD} />;
  return <SelectField {...common} choices={[{ value: "", text: "any" }, ...choices]} />;
}

function textOf(name: FieldName, value: string): string {
  return CHOICES[name]?.find((choice) => choice.value === value)?.text ?? value;
}

/** Shows the filters in use, each of which can be removed by itself. */
export function Chips({ callbackId, typed }: FilterProps): VNode | null {
  const given = FIELD_NAMES.flatMap((name) => {
    const value = typed.fields[name];
    return value === undefined ? [] : [{ name, text: `${FIELD_LABELS[name]}: ${textOf(name, value)}` }];
  });
  if (given.length === 0) return null;
  return (
    <ul class="chips" aria-label="Filters in use">
      {given.map(({ name, text }) => (
        <li key={name}>
          <a class="chip" href={callsPath(callbackId, withField(typed, name, null))} aria-label={`Remove the filter ${text}`}>
            {text} <span aria-hidden="true">✕</span>
          </a>
        </li>
      ))}
      {given.length > 1 && (
        <li>
          <a href={callsPath(callbackId, { status: typed.status, fields: {} })}>Remove all</a>
        </li>
      )}
    </ul>
  );
}

const SHOWN_CAUSES = 20;

/** Counts all failed calls by what was answered. */
export function Causes({ callbackId, typed, failures }: FilterProps & { failures: readonly FailureGroup[] }): VNode | null {
  if (failures.length === 0 || typed.status !== "FAILED") return null;
  const link = (failure: FailureGroup) => <Cause callbackId={callbackId} typed={typed} failure={failure} />;
  const others = failures.length - SHOWN_CAUSES;
  return (
    <section class="facets" aria-label="Failed calls by reason">
      <h2>By reason</h2>
      <ul>
        {failures.slice(0, SHOWN_CAUSES).map(link)}
        {others > 0 && <li class="muted">{`and ${count(others, "other")}`}</li>}
      </ul>
    </section>
  );
}

function Cause({
  callbackId,
  typed,
  failure: { statusCode, reason, count: calls },
}: FilterProps & { failure: FailureGroup }): VNode {
  const { field, value } = causeOf(statusCode, reason);
  return (
    <li id={`cause-${value}`}>
      <a
        href={callsPath(callbackId, { status: "FAILED", fields: { [field]: value } })}
        aria-current={typed.fields[field] === value ? "true" : undefined}
      >
        {failureText(statusCode, reason)} <Count value={calls} />
      </a>
    </li>
  );
}
