// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import { drawBars } from '../bars';
import { drawChart } from '../chart';
import { numbers, type Table } from '../data';
import { fixed, fixedAxis, percent, percentAxis, shown } from '../text';
import { half, type Page, type Section } from './section';

/** Columns of the summary that are no exposures: the declared ones. */
const AFTER = 'kurt';
const COLOURS = 8;
const MOST_LINES = 12;

function drawLines(title: string, table: Table, names: string[], digits: number | null, { period }: Page): HTMLElement | null {
  const x = numbers(table, 'date');
  const size = (name: string): number => 
    (numbers(table, name) ?? new Float64Array()).reduce((sum, value) => sum + Math.abs(value || 0), 0);
  const largest = [...names].sort((a, b) => size(b) - size(a)).slice(0, MOST_LINES);
  const lines = largest.flatMap((name, i) => {
    const values = numbers(table, name);
    return values
      ? [{ label: digits === null ? `${shown(name.slice(name.indexOf('=') + 1))}:` : shown(name), values, colour: `line-${i % COLOURS}`, width: 1.3, ...(i >= COLOURS ? { dash: [4, 3] } : {}) }]
      : [];
  });
  if (!x || x.length < 2 || lines.length === 0) return null;
  return drawChart({
    title,
    note: names.length > MOST_LINES ? `the ${MOST_LINES} largest of ${names.length}` : '',
    x,
    lines,
    format: (value) => (digits === null ? percent(value) : fixed(value, digits)),
    axis: digits === null ? percentAxis : fixedAxis,
    period,
    fromZero: true,
    summary: `Exposures over time: ${lines.map((line) => line.label).join(', ')}.`,
  });
}

export const exposures: Section = {
  title: 'Exposures',
  draw: (page) => {
    const summary = page.result.tables.get('summary');
    const all = [...(summary?.columns.keys() ?? [])];
    const factors = all.slice(all.indexOf(AFTER) + 1);
    const out: Node[] = [];
    const daily = page.result.tables.get('exposures');
    const names = [...(daily?.columns.keys() ?? [])].filter((name) => name !== 'date');
    if (daily) {
      const ofFactors = drawLines('Factor exposures over time', daily, names.filter((n) => !n.includes('=')), 2, page);
      if (ofFactors) out.push(half(ofFactors));
    }
    const known = factors.filter((name) => numbers(summary, name));
    if (known.length)
      out.push(
        half(
          drawBars({
            title: 'Mean factor exposures',
            note: 'long minus short',
            bars: known.map((name) => ({ label: shown(name).slice(0, 11), value: numbers(summary, name)?.[0] ?? NaN })),
            format: (value) => fixed(value),
            axis: fixedAxis,
            hasNames: true,
            summary: known.map((name) => `${name} ${fixed(numbers(summary, name)?.[0])}`).join(', '),
          }),
        ),
      );
    if (daily)
      for (const category of new Set(names.filter((n) => n.includes('=')).map((n) => n.slice(0, n.indexOf('='))))) {
        const values = names.filter((n) => n.startsWith(`${category}=`));
        const weights = drawLines(`Net weight by ${shown(category)}`, daily, values, null, page);
        if (weights) out.push(weights);
      }
    return out;
  },
};
