// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import { drawChart, type Line } from '../chart';
import { numbers } from '../data';
import { cumulated, drawdown, rollingSharpe } from '../statistics';
import { fixed, fixedAxis, isoDate, percent, percentAxis } from '../text';
import { lastOf } from './headline';
import { half, type Section } from './section';

export const returns: Section = {
  title: 'Return',
  draw: ({ result, period, onDay }) => {
    const daily = result.tables.get('daily');
    const x = numbers(daily, 'date');
    const ret = numbers(daily, 'ret');
    if (!x || !ret || x.length < 2) return [];
    const net = numbers(daily, 'ret_net');
    const long = numbers(daily, 'ret_l');
    const short = long && ret.map((value, i) => value - (long[i] ?? 0));
    const residual = numbers(daily, 'resret');
    const lines: Line[] = [{ label: 'gross', values: cumulated(ret), colour: 'gross', width: 2 }];
    if (net) lines.push({ label: 'net of costs', values: cumulated(net), colour: 'net', width: 2 });
    // The long side of a book without a short one is the book: its line would hide that of the book.
    if (long && short && result.config['method'] !== 'long_only')
      lines.push(
        { label: 'long side', values: cumulated(long), colour: 'long', width: 1.2 },
        { label: 'short side', values: cumulated(short), colour: 'short', width: 1.2 },
      );
    if (residual) lines.push({ label: 'residual', values: cumulated(residual), colour: 'grey', width: 1.2, dash: [5, 3] });
    const onPick = onDay && ((index: number) => onDay(x[index] ?? NaN));
    const span = `${isoDate(x[0] ?? NaN)} to ${isoDate(x[x.length - 1] ?? NaN)}`;
    const falls: Line[] = [{ label: 'gross', values: drawdown(ret), colour: 'loss', width: 1, fill: true }];
    if (net) falls.push({ label: 'net of costs', values: drawdown(net), colour: 'net', width: 1 });
    return [
      drawChart({
        title: 'Cumulative return',
        note: 'running sum: a book of constant size',
        x,
        lines,
        format: (value) => percent(value),
        axis: percentAxis,
        height: 280,
        period,
        fromZero: true,
        summary: `From ${span} the gross return adds up to ${percent(lastOf(ret))}${net ? `, net of costs to ${percent(lastOf(net))}` : ''}.`,
        ...(onPick ? { onPick } : {}),
      }),
      drawChart({
        title: 'Drawdown',
        x,
        lines: falls,
        format: (value) => percent(value),
        axis: percentAxis,
        height: 130,
        period,
        fromZero: true,
        summary: `The deepest drawdown of the gross return is ${percent(Math.min(0, ...drawdown(ret)))}.`,
        ...(onPick ? { onPick } : {}),
      }),
    ];
  },
};

export const rolling: Section = {
  title: 'Stability',
  draw: ({ result, period }) => {
    const daily = result.tables.get('daily');
    const x = numbers(daily, 'date');
    const ret = numbers(daily, 'ret');
    const perYear = result.periods_per_year;
    const window = Math.round(perYear);
    if (!x || !ret || window < 4 || x.length < window + Math.max(3, window / 8)) return [];
    const net = numbers(daily, 'ret_net');
    const known = (values: Float64Array): Float64Array => rollingSharpe(values, window, perYear).subarray(window - 1);
    const gross = known(ret);
    const lines: Line[] = [{ label: 'gross', values: gross, colour: 'gross' }];
    if (net) lines.push({ label: 'net of costs', values: known(net), colour: 'net' });
    const ratios = gross.filter((value) => !Number.isNaN(value));
    return [
      half(drawChart({
        title: 'Rolling 12-month Sharpe ratio',
        x: x.subarray(window - 1),
        lines,
        format: (value) => fixed(value),
        axis: fixedAxis,
        period,
        fromZero: true,
        summary: ratios.length ? `Gross, it lies between ${fixed(Math.min(...ratios))} and ${fixed(Math.max(...ratios))}.` : 'Not known.',
      })),
    ];
  },
};
