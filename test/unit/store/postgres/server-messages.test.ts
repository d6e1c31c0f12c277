import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ServerMessages } from "../../../../src/store/postgres/server-messages.js";

function message(type: string, ...content: readonly (string | number[])[]): Buffer {
  const body = Buffer.concat(content.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from(part))));
  const head = Buffer.from(`${type}\0\0\0\0`);
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

const int32 = (value: number): number[] => [24, 16, 8, 0].map((bits) => (value >> bits) & 255);
const column = ["name\0", new Array<number>(18).fill(0)];

const LET_IN = message("R", int32(0));
const SCRAM = message("R", int32(10), "SCRAM-SHA-256\0\0");
const CHALLENGE = message("R", int32(11), "r=1,s=AAAA,i=100000");
const SETTING = message("S", "TimeZone\0UTC\0");
const NOTICE = message("N", "SNOTICE\0Mhello\0\0");
const REJECTED = message("E", "SFATAL\0Mno\0\0");
const READY = message("Z", "I");
const COLUMNS = message("T", [0, 2], ...column, ...column);
const ROW = message("D", [0, 2], int32(-1), int32(3), "one");
const DONE = message("C", "SELECT 1\0");
const LOGIN = [
  SCRAM,
  CHALLENGE,
  message("R", int32(12), "v=AAAA"),
  LET_IN,
  SETTING,
  message("K", int32(1), int32(2)),
  NOTICE,
  READY,
];
const ANSWER = [message("1"), message("2"), COLUMNS, ROW, ROW, DONE, READY];

const hex = (messages: Iterable<Buffer>) => [...messages].map((each) => each.toString("hex"));
const read = (...sent: readonly Buffer[]) => hex(new ServerMessages().take(Buffer.concat(sent)));

describe("what PostgreSQL sends", () => {
  const sent = [...LOGIN, ...ANSWER, message("A", int32(1), "channel\0text\0"), REJECTED, READY, NOTICE, REJECTED];

  it("passes message by message, in whichever pieces it comes", () => {
    const bytes = Buffer.concat(sent);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 30 }), (cuts) => {
        const messages = new ServerMessages();
        const ends = [0, ...cuts.sort((one, other) => one - other), bytes.length];
        const pieces = ends.slice(1).map((end, index) => bytes.subarray(ends[index], end));
        expect(pieces.flatMap((piece) => hex(messages.take(piece)))).toEqual(hex(sent));
      }),
    );
  });

  it("passes when it rejects the login", () => {
    expect(read(SCRAM, REJECTED)).toEqual(hex([SCRAM, REJECTED]));
  });
});

describe("what would keep pg busy or fill the memory doesn't pass", () => {
  it.each([
    ["a message that is shorter than its header", [Buffer.from([0x52, 0, 0, 0, 3])]],
    ["an error whose last field has no end", [message("E", "SAAAAA")]],
    ["an error whose fields have no end", [message("E", "SAAAAA\0")]],
    ["an error without fields", [message("E")]],
    ["a notice whose fields have no end", [message("N", "SAAAAA\0")]],
    ["a challenge that comes once more", [SCRAM, CHALLENGE, CHALLENGE]],
    ["a step of the login after its end", [LET_IN, READY, SCRAM]],
    ["anything after an error that ends the login", [REJECTED, NOTICE]],
    ["a row before the login has ended", [LET_IN, ROW]],
    ["a message of an unknown type", [LET_IN, READY, message("x")]],
    ["a row without columns", [LET_IN, READY, ROW]],
    ["a row without values", [LET_IN, READY, COLUMNS, message("D", [0, 0])]],
    ["a value that leads back", [LET_IN, READY, COLUMNS, message("D", [0, 2], int32(4), "back", int32(-12))]],
    ["a row that ends within a value", [LET_IN, READY, COLUMNS, message("D", [0, 2], int32(-1), int32(4), "one")]],
    ["a row that goes on after its values", [LET_IN, READY, COLUMNS, message("D", [0, 2], int32(-1), int32(2), "one")]],
  ])("%s", (_, sent) => {
    const before = sent.slice(0, -1);
    expect(read(...before)).toEqual(hex(before));
    expect(() => read(...sent)).toThrow();
  });
});
