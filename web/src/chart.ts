// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Charts of lines over time or over a number, drawn by uPlot: theme, legend, cursor, keyboard, resizing and print. */

import 'uplot/dist/uPlot.min.css';
import uPlot from 'uplot';
import { h, uniqueId } from './dom';
import type { PeriodChoice } from './period';
import { hang, isOnPaper, type Picture } from './surroundings';
import { isoDate, MONTHS, type AxisFormat } from './text';

export interface Line {
  readonly label: string;
  readonly values: Float64Array;
  /** The name of a colour in theme.css, such as "gross" for --gross. */
  readonly colour: string;
  readonly width?: number;
  readonly dash?: number[];
  /** Fills to 0. */
  readonly fill?: boolean;
  /** Points alone. */
  readonly points?: boolean;
  /** Joins over missing values. */
  readonly span?: boolean;
}

export interface Chart {
  readonly title: string;
  readonly note?: string;
  readonly x: Float64Array;
  readonly lines: Line[];
  /** Values of the legend and the axis. */
  readonly format: (value: number) => string;
  readonly axis?: AxisFormat;
  readonly height?: number;
  /** Dates on x if absent. */
  readonly xFormat?: (value: number) => string;
  /** What x is, for the legend; absent for dates. */
  readonly xName?: string;
  readonly logX?: boolean;
  /** Whole numbers on x. */
  readonly wholeX?: boolean;
  /** Draws from and to 0 whatever the values. */
  readonly fromZero?: boolean;
  /** The whole page's period; charts over time share their cursor. */
  readonly period?: PeriodChoice;
  /** What the picture says, for those who cannot see it. */
  readonly summary: string;
  readonly onPick?: (index: number) => void;
}

const HEIGHT = 220;
const FONT = 11;
const SYNC = 'days';
const YEAR = 364 * 86_400;
const MONTH = 27 * 86_400;
/** Steps between the ticks of dates. uPlot takes those from 30 days on as calendar months, those from 365 days on as years. */
const DAY = 86_400;
const DAY_STEPS = [1, 2, 5, 7, 14].map((days) => days * DAY);
const MONTH_STEPS = [30, 60, 90, 120, 180, 365, 730, 1825, 3650, 9125, 18250, 36500].map((days) => days * DAY);
/** How much finer a chart is drawn on paper. */
const PAPER_SCALE = 2;
const PAPER_HEIGHT = 0.62;

const colourOf = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** A date whose local fields read as UTC, because uPlot reads local fields. */
function utc(seconds: number): Date {
  const date = new Date(seconds * 1000);
  return new Date(date.getTime() + date.getTimezoneOffset() * 60_000);
}

function dateLabels(_: uPlot, splits: number[], __: number, ___: number, step: number): string[] {
  let year = -1;
  return splits.map((seconds) => {
    const date = new Date(seconds * 1000);
    const newYear = date.getUTCFullYear() !== year;
    year = date.getUTCFullYear();
    if (step >= YEAR) return String(year);
    const month = MONTHS[date.getUTCMonth()] ?? '';
    const label = step >= MONTH ? month : `${date.getUTCDate()} ${month}`;
    return newYear ? `${label}\n${year}` : label;
  });
}

class Drawing implements Picture {
  private plot: uPlot | null = null;
  /** True from the end of a drag to the next press: the click that ends a drag picks nothing. */
  private isDragged = false;
  private readonly values: HTMLElement[] = [];
  private readonly moment: HTMLElement;
  private readonly box: HTMLElement;
  readonly figure: HTMLElement;

