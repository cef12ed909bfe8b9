// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** A signal file as the reader chose it: its type, and of CSV the first rows and the meaning of the columns. */

const TYPES: Record<string, string> = {
  csv: 'text/csv',
  parquet: 'application/vnd.apache.parquet',
  pq: 'application/vnd.apache.parquet',
  arrow: 'application/vnd.apache.arrow.file',
  feather: 'application/vnd.apache.arrow.file',
  ipc: 'application/vnd.apache.arrow.file',
  arrows: 'application/vnd.apache.arrow.stream',
};
const HEAD_BYTES = 64 * 1024;
const ROWS = 6;

/** The columns of a signal, and names that they often have elsewhere. */
export const MEANINGS: Record<string, RegExp> = {
  security_id: /^(security_?id|permno|gvkey|ticker|symbol|sid|id|isin|cusip|figi|asset)$/i,
  date_sig: /^(date_?sig|date|day|signal_?date|as_?of|timestamp|time)$/i,
  signal: /^(signal|score|value|alpha|factor|pred(iction)?)$/i,
};

export interface SignalFile {
  readonly file: File;
  readonly type: string;
  /** Of CSV: the header and the first rows; else empty. */
  readonly columns: string[];
  readonly rows: string[][];
  /** Bytes of the header line, its line break included. */
  readonly headBytes: number;
}

/** One line of CSV, quotes as RFC 4180 has them. */
export function splitLine(line: string): string[] {
  const out: string[] = [];
  let field = '';
  let inside = false;
  for (let i = 0; i < line.length; ++i) {
    const c = line.charAt(i);
    if (inside && c === '"' && line.charAt(i + 1) === '"') (field += '"'), ++i;
    else if (c === '"') inside = !inside;
    else if (c === ',' && !inside) out.push(field), (field = '');
    else field += c;
  }
  return [...out, field];
}

export async function readSignalFile(file: File): Promise<SignalFile> {
  const ending = file.name.slice(file.name.lastIndexOf('.') + 1).toLowerCase();
  const type = TYPES[ending];
  if (!type) throw new Error(`expected a file that ends in .csv, .parquet or .arrow, found "${file.name}". Choose another.`);
  if (file.size === 0) throw new Error(`expected rows in "${file.name}", found an empty file. Choose another.`);
  if (type !== 'text/csv') return { file, type, columns: [], rows: [], headBytes: 0 };
  const text = await file.slice(0, HEAD_BYTES).text();
  const lines = text.split('\n');
  const first = lines[0] ?? '';
  const headBytes = new TextEncoder().encode(`${first}\n`).length;
  const clean = (line: string): string => line.replace(/\r$/, '');
  return {
    file,
    type,
    columns: splitLine(clean(first.replace(/^\ufeff/, ''))),
    rows: lines.slice(1, 1 + ROWS).filter(Boolean).map((line) => splitLine(clean(line))),
    headBytes,
  };
}

/** The column that most likely has a meaning; "" if none. */
export const guess = (columns: string[], meaning: string): string =>
  columns.find((name) => name === meaning) ?? columns.find((name) => MEANINGS[meaning]?.test(name)) ?? '';

/** The file with its columns renamed, without reading more than its header. */
export function renamed(signal: SignalFile, names: ReadonlyMap<string, string>): Blob {
  if (signal.type !== 'text/csv' || names.size === 0) return signal.file;
  const quote = (name: string): string => (/[",\r]/.test(name) ? `"${name.replace(/"/g, '""')}"` : name);
  const header = signal.columns.map((name) => quote(names.get(name) ?? name)).join(',');
  return new Blob([`${header}\n`, signal.file.slice(signal.headBytes)], { type: signal.type });
}
