// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import { h } from '../dom';
import { drawTable } from '../table';
import { shown, whole } from '../text';
import { OptionsForm, readOptions } from './options';
import { runSignal, ServerError } from './server';
import { remember } from './session';
import { guess, MEANINGS, readSignalFile, renamed, type SignalFile } from './signal_file';

/** The grid of a suite: every pair of lag and residual mode. */
const LAGS = [0, 1, 2, 5];
const MODES = ['off', 'industry', 'factor', 'all'];

/** The file chosen last; it survives a visit to another view. */
let chosen: SignalFile | null = null;

class RunView {
  private readonly mapping = new Map<string, HTMLSelectElement>();
  private readonly preview = h('div', { class: 'preview' });
  private readonly status = h('p', { role: 'status', class: 'status' });
  private readonly fault = h('p', { role: 'alert', class: 'fault' });
  private readonly bar = h('progress', { max: 1, value: 0, hidden: true, 'aria-label': 'Progress' });
  private readonly start = h('button', { type: 'submit', class: 'primary' }, 'Run');
  private readonly grid = h('button', { type: 'button' }, 'Run over lags and residuals');
  private readonly cancel = h('button', { type: 'button', hidden: true }, 'Cancel');
  private readonly valueColumn = h('input', { type: 'text', value: 'signal', id: 'value-column', autocomplete: 'off' });
  private stop = new AbortController();

  constructor(
    private readonly form: OptionsForm,
    private readonly show: (id: string) => void,
  ) {
    this.cancel.addEventListener('click', () => this.stop.abort());
    this.grid.addEventListener('click', () => void this.runGrid());
  }

