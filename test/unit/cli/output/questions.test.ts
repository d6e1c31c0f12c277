import { PassThrough, Writable } from "node:stream";
import { expect, it } from "vitest";
import { askSecret } from "../../../../src/cli/output/questions.js";
import { text } from "../../../../src/cli/output/screen-text.js";
import type { Io } from "../../../../src/platform/terminal.js";

it("a question is shown once the terminal doesn't show by itself what is typed: an answer may be a secret", async () => {
  const happened: string[] = [];
  const stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (isRaw: boolean) => void happened.push(isRaw ? "raw" : "cooked"),
  });
  const stderr = new Writable({
    write(chunk, _encoding, done) {
      happened.push(String(chunk));
      if (String(chunk) === "Password: ") setImmediate(() => stdin.write("s3cret\r"));
      done();
    },
  });
  const io = { stdin, stderr, env: {} } as unknown as Io;
  expect(await askSecret(io, text`Password:`)).toBe("s3cret");
  expect(happened).toEqual(["raw", "Password: ", "cooked", "\n"]);
});
