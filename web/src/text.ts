// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Numbers, dates and foreign names as text. */

const MISSING = '–';
const DAY_SECONDS = 86_400;
export const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const minus = (text: string): string => (text.startsWith('-') ? `−${text.slice(1)}` : text);

/** A fixed number of digits; thousands apart. */
export function fixed(value: number | undefined, digits = 2): string {
  if (value === undefined || !Number.isFinite(value)) return MISSING;
  const text = value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return minus(/^-0\.?0*$/.test(text) ? text.slice(1) : text);
}

export const percent = (value: number | undefined, digits = 1): string =>
  value === undefined || !Number.isFinite(value) ? MISSING : `${fixed(100 * value, digits)} %`;

export const whole = (value: number | undefined): string => fixed(value, 0);

/** The label of a tick: as many digits as tell it from its neighbour, which is a step away. */
export type AxisFormat = (value: number, step: number) => string;

const MOST_DIGITS = 6;

function digitsOf(step: number): number {
  for (let digits = 0; digits < MOST_DIGITS; ++digits) {
    const scaled = step * 10 ** digits;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 * scaled) return digits;
  }
  return MOST_DIGITS;
}

export const fixedAxis: AxisFormat = (value, step) => fixed(value, digitsOf(step));
export const percentAxis: AxisFormat = (value, step) => percent(value, digitsOf(100 * step));

const DOLLAR_UNITS: [size: number, letters: string][] = [[1e9, 'bn'], [1e6, 'm'], [1e3, 'k']];

/** "$6.36k": three significant digits of an amount of any size. */
export function dollars(value: number): string {
  if (!Number.isFinite(value)) return MISSING;
  // Rounded first: 999,600 is "$1m", not "$1000k".
  const rounded = Number(Math.abs(value).toPrecision(3));
  const [size, letters] = DOLLAR_UNITS.find(([unit]) => rounded >= unit) ?? [1, ''];
  return `${value < 0 ? '−' : ''}$${Number((rounded / size).toPrecision(3))}${letters}`;
}

/** A message that begins with its code, such as "FEW_PERIODS: the …", as [sentence, code]; "" if it has none. */
export function splitCode(message: string): [sentence: string, code: string] {
  const found = /^([A-Z][A-Z_]+): (.*)$/s.exec(message);
  return found ? [found[2] ?? '', found[1] ?? ''] : [message, ''];
}

/** A message as a reader wants it: the sentence first, its code in brackets behind it. */
export function codeLast(message: string): string {
  const [sentence, code] = splitCode(message);
  return code ? `${capitalised(sentence)} (${code})` : sentence;
}

export const capitalised = (text: string): string => text.replace(/^./, (first) => first.toUpperCase());

/** A p value: never "0.000". */
export const chance = (p: number | undefined): string =>
  p !== undefined && p < 0.001 ? '< 0.001' : fixed(p, 3);

/** The UTC date of seconds since 1970. */
export const isoDate = (seconds: number): string =>
  Number.isFinite(seconds) ? new Date(seconds * 1000).toISOString().slice(0, 10) : MISSING;

export const secondsOf = (iso: string): number => Date.parse(`${iso}T00:00:00Z`) / 1000;
export const daysToSeconds = (day: number): number => day * DAY_SECONDS;

/**
 * A foreign name as it may be shown: control characters and marks that turn the direction of writing are spelled out, so that a
 * name cannot pass for another one.
 */
export const shown = (name: string): string =>
  name.replace(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (c) => `‹U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}›`,
  );
