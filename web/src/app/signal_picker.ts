// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Chooses a signal file: a field that also takes a dropped file, the first rows of a CSV file, and the meaning of its columns. */

import { h } from '../dom';
import { drawTable } from '../table';
import { shown, whole } from '../text';
import type { ServerError } from './server';
import { guess, MEANINGS, readSignalFile, renamed, type SignalFile } from './signal_file';

const VALUE = 'signal';
/** Errors that the rows of a signal cause: docs/errors.md. */
const OF_ROWS = new Set([
  'UNKNOWN_COLUMN', 'COLUMN_TYPE', 'EMPTY_SIGNAL', 'NO_USABLE_ROWS', 'INFINITE_SIGNAL', 'IMPOSSIBLE_DATES', 'TRADE_BEFORE_AVAIL',
  'INVALID_POSITION', 'UNREADABLE_SIGNAL', 'SIGNAL_TOO_LARGE', 'BODY_TOO_LARGE',
]);

/** A body for the server, and the column of it that has the values. */
export interface Rows {
  readonly body: Blob;
  readonly type: string;
  readonly file: string;
  readonly sigvar: string;
}

/** A file chosen by a reader; it survives a visit to another view. */
export class Choice {
  signal: SignalFile | null = null;
}

/** The signal of Run and Audit. */
export const theSignal = new Choice();

export class SignalPicker {
  readonly element: HTMLElement;
  private readonly mapping = new Map<string, HTMLSelectElement>();
  private readonly preview = h('div', { class: 'preview' });
  private readonly fault = h('p', { role: 'alert', class: 'fault' });
  private readonly valueColumn: HTMLInputElement;
  private readonly input: HTMLInputElement;

  constructor(
    id: string,
    label: string,
    private readonly choice: Choice,
  ) {
    this.valueColumn = h('input', { type: 'text', value: VALUE, id: `${id}-value`, autocomplete: 'off' });
    this.input = h('input', { type: 'file', id, accept: '.csv,.parquet,.pq,.arrow,.arrows,.feather,.ipc' });
    this.input.addEventListener('change', () => this.takeFirst(this.input.files));
    const drop = h('div', { class: 'drop' }, h('label', { for: id }, label), this.input, h('small', {}, '.csv, .parquet or .arrow; or drop it here'));
    drop.addEventListener('dragover', (event) => event.preventDefault());
    drop.addEventListener('drop', (event) => {
      event.preventDefault();
      this.takeFirst(event.dataTransfer?.files);
    });
    this.element = h('div', { class: 'picker' }, drop, this.fault, this.preview);
    if (choice.signal) this.show(choice.signal);
  }

  get isChosen(): boolean {
    return this.choice.signal !== null;
  }

  /** Shows an error about rows beside the file. False if it is about something else. */
  blame({ code, message }: ServerError): boolean {
    if (!OF_ROWS.has(code)) return false;
    this.showFault(message);
    return true;
  }

  private showFault(message: string): void {
    this.fault.textContent = message;
    this.input.focus();
  }

  private takeFirst(files: FileList | null | undefined): void {
    const [file] = files ?? [];
    if (file) void this.take(file);
  }

  private async take(file: File): Promise<void> {
    this.fault.textContent = '';
    try {
      this.choice.signal = await readSignalFile(file);
      this.show(this.choice.signal);
    } catch (error) {
      this.choice.signal = null;
      this.preview.replaceChildren();
      this.fault.textContent = String(error instanceof Error ? error.message : error);
    }
  }

  private show(signal: SignalFile): void {
    this.mapping.clear();
    const about = h('p', {}, h('bdi', {}, shown(signal.file.name)), ` · ${whole(Math.ceil(signal.file.size / 1024))} KB`);
    if (signal.columns.length === 0) {
      this.preview.replaceChildren(
        about,
        h('p', {}, 'The server reads the columns security_id and date_sig of this file, and one value column: '),
        h('label', { for: this.valueColumn.id }, 'value column '),
        this.valueColumn,
      );
      return;
    }
    const selects = Object.keys(MEANINGS).map((meaning) => {
      const select = h('select', {}, h('option', { value: '' }, 'none'), ...signal.columns.map((name) => h('option', { value: name }, shown(name))));
      select.value = guessed(signal, meaning);
      this.mapping.set(meaning, select);
      return h('label', {}, `${meaning === VALUE ? 'value' : meaning} `, select);
    });
    this.preview.replaceChildren(
      about,
      h('div', { class: 'mapping' }, ...selects),
      drawTable(
        `First rows of ${shown(signal.file.name)}`,
        signal.columns.map((name, i) => ({ head: shown(name), text: (row: string[]) => shown(row[i] ?? '') })),
        signal.rows,
      ),
    );
  }

  /** The rows of the chosen file; shows why there are none. `valueName`: the value column of a CSV file gets this name. */
  read(valueName?: string): Rows | null {
    this.fault.textContent = '';
    const { signal } = this.choice;
    if (!signal) {
      this.showFault('Choose a signal file first.');
      return null;
    }
    const { type, file } = signal;
    if (signal.columns.length === 0) return { body: file, type, file: file.name, sigvar: this.valueColumn.value.trim() };
    const names = new Map<string, string>();
    for (const [meaning, select] of this.mapping) {
      if (!select.value) {
        this.fault.textContent = `Choose the column of ${meaning === VALUE ? 'the value' : meaning}.`;
        select.focus();
        return null;
      }
      const name = meaning === VALUE ? (valueName ?? select.value) : meaning;
      if (select.value !== name) names.set(select.value, name);
    }
    const value = this.mapping.get(VALUE)?.value ?? VALUE;
    return { body: renamed(signal, names), type, file: file.name, sigvar: names.get(value) ?? value };
  }
}

/** Of the value, the last resort is a column that nothing else has taken. */
function guessed(signal: SignalFile, meaning: string): string {
  const found = guess(signal.columns, meaning);
  if (found || meaning !== VALUE) return found;
  const taken = new Set(['security_id', 'date_sig'].map((other) => guess(signal.columns, other)));
  const numeric = signal.columns.filter((name, i) => !taken.has(name) && signal.rows.every((row) => row[i] === '' || Number.isFinite(Number(row[i]))));
  return numeric[0] ?? '';
}

/** The option that names the value column, if it needs one. */
export const valueOption = ({ sigvar }: Rows): Record<string, unknown> => (sigvar === VALUE ? {} : { sigvar });
