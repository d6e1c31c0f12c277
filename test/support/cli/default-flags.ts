/** Returns the defaults whose flags aren't given: a flag that takes one value can't be given twice. */
export function defaultFlags(argv: readonly string[], defaults: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(defaults)
    .filter(([flag]) => !argv.some((word) => word.split("=")[0] === flag))
    .flat();
}
