export const sandboxLevels = ["auto", "required", "none"] as const;

/** `auto`: where it works; `required`: nothing is started without it; `none`: not even where it would work. */
export type SandboxLevel = (typeof sandboxLevels)[number];
