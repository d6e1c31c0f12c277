import { describe, expect, it } from "vitest";
import { removeHtml } from "../../../src/wire/remove-html.js";

describe("removeHtml", () => {
  it.each([
    ["plain text", "Yes, I accept.\r\n\r\n  Two  spaces\tand a tab\n", "Yes, I accept.\r\n\r\n  Two  spaces\tand a tab\n"],
    ["signs that don't open a tag", "I <3 you, 5 < 6 > 4 & R&D", "I <3 you, 5 < 6 > 4 & R&D"],
    ["an entity without its semicolon in plain text", "AT&T &copy 2", "AT&T &copy 2"],
    ["inline tags", "<p>Yes, I <b class='x'>accept</b></p>", "Yes, I accept"],
    ["line breaks", "one<br>two<br/>three", "one\ntwo\nthree"],
    ["paragraphs", "<div><p>one</p><p>two</p></div>\nthree", "one\ntwo\nthree"],
    ["entities", "a &lt;b&gt; &amp; c&#39;s &#x263a;", "a <b> & c's ☺"],
    ["comments, scripts, styles", "a<!-- no -->b<script>alert('x')</script>c<style>p{}</style>d", "abcd"],
    ["a < near the end that doesn't open a tag", "<b>if</b> x <y then", "if x <y then"],
    ["newlines inside markup", "<i>one\ntwo</i>\n\nthree", "one\ntwo\n\nthree"],
  ])("keeps the text of %s", (_, content, text) => {
    expect(removeHtml(content)).toBe(text);
  });
});
