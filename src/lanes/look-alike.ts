/** Letters of other scripts that nobody tells from a Latin one. */
const twins: Readonly<Record<string, string>> = {
  а: "a",
  с: "c",
  ԁ: "d",
  е: "e",
  ɡ: "g",
  һ: "h",
  і: "i",
  ј: "j",
  ӏ: "l",
  о: "o",
  р: "p",
  ԛ: "q",
  ѕ: "s",
  ү: "y",
  х: "x",
  у: "y",
  ԝ: "w",
  α: "a",
  ο: "o",
  ρ: "p",
  ν: "v",
  ı: "i",
  "‐": "-",
  "‑": "-",
  "−": "-",
};

/**
 * What a path looks like: two paths that come to the same are one file on some disks (another case, another form of the
 * same letter), or one to the eye.
 */
export function looksLike(path: string): string {
  const plain = path.normalize("NFKC").replaceAll(/\p{Default_Ignorable_Code_Point}/gu, "").toLowerCase();
  return plain.replaceAll(/[^\0-\x7f]/gu, (letter) => twins[letter] ?? letter);
}