  draw(): Node[] {
    const input = h('input', { type: 'file', id: 'signal-file', accept: '.csv,.parquet,.pq,.arrow,.arrows,.feather,.ipc' });
    input.addEventListener('change', () => {
      const [file] = input.files ?? [];
      if (file) void this.take(file);
    });
    const drop = h('div', { class: 'drop' }, h('label', { for: 'signal-file' }, 'Signal file'), input, h('small', {}, '.csv, .parquet or .arrow; or drop it here'));
    drop.addEventListener('dragover', (event) => event.preventDefault());
    drop.addEventListener('drop', (event) => {
      event.preventDefault();
      const [file] = event.dataTransfer?.files ?? [];
      if (file) void this.take(file);
    });
    const element = h(
      'form',
      { class: 'run', novalidate: true },
      drop,
      this.preview,
      h('details', { class: 'all-options' }, h('summary', {}, 'Options'), this.form.element),
      h('div', { class: 'actions' }, this.start, this.grid, this.cancel, this.bar),
      this.status,
      this.fault,
    );
    element.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.runOnce();
    });
    if (chosen) this.showFile(chosen);
    return [h('h1', {}, 'Run'), element];
  }

  private async take(file: File): Promise<void> {
    this.fault.textContent = '';
    try {
      chosen = await readSignalFile(file);
      this.showFile(chosen);
    } catch (error) {
      chosen = null;
      this.preview.replaceChildren();
      this.fault.textContent = String(error instanceof Error ? error.message : error);
    }
  }

  private showFile(signal: SignalFile): void {
    this.mapping.clear();
    const about = h('p', {}, h('bdi', {}, shown(signal.file.name)), ` · ${whole(Math.ceil(signal.file.size / 1024))} KB`);
    if (signal.columns.length === 0) {
      this.preview.replaceChildren(
        about,
        h('p', {}, 'The server reads the columns security_id and date_sig of this file, and one value column: '),
        h('label', { for: 'value-column' }, 'value column '),
        this.valueColumn,
      );
      return;
    }
    const rows = signal.rows;
    const selects = Object.keys(MEANINGS).map((meaning) => {
      const select = h('select', {}, h('option', { value: '' }, 'none'), ...signal.columns.map((name) => h('option', { value: name }, shown(name))));
      select.value = this.guessed(signal, meaning);
      this.mapping.set(meaning, select);
      return h('label', {}, `${meaning === 'signal' ? 'value' : meaning} `, select);
    });
    this.preview.replaceChildren(
      about,
      h('div', { class: 'mapping' }, ...selects),
      drawTable(
        'First rows',
        signal.columns.map((name, i) => ({ head: shown(name), text: (row: string[]) => shown(row[i] ?? '') })),
        rows,
      ),
    );
  }

  /** Of the value, the last resort is a column that nothing else has taken. */
  private guessed(signal: SignalFile, meaning: string): string {
    const found = guess(signal.columns, meaning);
    if (found || meaning !== 'signal') return found;
    const taken = new Set(['security_id', 'date_sig'].map((other) => guess(signal.columns, other)));
    const numeric = signal.columns.filter((name, i) => !taken.has(name) && signal.rows.every((row) => row[i] === '' || Number.isFinite(Number(row[i]))));
    return numeric[0] ?? '';
  }

  /** The body and options of the chosen file; shows why there are none. */
  private request(): { body: Blob; type: string; config: Record<string, unknown> } | null {
    this.fault.textContent = '';
    if (!chosen) {
      this.fault.textContent = 'Choose a signal file first.';
      document.getElementById('signal-file')?.focus();
      return null;
    }
    const config = this.form.read();
    if (chosen.columns.length === 0) {
      if (this.valueColumn.value.trim() !== 'signal') config['sigvar'] = this.valueColumn.value.trim();
      return { body: chosen.file, type: chosen.type, config };
    }
    const names = new Map<string, string>();
    for (const [meaning, select] of this.mapping) {
      if (!select.value) {
        this.fault.textContent = `Choose the column of ${meaning === 'signal' ? 'the value' : meaning}.`;
        select.focus();
        return null;
      }
      if (meaning === 'signal') {
        if (select.value !== 'signal') config['sigvar'] = select.value;
      } else if (select.value !== meaning) {
        names.set(select.value, meaning);
      }
    }
    return { body: renamed(chosen, names), type: chosen.type, config };
  }

  private busy(isBusy: boolean): void {
    this.start.disabled = isBusy;
    this.grid.disabled = isBusy;
    this.cancel.hidden = !isBusy;
    this.bar.hidden = !isBusy;
    if (isBusy) this.stop = new AbortController();
  }

  private blame(error: unknown): void {
    if (error instanceof DOMException && error.name === 'AbortError') {
      this.status.textContent = 'Cancelled.';
      return;
    }
    this.status.textContent = '';
    const message = error instanceof Error ? error.message : String(error);
    if (!(error instanceof ServerError && this.form.blame(message))) this.fault.textContent = message;
  }

  private async run(config: Record<string, unknown>, body: Blob, type: string, label: string): Promise<string> {
    const file = chosen?.file.name ?? 'signal';
    const done = await runSignal(
      {
        body,
        type,
        signal: this.stop.signal,
        onSent: (share) => {
          this.bar.value = share;
          this.status.textContent = share < 1 ? `Sending${label}: ${Math.round(100 * share)} %` : `Computing${label} …`;
        },
      },
      config,
    );
    const name = [file, ...Object.entries(config).map(([option, value]) => `${option}=${typeof value === 'string' ? value : JSON.stringify(value)}`)].join(', ');
    remember({ id: done.id, result: { ...done.result, name }, file, type, config });
    return done.id;
  }

  private async runOnce(): Promise<void> {
    const request = this.request();
    if (!request) return;
    this.busy(true);
    try {
      this.show(await this.run(request.config, request.body, request.type, ''));
    } catch (error) {
      this.blame(error);
    } finally {
      this.busy(false);
    }
  }

  private async runGrid(): Promise<void> {
    const request = this.request();
    if (!request) return;
    this.busy(true);
    const cells = LAGS.flatMap((lag) => MODES.map((resid) => ({ lag, resid })));
    let refused = 0;
    try {
      for (const [i, cell] of cells.entries()) {
        try {
          await this.run({ ...request.config, ...cell }, request.body, request.type, ` ${i + 1} of ${cells.length}`);
        } catch (error) {
          // A snapshot without factors refuses those modes, not the grid.
          if (!(error instanceof ServerError && error.status === 422) || cell.resid === 'off') throw error;
          ++refused;
        }
      }
      location.hash = '#/compare';
    } catch (error) {
      this.blame(error);
    } finally {
      this.busy(false);
      if (refused) this.status.textContent = `${refused} of ${cells.length} pairs were refused.`;
    }
  }
}

let form: OptionsForm | null = null;

export async function drawRun(show: (id: string) => void): Promise<Node[]> {
  form ??= new OptionsForm(await readOptions());
  return new RunView(form, show).draw();
}
