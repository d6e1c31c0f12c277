/** A call, a callback or a run named by a part of its id, on each kind of service. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CALLBACK, COMMAND_SERVICES, type OpenedService } from "../support/cli/command-services.js";

/** The shortest allowed beginning that no other id has. */
function shortest(id: string, ids: readonly string[]): string {
  const lengths = Array.from({ length: id.length - 6 }, (_, index) => index + 6);
  const unique = lengths.find((length) => ids.filter((other) => other.startsWith(id.slice(0, length))).length === 1);
  return id.slice(0, unique);
}

for (const service of COMMAND_SERVICES) {
  describe(`with ${service.name}`, () => {
    let opened: OpenedService;
    let ids: readonly string[];
    let callbackId: string;

    beforeAll(async () => {
      opened = await service.open();
      ids = (await opened.run(["calls", "list", CALLBACK, "--all", "-o", "ids"])).stdout.trimEnd().split("\n");
      callbackId = JSON.parse((await opened.run(["callbacks", "get", CALLBACK, "--json", "id"])).stdout).id;
    });

    afterAll(() => opened.close());

    test("a call is found by the beginning of its id, in any case", async () => {
      const [id = ""] = ids;
      const { code, stdout, stderr } = await opened.run([
        "calls",
        "get",
        CALLBACK,
        shortest(id, ids).toLowerCase(),
        "--json",
        "id",
      ]);
      expect({ code, id: JSON.parse(stdout).id }).toEqual({ code: 0, id });
      const note = "looking for short ids among the newest 2000 calls of Replies CRM: up to 100 requests\n";
      expect(stderr).toBe(service.kind === "platform" ? note : "");
    });

    test("a callback is found by the beginning of its id", async () => {
      const { code, stdout } = await opened.run(["callbacks", "get", callbackId.slice(0, 9).toLowerCase(), "--json", "name"]);
      expect({ code, name: JSON.parse(stdout).name }).toEqual({ code: 0, name: CALLBACK });
    });

    test("a call is found without its callback where the service can; elsewhere the callback is said to be missing", async () => {
      const [id = ""] = ids;
      for (const word of [id, shortest(id, ids).toLowerCase()]) {
        const { code, stdout, stderr } = await opened.run(["calls", "get", word]);
        if (service.kind === "platform")
          expect({ code, stdout, stderr }).toEqual({
            code: 2,
            stdout: "",
            stderr: expect.stringMatching(
              `^error: missing required argument 'callback'\nhint: .* in its callback only: whcb calls get CALLBACK ${word}(?: --service .*)?\n$`,
            ),
          });
        else expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: expect.stringContaining(id), stderr: "" });
      }
    });

    test("a beginning of no call exits 3, and one that is too short says so", async () => {
      expect(await opened.run(["calls", "get", CALLBACK, "0a0a0a0"])).toMatchObject({
        code: 3,
        stdout: "",
        stderr: expect.stringContaining("error: no call begins with 0a0a0a0\nhint: "),
      });
      if (service.kind !== "platform")
        for (const word of ["0a0a0a0", "nope", "0a0a0"])
          expect(await opened.run(["calls", "get", word])).toMatchObject({
            code: 3,
            stderr: expect.stringContaining(`with ${word}`),
          });
      expect(await opened.run(["mark-success", CALLBACK, "0a0a0", "--yes"])).toMatchObject({
        code: 3,
        stdout: "",
        stderr: expect.stringMatching(/^error: no such call: 0a0a0\nhint: a call can be named by the first 6 to 31 hex digits /),
      });
    });

    test("arguments may be short ids; on stdin and in --file an id is whole", async () => {
      const [a = "", , c = ""] = ids.slice(3).map((id) => shortest(id, ids));
      // It must not be spelled like the argument: it would be missing then, not a heading.
      const b = ids[4]?.slice(0, -1).toLowerCase() ?? "";
      const whole = "in a file and on stdin, ids are whole: only an argument may be the beginning of one";
      const file = opened.machine.path("short.txt");
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, `${c}\n${ids[6]}\n`);
      const argv = ["mark-success", CALLBACK, a, "-", "--file", file, "--yes", "-o", "json"];
      expect(await opened.run(argv, { stdin: `${b}\n` })).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(new RegExp(`stdin: line 1 can't be read: no call has the id ${b}, .*${whole}`)),
      });
      const { stdout } = await opened.run(["mark-success", CALLBACK, a, "-", "--yes", "-o", "json"], { stdin: `${ids[6]}\n` });
      expect(JSON.parse(stdout).counts).toMatchObject({ planned: 2, marked: 2 });
      const replay = await opened.run(["replay", CALLBACK, "--file", file, "--dry-run"]);
      expect(replay).toMatchObject({ code: 3, stderr: expect.stringContaining(`error: no such call: ${c}\nhint: ${whole}\n`) });
      const left = (await opened.run(["calls", "list", CALLBACK, "--failed", "--all", "-o", "ids"])).stdout.trimEnd().split("\n");
      expect(ids.filter((id) => !left.includes(id)).sort()).toEqual([ids[3], ids[6]].sort());
    });

    test("a line to continue has the whole ids, as another call may have a short one later", async () => {
      const [id = "", other = ""] = ids;
      const { stderr } = await opened.run(["mark-success", CALLBACK, shortest(id, ids), shortest(other, ids)]);
      expect(stderr).toContain(`type: whcb mark-success ${callbackId} ${id} ${other} `);
    });

    test("every length from 6 to one digit less than all names a call, or says how many digits are enough", async () => {
      const [id = ""] = ids;
      const enough = shortest(id, ids).length;
      for (let length = 6; length < id.length; length++) {
        const { code, stdout, stderr } = await opened.run(["calls", "get", CALLBACK, id.slice(0, length), "--json", "id"]);
        if (length >= enough) expect({ length, code, id: JSON.parse(stdout).id }).toEqual({ length, code: 0, id });
        else
          expect({ length, code, stderr }).toEqual({
            length,
            code: 2,
            stderr: expect.stringMatching(/"hint":"\d+ digits are enough"/),
          });
      }
    });

    test("an ambiguous one exits 2, names the calls and does nothing, whatever their status", async () => {
      const several = ids.find((id) => ids.filter((other) => other.startsWith(id.slice(0, 6))).length > 1);
      // The platform's ids are random.
      if (several === undefined) return expect(service.kind).toBe("platform");
      const { code, stderr } = await opened.run(["mark-failed", CALLBACK, several.slice(0, 6), "--yes"]);
      expect(code).toBe(2);
      expect(stderr).toMatch(
        /^error: several calls begin with \w{6}: \w{32}, \w{32}, \w{32}, \w{32}, \w{32}, …\nhint: \d+ digits are enough\n$/,
      );
      const digits = Number(/(\d+) digits/.exec(stderr)?.[1]);
      expect(new Set(ids.map((id) => id.slice(0, digits))).size).toBe(ids.length);
      expect(new Set(ids.map((id) => id.slice(0, digits - 1))).size).toBeLessThan(ids.length);
    });

    test("whole ids aren't looked for as beginnings", async () => {
      const marked = await opened.run(["mark-success", CALLBACK, ids[0] ?? "", "--yes"]);
      expect(marked).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(/^(?:service: .+\n)?1 failed call of .+ -> SUCCESS, last attempts from .+\n$/),
      });
      expect(marked.requests.filter((line) => line.includes("call-ids"))).toEqual([]);
    });

    test("a run is found by a part of its id; several exit 2 and are named", async () => {
      const runs = (await opened.run(["runs", "ls", "-o", "ids"])).stdout.trimEnd().split("\n");
      const [latest = ""] = runs;
      expect((await opened.run(["runs", "show", latest.slice(-6), "--json", "runId"])).stdout).toContain(latest);
      const { code, stderr } = await opened.run(["runs", "discard", latest.slice(0, 6)]);
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: `error: ${latest.slice(0, 6)} matches ${runs.length} runs: ${runs.join(", ")}\nhint: type more of the id\n`,
      });
      // A digit that happens to be unique may be the number of something else.
      for (const part of [latest.slice(-5), latest.slice(0, 5)])
        for (const argv of [
          ["undo", part, "--yes"],
          ["runs", "discard", part],
          ["replay", "--resume", part, "--yes"],
        ])
          expect(await opened.run(argv)).toMatchObject({
            code: 2,
            stdout: "",
            stderr: `error: ${part} is too short for a run: give 6 or more characters of its id, from its beginning or end\n`,
          });
    });
  });
}
