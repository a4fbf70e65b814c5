import { isAbsolute, relative, sep } from "node:path";

/** Whether `path` is `folder` or lies below it. Both absolute; no symbolic link is followed. */
export function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}
