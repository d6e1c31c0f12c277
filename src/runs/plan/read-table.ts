/** Databases and spreadsheets write CSV and TSV in several ways. */
import { CsvError, type Options as CsvOptions, parse as parseCsv } from "csv-parse/sync";
import { count } from "../../domain/count.js";

export interface TableRow {
  readonly cells: readonly string[];
  /** The row begins on this line. */
  readonly line: number;
  /** The lines that follow in it, as rows would have their values. */
  readonly inner: readonly (readonly string[])[];
}

export interface UnreadableLine {
  readonly line: number;
  readonly reason: string;
}

export function readCsv(text: string): readonly TableRow[] | UnreadableLine {
  const header =
    text
      .trimStart()
      .split(/\r?\n/, 1)[0]
      ?.replace(/"[^"]*"/g, "") ?? "";
  return readRows(text, { delimiter: header.split(";").length > header.split(",").length ? ";" : "," });
}

/** Spreadsheets quote values, databases don't. If a file could be of either, the rows must be the same. */
export function readTsv(text: string): readonly TableRow[] | UnreadableLine {
  const plain = readRows(text, { delimiter: "\t", quote: false });
  const quoted = readRows(text, { delimiter: "\t" });
  if ("reason" in plain) return "reason" in quoted ? plain : quoted;
  if ("reason" in quoted) return plain;
  const textOfRow = (row: TableRow | undefined): string | undefined => row?.cells.join("\t").replaceAll('"', "");
  const other = plain.find((row, index) => textOfRow(row) !== textOfRow(quoted[index]));
  return other === undefined
    ? quoted
    : { line: other.line, reason: "a value begins with a quote that may take in the next lines; export CSV instead" };
}

function readRows(text: string, options: CsvOptions & { readonly delimiter: string }): readonly TableRow[] | UnreadableLine {
  // csv-parse counts a quoted CRLF as two lines.
  const table = text.trimStart().replaceAll("\r\n", "\n");
  const skipped = lineFeeds(text.slice(0, text.length - text.trimStart().length));
  const rows: TableRow[] = [];
  let endLine = skipped;
  try {
    parseCsv(table, {
      ...options,
      skip_empty_lines: true,
      on_record(cells: readonly string[], { lines }) {
        endLine = lines + skipped;
        const [, ...inner] = cells.join(options.delimiter).split("\n");
        rows.push({ cells, line: endLine - inner.length, inner: inner.map((line) => line.split(options.delimiter)) });
        return null;
      },
    });
    return rows;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // This is where the row begins: csv-parse finds an open quote at the end of the file.
    return { line: endLine + 1, reason: csvProblem(error, rows[0]?.cells.length ?? 0) };
  }
}

function csvProblem({ code, message, record }: CsvError, columns: number): string {
  if (code === "CSV_QUOTE_NOT_CLOSED") return "a quote isn't closed; one inside a value must be doubled, and the value quoted";
  if (/^CSV_(INVALID_CLOSING_QUOTE|NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE)$|^INVALID_OPENING_QUOTE$/.test(code))
    return "a quote inside a value must be doubled, and the value quoted";
  if (code !== "CSV_RECORD_INCONSISTENT_FIELDS_LENGTH" || !Array.isArray(record)) return message;
  return `it has ${count(record.length, "value")}, the header has ${count(columns, "column")}`;
}

export function lineFeeds(text: string): number {
  return text.split("\n").length - 1;
}
