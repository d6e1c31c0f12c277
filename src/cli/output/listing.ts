/** Rows are written as they arrive; only a table needs all first. */
import { KeptMemory } from "../../client/list-walker.js";
import { isOneId } from "../../domain/call.js";
import { count } from "../../domain/count.js";
import { WhcbError } from "../../domain/errors.js";
import { csvLine } from "../../platform/unsafe-characters.js";
import { cellData } from "../../wire/call-record.js";
import { requireOneOf } from "../args/closest-match.js";
import { TERMINAL_LIMIT } from "../args/shared-flags.js";
import { type Column, cellText } from "./cells.js";
import { pickFields } from "./json-fields.js";
import type { Screen } from "./screen.js";
import { joinText, jsonItem, layoutText, type Printable, safeJson, text } from "./screen-text.js";

export interface ListingStyle<Row> {
  readonly columns: readonly Column<Row>[];
  /** `toJson` is a documented contract. */
  readonly toJson: (row: Row) => Readonly<Record<string, unknown>>;
  readonly toId: (row: Row) => string;
}

export interface Listing<Row> {
  add(rows: readonly Row[]): Promise<void>;
  end(): Promise<number>;
}

/** A terminal shows only some rows by default. A pipe gets all: the next command mustn't miss some silently. */
export function listLimit(asked: { readonly all: boolean; readonly limit: number | undefined }, screen: Screen): number {
  if (asked.all) return Number.POSITIVE_INFINITY;
  return asked.limit ?? (screen.renderOptions.width === null ? Number.POSITIVE_INFINITY : TERMINAL_LIMIT);
}

/** Throws `usage` for an unknown column, or columns with a format that has none. */
export function openListing<Row>(
  style: ListingStyle<Row>,
  screen: Screen,
  columnNames: readonly string[] | undefined,
): Listing<Row> {
  const columns = pickColumns(style.columns, columnNames, screen.format);
  const toJson = (row: Row) => pickFields(style.toJson(row), screen.jsonFields);
  const toCells = (row: Row) => columns.map((column) => cellText(column, row, screen.renderOptions));
  switch (screen.format) {
    case "ids":
      return lineListing(screen, (row: Row) => style.toId(row));
    case "ndjson":
      return lineListing(screen, (row: Row) => safeJson(toJson(row)));
    case "tsv":
      return lineListing(screen, (row: Row) => joinText(toCells(row), "\t"));
    case "json":
      return jsonListing(screen, toJson);
    case "csv":
      return csvListing(screen, columns);
    case "table":
      return tableListing(screen, columns);
  }
}

function pickColumns<Row>(
  columns: readonly Column<Row>[],
  names: readonly string[] | undefined,
  format: Screen["format"],
): readonly Column<Row>[] {
  if (names === undefined) return format === "csv" ? columns : columns.filter(({ onDemand }) => onDemand !== true);
  if (format === "json" || format === "ndjson" || format === "ids") {
    throw new WhcbError("usage", `--columns can't be used with -o ${format}`, { hint: "it is for tables and csv" });
  }
  return names.flatMap((name) => {
    const keys = columns.map(({ key }) => key);
    const key = requireOneOf(name, keys, `--columns: no column ${JSON.stringify(name)}`);
    return columns.filter((column) => column.key === key);
  });
}

function lineListing<Row>(screen: Screen, toLine: (row: Row) => Printable): Listing<Row> {
  let count = 0;
  return {
    async add(rows) {
      count += rows.length;
      await screen.out(joinText(rows.map((row) => text`${toLine(row)}\n`)));
    },
    end: async () => count,
  };
}

function jsonListing<Row>(screen: Screen, toJson: (row: Row) => unknown): Listing<Row> {
  let count = 0;
  return {
    async add(rows) {
      const items = rows.map((row, index) => {
        const item = jsonItem(toJson(row));
        return count + index === 0 ? text`[\n${item}` : text`,\n${item}`;
      });
      count += rows.length;
      await screen.out(joinText(items));
    },
    async end() {
      await screen.out(count === 0 ? text`[]\n` : text`\n]\n`);
      return count;
    },
  };
}

function csvListing<Row>(screen: Screen, columns: readonly Column<Row>[]): Listing<Row> {
  let count = 0;
  const lines = [csvLine(columns.map(({ key }) => key))];
  const flush = () => screen.out(layoutText(lines.splice(0).join("")));
  return {
    async add(rows) {
      count += rows.length;
      lines.push(...rows.map((row) => csvLine(columns.map((column) => cellData(column, row)))));
      await flush();
    },
    async end() {
      await flush();
      return count;
    },
  };
}

/** Throws `unavailable` if the cells take too much memory. */
function tableListing<Row>(screen: Screen, columns: readonly Column<Row>[]): Listing<Row> {
  const all: (readonly string[])[] = [];
  const kept = new KeptMemory();
  return {
    async add(rows) {
      const { tableCells } = await import("./table.js");
      for (const row of rows) all.push(kept.keep(tableCells(row, columns, screen.renderOptions)));
    },
    async end() {
      if (all.length > 0) {
        const { writeTable } = await import("./table.js");
        await writeTable(all, columns, screen);
      }
      return all.length;
    },
  };
}

/** A reader of listed ids must not take another call. */
export function isReadBack(id: string): boolean {
  return isOneId(id) && text`${id}`.toString() === id;
}

/** Throws `items-failed` if ids were left out. */
export function requireReadBack(leftOut: number): void {
  if (leftOut === 0) return;
  throw new WhcbError("items-failed", `${count(leftOut, "id")} left out: read back, they would be others`, {
    hint: "they have characters that can't be written; -o ndjson escapes them",
  });
}
