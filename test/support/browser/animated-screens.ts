/** What a terminal showed, as an SVG that plays it. */
import xterm from "@xterm/headless";

export interface Written {
  readonly atMs: number;
  readonly data: string;
}

interface Size {
  readonly columns: number;
  readonly rows: number;
}

interface Screen {
  readonly rows: readonly string[];
  readonly ms: number;
}

const CELL = { width: 8.4, height: 19 } as const;
const MARGIN = 16;
/** Who reads along needs no longer; a shorter one isn't seen. */
const LONGEST_MS = 1_600;
const SHORTEST_MS = 50;
const LAST_MS = 5_000;

const BACKGROUND = "#0d1117";
const FOREGROUND = "#e6edf3";
const COLORS = [
  ["#6e7681", "#ff7b72", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#76e3ea", FOREGROUND],
  ["#8b949e", "#ffa198", "#7ee787", "#f2cc60", "#a5d6ff", "#e2c5ff", "#b3f0ff", "#ffffff"],
].flat();

export async function animate(written: readonly Written[], size: Size): Promise<string> {
  const screens = await screensOf(written, size);
  return svgOf(screens, { width: size.columns * CELL.width + 2 * MARGIN, height: size.rows * CELL.height + 2 * MARGIN });
}

/** Draws all that was written; a screen lasts until the next one that differs. */
async function screensOf(written: readonly Written[], { columns, rows }: Size): Promise<readonly Screen[]> {
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
  const screens: Screen[] = [];
  for (const [index, { atMs, data }] of written.entries()) {
    await new Promise<void>((resolve) => terminal.write(data, resolve));
    const ms = (written[index + 1]?.atMs ?? Number.POSITIVE_INFINITY) - atMs;
    const drawn = Array.from({ length: rows }, (_, row) => drawRow(terminal.buffer.active, row));
    const last = screens.at(-1);
    if (last && String(last.rows) === String(drawn)) screens.splice(-1, 1, { rows: drawn, ms: last.ms + ms });
    else if (ms >= SHORTEST_MS) screens.push({ rows: drawn, ms });
  }
  return screens.map(({ rows, ms }, index) => ({
    rows,
    ms: index === screens.length - 1 ? LAST_MS : Math.round(Math.min(ms, LONGEST_MS)),
  }));
}

function drawRow(buffer: xterm.IBuffer, row: number): string {
  const line = buffer.getLine(buffer.baseY + row);
  const length = line?.translateToString(true).length ?? 0;
  const runs: { style: string; from: number; text: string }[] = [];
  for (let column = 0; column < length; column += 1) {
    const cell = line?.getCell(column);
    if (cell === undefined) continue;
    const text = cell.getChars() || " ";
    const style = styleOf(cell);
    const run = runs.at(-1);
    if (run?.style === style) run.text += text;
    else runs.push({ style, from: column, text });
  }
  return runs.map(drawRun).join("");
}

function styleOf(cell: xterm.IBufferCell): string {
  const color = cell.isFgPalette() ? COLORS[cell.getFgColor()] : undefined;
  const classes = [cell.isBold() ? "b" : "", cell.isDim() ? "d" : ""].join("");
  return `${color === undefined ? "" : ` fill="${color}"`}${classes === "" ? "" : ` class="${classes}"`}`;
}

/** Fonts differ in width; `textLength` keeps the columns. */
function drawRun({ style, from, text }: { style: string; from: number; text: string }): string {
  const trimmed = text.trimEnd();
  if (trimmed === "") return "";
  const start = from + trimmed.length - trimmed.trimStart().length;
  const shown = trimmed.trimStart().replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const length = trimmed.trimStart().length * CELL.width;
  return `<text x="${round(start * CELL.width)}" textLength="${round(length)}"${style}>${shown}</text>`;
}

function svgOf(screens: readonly Screen[], { width, height }: { width: number; height: number }): string {
  const rows = [...new Set(screens.flatMap((screen) => screen.rows))].filter((row) => row !== "");
  const ids = new Map(rows.map((row, index) => [row, `r${index}`]));
  const totalMs = screens.reduce((sum, { ms }) => sum + ms, 0);
  let beganMs = 0;
  const steps = screens.map(({ ms }, index) => {
    const percent = (100 * beganMs) / totalMs;
    beganMs += ms;
    return `${percent.toFixed(2)}%{transform:translateX(${-index * width}px)}`;
  });
  const drawn = screens.map(
    (screen, index) =>
      `<g transform="translate(${round(index * width + MARGIN)} ${MARGIN})">${screen.rows
        .map((row, y) => (ids.has(row) ? `<use href="#${ids.get(row)}" y="${(y + 0.75) * CELL.height}"/>` : ""))
        .join("")}</g>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>A terminal: an outage, its failed calls by cause, their replay, and no failed call left</title>
<style>
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}
.b{font-weight:bold}.d{opacity:.65}
.film{animation:play ${totalMs}ms steps(1,end) infinite}
@keyframes play{${steps.join("")}}
@media (prefers-reduced-motion:reduce){.film{animation:none;transform:translateX(${-(screens.length - 1) * width}px)}}
</style>
<defs>${rows.map((row) => `<g id="${ids.get(row)}">${row}</g>`).join("\n")}</defs>
<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8" fill="${BACKGROUND}" stroke="#8b949e"/>
<g class="film" fill="${FOREGROUND}">
${drawn.join("\n")}
</g>
</svg>
`;
}

function round(length: number): number {
  return Math.round(length * 10) / 10;
}
