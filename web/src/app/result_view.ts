// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import type { Result } from '../data';
import { h } from '../dom';
import { drawSheet, subtitle } from '../sheet';
import { shown } from '../text';
import { makeDayView } from './day_view';
import { asCommand, asCurl, asPython } from './repeat';
import { download, getJson, getResult } from './server';
import { findRun, remembered, type DoneRun } from './session';
import { theForm } from './options';
import { remedyOf } from './remedy';
import { runRows } from './run_rows';
import { setStudy } from './run_view';
import { theSignal } from './signal_picker';
import { deflate, getTrials } from './studies';

function copyButton(label: string, make: () => string, status: HTMLElement): HTMLElement {
  const button = h('button', { type: 'button' }, label);
  button.addEventListener('click', () => {
    const text = make();
    navigator.clipboard?.writeText(text).then(
      () => (status.textContent = `Copied: ${text}`),
      () => (status.textContent = text),
    ) ?? (status.textContent = text);
  });
  return button;
}

/** Forms of one table. */
const FORMS: [label: string, type: string][] = [
  ['CSV', 'text/csv'],
  ['JSON', 'application/json'],
  ['Parquet', 'application/vnd.apache.parquet'],
];

function downloads(id: string, names: string[], status: HTMLElement): HTMLElement {
  const select = h('select', { 'aria-label': 'Table' }, ...names.map((name) => h('option', { value: name }, name)));
  const get = (label: string, run: () => Promise<void>): HTMLElement => {
    const button = h('button', { type: 'button' }, label);
    button.addEventListener('click', () => {
      run().catch((error: unknown) => (status.textContent = error instanceof Error ? error.message : String(error)));
    });
    return button;
  };
  const path = `results/${encodeURIComponent(id)}`;
  return h(
    'span',
    { class: 'group' },
    'Download ',
    select,
    ...FORMS.map(([label, type]) =>
      get(label, () => download(`${path}?table=${encodeURIComponent(select.value)}`, type, `${select.value}.${label.toLowerCase()}`)),
    ),
    get('All as JSON', () => download(path, 'application/json', 'result.json')),
    get('Sheet as HTML', () => download(path, 'text/html', 'sheet.html')),
  );
}

/** The run among the trials of its study, in a sentence. */
async function describeStudy(study: string, run_id: string): Promise<string> {
  if (!study) return '';
  try {
    const trial = (await getTrials(study)).find((one) => one.run_id === run_id);
    const [found] = trial ? await deflate(study, [trial]) : [];
    return found ? `Study ${study}: ${found.deflation.text}` : '';
  } catch {
    return '';
  }
}

/** A run without its rows, which a page loses when it is loaded again, and which a link does not have. */
type Known = Pick<DoneRun, 'type' | 'file' | 'config' | 'study'> & { readonly body?: Blob };

/**
 * Buttons that set the option which a warning names and run again. The form has the option too, for the runs after this one.
 * Without the rows the button leads to Run, where the reader chooses the file again.
 */
async function makeRemedy({ body, type, file, config, study }: Known, status: HTMLElement): Promise<(warning: string) => HTMLElement | null> {
  const form = await theForm();
  return (warning) => {
    const found = remedyOf(warning, config);
    if (!found) return null;
    const button = h('button', { type: 'button', class: 'screen-only' }, body ? `${found.label} and run again` : `${found.label}: choose the file again`);
    if (!body) {
      button.addEventListener('click', () => {
        form.write({ ...config, ...found.change });
        setStudy(study);
        theSignal.task = `Choose ${shown(file)} again: this page no longer has its rows. The options of the run are set.`;
        location.hash = '#/run';
      });
      return button;
    }
    button.addEventListener('click', async () => {
      button.disabled = true;
      status.textContent = 'Computing …';
      try {
        const id = await runRows({ body, type }, file, { ...config, ...found.change }, study);
        for (const [option, value] of Object.entries(found.change)) if (option !== 'null' || form.isFree(option)) form.set(option, value);
        location.hash = `#/results/${id}`;
      } catch (error) {
        status.textContent = error instanceof Error ? error.message : String(error);
        button.disabled = false;
      }
    });
    return button;
  };
}

export async function drawResult(id: string): Promise<Node[]> {
  const run = findRun(id);
  const before = remembered().find((one) => one.id === id);
  const result: Result = run?.result ?? (await getResult(id)).result;
  const file = run?.file ?? before?.file ?? 'SIGNAL';
  const config = run?.config ?? before?.config ?? result.given;
  const type = run?.type ?? before?.type ?? 'text/csv';
  const study = run?.study ?? before?.study ?? '';
  const heading = run?.file ?? result.name;
  const repeated = { file, result, study };
  const status = h('pre', { class: 'copied', role: 'status' });
  const tables = Object.entries(await getJson<Record<string, unknown>>(`results/${encodeURIComponent(id)}?orient=split`))
    .filter(([, value]) => typeof value === 'object' && value !== null && 'columns' in value && 'data' in value)
    .map(([name]) => name);
  const remedy = await makeRemedy(run ?? { type, file: file === 'SIGNAL' ? 'the file' : file, config, study }, status);
  const day = makeDayView(id, result, tables);
  const sheet = drawSheet({ ...result, study: (await describeStudy(study, result.run_id)) || result.study }, { onDay: day.show, remedy });
  return [
    h('header', {}, h('h1', {}, h('bdi', {}, shown(heading))), h('p', {}, subtitle(result, heading))),
    h(
      'div',
      { class: 'actions screen-only' },
      h('span', { class: 'group' }, 'Copy as ', copyButton('Python', () => asPython(repeated), status), copyButton('CLI', () => asCommand(repeated), status), copyButton('curl', () => asCurl(repeated, type, document.baseURI), status)),
      downloads(id, tables, status),
      day.control,
      h('a', { href: '#/run' }, 'Run again with other options'),
    ),
    status,
    day.panel,
    sheet,
  ];
}
