// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** The look-ahead audit of a signal file, and of two vintages of it. */

import { drawAudit as drawFound, type Audit } from '../audit';
import { h } from '../dom';
import { theForm, type OptionsForm } from './options';
import { postJson } from './server';
import { Choice, SignalPicker, theSignal, type Rows } from './signal_picker';
import { Work } from './work';

const theOlder = new Choice();

class AuditView {
  private readonly picker: SignalPicker;
  private readonly older: SignalPicker;
  private readonly start = h('button', { type: 'submit', class: 'primary' }, 'Audit');
  private readonly found = h('div', { class: 'sheet' });
  private readonly olderFault = h('p', { role: 'alert', class: 'fault' });
  private readonly work: Work;

  constructor(private readonly form: OptionsForm) {
    this.picker = new SignalPicker('signal-file', 'Signal file', theSignal, form);
    this.older = new SignalPicker('older-file', 'Older vintage', theOlder, form);
    this.work = new Work([this.start], [(error) => this.picker.blame(error), (error) => form.blame(error.message)]);
  }

  draw(): Node[] {
    const element = h(
      'form',
      { class: 'run', novalidate: true },
      this.picker.element,
      h(
        'details',
        { open: this.older.isChosen },
        h('summary', {}, 'Compare with an older vintage'),
        h('p', {}, 'A file of the same form, with the same signal as it was published before: a history that was changed since then shows.'),
        this.older.element,
        this.olderFault,
      ),
      h('details', { class: 'all-options' }, h('summary', {}, 'Options'), this.form.element),
      ...this.work.elements,
    );
    element.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.run();
    });
    return [
      h('h1', {}, 'Audit'),
      h('p', { class: 'lead' }, 'Does the signal know a return before its date? The audit looks at the signal itself; its book shows only a part of that.'),
      element,
      this.found,
    ];
  }

  private async run(): Promise<void> {
    this.olderFault.textContent = '';
    const rows = await this.picker.read();
    if (!rows) return;
    const older = await this.readOlder(rows);
    if (older === undefined) return;
    const config = { ...this.form.read(), ...rows.columns };
    const previous: Record<string, string> = older ? { previous: String(rows.body.size), previous_config: JSON.stringify({ ...this.form.reading(), ...older.columns }) } : {};
    const query = new URLSearchParams({ config: JSON.stringify(config), ...previous });
    const body = older ? new Blob([rows.body, older.body]) : rows.body;
    await this.work.during(async () => {
      const audit = await postJson<Audit>({ ...this.work.sending({ body, type: rows.type }), path: `audit?${query}` });
      this.work.say('');
      this.found.replaceChildren(...drawFound(audit));
      this.found.querySelector('h2')?.focus();
    });
  }

  /** The older vintage; null if none is chosen, undefined if it cannot be sent. */
  private async readOlder(rows: Rows): Promise<Rows | null | undefined> {
    if (!this.older.isChosen) return null;
    const older = await this.older.read();
    if (!older) return undefined;
    if (older.type === rows.type) return older;
    this.olderFault.textContent = `expected a file of the same form as "${rows.file}", found "${older.file}". Choose another.`;
    return undefined;
  }
}

export const drawAudit = async (): Promise<Node[]> => new AuditView(await theForm()).draw();
