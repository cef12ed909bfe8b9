// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import { drawBars } from '../bars';
import { drawChart, type Line } from '../chart';
import { at, numbers } from '../data';
import { histogram, rollingMean } from '../statistics';
import { fixed, fixedAxis, percent, whole } from '../text';
import { drawTable } from '../table';
import { half, type Section } from './section';

/** Bins of the distribution: at most so many, and fewer of few values. */
const BINS = 50;
const binsOf = (count: number): number => Math.min(BINS, Math.ceil(3 * Math.sqrt(count)));

export const ic: Section = {
  title: 'Information coefficient',
  draw: ({ result, period }) => {
    const table = result.tables.get('ic');
    const x = numbers(table, 'date');
    const values = numbers(table, 'ic');
    if (!x || !values) return [];
    const summary = result.tables.get('ic_summary');
    const window = Math.max(3, Math.round(result.periods_per_year / 4));
    const bins = histogram(values, binsOf(values.length));
    const words = `mean ${fixed(at(summary, 'mean'), 4)}, t ${fixed(at(summary, 't_stat_nw'), 1)}, ${percent(at(summary, 'hit_rate'), 0)} above 0`;
    return [
      half(
        drawChart({
        title: 'Rank correlation with the return',
        note: words,
        x,
        lines: [
          { label: 'per period', values, colour: 'faint', points: true },
          { label: `mean of ${window}`, values: rollingMean(values, window), colour: 'gross', width: 2, span: true },
        ],
        format: (value) => fixed(value, 3),
        axis: fixedAxis,
        period,
        fromZero: true,
        summary: words,
        }),
      ),
      half(
        drawBars({
          title: 'Distribution of the rank correlation',
          bars: bins.map(({ centre, width, count }) => ({ label: fixedAxis(centre, width), value: count })),
          format: whole,
          axis: fixedAxis,
          summary: words,
        }),
      ),
    ];
  },
};

export const decay: Section = {
  title: 'Decay',
  draw: ({ result }) => {
    const table = result.tables.get('decay');
    const horizon = numbers(table, 'horizon');
    if (!table || !horizon) return [];
    const life = at(result.tables.get('decay_half_life'), 'half_life');
    const column = (name: string): Float64Array => numbers(table, name) ?? new Float64Array(horizon.length).fill(NaN);
    const [correlations, sharpes, remembered] = [column('ic'), column('sharpe_ret'), column('rank_autocorrelation')];
    const rows = Array.from(horizon, (_, i) => i);
    const [annual, t, turnover] = [column('ret_ann'), column('ic_t_nw'), column('turnover')];
    const lines: Line[] = [{ label: 'mean rank correlation', values: correlations, colour: 'gross', width: 2 }];
    const charts: Node[] = [];
    if (horizon.length > 1)
      charts.push(
        half(
          drawChart({
            title: 'Decay of the rank correlation',
            note: Number.isFinite(life) ? `half-life of the ranks: ${fixed(life, 1)} periods` : '',
            x: horizon,
            lines,
            format: (value) => fixed(value, 4),
            axis: fixedAxis,
            xFormat: whole,
            xName: 'horizon',
            wholeX: true,
            fromZero: true,
            summary: `From ${fixed(correlations[0], 4)} at horizon ${whole(horizon[0])} to ${fixed(correlations.at(-1), 4)} at horizon ${whole(horizon.at(-1))}.`,
          }),
        ),
      );
    charts.push(
      half(drawTable(
        'Decay by horizon',
        [
          { head: 'horizon', isName: true, text: (i: number) => whole(horizon[i]) },
          { head: 'IC', text: (i) => fixed(correlations[i], 4), bar: (i) => correlations[i] ?? NaN },
          { head: 't', text: (i) => fixed(t[i], 1) },
          { head: 'return per year', text: (i) => percent(annual[i]) },
          { head: 'Sharpe', text: (i) => fixed(sharpes[i]), bar: (i) => sharpes[i] ?? NaN },
          { head: 'turnover', text: (i) => percent(turnover[i]) },
          { head: 'rank autocorrelation', text: (i) => fixed(remembered[i]) },
        ],
        rows,
        'a signal used so many periods later, before costs',
      )),
    );
    return charts;
  },
};
