import type { Forecast } from "../model/forecast.ts";
import { dollars } from "../model/text.ts";
import { count } from "./units.ts";

/** `about $3.20 and 40 minutes for the 7 steps left`: no more exact than it is. */
export function forecastText(forecast: Forecast): string {
  const { steps } = forecast;
  return `about ${amounts(forecast).join(" and ")} for the ${steps === 1 ? "step" : `${steps} steps`} left`;
}

/** The same where room is short: `about $3.20, 40 minutes left`. */
export function shortForecast(forecast: Forecast): string {
  return `about ${amounts(forecast).join(", ")} left`;
}

function amounts({ usd, durationMs }: Forecast): string[] {
  return [...usd === null ? [] : [dollars(usd)], roughly(durationMs)];
}

function roughly(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return "a minute";
  if (minutes < 90) return count(minutes, "minute");
  const hours = Math.round(minutes / 60);
  return hours < 48 ? count(hours, "hour") : count(Math.round(hours / 24), "day");
}
