// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** The book of one day of a result: each name with its weight, return and contribution. */

import type { Result } from '../data';
import { numbers, periodName } from '../data';
import { h } from '../dom';
import { drawTable } from '../table';
import { capitalised, fixed, isoDate, percent, secondsOf, shown, whole } from '../text';
import { getJson, runSignal } from './server';
import { findRun } from './session';

interface Name {
  readonly security_id: string | number;
  readonly weight: number | null;
  readonly ret: number | null;
  readonly contribution: number | null;
  readonly tc: number | null;
}

const TABLE = 'drilldown';
/** Names shown; the table's CSV file has all. */
const MOST = 200;

/** Ids of the results that have the books of others. */
const booksOf = new Map<string, string>();

/** The id of a result with the books of the run. The first time, it runs the signal again and asks for them. */
async function findBooks(id: string, result: Result, tables: readonly string[]): Promise<string> {
  if (tables.includes(TABLE)) return id;
  const known = booksOf.get(id);
  if (known) return known;
  const run = findRun(id);
  if (!run?.body) throw new Error('expected the books of the run, found a result without them, and its file is no longer open here. Run the file again with "drilldown" in analysis.');
  const analysis = [...new Set([...((result.config['analysis'] as string[] | undefined) ?? []), TABLE])];
  const done = await runSignal({ body: run.body, type: run.type }, { ...run.config, analysis }, '');
  if (!done.id) throw new Error('expected room for the books in the server\'s store of results, found too little. Raise server.result_store_mb.');
  booksOf.set(id, done.id);
  return done.id;
}

const sum = (values: (number | null)[]): number => values.reduce<number>((total, value) => total + (value ?? 0), 0);
const size = (name: Name): number => Math.abs(name.contribution ?? 0);

function drawBook(day: string, names: Name[]): Node[] {
  const long = names.filter((name) => (name.weight ?? 0) > 0);
  const short = names.filter((name) => (name.weight ?? 0) < 0);
  const rows = [...names].sort((a, b) => size(b) - size(a)).slice(0, MOST);
  const points = (value: number | null, digits: number): string => (value === null ? fixed(NaN) : fixed(10_000 * value, digits));
  const card = (label: string, value: string, more: string): HTMLElement =>
    h('div', { class: 'card' }, h('dt', {}, label), h('dd', {}, h('strong', {}, value), h('span', {}, more)));
  const total = (some: Name[]): string => percent(sum(some.map((name) => name.contribution)), 2);
  return [
    h(
      'dl',
      { class: 'cards' },
      card('return', total(names), 'before costs'),
      card('long side', total(long), `${whole(long.length)} names`),
      card('short side', total(short), `${whole(short.length)} names`),
      card('cost', percent(sum(names.map((name) => name.tc)), 2), `${whole(names.length - long.length - short.length)} names closed`),
    ),
    drawTable(
      `Names of ${day}`,
      [
        { head: 'security', isName: true, text: (name: Name) => shown(String(name.security_id)) },
        { head: 'weight', text: (name) => (name.weight === 0 ? 'closed' : percent(name.weight ?? NaN, 2)) },
        { head: 'return', text: (name) => percent(name.ret ?? NaN, 2) },
        { head: 'contribution, bps', text: (name) => points(name.contribution, 1), bar: (name) => name.contribution ?? NaN },
        { head: 'cost, bps', text: (name) => points(name.tc, 2) },
      ],
      rows,
      names.length > rows.length ? `the ${rows.length} largest contributions of ${whole(names.length)}` : 'largest contribution first',
    ),
  ];
}

export interface DayView {
  readonly control: HTMLElement;
  readonly panel: HTMLElement;
  /** Shows the book of a day (seconds since 1970). */
  readonly show: (seconds: number) => void;
}

export function makeDayView(id: string, result: Result, tables: readonly string[]): DayView {
  const dates = numbers(result.tables.get('daily'), 'date') ?? new Float64Array();
  const [first, last] = [isoDate(dates[0] ?? NaN), isoDate(dates[dates.length - 1] ?? NaN)];
  const period = periodName(result);
  const input = h('input', { type: 'date', id: 'book-day', min: first, max: last, value: last });
  const button = h('button', { type: 'submit' }, 'Show');
  const control = h('form', { class: 'group', novalidate: true }, h('label', { for: 'book-day' }, 'Book of '), input, button);
  const panel = h('section', { class: 'day screen-only', hidden: true, 'aria-labelledby': 'book-title' });
  const move = (label: string, day: number | undefined): HTMLButtonElement => {
    const out = h('button', { type: 'button', disabled: day === undefined }, label);
    out.addEventListener('click', () => day !== undefined && show(day));
    return out;
  };
  let visit = 0;
  const show = async (seconds: number): Promise<void> => {
    const mine = ++visit;
    const place = dates.indexOf(seconds);
    const day = isoDate(seconds);
    input.value = day;
    const title = h('h2', { id: 'book-title', tabindex: -1 }, `Book of ${day}`);
    const close = h('button', { type: 'button' }, 'Close');
    close.addEventListener('click', () => {
      panel.hidden = true;
      input.focus();
    });
    const buttons = h('div', { class: 'actions' }, move(`${capitalised(period)} before`, dates[place - 1]), move(`${capitalised(period)} after`, dates[place + 1]), close);
    const body = h('div', { class: 'parts' }, h('p', { role: 'status' }, 'Computing …'));
    panel.replaceChildren(title, buttons, body);
    panel.hidden = false;
    title.focus();
    try {
      if (place < 0) throw new Error(`expected a ${period} of the result, from ${first} to ${last}, found ${day}. Choose another.`);
      const names = await getJson<Name[]>(`results/${encodeURIComponent(await findBooks(id, result, tables))}?table=${TABLE}&date=${day}`);
      if (mine === visit) body.replaceChildren(...drawBook(day, names));
    } catch (error) {
      if (mine === visit) body.replaceChildren(h('p', { role: 'alert', class: 'fault' }, error instanceof Error ? error.message : String(error)));
    }
  };
  control.addEventListener('submit', (event) => {
    event.preventDefault();
    if (input.value) void show(secondsOf(input.value));
  });
  return { control, panel, show: (seconds) => void show(seconds) };
}
