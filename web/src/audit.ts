// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** What an audit found: its verdict, each check with its numbers and remedy, the profile. */

import { drawBars } from './bars';
import { periodName } from './data';
import { h } from './dom';
import { drawTable } from './table';
import { fixed, fixedAxis, percent, shown, whole } from './text';

interface Check {
  readonly check: string;
  readonly status: string;
  readonly value: number | null;
  readonly threshold: number | null;
  readonly meaning: string;
  readonly rows: string;
}

interface Point {
  readonly k: number;
  readonly ic: number | null;
  readonly t_nw: number | null;
  readonly days: number;
  readonly names: number | null;
  readonly share: number | null;
}

/** The answer of POST /audit. */
export interface Audit {
  readonly verdict: string;
  readonly first_k: number;
  readonly checks: Check[];
  readonly profile: Point[];
  readonly snapshot: string;
  readonly periods_per_year: number;
  readonly elapsed_seconds: number;
}

const VERDICTS: Record<string, string> = {
  pass: 'No check finds a fault. Look-ahead that leaves no trace in returns or coverage stays unseen, such as parameters fitted on the whole sample.',
  suspicious: 'At least one check finds a trace of look-ahead. Explain it before you believe the backtest.',
  'look-ahead': 'The signal uses what was not known. Do not believe its backtest.',
};

/** What to do about a fault of a check. */
const REMEDIES: Record<string, string> = {
  dates: 'Date each row with the day on which its value was known, or correct date_avail.',
  untradable_spike: 'Date the rows a period later, and see that the signal of a period ends with the data of that period.',
  implausible: 'Look for a return, a price or a revision of the period that the signal predicts among its inputs.',
  cliff: 'Recompute the signal from data that is one period older. If the return is gone, the signal knows that period.',
  survivorship: 'Compute the signal for all names that the panel had on the date, also for those that left later.',
  restated: 'Use the values as they were published first.',
  backfill: 'Leave out the rows of before the first panel row of a name if that history was filled in later.',
  stale: 'See that the source delivers in each period.',
  constant: 'See that the source delivers in these periods.',
  calendar: 'Such a row counts for the date of the panel before it. Correct the date if that is not meant.',
};

const SPOKEN = ['pass', 'not applicable'];
const EARNED = 'gross';
const UNTRADABLE = 'loss';
const KNOWN = 'grey';
const KINDS: [colour: string, words: string][] = [
  [KNOWN, 'past'],
  [UNTRADABLE, 'before the first that can be earned'],
  [EARNED, 'can be earned'],
];
const Z = 1.96;

const number = (value: number | null): number => value ?? NaN;
const numeral = (value: number | null): string => (value === null ? '' : Number.isInteger(value) ? whole(value) : fixed(value, 3));

/** A mark of the status, so that its colour is not alone. */
const badge = (status: string): HTMLElement => h('span', { class: `badge ${SPOKEN.includes(status) ? 'calm' : status === 'note' ? 'note' : 'fault'}` }, status);

function drawCheck(check: Check): HTMLElement {
  const isFine = SPOKEN.includes(check.status);
  const remedy = isFine ? undefined : REMEDIES[check.check];
  return h(
    'tr',
    {},
    h('th', { scope: 'row', class: 'name' }, shown(check.check)),
    h('td', { class: 'name' }, badge(check.status)),
    h('td', {}, numeral(check.value)),
    h('td', {}, numeral(check.threshold)),
    h(
      'td',
      { class: 'words' },
      h('bdi', {}, shown(check.meaning)),
      remedy && h('p', {}, h('strong', {}, 'Remedy: '), remedy),
      check.rows !== '' && h('ul', {}, ...check.rows.split('; ').map((row) => h('li', {}, h('bdi', {}, shown(row))))),
    ),
  );
}

function drawChecks(checks: Check[]): HTMLElement {
  const caption = 'Checks';
  const heads: [head: string, isName: boolean][] = [['check', true], ['status', true], ['value', false], ['threshold', false], ['meaning', true]];
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    h(
      'table',
      { class: 'checks' },
      h('caption', {}, caption, h('small', {}, 'a note is not a fault')),
      h('thead', {}, h('tr', {}, ...heads.map(([head, isName]) => h('th', { scope: 'col', class: isName && 'name' }, head)))),
      h('tbody', {}, ...checks.map(drawCheck)),
    ),
  );
}

function drawProfile({ profile, first_k, periods_per_year }: Audit): HTMLElement[] {
  const period = periodName({ periods_per_year });
  const colour = (k: number): string => (k >= first_k ? EARNED : k === first_k - 1 ? UNTRADABLE : KNOWN);
  const at = (k: number): string => fixed(number(profile.find((point) => point.k === k)?.ic ?? null), 4);
  const bars = drawBars({
    title: 'Profile',
    note: `rank correlation with the return of ${period} k, counted in ${period === 'day' ? 'trading days' : `${period}s`} from the ${period} of the signal; 95 % interval`,
    bars: profile.map(({ k, ic, t_nw }) => ({
      label: String(k).replace('-', '−'),
      value: number(ic),
      error: ic !== null && t_nw ? Z * Math.abs(ic / t_nw) : NaN,
      colour: colour(k),
    })),
    format: (value) => fixed(value, 3),
    axis: fixedAxis,
    summary: `The correlation is ${at(first_k - 1)} at k = ${first_k - 1}, and ${at(first_k)} at k = ${first_k}, the first return that can be earned.`,
  });
  bars.classList.remove('half');
  const swatches = KINDS.map(([name, words]) => {
    const swatch = h('i', { class: 'swatch' });
    swatch.style.setProperty('--line', `var(--${name})`);
    return h('span', { class: 'entry' }, swatch, words);
  });
  bars.querySelector('figcaption')?.after(h('div', { class: 'legend' }, ...swatches));
  const table = drawTable(
    'Numbers of the profile',
    [
      { head: 'k', isName: true, text: (p: Point) => String(p.k).replace('-', '−') },
      { head: 'IC', text: (p) => fixed(number(p.ic), 4), bar: (p) => number(p.ic) },
      { head: 't', text: (p) => fixed(number(p.t_nw), 1) },
      { head: `${period}s`, text: (p) => whole(p.days) },
      { head: 'names', text: (p) => whole(number(p.names)) },
      { head: 'share', text: (p) => percent(number(p.share), 1) },
    ],
    profile,
  );
  return [bars, h('details', {}, h('summary', {}, 'Numbers of the profile'), table)];
}

/** The parts of a section of a tear sheet. */
export const drawAuditParts = (audit: Audit): HTMLElement[] => [
  h('p', { class: 'verdict' }, h('strong', {}, 'Verdict: '), badge(audit.verdict), ' ', VERDICTS[audit.verdict] ?? ''),
  drawChecks(audit.checks),
  ...drawProfile(audit),
];

export function drawAudit(audit: Audit): Node[] {
  return [
    h(
      'section',
      { class: 'verdict', 'aria-labelledby': 'verdict' },
      h('h2', { id: 'verdict', tabindex: -1 }, 'Verdict: ', badge(audit.verdict)),
      h('p', {}, VERDICTS[audit.verdict] ?? ''),
      h('p', { class: 'aside' }, `snapshot ${shown(audit.snapshot)}, ${fixed(1000 * audit.elapsed_seconds, 0)} ms`),
    ),
    h('section', {}, drawChecks(audit.checks)),
    h('section', {}, h('div', { class: 'parts' }, ...drawProfile(audit))),
  ];
}
