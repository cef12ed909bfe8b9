// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Tables of numbers, with a bar or a shade behind a number where a column asks for it. */

import { h } from './dom';

export interface Field<Row> {
  readonly head: string;
  readonly text: (row: Row) => string;
  /** The length of a bar behind the number, in units of the column. */
  readonly bar?: (row: Row) => number;
  /** A name: to the left. */
  readonly isName?: boolean;
  /** A text of many words, which takes several lines. */
  readonly isLong?: boolean;
  /** Where the text leads; "" if nowhere. */
  readonly link?: (row: Row) => string;
}

/** A text that may break behind the marks of a file's name. */
const breakable = (text: string): (string | Node)[] => text.split(/(?<=[_./])/).flatMap((part) => [part, h('wbr')]);

export function drawTable<Row>(caption: string, fields: Field<Row>[], rows: readonly Row[], note?: string): HTMLElement {
  const longest = fields.map((field) =>
    Math.max(0, ...rows.map((row) => Math.abs(field.bar?.(row) ?? 0)).filter((size) => Number.isFinite(size))),
  );
  const body = rows.map((row) =>
    h(
      'tr',
      {},
      ...fields.map((field, i) => {
        const text = field.text(row);
        const href = field.link?.(row);
        const words = h('bdi', {}, href ? h('a', { href }, text) : field.isLong ? h('span', {}, ...breakable(text)) : text);
        if (field.isName) return h(i === 0 ? 'th' : 'td', { class: field.isLong ? 'name long' : 'name', scope: i === 0 && 'row' }, words);
        const cell = h('td', {}, h('span', {}, text));
        const size = field.bar?.(row) ?? NaN;
        const whole = longest[i] ?? 0;
        if (Number.isFinite(size) && whole > 0) {
          cell.classList.add('bar', size < 0 ? 'below' : 'above');
          cell.style.setProperty('--size', `${((100 * Math.abs(size)) / whole).toFixed(1)}%`);
        }
        return cell;
      }),
    ),
  );
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    h(
      'table',
      {},
      h('caption', {}, caption, note && h('small', {}, note)),
      h('thead', {}, h('tr', {}, ...fields.map((f) => h('th', { scope: 'col', class: f.isName && 'name' }, f.head)))),
      h('tbody', {}, ...body),
    ),
  );
}

export interface HeatRow {
  readonly name: string;
  readonly values: number[];
  readonly total?: number;
}

/** Numbers shaded by their size: blue above 0, red below. The text of a cell is its number, so no colour is needed to read it. */
export function drawHeat(
  caption: string,
  heads: string[],
  rows: HeatRow[],
  format: (value: number) => string,
  note?: string,
  totalHead?: string,
): HTMLElement {
  const sizes = rows.flatMap((row) => row.values.filter((value) => Number.isFinite(value)).map(Math.abs)).sort((a, b) => a - b);
  const strong = sizes[Math.floor(0.95 * (sizes.length - 1))] || 1;
  const cell = (value: number, isTotal: boolean): HTMLElement => {
    const out = h('td', { class: isTotal ? 'total' : 'heat' }, Number.isFinite(value) ? format(value) : '');
    if (!isTotal && Number.isFinite(value)) {
      out.classList.add(value < 0 ? 'below' : 'above');
      out.style.setProperty('--share', `${Math.round(Math.min(1, Math.abs(value) / strong) * 46)}%`);
    }
    return out;
  };
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    h(
      'table',
      { class: 'heat-map' },
      h('caption', {}, caption, note && h('small', {}, note)),
      h(
        'thead',
        {},
        h('tr', {}, h('td'), ...heads.map((head) => h('th', { scope: 'col' }, head)), totalHead && h('th', { scope: 'col' }, totalHead)),
      ),
      h(
        'tbody',
        {},
        ...rows.map((row) =>
          h(
            'tr',
            {},
            h('th', { scope: 'row' }, h('bdi', {}, row.name)),
            ...row.values.map((value) => cell(value, false)),
            row.total !== undefined && cell(row.total, true),
          ),
        ),
      ),
    ),
  );
}
