// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import { drawChart, type Line } from '../chart';
import { at, numbers } from '../data';
import { rollingMean } from '../statistics';
import { dollars, fixed, fixedAxis, percent, percentAxis, type AxisFormat } from '../text';
import { half, type Section } from './section';

const BASIS_POINTS = 10_000;

export const trading: Section = {
  title: 'Trading',
  draw: ({ result, period }) => {
    const daily = result.tables.get('daily');
    const x = numbers(daily, 'date');
    const turnover = numbers(daily, 'turnover');
    const ret = numbers(daily, 'ret');
    const net = numbers(daily, 'ret_net');
    if (!x || !turnover || !ret || !net) return [];
    const window = Math.max(2, Math.round(result.periods_per_year / 12));
    const cost = ret.map((value, i) => BASIS_POINTS * (value - (net[i] ?? NaN)));
    const summary = result.tables.get('summary');
    const bps = (value: number): string => `${fixed(value, 1)} bps`;
    const lines = (values: Float64Array, colour: string): Line[] => [
      { label: 'per period', values, colour: 'faint', width: 0.8 },
      { label: `mean of ${window}`, values: rollingMean(values, window), colour, width: 2 },
    ];
    return [
      half(
        drawChart({
          title: 'Turnover',
          note: 'share of the book per period',
          x,
          lines: lines(turnover, 'gross'),
          format: (value) => percent(value),
          axis: percentAxis,
          period,
          fromZero: true,
          summary: `Mean turnover ${percent(at(summary, 'turnover'))} per period.`,
        }),
      ),
      half(
        drawChart({
          title: 'Cost',
          note: 'per period',
          x,
          lines: lines(cost, 'net'),
          format: bps,
          axis: fixedAxis,
          period,
          fromZero: true,
          summary: `Costs take ${percent(at(summary, 'tc_ann'))} per year.`,
        }),
      ),
    ];
  },
};

export const capacity: Section = {
  title: 'Capacity',
  draw: ({ result }) => {
    const table = result.tables.get('capacity');
    const size = numbers(table, 'gmv_musd');
    const ratio = numbers(table, 'sharpe_ret_net');
    const net = numbers(table, 'ret_net_ann');
    if (!table || !size || !ratio || !net || size.length < 2) return [];
    const limits = result.tables.get('capacity_musd');
    const [halved, even] = [at(limits, 'half_sharpe'), at(limits, 'break_even')];
    const words = [
      Number.isFinite(halved) ? `half of the ratio at ${dollars(1e6 * halved)}` : '',
      Number.isFinite(even) ? `nothing left at ${dollars(1e6 * even)}` : '',
    ].filter(Boolean);
    const note = words.join(', ') || 'net of power-law costs';
    const curve = (title: string, label: string, values: Float64Array, colour: string, format: (value: number) => string, axis: AxisFormat): HTMLElement =>
      half(
        drawChart({
          title,
          note,
          x: size.map((value) => 1e6 * value),
          lines: [{ label, values, colour, width: 2 }],
          format,
          axis,
          xFormat: dollars,
          xName: 'size',
          logX: true,
          fromZero: true,
          summary: `${note}.`,
        }),
      );
    return [
      curve('Net Sharpe ratio by size of a side', 'net Sharpe ratio', ratio, 'gross', (value) => fixed(value), fixedAxis),
      curve('Net return per year by size of a side', 'net return per year', net, 'net', (value) => percent(value), percentAxis),
    ];
  },
};
