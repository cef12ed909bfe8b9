// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Statistics of a part of a series, as docs/methodology.md section 8 defines them; of the whole run the engine's are shown. */

export const TINY = 1e-15;

export function mean(x: Float64Array): number {
  let sum = 0;
  for (const value of x) sum += value;
  return x.length ? sum / x.length : NaN;
}

export function deviation(x: Float64Array): number {
  if (x.length < 2) return NaN;
  const centre = mean(x);
  let sum = 0;
  for (const value of x) sum += (value - centre) ** 2;
  return Math.sqrt(sum / (x.length - 1));
}

export function sharpe(x: Float64Array, periodsPerYear: number): number {
  const spread = deviation(x);
  return spread >= TINY ? (Math.sqrt(periodsPerYear) * mean(x)) / spread : NaN;
}

export function cumulated(x: Float64Array): Float64Array {
  let sum = 0;
  return x.map((value) => (sum += Number.isNaN(value) ? 0 : value));
}

export function drawdown(x: Float64Array): Float64Array {
  let sum = 0;
  let highest = 0;
  return x.map((value) => {
    sum += Number.isNaN(value) ? 0 : value;
    highest = Math.max(highest, sum);
    return sum - highest;
  });
}

/** Half of the 95 % interval of the annualised Sharpe ratio under autocorrelation (Opdyke 2007, Newey and West 1987). */
export function sharpeError(x: Float64Array, periodsPerYear: number): number {
  const n = x.length;
  const spread = deviation(x) * Math.sqrt((n - 1) / n);
  if (!(spread >= TINY)) return NaN;
  const centre = mean(x);
  const ratio = centre / spread;
  const influence = x.map((value) => {
    const z = (value - centre) / spread;
    return z - (ratio / 2) * (z * z - 1);
  });
  const lags = Math.floor(4 * (n / 100) ** (2 / 9));
  let variance = 0;
  for (let lag = 0; lag <= lags && lag < n; ++lag) {
    let sum = 0;
    for (let i = lag; i < n; ++i) sum += (influence[i] ?? 0) * (influence[i - lag] ?? 0);
    variance += ((lag ? 2 : 1) * (1 - lag / (lags + 1)) * sum) / n;
  }
  return 1.959963984540054 * Math.sqrt((periodsPerYear * Math.max(variance, 0)) / n);
}

/** Mean of the last `window` values; NaN before there are so many. Missing values count for nothing. */
export function rollingMean(x: Float64Array, window: number): Float64Array {
  const out = new Float64Array(x.length).fill(NaN);
  let sum = 0;
  let known = 0;
  for (let i = 0; i < x.length; ++i) {
    const added = x[i] ?? NaN;
    if (!Number.isNaN(added)) (sum += added), ++known;
    const left = i >= window ? (x[i - window] ?? NaN) : NaN;
    if (!Number.isNaN(left)) (sum -= left), --known;
    if (i >= window - 1 && known > 0) out[i] = sum / known;
  }
  return out;
}

export function rollingSharpe(x: Float64Array, window: number, periodsPerYear: number): Float64Array {
  const out = new Float64Array(x.length).fill(NaN);
  for (let i = window - 1; i < x.length; ++i) out[i] = sharpe(x.subarray(i - window + 1, i + 1), periodsPerYear);
  return out;
}

export function correlation(x: Float64Array, y: Float64Array): number {
  const cx = mean(x);
  const cy = mean(y);
  let xy = 0;
  let xx = 0;
  let yy = 0;
  for (let i = 0; i < x.length; ++i) {
    const dx = (x[i] ?? NaN) - cx;
    const dy = (y[i] ?? NaN) - cy;
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : NaN;
}

export interface Bin {
  readonly centre: number;
  readonly width: number;
  readonly count: number;
}

/** At most `bins` bins of a round width: 1, 2 or 5 times a power of ten. Their centres are multiples of it. */
export function histogram(x: Float64Array, bins: number): Bin[] {
  const known = x.filter((value) => !Number.isNaN(value));
  if (known.length === 0) return [];
  let low = Infinity;
  let high = -Infinity;
  for (const value of known) (low = Math.min(low, value)), (high = Math.max(high, value));
  const rough = (high - low) / Math.max(1, bins - 1) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const width = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const place = (value: number): number => Math.round(value / width);
  const first = place(low);
  const counts = new Array<number>(place(high) - first + 1).fill(0);
  for (const value of known) counts[place(value) - first] = (counts[place(value) - first] ?? 0) + 1;
  return counts.map((count, i) => ({ centre: (first + i) * width, width, count }));
}
