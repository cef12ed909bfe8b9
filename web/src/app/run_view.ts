// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import { h } from '../dom';
import { shown, whole } from '../text';
import { theForm, type OptionsForm } from './options';
import { runRows, type Config } from './run_rows';
import { getJson, ServerError } from './server';
import type { SnapshotInfo } from './start_view';
import { SignalPicker, theSignal, type Rows } from './signal_picker';
import { getStudies, type Study } from './studies';
import { Work } from './work';

/** The grid of a suite: every pair of lag and residual mode. */
const LAGS = [0, 1, 2, 5];
const MODES = ['off', 'industry', 'factor', 'all'];

/** The study named last; it survives a visit to another view. */
let study = '';

export function setStudy(name: string): void {
  study = name;
}

class RunView {
  private readonly picker: SignalPicker;
  private readonly start = h('button', { type: 'submit', class: 'primary' }, 'Run');
  private readonly grid = h('button', { type: 'button' }, 'Run over lags and residuals');
  private readonly study = h('input', { type: 'text', id: 'study', list: 'studies', autocomplete: 'off', placeholder: 'momentum-2026', 'aria-describedby': 'study-help' });
  private readonly studyFault = h('p', { role: 'alert', class: 'fault' });
  private readonly work: Work;

  constructor(
    private readonly form: OptionsForm,
    private readonly snapshot: HTMLElement,
    private readonly studies: Study[],
    private readonly show: (id: string) => void,
  ) {
    this.picker = new SignalPicker('signal-file', 'Signal file', theSignal, form);
    this.work = new Work([this.start, this.grid], [(error) => this.blameStudy(error), (error) => this.picker.blame(error), (error) => form.blame(error.message)]);
    this.study.value = study;
    this.study.addEventListener('input', () => setStudy(this.study.value.trim()));
    this.grid.addEventListener('click', () => void this.runGrid());
  }

  draw(): Node[] {
    const element = h(
      'form',
      { class: 'run', novalidate: true },
      this.picker.element,
      h('details', { class: 'all-options' }, h('summary', {}, 'Options'), this.form.element),
      this.drawStudy(),
      ...this.work.elements,
    );
    element.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.runOnce();
    });
    return [h('h1', {}, 'Run'), this.snapshot, element];
  }

  refresh(): void {
    this.picker.refresh();
  }

  private drawStudy(): HTMLElement {
    return h(
      'div',
      { class: 'study-field' },
      h('label', { for: 'study' }, 'Study '),
      this.study,
      h('small', { id: 'study-help' }, 'optional: a name without spaces counts the run as a trial, so that the ratio can be corrected for the number of tries'),
      h('datalist', { id: 'studies' }, ...this.studies.map((one) => h('option', { value: one.study }))),
      this.studyFault,
    );
  }

  private blameStudy({ code, message }: ServerError): boolean {
    if (!code.startsWith('LEDGER_') && !/expected study/i.test(message)) return false;
    this.studyFault.textContent = message;
    this.study.focus();
    return true;
  }

  private async run(rows: Rows, config: Config, label = ''): Promise<string> {
    this.studyFault.textContent = '';
    return await runRows({ ...this.work.sending(rows, label), body: rows.body, type: rows.type }, rows.file, config, study);
  }

  private async runOnce(): Promise<void> {
    const rows = await this.picker.read();
    if (!rows) return;
    await this.work.during(async () => this.show(await this.run(rows, { ...this.form.read(), ...rows.columns })));
  }

  private async runGrid(): Promise<void> {
    const rows = await this.picker.read();
    if (!rows) return;
    const config = { ...this.form.read(), ...rows.columns };
    const cells = LAGS.flatMap((lag) => MODES.map((resid) => ({ lag, resid })));
    let refused = 0;
    await this.work.during(async () => {
      for (const [i, cell] of cells.entries()) {
        try {
          await this.run(rows, { ...config, ...cell }, ` ${i + 1} of ${cells.length}`);
        } catch (error) {
          // A snapshot without factors refuses those modes, not the grid.
          if (!(error instanceof ServerError && error.status === 422) || cell.resid === 'off') throw error;
          ++refused;
        }
      }
      location.hash = '#/compare';
    });
    if (refused) this.work.say(`${refused} of ${cells.length} pairs were refused.`);
  }
}

/** The snapshot that the signal meets: a file of other ids or days has nothing to do with it. */
async function describeSnapshot(): Promise<HTMLElement> {
  const loaded = (await getJson<SnapshotInfo[]>('snapshots')).find((snapshot) => snapshot.is_loaded);
  if (!loaded) return h('p', { class: 'lead' }, 'No snapshot is loaded.');
  return h(
    'p',
    { class: 'lead' },
    'On the snapshot ',
    h('bdi', {}, shown(loaded.id)),
    `: ${whole(loaded.securities)} securities, ${loaded.first_date ?? ''} to ${loaded.last_date ?? ''}. The file must use its security ids`,
    ...(loaded.example_ids.length ? [', such as ', h('bdi', {}, shown(loaded.example_ids.join(' and ')))] : []),
    '.',
  );
}

/** Of all views' forms, the one that is shown reads the file again after an option of reading has changed. */
let current: RunView | null = null;

export async function drawRun(show: (id: string) => void): Promise<Node[]> {
  const [form, snapshot, studies] = await Promise.all([theForm(), describeSnapshot(), getStudies()]);
  if (!current) form.onReading(() => current?.refresh());
  current = new RunView(form, snapshot, studies, show);
  return current.draw();
}
