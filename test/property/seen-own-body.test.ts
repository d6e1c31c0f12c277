/** A listed call agrees with its own delivered body, whatever the response has, so the body never makes another call seen. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WhcbError } from "../../src/domain/errors.js";
import type { MessageResponse } from "../../src/domain/message-response.js";
import { systemClock } from "../../src/platform/clock.js";
import { comparableCall } from "../../src/runs/plan/comparable-call.js";
import { matchSeen } from "../../src/runs/plan/match-seen.js";
import { phoneParser } from "../../src/runs/plan/plan-reconcile.js";
import { readSeenList } from "../../src/runs/plan/seen-list.js";
import { deliveryBody } from "../../src/wire/delivery-request.js";
import { BODY_NAMES } from "../../src/wire/delivery-settings.js";
import { readCall } from "../../src/wire/json/call-json.js";
import { objectOf } from "../../src/wire/json/json-value.js";
import { responseToJson } from "../../src/wire/json/response-json.js";

interface Given {
  readonly messageId: unknown;
  readonly from: unknown;
  readonly responseMessage: unknown;
}

const PLAIN = {
  messageId: "M1",
  from: { mobile: "61491570100" },
  responseMessage: { channel: "SMS", acknowledged: "28/11/26 10:00", content: "Yes" },
};

function listed(id: string, status: "SUCCESS" | "FAILED", given: Given) {
  const { response } = readCall({ id, status, ...JSON.parse(JSON.stringify(given)) }, { callbackId: "X" });
  return readCall({ id, status, ...JSON.parse(JSON.stringify(responseToJson(response))) }, { callbackId: "X" });
}

const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};
const WRITERS = {
  csv: { delimiter: ",", write: (cell: string) => (/[",\r\n]/.test(cell) ? quoted(cell) : cell) },
  "csv;": { delimiter: ";", write: quoted },
  excel: { delimiter: "\t", write: (cell: string) => (/["\t\r\n]/.test(cell) ? quoted(cell) : cell) },
  psql: {
    delimiter: "\t",
    write: (cell: string) => (cell === "" ? "\\N" : cell.replace(/[\\\b\f\n\r\t\v]/g, (one) => ESCAPES[one] ?? one)),
  },
};

/** A receiver stores what it reads from a JSON body so, and exports it. */
function tablesOf(body: string): readonly string[] {
  const { messageid, from, responseMessage } = JSON.parse(body);
  const text = (value: unknown): string => (typeof value === "string" || typeof value === "number" ? String(value) : "");
  const message = objectOf(responseMessage);
  // A column "from" is the sender's address, and not an unknown member of this name.
  const { from: _unknown, ...sender } = objectOf(from);
  const address = text(sender.mobile) || text(sender.email) || text(sender.voice) || text(sender.mri) || text(sender.name);
  const columns = {
    each: { ...sender, mobile: sender.mobile, email: sender.email, voice: sender.voice, mri: sender.mri },
    from: { from: address },
  };
  return Object.values(columns).flatMap((senders) =>
    ["acknowledged,undeliverable", "acknowledged"].flatMap((dates) => {
      const names = [
        "messageid",
        ...Object.keys(senders).filter((name) => /^[a-z]+$/.test(name)),
        ...dates.split(","),
        "content",
      ];
      const row: Readonly<Record<string, unknown>> = { messageid, ...senders, ...message };
      return Object.values(WRITERS).map(
        ({ delimiter, write }) => `${names.join(delimiter)}\n${names.map((name) => write(text(row[name]))).join(delimiter)}\n`,
      );
    }),
  );
}

function listsOf(response: MessageResponse): readonly string[] {
  const bodies = [false, true].flatMap((removeHtml) =>
    BODY_NAMES.flatMap((names) =>
      (["json", "xml"] as const).map((contentType) => deliveryBody({ contentType, removeHtml }, response, names)),
    ),
  );
  return [...new Set(bodies.flatMap((body) => (body.startsWith("{") ? [body, ...tablesOf(body)] : [body])))];
}

/** Returns the lists that make one of the others seen. A list that can't be read marks nothing. */
async function wrongLists(own: Given, others: readonly Given[]): Promise<readonly string[]> {
  const { parse: parsePhone } = await phoneParser(null);
  const accepted = listed("own", "SUCCESS", own);
  const calls = [accepted, ...others.map((other, index) => listed(`other${index}`, "FAILED", other))];
  const wrong: string[] = [];
  for (const list of listsOf(accepted.response)) {
    try {
      const { lines, format } = readSeenList(list, "UTC");
      const compared = calls.map((call) => comparableCall(call, { parsePhone, timezone: "UTC", format }));
      const { seen } = await matchSeen(lines, compared, { parsePhone, clock: systemClock });
      if (seen.length > 0) wrong.push(list);
    } catch (error) {
      if (!(error instanceof WhcbError)) throw error;
    }
  }
  return wrong;
}

const replies = (...messages: readonly object[]) =>
  messages.map((message): Given => ({ ...PLAIN, responseMessage: { ...PLAIN.responseMessage, ...message } }));
const from = (...senders: readonly unknown[]) => senders.map((sender): Given => ({ ...PLAIN, from: sender }));

