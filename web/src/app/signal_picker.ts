// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Chooses a signal file: a field that also takes a dropped file, its first rows, and the meaning of its columns. */

import { h, uniqueId } from '../dom';
import { drawTable } from '../table';
import { codeLast, fixed, shown, whole } from '../text';
import { showFault, type ReadingForm } from './remedy';
import { ServerError } from './server';
import { readSignalFile, type Column, type SignalFile } from './signal_file';

const VALUE = 'signal';
/** Our columns, what a reader calls them, and if a signal can be without them. */
const MEANINGS: [column: string, label: string, isNeeded: boolean][] = [
  ['security_id', 'security', true],
  ['date_sig', 'date', true],
  [VALUE, 'value', true],
  ['date_avail', 'known from (optional)', false],
];
/** A number or an ISO date. */
const LIKE_DATA = /^-?\d+(\.\d+)?$|^\d{4}-\d\d-\d\d/;
/** A file of more columns without a known security may have a column per security. */
const WIDE = 8;
/** Errors that the rows of a signal cause: docs/errors.md. */
const OF_ROWS = new Set([
  'UNKNOWN_COLUMN', 'COLUMN_TYPE', 'EMPTY_SIGNAL', 'NO_USABLE_ROWS', 'INFINITE_SIGNAL', 'IMPOSSIBLE_DATES', 'TRADE_BEFORE_AVAIL',
  'INVALID_POSITION', 'UNREADABLE_SIGNAL', 'SIGNAL_TOO_LARGE', 'BODY_TOO_LARGE',
]);

/** A body for the server, and the options that say which of its columns are which. */
export interface Rows {
  readonly body: Blob;
  readonly type: string;
  readonly file: string;
  readonly columns: Record<string, unknown>;
}

/** A file chosen by a reader, with the meanings chosen by hand; it survives a visit to another view. */
export class Choice {
  file: File | null = null;
  /** Null before the first rows are read, and if they cannot be. */
  signal: SignalFile | null = null;
  readonly byHand = new Map<string, string>();
  /** The meanings that the page had recognised when the file was read in another way. */
  readonly before = new Map<string, string>();
  /** What a reader who comes here should do; shown until a file is chosen. */
  task = '';
}

/** The signal of Run and Audit. */
export const theSignal = new Choice();

const size = (bytes: number): string => (bytes < 1e6 ? `${whole(Math.ceil(bytes / 1e3))} KB` : `${fixed(bytes / 1e6, 1)} MB`);

export class SignalPicker {
  readonly element: HTMLElement;
  private readonly mapping = new Map<string, { select: HTMLSelectElement; fault: HTMLElement }>();
  private readonly preview = h('div', { class: 'preview' });
  private readonly fault = h('p', { role: 'alert', class: 'fault' });
  private readonly note = h('p', { role: 'status', class: 'status' });
  private readonly input: HTMLInputElement;
  private visit = 0;
  private taken: Promise<void> = Promise.resolve();

  constructor(
    id: string,
    label: string,
    private readonly choice: Choice,
    private readonly form: ReadingForm,
  ) {
    this.input = h('input', { type: 'file', id, accept: '.csv,.tsv,.txt,.parquet,.pq,.arrow,.arrows,.feather,.ipc' });
    this.input.addEventListener('change', () => this.takeFirst(this.input.files));
    const drop = h(
      'div',
      { class: 'drop' },
      h('label', { for: id }, label),
      this.input,
      h('small', {}, '.csv, .parquet or .arrow with a security, a date and a number in each row; or drop it here'),
    );
    drop.addEventListener('dragover', (event) => event.preventDefault());
    drop.addEventListener('drop', (event) => {
      event.preventDefault();
      this.takeFirst(event.dataTransfer?.files);
    });
    this.element = h('div', { class: 'picker' }, drop, this.fault, this.note, this.preview);
    if (choice.file) this.showName(choice.file);
    if (choice.signal) this.show(choice.signal);
    else this.note.textContent = choice.task;
  }

  get isChosen(): boolean {
    return this.choice.signal !== null;
  }

