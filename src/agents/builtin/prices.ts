import table from "../../../registries/prices.json" with { type: "json" };
import { type Price, priceIn, type PriceLists } from "../../model/prices.ts";

const { $schema: _, ...lists } = table as PriceLists & { $schema?: unknown };

/** The price of a model in the table that comes with Capstan, or `null`. */
export function priceOf(model: string): Price | null {
  return priceIn(lists, model);
}
