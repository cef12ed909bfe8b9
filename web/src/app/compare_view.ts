// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import { drawComparison } from '../compare';
import { at } from '../data';
import { h } from '../dom';
import { drawHeat, drawTable, type HeatRow } from '../table';
import { fixed, shown, whole } from '../text';
import { allRuns, remember, remembered, type DoneRun } from './session';
import { getResult } from './server';
import { annual, deflate, getTrials, studyLink, type Deflated } from './studies';
import { drawTogether } from './together';

/** Results chosen at first, the newest: as many as there are colours of lines. */
const MOST_SHOWN = 8;

/** Runs of before a reload that the server still has. */
async function recall(): Promise<void> {
  if (allRuns().length) return;
  for (const { id, name, file, type, config, study } of remembered()) {
    try {
      const { result } = await getResult(id);
      remember({ id, result: { ...result, name }, file, type, config, study });
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

interface Counted extends Deflated {
  readonly study: string;
  readonly name: string;
}

/** The runs of studies among the trials of their study. */
async function countStudies(runs: readonly DoneRun[]): Promise<Counted[]> {
  const names = [...new Set(runs.map((run) => run.study))].filter(Boolean);
  const found = names.map(async (study) => {
    const trials = new Map((await getTrials(study)).map((trial) => [trial.run_id, trial]));
    // Equal runs are one trial.
    const mine = [...new Map(runs.filter((run) => run.study === study && trials.has(run.result.run_id)).map((run) => [run.result.run_id, run])).values()];
    const deflated = await deflate(study, mine.flatMap((run) => trials.get(run.result.run_id) ?? []));
    return deflated.map((one, i) => ({ ...one, study, name: mine[i]?.result.name ?? '' }));
  });
  // A study that was forgotten meanwhile has nothing to show.
  return (await Promise.allSettled(found)).flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
}

const drawCounted = (rows: Counted[]): HTMLElement =>
  drawTable(
    'Runs of studies',
    [
      { head: 'result', isName: true, isLong: true, text: (row: Counted) => shown(row.name) },
      { head: 'study', isName: true, text: (row) => shown(row.study), link: (row) => studyLink(row.study) },
      { head: 'trials', text: (row) => whole(row.deflation.trials) },
      { head: 'effective', text: (row) => fixed(row.deflation.trials_effective, 1) },
      { head: 'Sharpe', text: (row) => fixed(annual(row.trial.sr, row.trial)) },
      { head: 'deflated', text: (row) => fixed(row.deflation.dsr ?? NaN) },
      { head: 'deflated, net', text: (row) => fixed(row.deflation.dsr_net ?? NaN) },
    ],
    rows,
    'deflated: the probability that the true ratio is above the expected best of so many trials without skill',
  );

export async function drawCompare(): Promise<Node[]> {
  await recall();
  const runs = allRuns();
  const title = h('h1', {}, 'Compare');
  if (runs.length === 0) return [title, h('p', {}, 'No result yet. ', h('a', { href: '#/run' }, 'Run a signal'), ' first.')];
  const boxes = runs.map((run, i) => {
    const box = h('input', { type: 'checkbox', checked: i >= runs.length - MOST_SHOWN, value: run.id });
    box.addEventListener('change', () => show());
    return { run, box };
  });
  const body = h('div');
  const chosen = (): DoneRun[] => boxes.filter(({ box }) => box.checked).map(({ run }) => run);
  const show = (): void => {
    body.replaceChildren(chosen().length ? drawComparison(chosen().map((run) => run.result)) : h('p', {}, 'Choose a result.'));
  };
  show();
  const grid = drawGrid(runs);
  const counted = await countStudies(runs);
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
    ...(counted.length ? [drawCounted(counted)] : []),
    body,
    ...(runs.length > 1 ? [drawTogether(chosen)] : []),
  ];
}
