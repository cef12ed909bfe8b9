// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** A signal file as the reader chose it: its type, its first rows and the meaning of its columns, as the server reads them. */

import { postJson } from './server';

const TYPES: Record<string, string> = {
  csv: 'text/csv',
  tsv: 'text/csv',
  txt: 'text/csv',
  parquet: 'application/vnd.apache.parquet',
  pq: 'application/vnd.apache.parquet',
  arrow: 'application/vnd.apache.arrow.file',
  feather: 'application/vnd.apache.arrow.file',
  ipc: 'application/vnd.apache.arrow.file',
  arrows: 'application/vnd.apache.arrow.stream',
};
/** The beginning of a CSV file that is enough for its first rows; the other forms are sent whole, because their directory is at the end. */
const HEAD_BYTES = 64 * 1024;

export interface Column {
  readonly name: string;
  readonly type: string;
  readonly cells: (string | null)[];
  /** The refusals of a run that reads the column as dates or as numbers, as far as the first rows tell. */
  readonly date_refusal: string | null;
  readonly number_refusal: string | null;
}

export interface Recognised {
  readonly security_id: string | null;
  readonly date_sig: string | null;
  readonly value: string | null;
}

export interface SignalFile {
  readonly file: File;
  readonly type: string;
  readonly columns: readonly Column[];
  readonly recognised: Recognised;
}

/** Whole lines of the beginning of a CSV file. */
async function readHead(file: File): Promise<Blob> {
  if (file.size <= HEAD_BYTES) return file;
  const bytes = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  return file.slice(0, bytes.lastIndexOf(10) + 1 || HEAD_BYTES);
}

/** `reading`: the options of reading that were typed, such as the delimiter. */
export async function readSignalFile(file: File, reading: Record<string, unknown>): Promise<SignalFile> {
  const ending = file.name.slice(file.name.lastIndexOf('.') + 1).toLowerCase();
  const type = TYPES[ending];
  if (!type) throw new Error(`expected a file that ends in .csv, .parquet or .arrow, found "${file.name}". Choose another.`);
  if (file.size === 0) throw new Error(`expected rows in "${file.name}", found an empty file. Choose another.`);
  const body = type === 'text/csv' ? await readHead(file) : file;
  const query = new URLSearchParams({ config: JSON.stringify(reading) });
  const found = await postJson<Pick<SignalFile, 'columns' | 'recognised'>>({ path: `preview?${query}`, body, type });
  return { file, type, ...found };
}