  constructor(private readonly chart: Chart) {
    const caption = uniqueId('caption');
    const legend = uniqueId('legend');
    this.moment = h('span', { class: 'moment' });
    this.box = h('div', {
      class: 'plot',
      role: 'img',
      tabindex: 0,
      'aria-describedby': legend,
      'aria-label': `${chart.title}. ${chart.summary}`,
    });
    const entries = chart.lines.map((line) => {
      const value = h('b');
      this.values.push(value);
      const swatch = h('i', { class: line.points ? 'swatch dot' : line.dash ? 'swatch dashed' : 'swatch' });
      swatch.style.setProperty('--line', `var(--${line.colour})`);
      return h('span', { class: 'entry' }, swatch, line.label, ' ', value);
    });
    this.figure = h(
      'figure',
      { class: 'chart' },
      h('figcaption', { id: caption }, chart.title, chart.note && h('small', {}, chart.note)),
      h('div', { class: 'legend', id: legend }, this.moment, ...entries),
      this.box,
      h('p', { class: 'spoken' }, chart.summary),
    );
    this.box.addEventListener('keydown', (event) => this.onKey(event));
    this.read(null);
    hang(this, this.box);
    chart.period?.listen(() => this.follow());
  }

  /** Shows the values at a position; without one, the newest. */
  private read(index: number | null): void {
    const { x, lines, format, xFormat, xName = '' } = this.chart;
    const shownAt = index ?? x.length - 1;
    const moment = x[shownAt];
    this.moment.textContent = moment === undefined ? '' : xFormat ? `${xName} ${xFormat(moment)}`.trim() : isoDate(moment);
    lines.forEach((line, i) => {
      let value = line.values[shownAt] ?? NaN;
      for (let j = shownAt; index === null && Number.isNaN(value) && j >= 0; --j) value = line.values[j] ?? NaN;
      const cell = this.values[i];
      if (cell) cell.textContent = format(value);
    });
  }

