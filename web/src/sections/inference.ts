// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import { drawAuditParts } from '../audit';
import { numbers, texts } from '../data';
import { drawTable } from '../table';
import { chance, fixed, percent, shown, whole } from '../text';
import { half, type Section } from './section';

const WORDS: Record<string, string> = { ret: 'before costs', ret_net: 'after costs', resret: 'residual', resret_net: 'residual, after costs' };

type Line = readonly [name: string, text: (value: (name: string) => number) => string];

const LINES: Line[] = [
  ['periods', (value) => whole(value('periods'))],
  ['Sharpe ratio', (value) => fixed(value('sharpe'))],
  ['95 % interval', (value) => `${fixed(value('low'))} to ${fixed(value('high'))}`],
  ['error, independent', (value) => fixed(value('se'))],
  ['error, autocorrelated', (value) => fixed(value('se_hac'))],
  ['t of the mean', (value) => fixed(value('t_nw'))],
  ['p of the mean', (value) => chance(value('p_nw'))],
  ['probability of a true ratio above 0', (value) => percent(value('psr'))],
  ['periods needed to say so at 95 %', (value) => whole(Math.ceil(value('min_track_record')))],
  ['skewness', (value) => fixed(value('skew'))],
  ['kurtosis', (value) => fixed(value('kurt'), 1)],
];

export const inference: Section = {
  title: 'Inference',
  draw: ({ result }) => {
    const table = result.tables.get('inference');
    if (!table?.rows) return [];
    const series = texts(table, 'series').map((name) => WORDS[name] ?? shown(name));
    return [
      half(
        drawTable(
          'Is it real?',
          [
            { head: 'overall book', isName: true, isLong: true, text: (line: Line) => line[0] },
            ...series.map((head, row) => ({ head, text: (line: Line) => line[1]((name) => numbers(table, name)?.[row] ?? NaN) })),
          ],
          LINES,
          'errors under autocorrelation by Newey and West',
        ),
      ),
    ];
  },
};

export const audit: Section = {
  title: 'Look-ahead audit',
  draw: ({ result }) => (result.audit ? drawAuditParts(result.audit) : []),
};
