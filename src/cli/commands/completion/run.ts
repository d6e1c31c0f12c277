import { singleQuote } from "../../../domain/command-line.js";
import { requireOneOf } from "../../args/closest-match.js";
import { type CommandSpec, type Invocation, isGroup, type Section } from "../../args/command-spec.js";
import { type Flag, flagName } from "../../args/flag.js";
import { GLOBAL_FLAGS } from "../../args/shared-flags.js";
import { layoutText } from "../../output/screen-text.js";
import { SHELLS } from "./command.js";

export async function run({ args, screen }: Invocation): Promise<number> {
  const given = args.operand(0);
  const shell = requireOneOf(given.toLowerCase(), SHELLS, "usage", `no completion for ${JSON.stringify(given)}`);
  const { SECTIONS } = await import("../all.js");
  await screen.out(layoutText(SCRIPTS[shell](wordTree(SECTIONS))));
  return 0;
}

const HELP: CompletedFlag = { name: "--help", summary: "show help", takesValue: false, choices: [] };
const VERSION: CompletedFlag = { name: "--version", summary: "print the version", takesValue: false, choices: [] };

function wordTree(sections: readonly Section[]): readonly WordNode[] {
  const entries = sections.flatMap((section) => section.entries);
  const globals = [...GLOBAL_FLAGS.map(toCompleted), HELP];
  const topWords = [...entries.map(toWord), ["help", "help for a command, or for exit-codes"] as const];
  const commandNode = (spec: CommandSpec, path: string): WordNode => ({
    path,
    words: spec.name === "completion" ? SHELLS.map((shell) => [shell, ""] as const) : [],
    flags: [...spec.flags.map(toCompleted), ...globals],
  });
  return [
    { path: "", words: topWords, flags: [...globals, VERSION] },
    ...entries.flatMap((entry) =>
      isGroup(entry)
        ? [
            { path: entry.name, words: entry.commands.map(toWord), flags: globals },
            ...entry.commands.map((spec) => commandNode(spec, `${entry.name} ${spec.name}`)),
          ]
        : [commandNode(entry, entry.name)],
    ),
  ];
}

function toWord({ name, summary }: { readonly name: string; readonly summary: string }): readonly [string, string] {
  return [name, summary];
}

