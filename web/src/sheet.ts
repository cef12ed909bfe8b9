// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** The tear sheet of one result. The dashboard draws the same. */

import { numbers, periodName, type Result } from './data';
import { h, uniqueId } from './dom';
import { PeriodChoice } from './period';
import { capacity, trading } from './sections/trading';
import { decay, ic } from './sections/ic';
import { days } from './sections/days';
import { doubleSort, quantiles } from './sections/quantiles';
import { exposures } from './sections/exposures';
import { groups } from './sections/groups';
import { headline } from './sections/headline';
import { audit, inference } from './sections/inference';
import { months } from './sections/months';
import { returns, rolling } from './sections/returns';
import { rows } from './sections/rows';
import { run } from './sections/run';
import type { Page, Section } from './sections/section';
import { isoDate, shown } from './text';

const SECTIONS: Section[] = [
  headline, returns, months, rolling, quantiles, doubleSort, ic, decay, trading, capacity,
  exposures, groups, rows, days, inference, audit, run,
];

/** "2020-01-06 to 2021-12-30 · snapshot small · run 0123456789ab", for below `heading`: a run without a name has its id there. */
export function subtitle(result: Result, heading: string): string {
  const dates = numbers(result.tables.get('daily'), 'date') ?? new Float64Array();
  const span = dates.length ? `${isoDate(dates[0] ?? NaN)} to ${isoDate(dates[dates.length - 1] ?? NaN)}` : `no ${periodName(result)}`;
  const id = result.run_id.slice(0, 12);
  return `${span} · snapshot ${shown(result.snapshot)}${heading.includes(id) ? '' : ` · run ${id}`}`;
}

/** A narrow section without a narrow one beside it takes the whole row. */
function widenLonely(sections: HTMLElement[]): void {
  let run: HTMLElement[] = [];
  for (const section of [...sections, null]) {
    if (section?.classList.contains('narrow')) {
      run.push(section);
      continue;
    }
    const lonely = run.length % 2 ? run[run.length - 1] : undefined;
    lonely?.classList.remove('narrow');
    lonely?.querySelector('.chart.half')?.classList.remove('half');
    run = [];
  }
}

export function drawSheet(result: Result, reader: Pick<Page, 'onDay' | 'remedy'> = {}): HTMLElement {
  const period = new PeriodChoice();
  const sections = SECTIONS.flatMap((section) => {
    const parts = section.draw({ result, period, ...reader });
    if (parts.length === 0) return [];
    const id = uniqueId('section');
    const title = h('h2', { id }, typeof section.title === 'string' ? section.title : section.title(result));
    const isNarrow = parts.length === 1 && (parts[0] as HTMLElement).classList.contains('half');
    return [h('section', { 'aria-labelledby': id, class: isNarrow && 'narrow' }, title, h('div', { class: 'parts' }, ...parts))];
  });
  widenLonely(sections);
  return h('div', { class: 'sheet' }, ...sections);
}
