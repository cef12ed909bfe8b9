// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import { numbers, texts } from '../data';
import { drawTable } from '../table';
import { fixed, percent, shown, whole } from '../text';
import type { Section } from './section';

const MOST_ROWS = 60;

export const groups: Section = {
  title: 'Groups',
  draw: ({ result }) => {
    const summary = result.tables.get('summary');
    const byvar = texts(summary, 'byvar');
    const group = texts(summary, 'group');
    const value = (name: string, row: number): number => numbers(summary, name)?.[row] ?? NaN;
    return [...new Set(byvar)]
      .filter((name) => name !== 'overall' && name !== 'month')
      .map((name) => {
        const all = byvar.flatMap((other, row) => (other === name ? [row] : []));
        const rows = all.slice(0, MOST_ROWS);
        return drawTable(
          `By ${shown(name)}`,
          [
            { head: shown(name), isName: true, text: (row: number) => shown(group[row] ?? '') },
            { head: 'periods', text: (row) => whole(value('num_date', row)) },
            { head: 'names long / short', text: (row) => `${whole(value('numcos_l', row))} / ${whole(value('numcos_s', row))}` },
            { head: 'return per year', text: (row) => percent(value('ret_ann', row)), bar: (row) => value('ret_ann', row) },
            { head: 'Sharpe', text: (row) => fixed(value('sharpe_ret', row)), bar: (row) => value('sharpe_ret', row) },
            { head: 'net Sharpe', text: (row) => fixed(value('sharpe_ret_net', row)), bar: (row) => value('sharpe_ret_net', row) },
            { head: 't', text: (row) => fixed(value('t_stat_nw', row), 1) },
            { head: 'drawdown', text: (row) => percent(value('maxdd', row)) },
            { head: 'turnover', text: (row) => percent(value('turnover', row)) },
          ],
          rows,
          all.length > rows.length ? `the first ${rows.length} of ${all.length}` : '',
        );
      });
  },
};
