import { type ComponentChildren, createContext, type Key, type VNode } from "preact";
import type { HealthText } from "../../../domain/callback.js";
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../../domain/duration.js";

export interface Column<Row> {
  readonly title: string;
  /** A number is right-aligned; a wide column gets the room that is left. The first one of times names the zone of all. */
  readonly kind?: "text" | "number" | "wide" | "time" | "status" | "from";
  /** Narrow screens leave it out. */
  readonly isSecondary?: boolean;
  /** The column's heading sorts by it, and says whether the rows are sorted. */
  readonly sort?: { readonly href: string; readonly order: "ascending" | "descending" | null };
  cell(row: Row): ComponentChildren;
}

/** The first column is the rows' heading. */
export function Table<Row>({
  caption,
  columns,
  rows,
  keyOf,
  isStacked = false,
}: {
  /** Screen readers announce it. */
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf(row: Row): Key;
  /** On narrow screens each row is a block of titles and values. */
  isStacked?: boolean;
}): VNode {
  const firstOfTimes = columns.find(({ kind }) => kind === "time");
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls by keyboard too
    <section class="table-frame" aria-label={caption} tabIndex={0}>
      {/* It is shown where the headings aren't. */}
      {firstOfTimes && (
        <p class="zone-note">
          Times: <ZoneName />
        </p>
      )}
      <table class={isStacked ? "is-stacked" : undefined}>
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" class={cellClass(column)} aria-sort={column.sort?.order ?? undefined}>
                {column.sort ? <SortLink title={column.title} {...column.sort} /> : column.title}
                {column === firstOfTimes && <ZoneName />}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)} id={`row-${keyOf(row)}`}>
              {columns.map((column, index) =>
                index === 0 ? (
                  <th key={column.title} scope="row" class={cellClass(column)}>
                    {cellOf(column, row)}
                  </th>
                ) : (
                  <td key={column.title} class={cellClass(column)} data-title={column.title}>
                    {cellOf(column, row)}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const IsZoneNamed = createContext(false);

/** A context around each cell would take a third of a page's time. */
function cellOf<Row>(column: Column<Row>, row: Row): ComponentChildren {
  const cell = column.cell(row);
  return column.kind === "time" ? <IsZoneNamed.Provider value={true}>{cell}</IsZoneNamed.Provider> : cell;
}

/** The script writes the reader's own zone, or UTC if the reader has chosen it. */
export function ZoneName(): VNode {
  return (
    <>
      {" "}
      <span class="zone" data-zone="">
        UTC
      </span>
    </>
  );
}

function SortLink({ title, href, order }: { title: string } & NonNullable<Column<never>["sort"]>): VNode {
  return (
    <a class="sort" href={href}>
      {title}
      {order !== null && <span aria-hidden="true">{order === "ascending" ? " ↑" : " ↓"}</span>}
    </a>
  );
}

function cellClass({ kind = "text", isSecondary = false }: Column<never>): string {
  return isSecondary ? `cell-${kind} is-secondary` : `cell-${kind}`;
}

/** The text says all; the colour only helps. */
export function Badge({ tone, children }: { tone: HealthText["tone"]; children: ComponentChildren }): VNode {
  return <span class={`badge badge-${tone}`}>{children}</span>;
}

/** The time is in UTC; the script shows it in the reader's own zone. */
export function Time({ at }: { at: number }): VNode {
  const iso = new Date(at).toISOString();
  return (
    <IsZoneNamed.Consumer>
      {(isZoneNamed) => (
        <time datetime={iso} data-local={isZoneNamed ? "bare" : ""}>
          {`${iso.slice(0, -5).replace("T", " ")}${isZoneNamed ? "" : " UTC"}`}
        </time>
      )}
    </IsZoneNamed.Consumer>
  );
}

/** Shows "21 min"; the title has the instant. The script keeps it current, by the service's clock. */
export function Elapsed({ since, now }: { since: number; now: number }): VNode {
  const iso = new Date(since).toISOString();
  return (
    <time datetime={iso} title={`${iso.slice(0, -5).replace("T", " ")} UTC`} data-elapsed={Math.max(0, now - since)}>
      {elapsedText(now - since)}
    </time>
  );
}

/** console.js has the same rule. */
export function elapsedText(ms: number): string {
  if (ms < MINUTE_MS) return "less than 1 min";
  if (ms < 2 * HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
  return ms < 2 * DAY_MS ? `${Math.floor(ms / HOUR_MS)} h` : `${Math.floor(ms / DAY_MS)} days`;
}

const NUMBER = new Intl.NumberFormat("en");

export function countText(value: number): string {
  return NUMBER.format(value).replaceAll(",", "\u202f");
}

/** Returns "1 call", "12 016 calls". */
export function count(number: number, noun: string): string {
  return `${countText(number)} ${noun}${number === 1 ? "" : "s"}`;
}

export function Count({ value }: { value: number }): VNode {
  return <span class="count">{countText(value)}</span>;
}

/** A wide one has the room of two. */
export type Fact = readonly [name: string, value: ComponentChildren, size?: "wide"];

export function Facts({ facts }: { facts: readonly Fact[] }): VNode | null {
  if (facts.length === 0) return null;
  return (
    <dl class="facts">
      {facts.map(([name, value, size]) => (
        <div key={name} class={size}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }): VNode {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** A page that doesn't exist is null. */
export function Pager({
  previous,
  next,
  texts: [previousText, nextText] = ["← Previous", "Next →"],
}: {
  previous: string | null;
  next: string | null;
  texts?: readonly [previous: string, next: string];
}): VNode | null {
  if (previous === null && next === null) return null;
  return (
    <nav class="pager" aria-label="Pages">
      {previous !== null && (
        <a class="button button-secondary" href={previous} rel="prev">
          {previousText}
        </a>
      )}
      {next !== null && (
        <a class="button button-secondary" href={next} rel="next">
          {nextText}
        </a>
      )}
    </nav>
  );
}
