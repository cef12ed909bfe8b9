// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Several results tested together: which of them earn more than the luck of the best explains. */

import { h } from '../dom';
import { drawTable } from '../table';
import { chance, fixed, percent, shown, whole } from '../text';
import { getJson, postJson } from './server';
import type { DoneRun } from './session';

interface Split {
  readonly columns: string[];
  readonly data: unknown[][];
}

interface Row {
  readonly signal: string;
  readonly sharpe: number | null;
  readonly t_nw: number | null;
  readonly p: number | null;
  readonly p_bonferroni: number | null;
  readonly p_holm: number | null;
  readonly p_bh: number | null;
  readonly p_by: number | null;
  readonly p_romano_wolf: number | null;
}

interface Tests {
  readonly signals: Row[];
  readonly dropped: string[];
  readonly reality_check_p: number | null;
  readonly spa_p: number | null;
  readonly pbo: number | null;
  readonly effective_trials: number | null;
  readonly periods: number | null;
}

type Series = 'ret' | 'ret_net';
type Returns = Map<string, number | null>;

/** Exact returns by day: those of the sheet are rounded. */
async function readReturns(run: DoneRun, series: Series): Promise<Returns> {
  const { columns, data } = await getJson<Split>(`results/${encodeURIComponent(run.id)}?table=daily&orient=split`);
  const [dates, values] = ['date', series].map((name) => data[columns.indexOf(name)] ?? []) as [string[], (number | null)[]];
  return new Map(dates.map((day, i) => [day, values[i] ?? null]));
}

/** Names of which none occurs twice. */
function distinct(names: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return names.map((name) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  });
}

async function test(runs: readonly DoneRun[], series: Series): Promise<Tests> {
  const perYear = new Set(runs.map((run) => run.result.periods_per_year));
  if (perYear.size > 1)
    throw new Error(`expected results of one frequency, found ${[...perYear].join(' and ')} periods per year. Choose results of one.`);
  const returns = await Promise.all(runs.map((run) => readReturns(run, series)));
  const days = [...new Set(returns.flatMap((one) => [...one.keys()]))].sort();
  const names = distinct(runs.map((run) => run.result.name));
  const body = {
    returns: Object.fromEntries(names.map((name, i) => [name, days.map((day) => returns[i]?.get(day) ?? null)])),
    periods_per_year: [...perYear][0],
    short: 'drop',
  };
  return postJson<Tests>({ path: 'multiple-testing', body: new Blob([JSON.stringify(body)]), type: 'application/json' });
}

const p = (value: number | null): string => chance(value ?? NaN);

function drawTests(tests: Tests): Node[] {
  const facts: [name: string, value: string, more: string][] = [
    ['reality check', p(tests.reality_check_p), 'p that the best has no mean above 0'],
    ['superior ability', p(tests.spa_p), 'the same, studentised'],
    ['overfitting', percent(tests.pbo ?? NaN, 0), 'probability that the best falls below the median'],
    ['effective trials', fixed(tests.effective_trials ?? NaN, 1), `of ${tests.signals.length}`],
  ];
  return [
    drawTable(
      'Tested together',
      [
        { head: 'result', isName: true, isLong: true, text: (row: Row) => shown(row.signal) },
        { head: 'Sharpe', text: (row) => fixed(row.sharpe ?? NaN), bar: (row) => row.sharpe ?? NaN },
        { head: 't', text: (row) => fixed(row.t_nw ?? NaN, 1) },
        { head: 'p', text: (row) => p(row.p) },
        { head: 'Bonferroni', text: (row) => p(row.p_bonferroni) },
        { head: 'Holm', text: (row) => p(row.p_holm) },
        { head: 'Romano–Wolf', text: (row) => p(row.p_romano_wolf) },
        { head: 'B.–Hochberg', text: (row) => p(row.p_bh) },
        { head: 'B.–Yekutieli', text: (row) => p(row.p_by) },
      ],
      tests.signals,
      `one-sided p and its corrections, over the ${whole(tests.periods ?? NaN)} periods that all have`,
    ),
    h(
      'dl',
      { class: 'cards' },
      ...facts.map(([name, value, more]) => h('div', { class: 'card' }, h('dt', {}, name), h('dd', {}, h('strong', {}, value), h('span', {}, more)))),
    ),
    ...(tests.dropped.length ? [h('p', {}, 'Left out, with fewer than half of the periods: ', h('bdi', {}, shown(tests.dropped.join('; '))), '.')] : []),
  ];
}

/** The control and, once asked for, the answer for the results that `chosen` returns then. */
export function drawTogether(chosen: () => DoneRun[]): HTMLElement {
  const series = h('select', { id: 'together-series' }, h('option', { value: 'ret_net' }, 'after costs'), h('option', { value: 'ret' }, 'before costs'));
  const button = h('button', { type: 'button' }, 'Test together');
  const status = h('p', { role: 'status', class: 'status' });
  const fault = h('p', { role: 'alert', class: 'fault' });
  const found = h('div', { class: 'parts' });
  const run = async (): Promise<void> => {
    fault.textContent = '';
    found.replaceChildren();
    const runs = chosen();
    if (runs.length < 2) {
      fault.textContent = 'Choose two results or more.';
      return;
    }
    button.disabled = true;
    status.textContent = 'Computing …';
    try {
      found.replaceChildren(...drawTests(await test(runs, series.value as Series)));
    } catch (error) {
      fault.textContent = error instanceof Error ? error.message : String(error);
    } finally {
      status.textContent = '';
      button.disabled = false;
    }
  };
  button.addEventListener('click', () => void run());
  return h(
    'section',
    { 'aria-labelledby': 'together' },
    h('h2', { id: 'together' }, 'Multiple testing'),
    h('p', {}, 'The best of many results looks good by luck. This corrects the p values of the chosen ones for that.'),
    h('div', { class: 'actions' }, h('label', { for: 'together-series' }, 'Returns'), series, button),
    status,
    fault,
    found,
  );
}
