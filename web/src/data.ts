// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Results as the core embeds them in a tear sheet: src/tearsheet/sheet_data.cpp writes what this file reads. */

import type { Audit } from './audit';
import { daysToSeconds } from './text';

export type Values = Float64Array | string[];

/** Columns of equal length by name. Dates are seconds since 1970, a missing number is NaN. */
export interface Table {
  readonly rows: number;
  readonly columns: ReadonlyMap<string, Values>;
}

export interface Diagnostics {
  readonly [count: string]: unknown;
  readonly warnings: string[];
  readonly missing_group: Record<string, number>;
}

export interface Result {
  readonly name: string;
  readonly run_id: string;
  readonly snapshot: string;
  readonly periods_per_year: number;
  readonly elapsed_seconds: number;
  readonly config: Record<string, unknown>;
  readonly diagnostics: Diagnostics;
  readonly tables: ReadonlyMap<string, Table>;
  /** The command line's arguments that repeat the run, if they are known. */
  readonly arguments: string;
  /** The options of the service of this command: the days and the storage that the server was started with, if they differ from their defaults. */
  readonly service: Record<string, unknown>;
  /** Its other options: the value column, those of reading, and those that differ from their defaults. */
  readonly given: Record<string, unknown>;
  /** One sentence about the study that the run is a trial of; empty if none. */
  readonly study: string;
  /** The look-ahead audit of the signal; null if none was made. */
  readonly audit: Audit | null;
}

export interface Sheet {
  readonly title: string;
  readonly engine: string;
  readonly results: Result[];
}

interface Packed {
  name: string;
  kind: 'values' | 'dates' | 'floats' | 'steps';
  values?: (number | string | null)[];
  bytes?: string;
  first?: number;
  step?: number;
}

function toBytes(base64: string): DataView {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) bytes[i] = text.charCodeAt(i);
  return new DataView(bytes.buffer);
}

const MISSING_STEP = 0xffff;

function unpack(column: Packed): Values {
  if (column.kind === 'values') {
    const values = column.values ?? [];
    if (values.some((value) => typeof value === 'string')) return values.map((value) => String(value ?? ''));
    return Float64Array.from(values, (value) => (value === null ? NaN : Number(value)));
  }
  const bytes = toBytes(column.bytes ?? '');
  const first = column.first ?? 0;
  if (column.kind === 'floats')
    return Float64Array.from({ length: bytes.byteLength / 4 }, (_, i) => bytes.getFloat32(4 * i, true));
  if (column.kind === 'steps')
    return Float64Array.from({ length: bytes.byteLength / 2 }, (_, i) => {
      const step = bytes.getUint16(2 * i, true);
      return step === MISSING_STEP ? NaN : first + step * (column.step ?? 1);
    });
  let day = first;
  return Float64Array.from({ length: bytes.byteLength / 2 }, (_, i) => daysToSeconds((day += bytes.getUint16(2 * i, true))));
}

interface PackedResult {
  name: string;
  arguments: string;
  study: string;
  audit: Audit | null;
  service: Record<string, unknown>;
  given: Record<string, unknown>;
  facts: Omit<Result, 'name' | 'arguments' | 'study' | 'audit' | 'service' | 'given' | 'tables'>;
  tables: Record<string, { rows: number; columns: Packed[] }>;
}

const unpackResult = (packed: PackedResult): Result => ({
  ...packed.facts,
  name: packed.name,
  arguments: packed.arguments,
  study: packed.study,
  audit: packed.audit,
  service: packed.service,
  given: packed.given,
  tables: new Map(
    Object.entries(packed.tables).map(([name, table]) => [
      name,
      { rows: table.rows, columns: new Map(table.columns.map((column) => [column.name, unpack(column)])) },
    ]),
  ),
});

export function readSheet(text: string): Sheet {
  const packed = JSON.parse(text) as { title: string; engine: string; results: PackedResult[] };
  return { ...packed, results: packed.results.map(unpackResult) };
}

/** Names of a period of the data, by the minimum of periods per year that has it. */
const PERIOD_NAMES: [minimum: number, name: string][] = [[100, 'day'], [30, 'week'], [8, 'month'], [3, 'quarter']];

/** "day" of daily data, "month" of monthly data. */
export const periodName = ({ periods_per_year }: Pick<Result, 'periods_per_year'>): string => PERIOD_NAMES.find(([minimum]) => periods_per_year >= minimum)?.[1] ?? 'year';

/** A column of numbers; null if the table lacks it or has no known value. */
export function numbers(table: Table | undefined, name: string): Float64Array | null {
  const values = table?.columns.get(name);
  return values instanceof Float64Array && values.some((value) => !Number.isNaN(value)) ? values : null;
}

export function texts(table: Table | undefined, name: string): string[] {
  const values = table?.columns.get(name);
  if (values === undefined) return [];
  return values instanceof Float64Array ? Array.from(values, (value) => (Number.isNaN(value) ? '' : String(value))) : values;
}

/** One number of a table. */
export const at = (table: Table | undefined, name: string, row = 0): number => numbers(table, name)?.[row] ?? NaN;

/** A count of the diagnostics. */
export const counted = (result: Result, name: string): number => {
  const value = result.diagnostics[name];
  return typeof value === 'number' ? value : 0;
};
