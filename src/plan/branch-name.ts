/**
 * Why git would refuse `name` as a branch, or take it for an option; `null` when it is fine.
 * The rules are those of `git check-ref-format --branch`, without its expansion of `@{-1}`.
 */
export function branchNameProblem(name: string): string | null {
  if (name === "") return "is empty";
  if (name.startsWith("-")) return "starts with `-`, so that git takes it for an option";
  if (name === "HEAD" || name === "@") return `is \`${name}\`, a name that git keeps for itself`;
  if (name.startsWith("refs/")) return "starts with `refs/`: write the branch's short name";
  if (/[\p{Cc}]/u.test(name)) return "holds a control character";
  const forbidden = /[ ~^:?*[\\]/.exec(name);
  if (forbidden !== null) return forbidden[0] === " " ? "holds a space" : `holds \`${forbidden[0]}\``;
  for (const sequence of ["..", "@{", "//"]) {
    if (name.includes(sequence)) return `holds \`${sequence}\``;
  }
  if (name.startsWith("/") || name.endsWith("/")) return "starts or ends with `/`";
  if (name.endsWith(".")) return "ends with `.`";
  for (const component of name.split("/")) {
    if (component.startsWith(".")) return "has a part that starts with `.`";
    if (component.endsWith(".lock")) return "has a part that ends with `.lock`";
  }
  return new TextEncoder().encode(name).length > 200 ? "is longer than 200 bytes" : null;
}
