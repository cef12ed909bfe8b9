// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import { drawChart } from '../chart';
import { at, counted, numbers, type Result } from '../data';
import { drawTable } from '../table';
import { fixedAxis, percent, whole } from '../text';
import { half, type Section } from './section';

/** Causes for which a row is dropped, in the order of docs/methodology.md section 2. */
const CAUSES: [name: string, words: string][] = [
  ['null_key', 'no identifier or date'],
  ['null_signal', 'no value'],
  ['unknown_security', 'security not in the snapshot'],
  ['outside_dates', 'return date outside the dates'],
  ['no_return', 'no panel row on the return date'],
  ['outside_universe', 'outside the universe'],
  ['no_exposure', 'an exposure missing'],
  ['duplicate', 'repeated by a later row'],
  ['bad_open_print', 'bad open print'],
];
const NOTES: [name: string, words: string][] = [
  ['rows_carried', 'rows carried to later periods'],
  ['return_day_rolled', 'return dates rolled forward'],
  ['trade_before_avail', 'traded before the signal was available'],
  ['missing_return', 'held without a return'],
  ['left_panel', 'held when they left the panel'],
  ['missing_weight', 'without a weight'],
  ['missing_double_var', 'without a value of the first sort'],
  ['missing_rank_within', 'without a category to rank in'],
  ['one_sided_category', 'in a category with one side'],
  ['unknown_cost', 'trades of unknown cost'],
];

interface Step {
  readonly words: string;
  readonly count: number;
  readonly isTotal: boolean;
}

function steps(result: Result): Step[] {
  const dropped = CAUSES.map(([name, words]) => ({ words, count: -counted(result, name), isTotal: false }));
  return [
    { words: 'rows given', count: counted(result, 'rows_given'), isTotal: true },
    ...dropped.filter((step) => step.count !== 0),
    { words: 'rows used', count: counted(result, 'rows_used'), isTotal: true },
  ];
}

export const rows: Section = {
  title: 'Rows',
  draw: ({ result, period }) => {
    const given = counted(result, 'rows_given');
    const notes = NOTES.filter(([name]) => counted(result, name) > 0).map(([name, words]) => `${whole(counted(result, name))} ${words}`);
    const out: Node[] = [
      half(drawTable(
        'From rows given to rows used',
        [
          { head: 'step', isName: true, isLong: true, text: (step: Step) => step.words },
          { head: 'rows', text: (step) => whole(step.count), bar: (step) => step.count },
          { head: 'share', text: (step) => percent(step.count / given) },
        ],
        steps(result),
        notes.length ? `also: ${notes.join(', ')}` : '',
      )),
    ];
    const coverage = result.tables.get('coverage');
    const x = numbers(coverage, 'date');
    const names = numbers(coverage, 'names');
    const share = numbers(coverage, 'share');
    if (x && names && share && x.length > 1) {
      const unique = at(result.tables.get('coverage_unique'), 'names');
      out.push(
        half(
          drawChart({
            title: 'Names used',
            note: `${whole(unique)} different names; share of the panel ${percent(share.at(-1), 0)} at the end`,
            x,
            lines: [{ label: 'names', values: names, colour: 'gross' }],
            format: whole,
            axis: fixedAxis,
            period,
            fromZero: true,
            summary: `${whole(names[0])} names at the start, ${whole(names.at(-1))} at the end.`,
          }),
        ),
      );
    }
    return out;
  },
};
