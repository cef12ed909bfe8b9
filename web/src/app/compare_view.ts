// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import { drawComparison } from '../compare';
import { at } from '../data';
import { h } from '../dom';
import { drawHeat, type HeatRow } from '../table';
import { fixed, shown } from '../text';
import { allRuns, remember, remembered, type DoneRun } from './session';
import { getResult } from './server';

/** Runs of before a reload that the server still has. */
async function recall(): Promise<void> {
  if (allRuns().length) return;
  for (const { id, name, file, type, config } of remembered()) {
    try {
      const { result } = await getResult(id);
      remember({ id, result: { ...result, name }, file, type, config });
    } catch {
      // The server no longer has it: the list is one shorter.
    }
  }
}

/** Sharpe ratios by lag and residual mode, of each file that was run over both. */
function drawGrid(runs: readonly DoneRun[]): HTMLElement | null {
  const cells = runs.filter((run) => 'lag' in run.config && 'resid' in run.config);
  const [lags, modes] = ['lag', 'resid'].map((name) => [...new Set(cells.map((run) => String(run.config[name])))]) as [string[], string[]];
  if (cells.length < 4 || lags.length < 2) return null;
  const value = (lag: string, mode: string): number => {
    const run = cells.findLast((one) => String(one.config['lag']) === lag && String(one.config['resid']) === mode);
    return at(run?.result.tables.get('summary'), 'sharpe_ret');
  };
  const rows: HeatRow[] = lags.map((lag) => ({ name: `lag ${lag}`, values: modes.map((mode) => value(lag, mode)) }));
  return drawHeat('Sharpe ratio by lag and residual', modes.map((mode) => `resid ${mode}`), rows, (x) => fixed(x), 'before costs; the newest run of each pair');
}

export async function drawCompare(): Promise<Node[]> {
  await recall();
  const runs = allRuns();
  const title = h('h1', {}, 'Compare');
  if (runs.length === 0) return [title, h('p', {}, 'No result yet. ', h('a', { href: '#/run' }, 'Run a signal'), ' first.')];
  const boxes = runs.map((run) => {
    const box = h('input', { type: 'checkbox', checked: true, value: run.id });
    box.addEventListener('change', () => show());
    return { run, box };
  });
  const body = h('div');
  const show = (): void => {
    const chosen = boxes.filter(({ box }) => box.checked).map(({ run }) => run.result);
    body.replaceChildren(chosen.length ? drawComparison(chosen) : h('p', {}, 'Choose a result.'));
  };
  show();
  const grid = drawGrid(runs);
  return [
    title,
    h(
      'fieldset',
      { class: 'runs' },
      h('legend', {}, 'Results of this session'),
      ...boxes.map(({ run, box }) =>
        h('span', { class: 'run-line' }, h('label', {}, box, ' ', h('bdi', {}, shown(run.result.name))), ' ', h('a', { href: `#/results/${run.id}`, 'aria-label': `Open ${shown(run.result.name)}` }, 'open')),
      ),
    ),
    ...(grid ? [grid] : []),
    body,
  ];
}
