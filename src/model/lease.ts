/** Who holds the lease of a plan on a remote. Times are ISO 8601 and come from the holder's clock. */
export interface LeaseHolder {
  run: string;
  /** `Name <email>` as git knows it there. */
  by: string;
  host: string;
  pid: number;
  since: string;
  /** Its last sign of life. */
  seen: string;
  /** Milliseconds without a sign of life after which others may take it over. */
  staleMs: number;
}
