/** Scripts of these ask `whcb __complete` for everything, so they stay valid when whcb changes. */
export const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;
export type Shell = (typeof SHELLS)[number];

/** `BASH` works with bash 3.2 (macOS) too, there without file names. */
const BASH = `# whcb completion for bash: eval "$(whcb completion bash)"
_whcb() {
  local candidate
  COMPREPLY=()
  while IFS= read -r candidate; do
    if [ "$candidate" = $'\\tfiles' ]; then
      type compopt >/dev/null 2>&1 && compopt -o default
    else
      COMPREPLY+=("$candidate")
    fi
  done < <(whcb __complete bash "\${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
}
complete -F _whcb whcb
`;

/** `ZSH` works with eval, and as a file _whcb in fpath. */
const ZSH = `#compdef whcb
# whcb completion for zsh: eval "$(whcb completion zsh)"
_whcb() {
  local line value
  local -a found values shown
  found=("\${(@f)$(whcb __complete zsh "\${(@Q)words[2,CURRENT-1]}" ":\${(Q)PREFIX}" 2>/dev/null)}")
  for line in "\${found[@]}"; do
    [[ -z $line ]] && continue
    if [[ $line == $'\\tfiles' ]]; then
      _files
      return
    fi
    value="\${line%%$'\\t'*}"
    values+=("$value")
    if [[ -n "\${line#*$'\\t'}" ]]; then shown+=("$value  -- \${line#*$'\\t'}"); else shown+=("$value"); fi
  done
  (( \${#values} )) && compadd -l -d shown -a values
}
if [[ "\${funcstack[1]}" = _whcb ]]; then
  _whcb "$@"
else
  compdef _whcb whcb
fi
`;

const FISH = `# whcb completion for fish: whcb completion fish | source
function __whcb_complete
  set -l words (commandline -opc)
  set -l found (whcb __complete fish $words[2..-1] ":"(string unescape -- (commandline -ct)) 2>/dev/null)
  if test "$found" = \\tfiles
    __fish_complete_path (commandline -ct)
  else
    string join -- \\n $found
  end
end
complete -c whcb -f -a "(__whcb_complete)"
`;

const POWERSHELL = `# whcb completion for PowerShell: whcb completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName whcb -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $before = @($commandAst.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $cursorPosition })
  $words = @($before | ForEach-Object { if ($null -ne $_.Value) { $_.Value } else { $_.ToString() } })
  $current = $wordToComplete.Trim('"', "'")
  whcb __complete powershell @words ":$current" 2>$null | ForEach-Object {
    $value, $summary = $_ -split "\`t", 2
    if ($value -ne '') {
      # Curly quotes end a string too.
      $typed = if ($value -match '^[\\w./:%+=-]+$') { $value } else { "'" + ($value -replace "['\\u2018-\\u201B]", '$0$0') + "'" }
      if (-not $summary) { $summary = $value }
      [System.Management.Automation.CompletionResult]::new($typed, $value, 'ParameterValue', $summary)
    }
  }
}
`;

export const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: BASH,
  zsh: ZSH,
  fish: FISH,
  powershell: POWERSHELL,
};
