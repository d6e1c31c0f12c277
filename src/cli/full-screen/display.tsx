/** @jsxImportSource react */
/** With Ink and React this becomes a file of its own (build.mjs), so it imports only types of ours, and values of frame.ts. */
import { Box, type Key as InkKey, render, Text, useInput } from "ink";
import type { ReactElement } from "react";
import type { FullScreen, ScreenSize } from "../../platform/full-screen.js";
import { bodyRows, type Frame, type Key } from "./frame.js";

export interface Display {
  update(): void;
  close(): void;
}

export interface DisplayParts {
  readonly screen: FullScreen;
  readonly frame: (size: ScreenSize) => Frame;
  readonly onKey: (key: Key) => void;
}

/** Leaves the screen when closed. */
export function openDisplay({ screen, frame, onKey }: DisplayParts): Display {
  const onInput = (input: string, inkKey: InkKey): void => {
    if (inkKey.ctrl && input === "z") screen.suspend();
    else for (const key of keysOf(input, inkKey)) onKey(key);
  };
  const page = (): ReactElement => {
    const size = screen.size();
    return <Page frame={frame(size)} size={size} onInput={onInput} />;
  };
  const { rerender, unmount } = render(page(), {
    stdout: screen.output,
    stdin: screen.input,
    exitOnCtrlC: false,
    patchConsole: false,
    // Whole frames, at once: the screen writes what changed.
    debug: true,
  });
  const update = (): void => rerender(page());
  screen.onResize(update);
  return {
    update,
    close() {
      screen.leave();
      unmount();
    },
  };
}

interface PageParts {
  readonly frame: Frame;
  readonly size: ScreenSize;
  readonly onInput: (input: string, key: InkKey) => void;
}

function Page({ frame, size, onInput }: PageParts): ReactElement {
  useInput(onInput);
  return <FrameView frame={frame} size={size} />;
}

export function FrameView({ frame, size }: Omit<PageParts, "onInput">): ReactElement {
  const rows = bodyRows(size.rows, frame);
  const body = Array.from({ length: rows }, (_, index) => frame.body[index] ?? "");
  const lines = [...frame.header, ...body, ...frame.footer].slice(0, size.rows);
  return (
    <Box flexDirection="column" width={size.columns}>
      {lines.map((line, index) => (
        <Text key={index} wrap="truncate">
          {String(line) || " "}
        </Text>
      ))}
    </Box>
  );
}

const NAMED = [
  ["upArrow", "up"],
  ["downArrow", "down"],
  ["pageUp", "pageUp"],
  ["pageDown", "pageDown"],
  ["home", "home"],
  ["end", "end"],
  ["return", "enter"],
  ["rightArrow", "enter"],
  ["escape", "escape"],
  ["leftArrow", "escape"],
  ["tab", "tab"],
  // Terminals send one or the other for the same key.
  ["backspace", "backspace"],
  ["delete", "backspace"],
] as const;

function keysOf(input: string, key: InkKey): readonly Key[] {
  if (key.ctrl) return input === "c" ? [{ name: "interrupt" }] : [];
  const named = NAMED.find(([inkName]) => key[inkName]);
  if (named !== undefined) return [{ name: named[1] }];
  if (key.meta) return [];
  return [...input].map((character) => (character === "\r" ? { name: "enter" } : { name: "character", character }));
}