  /** Shows an error about rows beside the column that it names, else beside the file. False if it is about something else. */
  blame({ code, message }: ServerError): boolean {
    if (!OF_ROWS.has(code)) return false;
    for (const [column, { select, fault }] of this.mapping)
      if ([column, select.value].some((name) => name && message.includes(`"${name}"`))) {
        this.explain(fault, message);
        select.focus();
        return true;
      }
    this.explain(this.fault, message);
    this.input.focus();
    return true;
  }

  /** The engine says how it names a column; a reader knows the column of the file. */
  private inNamesOfFile(message: string): string {
    let text = message;
    for (const [column, { select }] of this.mapping) if (select.value) text = text.replaceAll(`column "${column}"`, `column "${select.value}"`);
    return text;
  }

  /** An error, and what to do about it; what a remedy changes is read again. `isBefore`: nothing was run yet. */
  private explain(place: HTMLElement, message: string, isBefore = false): void {
    showFault(place, this.inNamesOfFile(message), this.form, (done) => {
      this.refresh();
      this.note.textContent = done;
      void this.taken.then(() => {
        const start = this.element.closest('form')?.querySelector<HTMLElement>('[type=submit]');
        if (!start || this.element.querySelector('.fault:not(:empty)')) return;
        this.note.textContent = `${done} Press "${start.textContent}"${isBefore ? '' : ' again'}.`;
        start.focus();
      });
    });
  }

  private takeFirst(files: FileList | null | undefined): void {
    const [file] = files ?? [];
    if (!file) return;
    this.choice.byHand.clear();
    this.choice.before.clear();
    this.choice.task = '';
    this.note.textContent = '';
    this.showName(file);
    this.taken = this.take(file);
  }

  /** A dropped file, or one that was chosen in another view, stands in the field too. */
  private showName(file: File): void {
    if (this.input.files?.[0] === file) return;
    const files = new DataTransfer();
    files.items.add(file);
    this.input.files = files.files;
  }

  /** Reads the first rows again, after an option of reading has changed. */
  refresh(): void {
    for (const [column, { select }] of this.mapping) if (select.value) this.choice.before.set(column, select.value);
    if (this.choice.file) this.taken = this.take(this.choice.file);
  }

  private async take(file: File): Promise<void> {
    const mine = ++this.visit;
    this.fault.textContent = '';
    this.choice.file = file;
    this.choice.signal = null;
    this.preview.replaceChildren(h('p', { role: 'status' }, `Reading the first rows of ${shown(file.name)} …`));
    try {
      const signal = await readSignalFile(file, this.form.reading());
      if (mine !== this.visit) return;
      this.choice.signal = signal;
      this.show(signal);
    } catch (error) {
      if (mine !== this.visit) return;
      this.mapping.clear();
      this.preview.replaceChildren();
      this.explain(this.fault, String(error instanceof Error ? error.message : error));
    }
  }

  private show(signal: SignalFile): void {
    this.mapping.clear();
    const heads = h('div');
    const draw = (): void => {
      heads.replaceChildren(this.drawRows(signal));
      this.warn(signal);
    };
    const selects = MEANINGS.map(([column, label, isNeeded]) => {
      const names = signal.columns.map(({ name }) => h('option', { value: name }, shown(name)));
      const id = uniqueId('column');
      const select = h('select', { id }, h('option', { value: '' }, isNeeded ? 'choose' : 'none'), ...names);
      const before = this.choice.byHand.get(column) ?? this.choice.before.get(column);
      select.value = before !== undefined && (before === '' || signal.columns.some(({ name }) => name === before)) ? before : guessed(signal, column);
      select.addEventListener('change', () => {
        this.choice.byHand.set(column, select.value);
        draw();
      });
      const fault = h('p', { role: 'alert', class: 'fault' });
      this.mapping.set(column, { select, fault });
      return h('div', {}, h('label', { for: id }, label), ' ', select, fault);
    });
    this.preview.replaceChildren(
      h('p', {}, h('bdi', {}, shown(signal.file.name)), ` · ${size(signal.file.size)} · which column is which:`),
      ...(signal.columns.some(({ name }) => LIKE_DATA.test(name)) && signal.type === 'text/csv'
        ? [h('p', { class: 'fault' }, 'The first line of the file looks like a row, and was read as the names of the columns. Add a line of names, such as security_id,date_sig,signal.')]
        : []),
      h('div', { class: 'mapping' }, ...selects),
      heads,
    );
    draw();
  }

