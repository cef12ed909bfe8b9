// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import { numbers } from '../data';
import { drawHeat, type HeatRow } from '../table';
import { fixed, MONTHS } from '../text';
import type { Section } from './section';

export const months: Section = {
  title: 'Months',
  draw: ({ result }) => {
    const daily = result.tables.get('daily');
    const dates = numbers(daily, 'date');
    const net = numbers(daily, 'ret_net');
    const ret = net ?? numbers(daily, 'ret');
    if (!dates || !ret) return [];
    const years = new Map<number, number[]>();
    dates.forEach((seconds, i) => {
      const date = new Date(seconds * 1000);
      const year = years.get(date.getUTCFullYear()) ?? new Array<number>(12).fill(NaN);
      years.set(date.getUTCFullYear(), year);
      const month = date.getUTCMonth();
      const before = year[month] ?? NaN;
      year[month] = (Number.isNaN(before) ? 0 : before) + (ret[i] ?? 0);
    });
    const rows: HeatRow[] = [...years].map(([year, values]) => ({
      name: String(year),
      values,
      total: values.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : value), 0),
    }));
    return [
      drawHeat(
        'Return by month',
        MONTHS,
        rows,
        (value) => fixed(100 * value, 1),
        `percent, ${net ? 'net of costs' : 'before costs'}, sums of the periods`,
        'Year',
      ),
    ];
  },
};
