import type { WordNode } from "./word-node.js";

/** A zsh script for eval or for a file _whcb in fpath. */
export function zshScript(nodes: readonly WordNode[]): string {
  const cases = nodes.map(({ path, words, flags }) => {
    const entries = [
      ...words.map(([word, summary]) => quote(`${escapeColons(word)}:${summary}`)),
      ...flags.map(({ name, summary }) => quote(`${name}:${summary}`)),
    ];
    return `    ${quote(path)}) words_here=(${entries.join(" ")}) ;;`;
  });
  return `#compdef whcb
# whcb completion for zsh: eval "$(whcb completion zsh)"
_whcb() {
  local path_here="" word i previous="\${words[CURRENT-1]}"
  local -a words_here
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    case "\${path_here:+$path_here }$word" in
      ${nodes
        .filter(({ path }) => path !== "")
        .map(({ path }) => quote(path))
        .join("|")}) path_here="\${path_here:+$path_here }$word" ;;
    esac
  done
  case "$path_here $previous" in
${valueCases(nodes)}
  esac
  case "$path_here" in
${cases.join("\n")}
  esac
  _describe 'whcb' words_here || _files
}
compdef _whcb whcb
`;
}

function valueCases(nodes: readonly WordNode[]): string {
  return nodes
    .flatMap(({ path, flags }) =>
      flags.filter(({ takesValue }) => takesValue).map((flag) => [`${path} ${flag.name}`, flag.choices] as const),
    )
    .map(
      ([place, choices]) => `    ${quote(place)}) ${choices.length === 0 ? "_files" : `compadd ${choices.join(" ")}`}; return ;;`,
    )
    .join("\n");
}

function escapeColons(text: string): string {
  return text.replaceAll(":", "\\:");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