  private onKey(event: KeyboardEvent): void {
    const plot = this.plot;
    if (!plot) return;
    const last = this.chart.x.length - 1;
    const now = plot.cursor.idx ?? last;
    const jump = Math.max(1, Math.round(this.chart.x.length / 40));
    const steps: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, PageUp: -jump, PageDown: jump, Home: -last, End: last };
    const step = steps[event.key];
    if (event.key === 'Enter' && plot.cursor.idx != null) this.chart.onPick?.(plot.cursor.idx);
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.min(last, Math.max(0, now + step));
    plot.setCursor({ left: plot.valToPos(this.chart.x[next] ?? 0, 'x'), top: plot.over.clientHeight / 2 });
    this.moment.parentElement?.setAttribute('aria-live', 'polite');
  }

  private options(width: number): uPlot.Options {
    const { chart } = this;
    const scale = isOnPaper() ? PAPER_SCALE : 1;
    const ink = colourOf('muted');
    const font = `${FONT * scale}px system-ui, "DejaVu Sans", sans-serif`;
    const axis: uPlot.Axis = {
      stroke: ink,
      font,
      grid: { stroke: colourOf('grid'), width: scale },
      ticks: { show: false },
      border: { show: false },
    };
    const format: AxisFormat = chart.axis ?? chart.format;
    const period = chart.period;
    return {
      width: width * scale,
      height: (chart.height ?? HEIGHT) * scale * (isOnPaper() ? PAPER_HEIGHT : 1),
      padding: [8 * scale, (chart.xFormat ? 18 : 10) * scale, 0, 0],
      legend: { show: false },
      tzDate: utc,
      cursor: {
        y: false,
        points: { size: 7 },
        drag: { x: period !== undefined, y: false, setScale: false },
        ...(chart.xFormat ? {} : { sync: { key: SYNC, setSeries: false } }),
      },
      scales: {
        x: chart.xFormat ? { time: false, distr: chart.logX ? 3 : 1 } : { time: true },
        y: { range: (_: uPlot, low: number, high: number) => this.range(low, high) },
      },
      axes: [
        { ...axis, ...this.xAxis(scale) },
        {
          ...axis,
          gap: 4 * scale,
          space: 32 * scale,
          size: (_: uPlot, labels: string[] | null) =>
            scale * (12 + (FONT * 0.62) * Math.max(2, ...(labels ?? []).map((label) => label.length))),
          values: (_: uPlot, splits: number[], __: number, ___: number, step: number) => splits.map((value) => format(value, step)),
        },
      ],
      series: [{}, ...chart.lines.map((line) => this.series(line, scale))],
      hooks: {
        setCursor: [(plot: uPlot) => this.read(plot.cursor.idx ?? null)],
        setSelect: [(plot: uPlot) => this.select(plot)],
        ready: [(plot: uPlot) => this.listenTo(plot)],
      },
    };
  }

  private xAxis(scale: number): Partial<uPlot.Axis> {
    const { xFormat, logX, wholeX } = this.chart;
    const room = { gap: 4 * scale, space: 52 * scale };
    if (!xFormat) return { ...room, size: 34 * scale, values: dateLabels, incrs: this.isMonthly() ? MONTH_STEPS : [...DAY_STEPS, ...MONTH_STEPS] };
    const powers: uPlot.Axis.Filter = (_, splits) => splits.map((value) => (Number.isInteger(Math.log10(value)) ? value : null));
    return {
      ...room,
      size: 22 * scale,
      values: (_, splits) => splits.map((value) => (value === null ? '' : xFormat(value))),
      ...(wholeX ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] } : {}),
      ...(logX ? { filter: powers, grid: { stroke: colourOf('grid'), width: scale, filter: powers } } : {}),
    };
  }

  /** True if no two dates of x are in one month, as those of monthly and yearly data: days between them mean nothing. */
  private isMonthly(): boolean {
    const { x } = this.chart;
    return x.length > 1 && x.every((seconds, i) => i === 0 || seconds - (x[i - 1] ?? 0) >= MONTH);
  }

  private series(line: Line, scale: number): uPlot.Series {
    const stroke = colourOf(line.colour);
    return {
      label: line.label,
      stroke,
      width: (line.width ?? 1.6) * scale,
      spanGaps: line.span ?? false,
      points: line.points ? { show: true, size: 3 * scale, width: 0, fill: stroke } : { show: false },
      ...(line.points ? { paths: () => null } : {}),
      ...(line.dash ? { dash: line.dash.map((part) => part * scale) } : {}),
      ...(line.fill ? { fill: `color-mix(in srgb, ${stroke} 22%, transparent)` } : {}),
    };
  }

  private range(low: number, high: number): [number, number] {
    if (low === null || !Number.isFinite(low)) return [0, 1];
    const bottom = this.chart.fromZero ? Math.min(0, low) : low;
    const top = this.chart.fromZero ? Math.max(0, high) : high;
    const room = (top - bottom || Math.abs(top) || 1) * 0.06;
    return [bottom === 0 ? 0 : bottom - room, top === 0 ? 0 : top + room];
  }

  private listenTo(plot: uPlot): void {
    plot.over.addEventListener('mousedown', () => (this.isDragged = false));
    plot.over.addEventListener('dblclick', () => this.chart.period?.set(null));
    plot.over.addEventListener('click', () => {
      if (plot.cursor.idx != null && !this.isDragged) this.chart.onPick?.(plot.cursor.idx);
    });
  }

  /** A dragged range becomes the page's period. */
  private select(plot: uPlot): void {
    const { left, width } = plot.select;
    if (!this.chart.period || width < 4) return;
    this.isDragged = true;
    const period = { from: plot.posToVal(left, 'x'), to: plot.posToVal(left + width, 'x') };
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.chart.period.set(period);
  }

  private follow(): void {
    const period = this.chart.period?.get() ?? null;
    const { x } = this.chart;
    this.plot?.setScale('x', {
      min: period?.from ?? x[0] ?? 0,
      max: period?.to ?? x[x.length - 1] ?? 1,
    });
  }

  draw(width: number): void {
    this.plot?.destroy();
    this.box.classList.toggle('paper', isOnPaper());
    const data = [this.chart.x, ...this.chart.lines.map((line) => Array.from(line.values, (v) => (Number.isNaN(v) ? null : v)))];
    this.plot = new uPlot(this.options(width), data as uPlot.AlignedData, this.box);
    if (this.chart.period?.get()) this.follow();
  }
}

/** A figure with its caption, legend and picture. It draws itself when it has a width. */
export const drawChart = (chart: Chart): HTMLElement => new Drawing(chart).figure;
