import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type PlannedCall, SnapshotFile } from "../../../../src/runs/plan/snapshot-file.js";
import { deliveryBody } from "../../../../src/wire/delivery-request.js";
import { aListedCall } from "../../../support/cli/listed.js";
import { isPrivate } from "../../../support/system.js";
import { newTemporaryFolder } from "../../../support/temporary-folders.js";

const STYLE = { contentType: "json", removeHtml: false } as const;

const textOf = async (call: PlannedCall): Promise<string> => Buffer.from(await call.readBody()).toString();

async function openFile(options = {}) {
  const folder = join(newTemporaryFolder("whcb-snapshot-"), "runs");
  return { folder, file: await SnapshotFile.open(folder, "RUN-1", options) };
}

function aCall(id: string, content: string, from = {}) {
  return aListedCall({ id, content, from });
}

async function expectRead(calls: readonly ReturnType<typeof aCall>[], read: readonly PlannedCall[]): Promise<void> {
  const bodies = calls.map(({ response }) => deliveryBody(STYLE, response));
  expect(read.map(({ id, from, message, bytes }) => ({ id, from, message, bytes }))).toEqual(
    calls.map(({ id, response }, index) => ({
      ...{ id, from: response.from.mobile, message: response.messageId },
      bytes: Buffer.byteLength(bodies[index] ?? ""),
    })),
  );
  expect(await Promise.all(read.map(textOf))).toEqual(bodies);
}

it("returns the calls with their bodies, in any order, and has no name on disk", async () => {
  const { folder, file } = await openFile();
  expect([readdirSync(folder), isPrivate(folder)]).toEqual([[], true]);
  const calls = ["Grüße\n{}", "👍", ""].map((content, index) => aCall(`call ${index}`, content));
  const first = await file.add(calls.slice(0, 2), STYLE);
  const places = [...first, ...(await file.add(calls.slice(2), STYLE))];
  expect(places.map(({ offset }) => offset)).toEqual([0, places[0]?.length, (places[1]?.offset ?? 0) + (places[1]?.length ?? 0)]);
  expect(await file.add([], STYLE)).toEqual([]);
  await expectRead(calls, await file.read(places));
  await expectRead([...calls].reverse(), await file.read([...places].reverse()));
  await file.close();
  await file.close();
});

it("opens in place of a file that a crash has left", async () => {
  const folder = newTemporaryFolder("whcb-snapshot-");
  writeFileSync(join(folder, "RUN-1.calls"), "left");
  const file = await SnapshotFile.open(folder, "RUN-1");
  expect(readdirSync(folder)).toEqual([]);
  await file.close();
});

it("reads calls that are far apart, large ones, and those with long senders", async () => {
  const { file } = await openFile();
  const calls = [
    aCall("small", "Yes"),
    aCall("large", "x".repeat(20_000)),
    aCall("larger than what is written at once", "y".repeat(1_100_000)),
    aCall("long sender", "z".repeat(17_000), { mobile: "1".repeat(3_000) }),
    aCall("last", "No"),
  ];
  const places = await file.add(calls, STYLE);
  await expectRead(calls, await file.read(places));
  const [first, last] = [places[0], places.at(-1)];
  if (first === undefined || last === undefined) throw new Error("five calls were added");
  await expectRead([calls[0], calls[4]] as typeof calls, await file.read([first, last]));
  await file.close();
});

it("keeps small bodies, and reads large ones each time", async () => {
  const { file } = await openFile();
  const [{ length } = { length: 0 }] = await file.add([aCall("large", "x")], STYLE);
  const contents = [1, 16 * 1024 - length + 1, 16 * 1024 - length + 2].map((characters) => "x".repeat(characters));
  const places = await file.add(
    contents.map((content) => aCall("large", content)),
    STYLE,
  );
  expect(places.map(({ length }) => length).slice(1)).toEqual([16_384, 16_385]);
  const isKept = async (place: (typeof places)[number]) => (await file.read([place]))[0]?.readBody() instanceof Promise === false;
  expect(await Promise.all(places.map(isKept))).toEqual([true, true, false]);
  await file.close();
});

it("has the bodies of its options, and of the callback's style", async () => {
  const options = { contentType: "xml", bodyNames: "messageId-location" } as const;
  const { file } = await openFile(options);
  expect(file.bodyOptions).toEqual(options);
  const call = aCall("A", "<b>Yes</b>");
  const style = { contentType: "json", removeHtml: true } as const;
  const [read] = await file.read(await file.add([call], style));
  expect(read && (await textOf(read))).toBe(deliveryBody(style, call.response, "messageId-location"));
  await file.close();
});

it("takes so many bytes and no more", async () => {
  const call = aCall("A", "Yes");
  const { file: unlimited } = await openFile();
  const [{ length } = { length: 0 }] = await unlimited.add([call], STYLE);
  await unlimited.close();
  const { file } = await openFile({ maxBytes: 2 * length });
  await file.add([call, call], STYLE);
  await expect(file.add([call], STYLE)).rejects.toMatchObject({
    code: "unavailable",
    message: `the listed calls take more than ${2 * length} bytes`,
    hint: "list fewer at a time, with --since and --until",
  });
  await file.close();
});

it("says why it can't be written, or was cut off", async () => {
  const folder = newTemporaryFolder("whcb-snapshot-");
  writeFileSync(join(folder, "file"), "");
  mkdirSync(join(folder, "RUN-1.calls"));
  for (const directory of [join(folder, "file"), folder])
    await expect(SnapshotFile.open(directory, "RUN-1")).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("the snapshot of the calls can't be written: "),
      cause: expect.any(Error),
    });
  const { file } = await openFile();
  const [{ offset, length } = { offset: 0, length: 0 }] = await file.add([aCall("A", "Yes")], STYLE);
  await expect(file.read([{ offset, length: length + 1 }])).rejects.toMatchObject({
    code: "unavailable",
    message: "the snapshot of the calls is shorter than what was written",
  });
  await file.close();
  await expect(file.add([aCall("A", "Yes")], STYLE)).rejects.toMatchObject({ code: "unavailable" });
});
