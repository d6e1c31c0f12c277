/** Stores calls as they were while a client's report still counted as an attempt of the service. */

const BLANK = '["","","","","","","reply","","",{}]';
const FROM_ADA = '["","Ada","","","","","reply","","hi",{}]';
const ERASED = "'Erased: the sender''s data was removed'";
/** JSON keeps U+0000, and no text of PostgreSQL does. */
const OWN = (at: number, cause = "first") => `[${at},5,"${cause}",503,"No","\\u0000"]`;
const REPORTED = (at: number) => `[${at},5,"replay ada@desk",404,"Not Found",",\\"replay x"]`;

interface OldCall {
  readonly status?: string;
  readonly attemptedAt: number;
  readonly statusCode?: string;
  readonly statusMessage?: string;
  readonly due?: boolean;
  readonly response?: string;
  readonly outcomes: readonly string[];
}

const CALLS: Readonly<Record<string, OldCall>> = {
  "not reported": { attemptedAt: 10, outcomes: [OWN(10)] },
  "reported later": { attemptedAt: 30, outcomes: [OWN(10), OWN(20, "replay"), REPORTED(30)] },
  "reported earlier": { attemptedAt: 20, outcomes: [OWN(20), REPORTED(10)] },
  held: { attemptedAt: 10, due: true, outcomes: [] },
  "held and reported": { attemptedAt: 30, due: true, outcomes: [REPORTED(30)] },
  erased: { status: "SUCCESS", attemptedAt: 10, statusMessage: ERASED, response: BLANK, outcomes: [OWN(10)] },
  "erased and reported": { status: "SUCCESS", attemptedAt: 30, response: BLANK, outcomes: [OWN(10), REPORTED(30)] },
  "says that it is erased": { status: "SUCCESS", attemptedAt: 10, statusMessage: ERASED, outcomes: [OWN(10)] },
  "blank, and delivered": { status: "SUCCESS", attemptedAt: 10, response: BLANK, outcomes: [OWN(10)] },
};

/** They run one after the other, on either database. */
export const INSERT_OLD_CALLS: readonly string[] = Object.entries(CALLS).flatMap(([id, call], index) => [
  `INSERT INTO calls (seq, id, callback_key, accepted_at, status, attempt_count, attempted_at, status_code, status_message, due_at, due_cause,
    failed_in_recovery, changed_at, message_id, channel, response) VALUES (${index}, '${id}', 1, 1, '${call.status ?? "FAILED"}',
    ${call.outcomes.length}, ${call.attemptedAt}, ${call.outcomes.length === 0 ? "NULL" : "503"}, ${call.statusMessage ?? "'No'"},
    ${call.due ? 99 : "NULL"}, ${call.due ? "'retry'" : "NULL"}, 0, 3, '', 'SMS', '${call.response ?? FROM_ADA}')`,
  ...call.outcomes.map((outcome, at) => `INSERT INTO attempts VALUES (${index}, ${at + 1}, '${outcome}')`),
]);

export const READ_CALLS = "SELECT id, sent_at, status_code, status_message FROM calls ORDER BY seq";
export const READ_HELD = `SELECT id FROM calls
  WHERE callback_key = 1 AND status = 'FAILED' AND due_at IS NOT NULL AND (attempt_count = 0 OR sent_at = -1) ORDER BY seq`;

const message = "Erased: the sender's data was removed";
const shown = { sent_at: null, status_code: 503, status_message: "No" };
export const CONVERTED_CALLS = [
  { id: "not reported", ...shown },
  { id: "reported later", ...shown, sent_at: 20 },
  { id: "reported earlier", ...shown, sent_at: 20 },
  { id: "held", ...shown, status_code: null },
  { id: "held and reported", ...shown, sent_at: -1 },
  { id: "erased", sent_at: null, status_code: null, status_message: message },
  { id: "erased and reported", sent_at: 10, status_code: null, status_message: message },
  { id: "says that it is erased", ...shown, status_message: message },
  { id: "blank, and delivered", ...shown },
];
