// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import { at, numbers, periodName, type Result } from '../data';
import { h } from '../dom';
import { slice, type Period } from '../period';
import { cumulated, drawdown, mean, sharpe, sharpeError } from '../statistics';
import { capitalised, fixed, isoDate, percent, secondsOf, shown, splitCode, whole } from '../text';
import type { Section } from './section';

interface Headline {
  sharpe: number;
  low: number;
  high: number;
  net: number;
  annual: number;
  annualNet: number;
  drawdown: number;
  turnover: number;
  long: number;
  short: number;
  periods: number;
}

function ofWholeRun(result: Result): Headline {
  const summary = result.tables.get('summary');
  const inference = result.tables.get('inference');
  return {
    sharpe: at(summary, 'sharpe_ret'),
    low: at(inference, 'low'),
    high: at(inference, 'high'),
    net: at(summary, 'sharpe_ret_net'),
    annual: at(summary, 'ret_ann'),
    annualNet: at(summary, 'ret_net_ann'),
    drawdown: at(summary, 'maxdd'),
    turnover: at(summary, 'turnover'),
    long: at(summary, 'numcos_l'),
    short: at(summary, 'numcos_s'),
    periods: at(summary, 'num_date'),
  };
}

function ofPart(result: Result, period: Period): Headline {
  const daily = result.tables.get('daily');
  const [first, last] = slice(numbers(daily, 'date') ?? new Float64Array(), period);
  const part = (name: string): Float64Array => numbers(daily, name)?.subarray(first, last) ?? new Float64Array();
  const perYear = result.periods_per_year;
  const ret = part('ret');
  const net = part('ret_net');
  const ratio = sharpe(ret, perYear);
  const error = sharpeError(ret, perYear);
  const held = part('numcos_l').map((names, i) => (names + (part('numcos_s')[i] ?? 0) > 0 ? 1 : 0));
  const heldMean = (x: Float64Array): number => mean(x.filter((_, i) => held[i] === 1));
  return {
    sharpe: ratio,
    low: ratio - error,
    high: ratio + error,
    net: sharpe(net, perYear),
    annual: perYear * mean(ret),
    annualNet: perYear * mean(net),
    drawdown: Math.min(0, ...drawdown(ret)),
    turnover: mean(part('turnover')),
    long: heldMean(part('numcos_l')),
    short: heldMean(part('numcos_s')),
    periods: held.reduce((sum, value) => sum + value, 0),
  };
}

const card = (label: string, value: string, more: string): HTMLElement =>
  h('div', { class: 'card' }, h('dt', {}, label), h('dd', {}, h('strong', {}, value), h('span', {}, more)));

function cards(head: Headline): HTMLElement[] {
  return [
    card('Sharpe ratio', fixed(head.sharpe), Number.isFinite(head.low) ? `95 %: ${fixed(head.low)} to ${fixed(head.high)}` : 'before costs'),
    card('net Sharpe ratio', fixed(head.net), 'after costs'),
    card('return per year', percent(head.annual), `${percent(head.annualNet)} after costs`),
    card('max drawdown', percent(head.drawdown), 'before costs'),
    card('turnover', percent(head.turnover), 'per period'),
    card('names', `${whole(head.long)} / ${whole(head.short)}`, 'long / short'),
    card('periods', whole(head.periods), 'with a position'),
  ];
}

/** The sentence, and its code in small print. */
function drawWarning(text: string): Node[] {
  const [sentence, code] = splitCode(text);
  return [h('bdi', {}, shown(capitalised(sentence))), ...(code ? [document.createTextNode(' '), h('small', {}, code)] : [])];
}

/** Two dates that choose the part of the run which the page shows. */
function periodBar(dates: Float64Array, choose: (period: Period | null) => void): [HTMLElement, (period: Period | null) => void] {
  const [first, last] = [isoDate(dates[0] ?? NaN), isoDate(dates[dates.length - 1] ?? NaN)];
  const field = (): HTMLInputElement => h('input', { type: 'date', min: first, max: last });
  const [from, to] = [field(), field()];
  const whole = h('button', { type: 'button', hidden: true }, 'Whole run');
  const show = (period: Period | null): void => {
    from.value = period ? isoDate(period.from) : first;
    to.value = period ? isoDate(period.to) : last;
    whole.hidden = period === null;
  };
  const changed = (): void => {
    if (from.value && to.value && from.value < to.value)
      choose(from.value <= first && to.value >= last ? null : { from: secondsOf(from.value), to: secondsOf(to.value) });
  };
  from.addEventListener('change', changed);
  to.addEventListener('change', changed);
  whole.addEventListener('click', () => choose(null));
  show(null);
  const bar = h(
    'form',
    { class: 'period screen-only', 'aria-label': 'Period shown' },
    h('label', {}, 'from ', from),
    h('label', {}, 'to ', to),
    whole,
    h('small', {}, 'or drag over a chart'),
  );
  return [bar, show];
}

export const headline: Section = {
  title: 'Headline',
  draw: ({ result, period, remedy }) => {
    const dates = numbers(result.tables.get('daily'), 'date') ?? new Float64Array();
    const list = h('dl', { class: 'cards' }, ...cards(ofWholeRun(result)));
    const out: Node[] = [];
    const { warnings } = result.diagnostics;
    if (warnings.length)
      out.push(
        h(
          'div',
          { class: 'warnings' },
          h('h3', {}, warnings.length === 1 ? 'Warning' : `${warnings.length} warnings`),
          h('ul', {}, ...warnings.map((text) => h('li', {}, ...drawWarning(text), ' ', remedy?.(text) ?? null))),
        ),
      );
    if (result.study) out.push(h('p', { class: 'study' }, h('bdi', {}, shown(result.study))));
    out.push(list);
    if (dates.length > 1) {
      const [bar, show] = periodBar(dates, (chosen) => period.set(chosen));
      period.listen((chosen) => {
        show(chosen);
        list.replaceChildren(...cards(chosen ? ofPart(result, chosen) : ofWholeRun(result)));
      });
      out.push(bar);
    } else {
      out.push(h('p', {}, `No position in any ${periodName(result)}.`));
    }
    return out;
  },
};

/** The book's cumulative return on a scale of its own, for a summary in words. */
export const lastOf = (x: Float64Array): number => cumulated(x)[x.length - 1] ?? NaN;
