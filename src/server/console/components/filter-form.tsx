import type { ComponentChildren, VNode } from "preact";
import { FAILURE_REASONS, reasonWords } from "../../../domain/call-filter.js";
import type { FailureGroup } from "../../../store/calls/call-counts.js";
import type { CountedFailures } from "../../../store/calls/group-calls.js";
import { readDate, toIsoDate } from "../../../wire/dates.js";
import { consolePath } from "../console-path.js";
import {
  callsPath,
  FIELD_LABELS,
  FIELD_NAMES,
  type FieldName,
  isTime,
  LONGEST_FIELD,
  type ParsedFilter,
  type TypedFilter,
  withCause,
  withField,
} from "../filter-fields.js";
import { causeOf, failureText } from "./call-parts.js";
import { Count, count, Time, ZoneName } from "./data.js";
import { Button, type Choice, SelectField, TextField } from "./forms.js";

interface FilterProps {
  readonly callbackId: string;
  readonly typed: TypedFilter;
}

/** The other fields are in a part that opens by itself when one of them is used. */
const FIRST_FIELDS: readonly FieldName[] = ["since", "until", "statusCode", "q"];

const PLACEHOLDERS: Readonly<Partial<Record<FieldName, string>>> = {
  since: "1h or 2026-11-26",
  until: "30m",
  statusCode: "503, 5xx or none",
  q: "in the message",
  channel: "SMS, EMAIL or VOICE",
  from: "mobile, e-mail or name",
  messageId: "32 digits",
};

const CHOICES: Readonly<Partial<Record<FieldName, readonly Choice[]>>> = {
  reason: FAILURE_REASONS.map((reason) => ({ value: reason, text: reasonWords(reason) })),
};

export function FilterForm({
  callbackId,
  typed,
  problems,
  outageSince,
}: FilterProps & {
  problems: ParsedFilter["problems"];
  /** `outageSince` is null unless an outage is open. */
  outageSince: number | null;
}): VNode {
  const others = FIELD_NAMES.filter((name) => !FIRST_FIELDS.includes(name));
  const isUsed = (name: FieldName) => typed.fields[name] !== undefined || problems[name] !== undefined;
  const field = (name: FieldName) => (
    <FilterField key={name} name={name} value={typed.fields[name] ?? ""} problem={problems[name]} />
  );
  return (
    <search>
      <details class="fold" open data-fold={FIELD_NAMES.some(isUsed) ? undefined : ""}>
        <summary>Filters</summary>
        <form class="filters" method="get" action={consolePath(callbackId)} data-filters="">
          {typed.status !== "FAILED" && <input type="hidden" name="status" value={typed.status} />}
          <div class="filter-row">
            {FIRST_FIELDS.map(field)}
            <Button>Filter</Button>
          </div>
          <Presets callbackId={callbackId} typed={typed} outageSince={outageSince} />
          <details open={others.some(isUsed)}>
            <summary>More filters</summary>
            <div class="filter-row">{others.map(field)}</div>
          </details>
        </form>
      </details>
    </search>
  );
}

const PRESETS = [
  { since: "15m", text: "15 min ago" },
  { since: "1h", text: "1 h ago" },
  { since: "24h", text: "24 h ago" },
];

function Presets({ callbackId, typed, outageSince }: FilterProps & { outageSince: number | null }): VNode {
  const outage = outageSince === null ? [] : [{ since: toIsoDate(outageSince), text: "the outage began" }];
  return (
    <p class="presets">
      <span class="muted">Since</span>
      {[...PRESETS, ...outage].map(({ since, text }) => (
        <a
          key={since}
          href={callsPath(callbackId, withField(withField(typed, "until", null), "since", since))}
          aria-current={typed.fields.since === since ? "true" : undefined}
        >
          {text}
        </a>
      ))}
    </p>
  );
}

function FilterField({ name, value, problem }: { name: FieldName; value: string; problem: string | undefined }): VNode {
  const label = isTime(name) ? <TimeLabel text={FIELD_LABELS[name]} /> : FIELD_LABELS[name];
  const common = { name, label, value, error: problem };
  const choices = CHOICES[name];
  if (choices === undefined) return <TextField {...common} placeholder={PLACEHOLDERS[name] ?? ""} maxLength={LONGEST_FIELD} />;
  return <SelectField {...common} choices={[{ value: "", text: "any" }, ...choices]} />;
}

function textOf(name: FieldName, value: string): string {
  return CHOICES[name]?.find((choice) => choice.value === value)?.text ?? value;
}

/** A time that is typed without a zone is in this one. */
export function TimeLabel({ text }: { text: string }): VNode {
  return (
    <>
      {text}
      <ZoneName />
    </>
  );
}

/** Shows the filters in use, each of which can be removed by itself. */
export function Chips({ callbackId, typed }: FilterProps): VNode | null {
  const given = FIELD_NAMES.flatMap((name) => {
    const value = typed.fields[name];
    return value === undefined ? [] : [{ name, value, text: `${FIELD_LABELS[name]}: ${textOf(name, value)}` }];
  });
  if (given.length === 0) return null;
  return (
    <ul class="chips" aria-label="Filters in use">
      {given.map(({ name, value, text }) => (
        <li key={name}>
          <a class="chip" href={callsPath(callbackId, withField(typed, name, null))} aria-label={`Remove the filter ${text}`}>
            {FIELD_LABELS[name]}: {shownValue(textOf(name, value))} <span aria-hidden="true">✕</span>
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

/** An instant of a link of ours is shown as a time. */
function shownValue(value: string): ComponentChildren {
  const at = /^\d{4}-.*Z$/.test(value) ? readDate(value) : null;
  return at === null ? value : <Time at={at} />;
}

const SHOWN_CAUSES = 20;

/** Counts the failed calls that match otherwise by what was answered. */
export function Causes({ callbackId, typed, causes }: FilterProps & { causes: CountedFailures }): VNode | null {
  const { failures, isExact } = causes;
  if (failures.length === 0 || typed.status !== "FAILED") return null;
  const link = (failure: FailureGroup) => <Cause callbackId={callbackId} typed={typed} failure={failure} />;
  const others = failures.length - SHOWN_CAUSES;
  return (
    <section class="facets" aria-label="Failed calls by reason">
      <h2>By reason{!isExact && ", of those counted so far"}</h2>
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
  const cause = causeOf(statusCode, reason);
  return (
    <li id={`cause-${cause.value}`}>
      <a
        href={callsPath(callbackId, withCause(typed, cause))}
        aria-current={typed.fields[cause.field] === cause.value ? "true" : undefined}
      >
        {failureText(statusCode, reason)} <Count value={calls} />
      </a>
    </li>
  );
}
