import { Kysely } from "kysely";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../../src/platform/clock.js";
import { callbackStore } from "../../../../src/store/callbacks/callbacks.js";
import { callAcceptance } from "../../../../src/store/calls/accept-calls.js";
import type { Schema } from "../../../../src/store/schema.js";
import { keyCipher } from "../../../../src/store/secret-key.js";
import { migrate } from "../../../../src/store/sqlite/migrations.js";
import { connect } from "../../../../src/store/sqlite/open-sqlite.js";
import { sqliteDialect } from "../../../../src/store/sqlite/sqlite-dialect.js";
import { aResponse, someSettings } from "../../../support/builders.js";

const MB = 1024 * 1024;

describe("a batch of large responses", () => {
  it("is inserted in several statements of at most 8 MiB, in order and all or nothing", async () => {
    const lengths: number[] = [];
    const database = connect(":memory:");
    migrate(database, ":memory:");
    const db = new Kysely<Schema>({
      dialect: sqliteDialect(database, systemClock),
      log: ({ query }) => {
        if (query.sql.includes("INTO calls"))
          lengths.push(query.parameters.reduce<number>((sum, value) => sum + String(value).length, 0));
      },
    });
    const callbacks = callbackStore(db, keyCipher(new Uint8Array(32)));
    for (const id of ["CB", "OTHER"]) await callbacks.create(id, someSettings({ name: id }), 0);
    const response = aResponse({ responseMessage: { channel: "SMS", kind: "reply", date: "", content: "x".repeat(3 * MB) } });
    const calls = ["A", "B", "C", "D", "E"].map((id) => ({ id, response }));
    const { accept } = callAcceptance(db);
    expect(await accept([{ callbackId: "CB", calls }], 0)).toEqual(["A", "B", "C", "D", "E"]);
    expect(lengths.map((length) => Math.floor(length / MB))).toEqual([6, 6, 3]);
    const again = ["F", "G", "H", "A"].map((id) => ({ id, response }));
    await expect(accept([{ callbackId: "OTHER", calls: again }], 0)).rejects.toMatchObject({ code: "invalid" });
    expect(database.prepare("SELECT id FROM calls ORDER BY seq").pluck().all()).toEqual(["A", "B", "C", "D", "E"]);
    await db.destroy();
  });
});
