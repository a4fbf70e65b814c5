import { z } from "zod";

// A process uses most schemas once: compiling them into functions costs more than it saves.
z.config({ jitless: true });

export { z };