  /** Shows beside each column the refusal that a run would meet, and its remedies. */
  private warn({ columns }: SignalFile): void {
    for (const [meaning, { select, fault }] of this.mapping) {
      const column = columns.find(({ name }) => name === select.value);
      const refusal = (meaning === VALUE ? column?.number_refusal : meaning.startsWith('date_') ? column?.date_refusal : null) ?? '';
      if (refusal) this.explain(fault, `In the first rows: ${codeLast(refusal)}`, true);
    }
  }

  /** The first rows; above each column its meaning. */
  private drawRows(signal: SignalFile): HTMLElement {
    for (const { fault } of this.mapping.values()) fault.textContent = '';
    const meaning = (name: string): string => MEANINGS.find(([column]) => this.mapping.get(column)?.select.value === name)?.[1] ?? 'not used';
    const places = Array.from(signal.columns[0]?.cells ?? [], (_, i) => i);
    return drawTable(
      `First rows of ${shown(signal.file.name)}`,
      signal.columns.map(({ name, cells }) => ({ head: `${shown(name)} (${meaning(name)})`, isName: true, text: (i: number) => shown(isText(signal, name) ? (cells[i] ?? '') : short(cells[i] ?? '')) })),
      places,
    );
  }

  /** The rows of the chosen file; shows why there are none. */
  async read(): Promise<Rows | null> {
    await this.taken;
    for (const { fault } of this.mapping.values()) fault.textContent = '';
    const { signal } = this.choice;
    if (!signal) {
      // The reason why a file could not be read stays.
      if (!this.fault.textContent) this.fault.textContent = 'Choose a signal file first.';
      this.input.focus();
      return null;
    }
    this.fault.textContent = '';
    const map: Record<string, string> = {};
    const drop: string[] = [];
    for (const [column, label, isNeeded] of MEANINGS) {
      const field = this.mapping.get(column);
      const name = field?.select.value ?? '';
      if (field && isNeeded && !name) {
        field.fault.textContent = `Choose the column of the ${label}.${column === 'security_id' && signal.columns.length > WIDE ? ' A file with a column per security has to become rows of security, date and value first.' : ''}`;
        field.select.focus();
        return null;
      }
      if (column === VALUE || name === column) continue;
      if (name) map[column] = name;
      if (signal.columns.some((one) => one.name === column)) drop.push(column);
    }
    const sigvar = this.mapping.get(VALUE)?.select.value ?? VALUE;
    const columns = {
      ...(sigvar === VALUE ? {} : { sigvar }),
      ...(Object.keys(map).length ? { map } : {}),
      ...(drop.length ? { drop } : {}),
    };
    return { body: signal.file, type: signal.type, file: signal.file.name, columns };
  }
}

/** The texts of a CSV are shown as they are. */
const isText = ({ type, columns }: SignalFile, name: string): boolean => type === 'text/csv' || columns.find((one) => one.name === name)?.type === 'text';

/** A float of many digits, such as 0.011889999732375145, with seven. */
const short = (cell: string): string => (/^-?\d+\.\d{7,}$/.test(cell) ? String(Number(Number(cell).toPrecision(7))) : cell);

function guessed({ recognised, columns }: SignalFile, column: string): string {
  // A column that another reading makes a date or a number is one: its refusal says how.
  const byRemedy = (refusal: (column: Column) => string | null, flags: RegExp): string =>
    columns.find((one) => one.name !== recognised.security_id && flags.test(refusal(one) ?? ''))?.name ?? '';
  if (column === 'security_id') return recognised.security_id ?? '';
  if (column === 'date_sig') return recognised.date_sig ?? byRemedy((one) => one.date_refusal, /--date-format /);
  if (column === VALUE) return recognised.value ?? byRemedy((one) => one.number_refusal, /--(decimal|thousands) /);
  return columns.some(({ name }) => name === column) ? column : '';
}
