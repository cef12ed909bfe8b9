// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** The part of the run that the page shows: every chart over time and the headline follow it. */

export interface Period {
  readonly from: number;
  readonly to: number;
}

export class PeriodChoice {
  private chosen: Period | null = null;
  private readonly listeners: ((period: Period | null) => void)[] = [];

  /** Null: the whole run. */
  get(): Period | null {
    return this.chosen;
  }

  set(period: Period | null): void {
    this.chosen = period;
    for (const listener of this.listeners) listener(period);
  }

  listen(listener: (period: Period | null) => void): void {
    this.listeners.push(listener);
  }
}

/** Positions [first, last) of the dates within a period. */
export function slice(dates: Float64Array, period: Period | null): [number, number] {
  if (period === null) return [0, dates.length];
  let first = 0;
  while (first < dates.length && (dates[first] ?? 0) < period.from) ++first;
  let last = first;
  while (last < dates.length && (dates[last] ?? 0) <= period.to) ++last;
  return [first, last];
}
