import type { WordNode } from "./word-node.js";

/** A bash script; it needs nothing but bash 3.2. */
export function bashScript(nodes: readonly WordNode[]): string {
  const cases = nodes.map(({ path, words, flags }) => {
    const all = [...words.map(([word]) => word), ...flags.map(({ name }) => name)].join(" ");
    return `    ${JSON.stringify(path)}) words=${JSON.stringify(all)} ;;`;
  });
  return `# whcb completion for bash: eval "$(whcb completion bash)"
_whcb() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path="" words="" word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "\${path:+$path }$word" in
      ${commandPattern(nodes)}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path $previous" in
${choiceCases(nodes)}
  esac
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _whcb whcb
`;
}

function commandPattern(nodes: readonly WordNode[]): string {
  return nodes
    .filter(({ path }) => path !== "")
    .map(({ path }) => JSON.stringify(path))
    .join("|");
}

/** After a flag that takes one of some words, those words (a flag's may differ from command to command); after another that takes a value, files. */
function choiceCases(nodes: readonly WordNode[]): string {
  return nodes
    .flatMap(({ path, flags }) =>
      flags.filter(({ takesValue }) => takesValue).map((flag) => [`${path} ${flag.name}`, flag.choices] as const),
    )
    .map(([place, choices]) => {
      const offered = choices.length === 0 ? "-f" : `-W ${JSON.stringify(choices.join(" "))}`;
      return `    ${JSON.stringify(place)}) COMPREPLY=($(compgen ${offered} -- "$current")); return ;;`;
    })
    .join("\n");
}
