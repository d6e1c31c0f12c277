import type { WordNode } from "./word-node.js";

export function powershellScript(nodes: readonly WordNode[]): string {
  const table = nodes
    .map(
      ({ path, words, flags }) =>
        `  ${quote(path)} = @(${[...words.map(([word]) => word), ...flags.map(({ name }) => name)].map(quote).join(", ")})`,
    )
    .join("\n");
  const choiceTable = nodes
    .flatMap(({ path, flags }) =>
      flags.filter(({ choices }) => choices.length > 0).map((flag) => [`${path} ${flag.name}`, flag.choices] as const),
    )
    .map(([place, words]) => `  ${quote(place)} = @(${words.map(quote).join(", ")})`)
    .join("\n");
  return `# whcb completion for PowerShell: whcb completion powershell | Out-String | Invoke-Expression
$script:whcbWords = @{
${table}
}
$script:whcbChoices = @{
${choiceTable}
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

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