describe("the body of a call with something odd doesn't make a plain one seen", () => {
  it.each(
    [
      replies({ content: undefined, Content: "Yes" }, { content: undefined, con_tent: "Yes" }, { content: null, CONTENT: "Yes" }),
      replies({ content: "No", Content: "Yes" }, { content: ["Yes"] }, { content: { a: "Yes" } }, { content: true }),
      replies(...[" ", "\t", "\u00a0", "27/11/26 10:00", false, [], {}].map((undeliverable) => ({ undeliverable }))),
      replies({ acknowledged: "28/11/2026 10:00" }, { acknowledged: "28/11/26" }),
      replies({ acknowledged: undefined, Acknowledged: "28/11/26 10:00" }),
      from({ Mobile: "61491570100" }, { "mo-bile": "61491570100" }, { mobile: "  ", Mobile: "61491570100" }),
      from({ mobile: ["61491570100"] }, { email: "61491570100" }, { mobile: 61491570100 }, { mobile: true }, "61491570100", null),
      from({ voice: "61491570100" }, { mri: "61491570100" }, { mobile: "61491570100@x" }, { "mobile\u200b": "61491570100" }),
      [" M1", "M1 ", "M1\u00a0", "\u200bM1", "M1\n", '"M1"'].map((messageId): Given => ({ ...PLAIN, messageId })),
    ].flat(),
  )("%j", async (own) => {
    expect(await wrongLists(own, [PLAIN])).toEqual([]);
  });

  it.each(["Yes\u0001", "Yes\u000b", "Yes\ufffe", "Yes\r", "Yes\u0000", '"Yes"', '"Yes', "Yes\t", "Yes\\", "<b>Yes</b>"])(
    "content %j",
    async (content) => {
      const [own] = replies({ content });
      for (const other of ["Yes", "Yes\ufffd", "Yes\\n", '"Yes""', "Yes\\\\"])
        expect(await wrongLists(own ?? PLAIN, replies({ content: other }))).toEqual([]);
    },
  );

  it("that a spreadsheet quotes over several lines", async () => {
    const content = "Yes\nM1\t61491570102\tYes\nM1\t1\tNo";
    const [own] = replies({ content });
    const table = `messageid\tfrom\tcontent\nM1\t61491570100\t"${content}"\n`;
    const { parse: parsePhone } = await phoneParser(null);
    const calls = [
      listed("own", "SUCCESS", own ?? PLAIN),
      listed("other", "FAILED", { ...PLAIN, from: { mobile: "61491570102" } }),
    ];
    const compared = calls.map((call) => comparableCall(call, { parsePhone, timezone: "UTC", format: "tsv" }));
    const read = async () =>
      (await matchSeen(readSeenList(table, "UTC").lines, compared, { parsePhone, clock: systemClock })).seen;
    expect(await read().catch(() => [])).toEqual([]);
  });
});

const odd = (...texts: readonly string[]) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...texts) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(fc.constantFrom(...texts), fc.constantFrom(..."\u0001\u000b\ufffd\uffff\u00a0 \t\n\r\b\"\\'<>&;,\0\ud800"))
        .chain(([text, one]) => fc.constantFrom(text + one, one + text, one + text + one, `${text}${one}${text}`)),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom<unknown>(undefined, "", " ", null, true, 6, [], {}, [texts[0]], [[texts[0]]], { a: texts[0] }),
    },
  );
const ADDRESSES = odd("61491570100", "61491570100", "61491570101", "12345", "54321", "a@b.c", "A@B.c", "Ada", "ada.1");
const DATES = odd(
  "28/11/26 10:00",
  "28/11/26 10:00",
  "28/11/26 10:01",
  "28/11/2026 10:00",
  "28.11.2026 10:00",
  "11/28/26 10:00",
  "05/11/26 10:00",
  "28/11/26",
);
const CONTENTS = odd("Yes", "Yes", "No", "<b>Yes</b>", "Yes\\n", '"Yes"', "&amp;", "Yes\nM1\t61491570100", "&#89;es");
const SPELLINGS = [
  (name: string) => name,
  (name: string) => name,
  (name: string) => `${name[0]?.toUpperCase()}${name.slice(1)}`,
  (name: string) => `${name[0]}-${name.slice(1)}`,
  (name: string) => `${name}_`,
  (name: string) => `${name}__c`,
];

const changeArb = (part: "from" | "responseMessage", names: readonly string[], values: fc.Arbitrary<unknown>) =>
  fc.record({ part: fc.constant(part), name: fc.constantFrom(...names), value: values });

/** A plain reply has some members replaced, left out or added. */
const givenArb = fc
  .record({
    messageId: fc.oneof({ weight: 6, arbitrary: fc.constant<unknown>("M1") }, { weight: 1, arbitrary: odd("M1", "m1") }),
    from: fc.oneof({ weight: 9, arbitrary: fc.constant<unknown>(null) }, { weight: 1, arbitrary: ADDRESSES }),
    changes: fc.array(
      fc.record({
        change: fc.oneof(
          changeArb("from", ["mobile", "mobile", "voice", "email", "mri", "name", "from", "content"], ADDRESSES),
          changeArb("responseMessage", ["acknowledged", "undeliverable"], DATES),
          changeArb("responseMessage", ["content"], CONTENTS),
        ),
        spell: fc.constantFrom(...SPELLINGS),
        isReplaced: fc.boolean(),
      }),
      { maxLength: 3 },
    ),
  })
  .map(({ messageId, from, changes }): Given => {
    const parts: Record<string, Record<string, unknown>> = {
      from: { ...PLAIN.from },
      responseMessage: { ...PLAIN.responseMessage },
    };
    for (const { change, spell, isReplaced } of changes) {
      const { part, name, value } = change;
      if (isReplaced) delete parts[part]?.[name];
      parts[part] = { ...parts[part], [spell(name)]: value };
    }
    return { messageId, from: from ?? parts.from, responseMessage: parts.responseMessage };
  });

it("never makes another call seen", async () => {
  const others = fc.array(fc.oneof(givenArb, fc.constant(PLAIN)), { minLength: 1, maxLength: 4 });
  const holds = fc.asyncProperty(givenArb, others, async (own, calls) => {
    expect(await wrongLists(own, calls)).toEqual([]);
  });
  await fc.assert(holds, { numRuns: 50 });
});
