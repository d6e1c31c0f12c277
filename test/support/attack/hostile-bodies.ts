/** Bodies of about 10 MB that cost far more than their size to read, for `POST /callbacks/demo/calls`. */

export interface HostileBody {
  readonly name: string;
  readonly type: "application/json" | "application/xml" | "application/x-ndjson";
  /** Returns a body of `bytes` at most. */
  make(bytes: number): string;
  readonly statuses: readonly number[];
}

export const HOSTILE_BODIES: readonly HostileBody[] = [
  json("JSON of empty objects", (bytes) => `{"x":[${fill("{},", bytes)}0]}`),
  json("JSON of empty lists", (bytes) => `{"x":[${fill("[],", bytes)}0]}`),
  json("JSON of distinct names", (bytes) => `{"customParameters":{${fillNumbered((n) => `"k${n}":0,`, bytes)}"k":0}}`),
  json("JSON nested deeply", (bytes) => `{"customParameters":{"a":${"[".repeat(bytes / 2)}${"]".repeat(bytes / 2)}}}`),
  json("JSON of a million calls", (bytes) => `{"calls":[${fill("{},", bytes)}{}]}`),
  json("JSON of escaped quotes", (bytes) => `{"responseMessage":{"content":"${fill('\\"', bytes)}"}}`, 202),
  json("JSON text of two bytes a character", (bytes) => `{"responseMessage":{"content":"\u4e00${fill("x", bytes)}"}}`, 202),
  xml("XML instruction", (bytes) => `<?x ${fill("a", bytes)}?><call/>`),
  xml("XML instruction of spaces", (bytes) => `<?x ${fill(" ", bytes)}?><call/>`),
  xml("XML instruction with attributes", (bytes) => `<?x ${fill('a="1" ', bytes)}?><call/>`),
  xml("XML instruction with a quoted end", (bytes) => `<?x '?><a b='?>${fill("b", bytes)}'><call/>`),
  xml("XML name", (bytes) => `<${fill("a", bytes)}/>`),
  xml("XML closing tag", (bytes) => `<call></${fill("a", bytes)}>`),
  xml("XML attribute", (bytes) => `<call a="${fill("a", bytes)}"/>`),
  xml("XML attributes", (bytes) => `<call ${fillNumbered((n) => `a${n}="" `, bytes)}/>`),
  xml("XML spaces in a tag", (bytes) => `<call ${fill(" ", bytes)}/>`),
  xml("XML doctype", (bytes) => `<!DOCTYPE ${fill("a", bytes)}><call/>`),
  xml("XML tags", (bytes) => `<call>${fill("<a/>", bytes)}</call>`),
  xml("XML tags never closed", (bytes) => fill("<a>", bytes)),
  xml("XML of NUL", (bytes) => content(`<![CDATA[${fill("\0", bytes)}]]>`)),
  xml("XML comment", (bytes) => `<call><messageId>M</messageId><!--${fill("a", bytes)}--></call>`, 202),
  xml("XML text", (bytes) => content(fill("x", bytes)), 202),
  xml("XML text between comments", (bytes) => content(fill(`${"x".repeat(60_000)}<!---->`, bytes)), 202),
  xml("XML of backslashes beyond Latin-1", (bytes) => content(`\u0109${fill("\\\\", bytes)}`), 202),
  xml("XML references", (bytes) => content(fill("&#1;", bytes))),
  xml("XML carriage returns", (bytes) => content(fill("\r", bytes)), 202),
  xml("XML member of backslashes", (bytes) => member(fill("\\\\", bytes)), 422),
  xml("XML member of fewer backslashes", (bytes) => member(fill("\\\\", bytes * 0.6)), 202),
  xml("XML white space around the root", (bytes) => `${fill(" ", bytes)}<call><messageId>M</messageId></call>`, 202),
  ndjson("NDJSON lines that aren't JSON", (bytes) => fill("x\n", bytes)),
  ndjson("NDJSON lines with many errors", (bytes) => fill('{"id":1,"messageId":1,"messageLocation":1,"from":1}\n', bytes)),
  ndjson("NDJSON lines that are empty", (bytes) => fill("\n", bytes), 202),
  ndjson("NDJSON line of empty objects", (bytes) => `{"x":[${fill("{},", bytes)}0]}\n`, 202),
];

export function hostileBody(name: string): HostileBody {
  const found = HOSTILE_BODIES.find((body) => body.name === name);
  if (found === undefined) throw new Error(`no body ${name}`);
  return found;
}

function json(name: string, make: HostileBody["make"], status = 400): HostileBody {
  return { name, type: "application/json", make, statuses: [status, 503] };
}

function xml(name: string, make: HostileBody["make"], status = 400): HostileBody {
  return { name, type: "application/xml", make, statuses: [status, 503] };
}

function ndjson(name: string, make: HostileBody["make"], status = 422): HostileBody {
  return { name, type: "application/x-ndjson", make, statuses: [status] };
}

function content(text: string): string {
  return `<call><responseMessage><channel>SMS</channel><content>${text}</content></responseMessage></call>`;
}

function member(text: string): string {
  return `<call><from><zz>${text}</zz></from></call>`;
}

function fill(unit: string, bytes: number): string {
  return unit.repeat(Math.floor((bytes - 200) / unit.length));
}

function fillNumbered(unit: (number: number) => string, bytes: number): string {
  const units: string[] = [];
  for (let length = 200, number = 0; ; number++) {
    const next = unit(number);
    length += next.length;
    if (length > bytes) return units.join("");
    units.push(next);
  }
}
