import type { VNode } from "preact";
import { type Call, idKey, isGeneratedId } from "../../../domain/call.js";
import type { CallFilter } from "../../../domain/call-filter.js";
import { reconcileLine } from "../../../domain/command-line.js";
import type { CallSummary } from "../../../store/calls/summarize-calls.js";
import type { CallAction, CountedCalls } from "../../use-cases/act-on-calls.js";
import { CALL_ACTIONS } from "../call-actions.js";
import { consolePath } from "../console-path.js";
import { statusWord } from "../filter-fields.js";
import { FromAndText, filterFacts, Reasons, StatusText, shortCallId } from "./call-parts.js";
import { count, countText, type Fact, Facts, Table, Time } from "./data.js";
import { Button, ButtonLink, ButtonRow, Form } from "./forms.js";
import { Alert } from "./layout.js";
import { RoundFacts, type Sending } from "./next-attempt.js";

export interface ConfirmationView {
  readonly callback: { readonly id: string; readonly name: string };
  readonly formToken: string;
  readonly action: CallAction;
  readonly filter: CallFilter | null;
  readonly listed: readonly Call[] | null;
  readonly counted: CountedCalls;
  readonly shownAt: number;
  /** A replay is sent to this URL, which is masked. */
  readonly url: string;
  readonly sending: Sending;
  /** Some of the calls that a filter selects, with the latest attempts. */
  readonly samples: readonly Call[];
  /** These are the calls that the replay of this time has left. */
  readonly restOf: number | null;
  /** A form needs these fields for the same set. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly back: string;
  readonly problem: string | null;
}

export function Confirmation(view: ConfirmationView): VNode {
  const { callback, formToken, action, filter, listed, counted, fields, back, problem } = view;
  return (
    <div class="card confirmation">
      {problem !== null && <Alert kind="problem">{problem}.</Alert>}
      {filter !== null && <FilteredCalls {...view} filter={filter} />}
      {listed !== null && <Listed listed={listed} counted={counted} />}
      {counted.count > 0 && <Effect {...view} />}
      <Form action={consolePath(callback.id, "confirm")} formToken={formToken}>
        {fields.map(([name, value]) => (
          <input key={`${name} ${value}`} type="hidden" name={name} value={value} />
        ))}
        <ButtonRow>
          {counted.count > 0 && <Button kind="primary">{CALL_ACTIONS[action].title(counted.count)}</Button>}
          <ButtonLink href={back}>{counted.count > 0 ? "Cancel" : "Back"}</ButtonLink>
        </ButtonRow>
      </Form>
    </div>
  );
}

/** Says which calls a filter selects, and what was found. */
function FilteredCalls({
  action,
  filter,
  counted,
  samples,
  restOf,
  shownAt: at,
}: ConfirmationView & { filter: CallFilter }): VNode {
  const { status = "FAILED", markedAt } = filter;
  const conditions = filterFacts(filter);
  return (
    <>
      {markedAt !== undefined ? (
        <p>
          The calls that were marked successful by the confirmation of <Time at={markedAt} />, as far as they haven't changed
          since.
        </p>
      ) : (
        <p>
          {restOf === null ? "All" : "What wasn't sent of a replay: all"} <strong>{statusWord(status)}</strong> calls of the
          callback
          {conditions.length > 0 && " that match this filter"}, as they were at <Time at={at} />.{" "}
          {action === "replay"
            ? "A call that is attempted or marked before you confirm is left as it is."
            : "If one of them is attempted or marked before you confirm, you are asked again."}
        </p>
      )}
      <Facts facts={[...conditions, ...(counted.summary === null ? [] : summaryFacts(counted.summary))]} />
      {samples.length > 0 && (
        <>
          <h2>The latest of them</h2>
          <Calls caption="The latest of them" calls={samples} />
        </>
      )}
    </>
  );
}

function summaryFacts({ failures, firstAt, lastAt, filter }: CallSummary): readonly Fact[] {
  return [
    ...(firstAt === null || lastAt === null
      ? []
      : [
          [
            "Last attempted",
            <>
              <Time at={firstAt} /> to <Time at={lastAt} />
            </>,
            "wide",
          ] as const,
        ]),
    ...(filter.status === "FAILED" && failures.length > 0
      ? [["By reason", <Reasons failures={failures} />, "wide"] as const]
      : []),
  ];
}

function Calls({ caption, calls }: { caption: string; calls: readonly Call[] }): VNode {
  return (
    <div class="call-table">
      <Table
        caption={caption}
        keyOf={({ id }) => id}
        rows={calls}
        columns={[
          { title: "Call", kind: "text", cell: ({ id }) => <ShortId id={id} /> },
          {
            title: "Last attempt",
            kind: "time",
            cell: ({ attemptedAt, attemptCount }) => attemptedAt !== null && attemptCount > 0 && <Time at={attemptedAt} />,
          },
          { title: "Status", cell: (call) => <StatusText call={call} /> },
          { title: "From and text", kind: "wide", cell: ({ response }) => <FromAndText response={response} /> },
        ]}
      />
    </div>
  );
}

/** Ids that senders choose may differ anywhere. */
function ShortId({ id }: { id: string }): VNode {
  return (
    <span class="monospaced" title={id}>
      {isGeneratedId(idKey(id)) ? shortCallId(id) : id}
    </span>
  );
}

function Listed({ listed, counted }: { listed: readonly Call[]; counted: CountedCalls }): VNode {
  const { others, notFound } = counted;
  return (
    <>
      {others > 0 && (
        <p>{`${count(others, "selected call")} ${others === 1 ? "is" : "are"} left as ${others === 1 ? "it is" : "they are"}.`}</p>
      )}
      {notFound > 0 && <p>{`${count(notFound, "selected call")} can't be found any more.`}</p>}
      <Calls caption="Selected calls" calls={listed} />
    </>
  );
}

function Effect({ callback, action, counted, url, sending }: ConfirmationView): VNode {
  return (
    <>
      <p>{CALL_ACTIONS[action].effect(counted.count)}</p>
      {action === "replay" && (
        <p>
          Destination URL: <span class="monospaced">{url}</span>
        </p>
      )}
      {action === "replay" && counted.openEnds > 0 && (
        <Alert kind="info">
          The endpoint may have {counted.count === 1 ? "it" : `${countText(counted.openEnds)} of them`}, as it gave no complete
          answer, or answered 200. <code>{reconcileLine(callback)}</code> marks what your system has and sends the rest.
        </Alert>
      )}
      {action === "replay" && sending.endpoint.state === "down" && (
        <Alert kind="info">
          The endpoint is down. As long as it is, calls are sent in retry rounds, <RoundFacts sending={sending} />. Those that it
          doesn't accept stay failed.
        </Alert>
      )}
    </>
  );
}
