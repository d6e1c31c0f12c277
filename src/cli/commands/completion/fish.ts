import type { WordNode } from "./word-node.js";

export function fishScript(nodes: readonly WordNode[]): string {
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
  const paths = nodes.filter(({ path }) => path !== "").map(({ path }) => quote(path));
  return `# whcb completion for fish: whcb completion fish | source
function __whcb_at
  set -l path ""
  for word in (commandline -opc)[2..-1]
    set -l longer (string trim "$path $word")
    if contains -- $longer ${paths.join(" ")}
      set path $longer
    end
  end
  test "$path" = "$argv[1]"
end
${lines.join("\n")}
`;
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
