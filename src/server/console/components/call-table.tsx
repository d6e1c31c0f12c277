import type { VNode } from "preact";
import { type Call, isErased } from "../../../domain/call.js";
import { senderAddress } from "../../../domain/message-response.js";
import type { CallCount } from "../../../store/calls/scan-calls.js";
import { CALL_ACTIONS } from "../call-actions.js";
import { consolePath } from "../console-path.js";
import { callsPath, type StatusChoice, statusWord, type TypedFilter } from "../filter-fields.js";
import { excerpt } from "../pretty-body.js";
import { outcomeText, StatusText, shortCallId } from "./call-parts.js";
import { type Column, Count, Pager, Table, Time } from "./data.js";
import { Button } from "./forms.js";
import { NextAttempt, type Sending } from "./next-attempt.js";

export interface CallTableProps {
  readonly callbackId: string;
  readonly typed: TypedFilter;
  readonly matching: CallCount;
  readonly calls: readonly Call[];
  readonly sending: Sending;
  /** `newer` and `older` are paths. */
  readonly newer: string | null;
  readonly older: string | null;
}

/** The form leads to the confirmation: nothing is changed yet, and no selection is stored. */
export function SelectableCalls({ callbackId, typed, matching, newer, older, ...table }: CallTableProps): VNode {
  return (
    <form class="selection" method="get" action={consolePath(callbackId, "confirm")} autocomplete="off" data-selection="">
      <input type="hidden" name="status" value={typed.status} />
      {Object.entries(typed.fields).map(([name, value]) => (
        <input key={name} type="hidden" name={name} value={value} />
      ))}
      <div class="toolbar">
        <p class="toolbar-count" data-live="matching">
          <Matching matching={matching} typed={typed} />
        </p>
        <span class="toolbar-selected" data-selected="" aria-live="polite" />
        <span class="toolbar-actions" data-actions="">
          {actionsFor(typed.status).map((action) => (
            <Button key={action} name="action" value={action}>
              {CALL_ACTIONS[action].button}
            </Button>
          ))}
        </span>
        <label class="choice" data-with-script="" hidden>
          <input type="checkbox" data-select-page="" />
          <span>Select this page</span>
        </label>
        <label class="choice">
          <input type="checkbox" name="all" value="on" />
          <span>
            Select all{" "}
            {matching.isExact ? (
              <>
                <Count value={matching.count} /> that match
              </>
            ) : (
              "that match"
            )}
          </span>
        </label>
      </div>
      <div class="call-table is-short" data-live="calls">
        <Table caption="Calls" keyOf={({ id }) => id} rows={table.calls} columns={columnsOf({ callbackId, typed, ...table })} />
        <Pager previous={newer} next={older} texts={["← Newer", "Older →"]} />
      </div>
      <p class="exports muted">
        Export what matches: <a href={exportPath(callbackId, typed, "csv")}>CSV</a> ·{" "}
        <a href={exportPath(callbackId, typed, "ndjson")}>NDJSON</a>
      </p>
    </form>
  );
}

function exportPath(callbackId: string, typed: TypedFilter, format: string): string {
  return callsPath(callbackId, typed, { format }).replace(/(?=\?)/, "/export");
}

function actionsFor(status: StatusChoice): readonly (keyof typeof CALL_ACTIONS)[] {
  switch (status) {
    case "FAILED":
    case "ATTEMPTED":
      return ["success", "replay"];
    case "PENDING":
      return ["success"];
    case "SUCCESS":
      return ["failed"];
  }
}

function Matching({ matching, typed }: Pick<CallTableProps, "matching" | "typed">): VNode {
  if (matching.count === 0 && !matching.isExact) return <>Calls that match: not counted</>;
  return (
    <>
      <CountText count={matching} /> {nounOf(typed.status, matching)}
    </>
  );
}

/** Returns "failed call", or "failed calls" if there may be more than one. */
export function nounOf(status: StatusChoice, { count, isExact }: CallCount): string {
  const noun = count === 1 && isExact ? "call" : "calls";
  return status === "ATTEMPTED" ? noun : `${statusWord(status)} ${noun}`;
}

/** Never shows a guess. An empty text means that nothing was counted. */
export function CountText({ count: { count, isExact } }: { count: CallCount }): VNode | null {
  if (count === 0 && !isExact) return null;
  return (
    <>
      {!isExact && "more than "}
      <Count value={count} />
    </>
  );
}

/** No column is empty in all rows. */
function columnsOf({ callbackId, typed, calls, sending }: Omit<CallTableProps, "matching" | "newer" | "older">): Column<Call>[] {
  const isWaiting = typed.status === "PENDING";
  const has = (column: Column<Call>, isFilled: (call: Call) => boolean) => (calls.some(isFilled) ? [column] : []);
  const from = ({ response }: Call) => senderAddress(response.from);
  return [
    { title: "Call", cell: ({ id }) => <PickCall callbackId={callbackId} id={id} /> },
    {
      title: isWaiting ? "Arrived" : "Last attempt",
      kind: "time",
      // A call that was held was never attempted.
      cell: ({ attemptedAt, acceptedAt, attemptCount }) =>
        attemptCount === 0 && !isWaiting ? <span class="muted">none</span> : <Time at={attemptedAt ?? acceptedAt} />,
    },
    {
      title: "Status",
      kind: "status",
      cell: (call) => (
        <span title={outcomeText(call)}>
          <StatusText call={call} isBrief />
        </span>
      ),
    },
    ...has(
      { title: "Attempts", kind: "number", isSecondary: true, cell: ({ attemptCount }) => <Count value={attemptCount} /> },
      ({ attemptCount }) => attemptCount > 0,
    ),
    ...has(
      {
        title: "Next attempt",
        kind: calls.some(({ due }) => due !== null) && sending.endpoint.state === "up" ? "time" : "from",
        isSecondary: true,
        cell: (call) => call.status !== "SUCCESS" && <NextAttempt call={call} sending={sending} isBrief />,
      },
      ({ status }) => status !== "SUCCESS",
    ),
    ...has({ title: "From", kind: "from", cell: (call) => <Excerpt text={from(call)} isMuted /> }, (call) => from(call) !== ""),
    ...has(
      { title: "Text", kind: "wide", cell: ({ response }) => <Excerpt text={response.responseMessage.content} /> },
      (call) => !isErased(call) && call.response.responseMessage.content !== "",
    ),
  ];
}

const EXCERPT_LENGTH = 160;

/** The title has what a narrow column cuts off, and the call's page has all. */
function Excerpt({ text, isMuted = false }: { text: string; isMuted?: boolean }): VNode {
  const shown = excerpt(text, EXCERPT_LENGTH);
  return (
    <span class={isMuted ? "muted" : undefined} title={shown} dir="auto">
      {shown}
    </span>
  );
}

function PickCall({ callbackId, id }: { callbackId: string; id: string }): VNode {
  const name = shortCallId(id);
  return (
    <span class="pick">
      <input type="checkbox" name="call" value={id} aria-label={`Select ${name}`} />
      <a class="monospaced" href={consolePath(callbackId, "calls", id)} title={id}>
        {name}
      </a>
    </span>
  );
}
