// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import { drawBars } from '../bars';
import { drawChart } from '../chart';
import { at, numbers, texts, type Table } from '../data';
import { drawHeat, type HeatRow } from '../table';
import { fixed, percent, percentAxis, shown } from '../text';
import { half, type Page, type Section } from './section';

const SPREAD = 'top-bottom';

function describe(bins: string[], values: Float64Array): string {
  const at = bins.indexOf(SPREAD);
  const last = at >= 0 ? at : bins.length;
  return `The lowest bin returns ${percent(values[0])} per year, the highest ${percent(values[last - 1])}.`;
}

/** Returns of the bins per year, with the 95 % interval of the mean if its t is known. */
function drawReturns(bins: string[], annual: Float64Array, t: Float64Array | null, note: string): HTMLElement {
  return drawBars({
    title: 'Return by quantile of the signal',
    note,
    bars: bins.map((bin, i) => ({
      label: bin === SPREAD ? 'spread' : shown(bin),
      value: annual[i] ?? NaN,
      isApart: bin === SPREAD,
      ...(t ? { error: Math.abs((1.96 * (annual[i] ?? NaN)) / (t[i] ?? NaN)) } : {}),
    })),
    format: (value) => percent(value),
    axis: percentAxis,
    summary: describe(bins, annual),
  });
}

function drawCumulative(daily: Table | undefined, bins: string[], { result, period }: Page): HTMLElement | null {
  const x = numbers(daily, 'date');
  if (!daily || !x || x.length < 2) return null;
  const names = bins.filter((bin) => bin !== SPREAD && daily.columns.has(bin));
  const lines = names.flatMap((bin, i) => {
    const values = numbers(daily, bin);
    const shade = Math.round((9 * i) / Math.max(1, names.length - 1));
    return values ? [{ label: `${shown(bin)}:`, values, colour: `shade-${shade}`, width: 1.4 }] : [];
  });
  return drawChart({
    title: 'Cumulative return by quantile',
    note: result.config['weight'] === 'value' ? 'value-weighted' : 'running sum, before costs',
    x,
    lines,
    format: (value) => percent(value),
    axis: percentAxis,
    period,
    fromZero: true,
    summary: `At the end the lowest bin stands at ${percent(lines[0]?.values.at(-1))}, the highest at ${percent(lines.at(-1)?.values.at(-1))}.`,
  });
}

export const quantiles: Section = {
  title: 'Quantiles',
  draw: (page) => {
    const { result } = page;
    const table = result.tables.get('quantiles');
    const bins = texts(table, 'bin');
    const annual = numbers(table, 'ret_ann');
    if (table && annual) {
      const monotonicity = result.tables.get('monotonicity');
      const note = monotonicity
        ? `95 % interval; rank correlation of bin and return ${fixed(at(monotonicity, 'spearman'))}`
        : '95 % interval of the mean';
      const cumulative = drawCumulative(result.tables.get('quantile_daily'), bins, page);
      return [drawReturns(bins, annual, numbers(table, 't_nw'), note), ...(cumulative ? [half(cumulative)] : [])];
    }
    const simple = result.tables.get('fractile');
    const ret = numbers(simple, 'ret');
    if (!simple || !ret) return [];
    const perYear = ret.map((value) => value * result.periods_per_year);
    return [drawReturns(texts(simple, 'bin'), perYear, null, 'equal weights, before costs, annualised')];
  },
};

export const doubleSort: Section = {
  title: 'Double sort',
  draw: ({ result }) => {
    const table = result.tables.get('double_sort');
    const annual = numbers(table, 'ret_ann');
    if (!table || !annual) return [];
    const [first, second] = [texts(table, 'bin1'), texts(table, 'bin2')];
    const heads = [...new Set(second)];
    const rows: HeatRow[] = [...new Set(first)].map((bin) => ({
      name: bin,
      values: heads.map((head) => annual[first.findIndex((value, i) => value === bin && second[i] === head)] ?? NaN),
    }));
    const by = shown(String(result.config['double_var'] ?? ''));
    return [
      drawHeat('Return by two sorts', heads, rows, (value) => fixed(100 * value, 1), `percent per year; rows: bins of ${by}, columns: bins of the signal`),
    ];
  },
};
