// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** A study: its trials, to how many independent ones they are equivalent, and what remains of each ratio. */

import { h } from '../dom';
import { drawTable } from '../table';
import { fixed, shown, whole } from '../text';
import { setStudy } from './run_view';
import { allRuns } from './session';
import { annual, deflate, differences, getTrials, type Deflated } from './studies';

/** Further trials are counted and not shown. */
const MOST = 100;

const digits = (id: string): string => shown(id.slice(0, 12));

/** "2026-11-28T13:55:18.123Z" without its parts below a minute. */
const minute = (time: string): string => shown(time.replace('T', ' ').slice(0, 16));

function drawTrials(rows: Deflated[], total: number): HTMLElement {
  const words = differences(rows.map((row) => row.trial));
  const stored = new Map(allRuns().map((run) => [run.result.run_id, run.id]));
  const ratio = (value: number | null): string => fixed(value ?? NaN);
  return drawTable(
    'Trials',
    [
      {
        head: 'run',
        isName: true,
        text: ({ trial }: Deflated) => digits(trial.run_id),
        link: ({ trial }) => (stored.has(trial.run_id) ? `#/results/${stored.get(trial.run_id)}` : ''),
      },
      { head: 'time, UTC', isName: true, text: ({ trial }) => minute(trial.time) },
      { head: 'Sharpe', text: ({ trial }) => fixed(annual(trial.sr, trial)), bar: ({ trial }) => annual(trial.sr, trial) },
      { head: 'deflated', text: ({ deflation }) => ratio(deflation.dsr) },
      { head: 'net Sharpe', text: ({ trial }) => fixed(annual(trial.sr_net, trial)), bar: ({ trial }) => annual(trial.sr_net, trial) },
      { head: 'deflated, net', text: ({ deflation }) => ratio(deflation.dsr_net) },
      { head: 'periods', text: ({ trial }) => whole(trial.periods) },
      { head: 'snapshot', isName: true, text: ({ trial }) => shown(trial.snapshot) },
      { head: 'what differs', isName: true, isLong: true, text: (row) => shown(words[rows.indexOf(row)] ?? '') },
    ],
    rows,
    total > rows.length ? `the ${rows.length} with the highest ratio of ${total}` : 'by the Sharpe ratio before costs, annualised',
  );
}

export async function drawStudy(name: string): Promise<Node[]> {
  const trials = await getTrials(name);
  const order = [...trials].sort((a, b) => annual(b.sr, b) - annual(a.sr, a)).slice(0, MOST);
  const rows = await deflate(name, order);
  const best = rows[0];
  const run = h('a', { class: 'primary', href: '#/run' }, 'Run a signal of this study');
  run.addEventListener('click', () => setStudy(name));
  const card = (label: string, value: string, more: string): HTMLElement =>
    h('div', { class: 'card' }, h('dt', {}, label), h('dd', {}, h('strong', {}, value), h('span', {}, more)));
  return [
    h('h1', {}, 'Study ', h('bdi', {}, shown(name))),
    ...(best
      ? [
          h(
            'dl',
            { class: 'cards' },
            card('trials', whole(best.deflation.trials), 'each run that returned a result'),
            card('effective trials', fixed(best.deflation.trials_effective, 1), 'independent ones that equal them'),
            card('best Sharpe ratio', fixed(annual(best.trial.sr, best.trial)), 'before costs'),
            card('deflated', fixed(best.deflation.dsr ?? NaN), 'probability of skill, of the best'),
          ),
          h('p', {}, 'The deflated Sharpe ratio is the probability that the true ratio is above what the best of so many trials without skill is expected to show.'),
          drawTrials(rows, trials.length),
        ]
      : [h('p', {}, 'No trial is stored.')]),
    h('p', {}, run),
  ];
}
