// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import { h } from '../dom';
import { drawTable } from '../table';
import { shown, whole } from '../text';
import { getJson } from './server';
import { getStudies, studyLink, type Study } from './studies';

interface ColumnInfo {
  name: string;
  kind: string;
  unit: string;
  missing: number;
}

export interface SnapshotInfo {
  id: string;
  is_loaded: boolean;
  created: string;
  first_date: string | null;
  last_date: string | null;
  dates: number;
  securities: number;
  /** Of the loaded snapshot, its first ids. */
  example_ids: string[];
  rows: number;
  bytes: number;
  columns: ColumnInfo[];
}

interface DataReport {
  frequency: string;
  periods_per_year: number;
  report: { check: string; level: string; count: number; text: string }[];
}

function drawStudies(studies: Study[]): Node[] {
  if (studies.length === 0) return [];
  return [
    drawTable(
      'Studies',
      [
        { head: 'study', isName: true, text: (study: Study) => shown(study.study), link: (study) => studyLink(study.study) },
        { head: 'trials', text: (study) => whole(study.trials) },
        { head: 'forgotten', text: (study) => whole(study.forgotten) },
        { head: 'first', text: (study) => shown(study.first.slice(0, 10)) },
        { head: 'last', text: (study) => shown(study.last.slice(0, 10)) },
      ],
      studies,
      'runs that are tried together',
    ),
  ];
}

export async function drawStart(): Promise<Node[]> {
  const [snapshots, report, studies] = await Promise.all([
    getJson<SnapshotInfo[]>('snapshots'),
    getJson<DataReport>('snapshot/report'),
    getStudies(),
  ]);
  const loaded = snapshots.find((snapshot) => snapshot.is_loaded);
  const warnings = report.report.filter((line) => line.level === 'warning');
  const notes = report.report.filter((line) => line.level !== 'warning');
  const list = (lines: { text: string }[]): HTMLElement => h('ul', {}, ...lines.map((line) => h('li', {}, h('bdi', {}, shown(line.text)))));
  return [
    h('h1', {}, 'Start'),
    h('p', { class: 'lead' }, h('a', { class: 'primary', href: '#/run' }, 'Run a signal'), ' on the loaded snapshot: a file with a security, a date and a number.'),
    h(
      'div',
      { class: 'parts' },
      drawTable(
        'Snapshots',
        [
          { head: 'id', isName: true, text: (s: SnapshotInfo) => `${shown(s.id)}${s.is_loaded ? ' (loaded)' : ''}` },
          { head: 'dates', text: (s) => `${s.first_date ?? ''} to ${s.last_date ?? ''}` },
          { head: 'periods', text: (s) => whole(s.dates) },
          { head: 'securities', text: (s) => whole(s.securities) },
          { head: 'rows', text: (s) => whole(s.rows) },
          { head: 'columns', text: (s) => whole(s.columns.length) },
          { head: 'size', text: (s) => `${whole(s.bytes / 1e6)} MB` },
        ],
        snapshots,
        'the newest is loaded at start; another one: fractile ui --snapshot ID',
      ),
      warnings.length
        ? h('div', { class: 'warnings' }, h('h2', {}, `Data report: ${warnings.length} warning${warnings.length === 1 ? '' : 's'}`), list(warnings))
        : h('p', {}, 'The data report has no warning.'),
      ...(loaded
        ? [
            drawTable(
              `Columns of ${shown(loaded.id)}`,
              [
                { head: 'column', isName: true, text: (c: ColumnInfo) => shown(c.name) },
                { head: 'kind', isName: true, text: (c) => c.kind },
                { head: 'unit', isName: true, isLong: true, text: (c) => c.unit },
                { head: 'missing', text: (c) => whole(c.missing) },
              ],
              loaded.columns,
              `${report.frequency}, ${report.periods_per_year} periods per year`,
            ),
          ]
        : []),
      ...drawStudies(studies),
      ...(notes.length ? [h('details', {}, h('summary', {}, 'Data report: more'), list(notes))] : []),
    ),
  ];
}
