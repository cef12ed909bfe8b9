// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Bars side by side with optional error bars, as SVG: distributions, bins of a signal. */

import { h, svg } from './dom';
import { hang, isOnPaper, type Picture } from './surroundings';
import type { AxisFormat } from './text';

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Half of the interval around the value. */
  readonly error?: number;
  readonly isApart?: boolean;
  /** The name of its colour in theme.css; without one it is that of its sign. */
  readonly colour?: string;
}

interface Bars {
  readonly title: string;
  readonly note?: string;
  readonly bars: Bar[];
  readonly format: (value: number) => string;
  readonly axis: AxisFormat;
  readonly summary: string;
  /** The labels are names, all of which are shown: aslant if they are wider than their bars. Others are places on a scale, of which some suffice. */
  readonly hasNames?: boolean;
}

const HEIGHT = 220;
const PAPER_HEIGHT = 136;
const LEFT = 52;
const BOTTOM = 24;
const RIGHT = 8;
const TOP = 8;
/** Width of a character of a label, and the room between two labels. */
const CHARACTER = 6.5;
const GAP = 10;
/** Height of labels that stand aslant. */
const ASLANT = 52;

/** Steps of 1, 2 or 5 times a power of ten: about four. */
function ticks(low: number, high: number): [values: number[], step: number] {
  const rough = (high - low) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const out: number[] = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) out.push(Math.abs(value) < step / 1e6 ? 0 : value);
  return [out, step];
}

class Drawing implements Picture {
  readonly figure: HTMLElement;
  private readonly box = h('div', { class: 'bars' });

  constructor(private readonly bars: Bars) {
    this.figure = h(
      'figure',
      { class: 'chart half' },
      h('figcaption', {}, bars.title, bars.note && h('small', {}, bars.note)),
      this.box,
      h('p', { class: 'spoken' }, bars.summary),
    );
    hang(this, this.box);
  }

  draw(width: number): void {
    const { title, summary } = this.bars;
    const height = isOnPaper() ? PAPER_HEIGHT : HEIGHT;
    const attributes = { width, height, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${title}. ${summary}` };
    this.box.replaceChildren(svg('svg', attributes, ...this.parts(width, height)));
  }

  private parts(width: number, height: number): SVGElement[] {
    const { bars, axis, hasNames = false } = this.bars;
    const known = bars.filter((bar) => Number.isFinite(bar.value));
    const low = Math.min(0, ...known.map((bar) => bar.value - reach(bar)));
    const high = Math.max(0, ...known.map((bar) => bar.value + reach(bar))) || (low < 0 ? 0 : 1);
    const room = (high - low) * 0.04;
    const bottom = low < 0 ? low - room : 0;
    const top = high > 0 ? high + room : 0;
    const slot = (width - LEFT - RIGHT) / Math.max(1, bars.length);
    const widest = CHARACTER * Math.max(...bars.filter((bar) => hasNames || !bar.isApart).map((bar) => bar.label.length));
    const isAslant = hasNames && widest > slot;
    const labelStep = hasNames ? 1 : Math.ceil((widest + GAP) / slot);
    const base = height - (isAslant ? ASLANT : BOTTOM);
    const y = (value: number): number => TOP + ((top - value) / (top - bottom || 1)) * (base - TOP);
    const [places, step] = ticks(bottom, top);
    const rules = places.flatMap((value) => [
      svg('line', { class: value === 0 ? 'zero' : 'rule', x1: LEFT, x2: width, y1: y(value), y2: y(value) }),
      svg('text', { class: 'tick', x: LEFT - 6, y: y(value) + 4, 'text-anchor': 'end' }, axis(value, step)),
    ]);
    // The label of a bar apart is drawn whatever is beside it, and inside the picture.
    const placeOf = (i: number): number => Math.min(LEFT + (i + 0.5) * slot, width - (CHARACTER * (bars[i]?.label.length ?? 0)) / 2);
    const apart = Math.min(...bars.map((bar, i) => (bar.isApart ? placeOf(i) - (CHARACTER * bar.label.length) / 2 : Infinity)));
    const drawn = bars.flatMap((bar, i) => {
      const middle = LEFT + (i + 0.5) * slot;
      const half = (CHARACTER * bar.label.length) / 2;
      const isCrowded = !bar.isApart && middle + half + GAP / 2 > apart;
      const isLabelled = (i % labelStep === 0 && !isCrowded) || bar.isApart;
      const [x, low] = [middle + 3, base + 13];
      const label = isAslant
        ? svg('text', { class: 'tick', x, y: low, 'text-anchor': 'end', transform: `rotate(-40 ${x} ${low})` }, bar.label)
        : svg('text', { class: 'tick', x: placeOf(i), y: height - 7, 'text-anchor': 'middle' }, bar.label);
      return [...this.bar(bar, middle, slot, y), ...(isLabelled ? [label] : [])];
    });
    return [...rules, ...drawn];
  }

  private bar(bar: Bar, middle: number, slot: number, y: (value: number) => number): SVGElement[] {
    if (!Number.isFinite(bar.value)) return [];
    const half = Math.max(0.5, slot * (this.bars.bars.length > 24 ? 0.46 : 0.36));
    const box = { x: middle - half, y: Math.min(y(bar.value), y(0)), width: 2 * half, height: Math.max(0.5, Math.abs(y(bar.value) - y(0))) };
    const name = bar.isApart ? 'apart' : bar.value < 0 ? 'below' : 'above';
    const rect = svg('rect', { class: name, ...box }, svg('title', {}, `${bar.label}: ${this.bars.format(bar.value)}`));
    if (bar.colour) rect.style.fill = `var(--${bar.colour})`;
    const out = [rect];
    if (reach(bar) > 0) {
      const [up, down] = [y(bar.value + reach(bar)), y(bar.value - reach(bar))];
      const cap = Math.min(5, half / 2);
      out.push(svg('path', { class: 'error', d: `M${middle} ${up}V${down}M${middle - cap} ${up}h${2 * cap}M${middle - cap} ${down}h${2 * cap}` }));
    }
    return out;
  }
}

const reach = (bar: Bar): number => (Number.isFinite(bar.error) ? (bar.error ?? 0) : 0);

export const drawBars = (bars: Bars): HTMLElement => new Drawing(bars).figure;
