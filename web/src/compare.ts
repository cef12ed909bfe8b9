// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Several results side by side. */

import { drawChart } from './chart';
import { at, numbers, type Result } from './data';
import { h } from './dom';
import { correlation, cumulated } from './statistics';
import { drawHeat, drawTable } from './table';
import { fixed, percent, percentAxis, shown } from './text';

const COLOURS = 8;

/** Returns of two results on the days that both have. */
function common(a: Result, b: Result, name: string): [Float64Array, Float64Array] {
  const [da, db] = [numbers(a.tables.get('daily'), 'date'), numbers(b.tables.get('daily'), 'date')];
  const [ra, rb] = [numbers(a.tables.get('daily'), name), numbers(b.tables.get('daily'), name)];
  const places = new Map(Array.from(db ?? [], (day, i) => [day, i]));
  const pairs = Array.from(da ?? [], (day, i) => [ra?.[i] ?? NaN, rb?.[places.get(day) ?? -1] ?? NaN] as const).filter(
    ([x, y]) => !Number.isNaN(x) && !Number.isNaN(y),
  );
  return [Float64Array.from(pairs, ([x]) => x), Float64Array.from(pairs, ([, y]) => y)];
}

/** The results' names without what all of them begin with: the file, if there are options behind it. */
function shorten(results: Result[]): string[] {
  const names = results.map((result) => shown(result.name));
  const file = (name: string): string => name.split(', ', 1)[0] ?? '';
  const first = file(names[0] ?? '');
  if (names.length < 2 || names.some((name) => file(name) !== first) || new Set(names).size < names.length) return names;
  return names.map((name) => name.slice(first.length + 2) || 'defaults');
}

function drawReturns(results: Result[], series: 'ret' | 'ret_net', title: string): HTMLElement | null {
  const days = [...new Set(results.flatMap((r) => Array.from(numbers(r.tables.get('daily'), 'date') ?? [])))].sort((a, b) => a - b);
  const x = Float64Array.from(days);
  const names = shorten(results);
  const lines = results.flatMap((result, i) => {
    const daily = result.tables.get('daily');
    const values = numbers(daily, series);
    if (!values) return [];
    const sums = cumulated(values);
    const places = new Map(Array.from(numbers(daily, 'date') ?? [], (day, j) => [day, j]));
    const line = x.map((day) => sums[places.get(day) ?? -1] ?? NaN);
    return [{ label: names[i] ?? '', values: line, colour: `line-${i % COLOURS}`, span: true }];
  });
  if (x.length < 2 || lines.length === 0) return null;
  return drawChart({
    title,
    x,
    lines,
    format: (value) => percent(value),
    axis: percentAxis,
    height: 280,
    fromZero: true,
    summary: lines.map((line) => `${line.label} ${percent(line.values.findLast((v) => !Number.isNaN(v)))}`).join(', '),
  });
}

export function drawComparison(results: Result[]): HTMLElement {
  const summary = (result: Result, name: string): number => at(result.tables.get('summary'), name);
  const inference = (result: Result, name: string): number => at(result.tables.get('inference'), name);
  const table = drawTable(
    'Results side by side',
    [
      { head: 'result', isName: true, isLong: true, text: (r: Result) => shown(r.name) },
      { head: 'Sharpe', text: (r) => fixed(summary(r, 'sharpe_ret')), bar: (r) => summary(r, 'sharpe_ret') },
      { head: '95 % interval', text: (r) => `${fixed(inference(r, 'low'))} to ${fixed(inference(r, 'high'))}` },
      { head: 'net Sharpe', text: (r) => fixed(summary(r, 'sharpe_ret_net')), bar: (r) => summary(r, 'sharpe_ret_net') },
      { head: 'return per year', text: (r) => percent(summary(r, 'ret_ann')) },
      { head: 'net', text: (r) => percent(summary(r, 'ret_net_ann')) },
      { head: 'drawdown', text: (r) => percent(summary(r, 'maxdd')) },
      { head: 'turnover', text: (r) => percent(summary(r, 'turnover')) },
      { head: 't', text: (r) => fixed(summary(r, 't_stat_nw'), 1) },
    ],
    results,
  );
  const names = shorten(results);
  // Numbers as heads: the names of many results would make the table wider than the page.
  const heat = drawHeat(
    'Correlation of returns',
    names.map((_, i) => String(i + 1)),
    results.map((a, i) => ({ name: `${i + 1}: ${names[i] ?? ''}`, values: results.map((b) => correlation(...common(a, b, 'ret'))) })),
    (value) => fixed(value),
    'before costs, on common dates',
  );
  const charts = [drawReturns(results, 'ret', 'Cumulative return, gross'), drawReturns(results, 'ret_net', 'Cumulative return, net of costs')];
  return h('div', { class: 'parts' }, table, ...charts, heat);
}