function toCompleted(flag: Flag<unknown>): CompletedFlag {
  return {
    name: flagName(flag.syntax),
    summary: flag.summary,
    takesValue: /[<[]/.test(flag.syntax),
    choices: flag.choices ?? [],
  };
}

interface WordNode {
  /** "" is whcb itself, then "calls", "calls list". */
  readonly path: string;
  readonly words: readonly (readonly [word: string, summary: string])[];
  readonly flags: readonly CompletedFlag[];
}

interface CompletedFlag {
  readonly name: string;
  readonly summary: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], (nodes: readonly WordNode[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
  powershell: powershellScript,
};

/** Works with bash 3.2 (macOS). */
function bashScript(nodes: readonly WordNode[]): string {
  const cases = nodes.map(
    ({ path, words, flags }) => `    ${JSON.stringify(path)}) words=${JSON.stringify(allWords(words, flags).join(" "))} ;;`,
  );
  // After a flag with a value: its choices, which differ by command, else files.
  const valueCases = valueFlags(nodes).map(([place, choices]) => {
    const offered = choices.length === 0 ? "-f" : `-W ${JSON.stringify(choices.join(" "))}`;
    return `    ${JSON.stringify(place)}) COMPREPLY=($(compgen ${offered} -- "$current")); return ;;`;
  });
  return `# whcb completion for bash: eval "$(whcb completion bash)"
_whcb() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path="" words="" word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "\${path:+$path }$word" in
      ${commandPaths(nodes)
        .map((path) => JSON.stringify(path))
        .join("|")}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path $previous" in
${valueCases.join("\n")}
  esac
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _whcb whcb
`;
}

/** For eval, or as a file _whcb in fpath. */
function zshScript(nodes: readonly WordNode[]): string {
  const cases = nodes.map(({ path, words, flags }) => {
    const entries = [
      ...words.map(([word, summary]) => singleQuote(`${word.replaceAll(":", "\\:")}:${summary}`)),
      ...flags.map(({ name, summary }) => singleQuote(`${name}:${summary}`)),
    ];
    return `    ${singleQuote(path)}) words_here=(${entries.join(" ")}) ;;`;
  });
  const valueCases = valueFlags(nodes).map(
    ([place, choices]) =>
      `    ${singleQuote(place)}) ${choices.length === 0 ? "_files" : `compadd ${choices.join(" ")}`}; return ;;`,
  );
  return `#compdef whcb
# whcb completion for zsh: eval "$(whcb completion zsh)"
_whcb() {
  local path_here="" word i previous="\${words[CURRENT-1]}"
  local -a words_here
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    case "\${path_here:+$path_here }$word" in
      ${commandPaths(nodes).map(singleQuote).join("|")}) path_here="\${path_here:+$path_here }$word" ;;
    esac
  done
  case "$path_here $previous" in
${valueCases.join("\n")}
  esac
  case "$path_here" in
${cases.join("\n")}
  esac
  _describe 'whcb' words_here || _files
}
compdef _whcb whcb
`;
}

function fishScript(nodes: readonly WordNode[]): string {
  const quote = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = nodes.flatMap(({ path, words, flags }) => {
    const condition = `-n ${quote(`__whcb_at ${quote(path)}`)}`;
    return [
      ...words.map(([word, summary]) => `complete -c whcb -f ${condition} -a ${quote(word)} -d ${quote(summary)}`),
      ...flags.map(({ name, summary, takesValue, choices }) => {
        const value = choices.length > 0 ? ` -x -a ${quote(choices.join(" "))}` : takesValue ? " -r" : "";
        return `complete -c whcb ${condition} -l ${name.slice(2)} -d ${quote(summary)}${value}`;
      }),
    ];
  });
  return `# whcb completion for fish: whcb completion fish | source
function __whcb_at
  set -l path ""
  for word in (commandline -opc)[2..-1]
    set -l longer (string trim "$path $word")
    if contains -- $longer ${commandPaths(nodes).map(quote).join(" ")}
      set path $longer
    end
  end
  test "$path" = "$argv[1]"
end
${lines.join("\n")}
`;
}

function powershellScript(nodes: readonly WordNode[]): string {
  const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
  const entry = (key: string, words: readonly string[]) => `  ${quote(key)} = @(${words.map(quote).join(", ")})`;
  const wordTable = nodes.map(({ path, words, flags }) => entry(path, allWords(words, flags)));
  const choiceTable = valueFlags(nodes)
    .filter(([, choices]) => choices.length > 0)
    .map(([place, choices]) => entry(place, choices));
  return `# whcb completion for PowerShell: whcb completion powershell | Out-String | Invoke-Expression
$script:whcbWords = @{
${wordTable.join("\n")}
}
$script:whcbChoices = @{
${choiceTable.join("\n")}
}
Register-ArgumentCompleter -Native -CommandName whcb -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $typed = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  if ($wordToComplete -ne '' -and $typed.Count -gt 0) { $typed = @($typed | Select-Object -SkipLast 1) }
  $path = ''
  foreach ($word in $typed) {
    $longer = "$path $word".Trim()
    if ($script:whcbWords.ContainsKey($longer)) { $path = $longer }
  }
  $last = if ($typed.Count -gt 0) { $typed[-1] } else { '' }
  $words = if ($script:whcbChoices.ContainsKey("$path $last")) { $script:whcbChoices["$path $last"] } else { $script:whcbWords[$path] }
  $words | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`;
}

function commandPaths(nodes: readonly WordNode[]): readonly string[] {
  return nodes.map(({ path }) => path).filter((path) => path !== "");
}

function allWords(words: WordNode["words"], flags: WordNode["flags"]): readonly string[] {
  return [...words.map(([word]) => word), ...flags.map(({ name }) => name)];
}

function valueFlags(nodes: readonly WordNode[]): readonly (readonly [place: string, choices: readonly string[]])[] {
  return nodes.flatMap(({ path, flags }) =>
    flags.filter(({ takesValue }) => takesValue).map(({ name, choices }) => [`${path} ${name}`, choices] as const),
  );
}
