import { z } from "zod";

/** A host that may be reached: a name or `*.name` for everything below it, with a port where it is neither 80 nor 443. */
export const hostPattern = z.string().regex(/^(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::(?:\d{1,5}|\*))?$/i, {
  error: "must be a host (`api.example.com`, `*.example.com`), with a port when it is neither 80 nor 443",
});

/** Whether the list lets a connection through. Pure. Case does not count; a star stands for one label or more. */
export function hostAllowed(list: readonly string[], host: string, port: number): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  return list.some((pattern) => {
    const [wanted = "", at] = pattern.toLowerCase().split(":");
    const fits = wanted.startsWith("*.")
      ? name.endsWith(wanted.slice(1)) && name.length > wanted.length - 1
      : name === wanted;
    return fits && (at === "*" || (at === undefined ? port === 80 || port === 443 : port === Number(at)));
  });
}
