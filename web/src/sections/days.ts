// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import { numbers, periodName, texts, type Table } from '../data';
import { h } from '../dom';
import { drawTable, type Field } from '../table';
import { fixed, isoDate, percent, shown } from '../text';
import { half, type Page, type Section } from './section';

const DAYS = 8;

/** Names with the largest contributions of each day of a drill-down. */
function namesByDay(table: Table | undefined): Map<number, string> {
  const out = new Map<number, string>();
  const dates = numbers(table, 'date');
  const contribution = numbers(table, 'contribution');
  texts(table, 'security_id').forEach((name, i) => {
    const day = dates?.[i] ?? NaN;
    const before = out.get(day);
    out.set(day, `${before ? `${before}, ` : ''}${shown(name)}\u00a0${fixed(10_000 * (contribution?.[i] ?? NaN), 0)}`);
  });
  return out;
}

function drawDays(title: string, order: number[], page: Page, names: Map<number, string>): HTMLElement {
  const daily = page.result.tables.get('daily');
  const value = (name: string, row: number): number => numbers(daily, name)?.[row] ?? NaN;
  const short = (row: number): number => value('ret', row) - value('ret_l', row);
  const fields: Field<number>[] = [
    { head: periodName(page.result), isName: true, text: (row) => isoDate(value('date', row)) },
    { head: 'return', text: (row) => percent(value('ret', row), 2), bar: (row) => value('ret', row) },
    { head: 'long side', text: (row) => percent(value('ret_l', row), 2) },
    { head: 'short side', text: (row) => percent(short(row), 2) },
  ];
  if (names.size) fields.push({ head: 'names, basis points', isName: true, isLong: true, text: (row) => names.get(value('date', row)) ?? '' });
  return half(drawTable(title, fields, order));
}

export const days: Section = {
  title: (result) => `Worst and best ${periodName(result)}s`,
  draw: (page) => {
    const ret = numbers(page.result.tables.get('daily'), 'ret');
    if (!ret || ret.length < 4) return [];
    const order = Array.from(ret, (_, i) => i).sort((a, b) => (ret[a] ?? 0) - (ret[b] ?? 0) || a - b);
    const n = Math.min(DAYS, Math.floor(order.length / 2));
    const period = periodName(page.result);
    const names = namesByDay(page.result.tables.get('extreme_days'));
    return [
      drawDays(`Worst ${period}s`, order.slice(0, n), page, names),
      drawDays(`Best ${period}s`, order.slice(-n).reverse(), page, names),
      ...(page.onDay ? [h('p', { class: 'screen-only' }, `Click a ${period} of a chart of returns to see its book.`)] : []),
    ];
  },
};
