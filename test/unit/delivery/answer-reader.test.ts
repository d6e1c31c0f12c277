import { describe, expect, test } from "vitest";
import { StatusRewriter } from "../../../src/delivery/answer-reader.js";

const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/** What is read of an answer that arrives in pieces of this length. */
function rewritten(answer: string, length: number): string {
  const rewriter = new StatusRewriter();
  rewriter.expectAnswer();
  const chunks: string[] = [];
  for (let start = 0; start < answer.length; start += length) {
    const chunk = Buffer.from(answer.slice(start, start + length), "latin1");
    rewriter.rewrite(chunk);
    chunks.push(chunk.toString("latin1"));
  }
  return chunks.join("");
}

describe("an answer in pieces of any length", () => {
  const CASES: readonly [name: string, sent: string, read: string][] = [
    ["100 before 200", `HTTP/1.1 100 Continue\r\n\r\n${OK}`, `HTTP/1.1 102 Continue\r\n\r\n${OK}`],
    ["100 with headers", `HTTP/1.1 100 Go\r\nx: 100\r\n\r\n${OK}`, `HTTP/1.1 102 Go\r\nx: 100\r\n\r\n${OK}`],
    ["100 without a reason", `HTTP/1.0 100\n\n${OK}`, `HTTP/1.0 102\n\n${OK}`],
    [
      "100 after 103 and 100",
      `HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 100 A\r\n\r\nHTTP/1.1 100 B\r\n\r\n${OK}`,
      `HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 102 A\r\n\r\nHTTP/1.1 102 B\r\n\r\n${OK}`,
    ],
  ];
  test.each(CASES)("%s is read as 102", (_name, sent, read) => {
    for (let length = 1; length <= sent.length; length++) expect(rewritten(sent, length)).toBe(read);
  });

  test("that isn't interim is read as it was sent", () => {
    const body = "HTTP/1.1 100 Continue\r\n\r\n";
    for (const sent of [
      OK,
      `${OK}${body}`,
      `HTTP/1.1 500 No\r\n\r\n${body}`,
      `HTTP/1.1 1000\r\n`.slice(0, 9),
      "SSH-2.0",
      "",
      "\r\n100",
    ]) {
      for (let length = 1; length <= sent.length; length++) expect(rewritten(sent, length)).toBe(sent);
    }
  });

  test("of another protocol isn't read as one", () => {
    for (const name of ["RTSP/1.0", "ICE/1.0"])
      for (const blank of ["", "\r\n"]) {
        const sent = `${blank}${name} 200 OK\r\n\r\n`;
        for (let length = 1; length <= sent.length; length++)
          expect(rewritten(sent, length)).toBe(`${blank}?${sent.slice(blank.length + 1)}`);
      }
  });

  test("that was answered isn't changed until the next request", () => {
    const rewriter = new StatusRewriter();
    const late = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n");
    rewriter.rewrite(late);
    expect(late.toString()).toContain("100");
    rewriter.expectAnswer();
    rewriter.rewrite(late);
    expect(late.toString()).toContain("102");
  });
});
