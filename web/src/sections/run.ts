// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import { h } from '../dom';
import { fixed, shown } from '../text';
import type { Section } from './section';

/** Lists of words and numbers without brackets; else JSON, with spaces at which a line can break. */
function toText(value: unknown): string {
  if (typeof value === 'string') return shown(value);
  if (Array.isArray(value) && value.length && value.every((part) => typeof part === 'string' || typeof part === 'number')) return shown(value.join(', '));
  return shown((JSON.stringify(value, null, 1) ?? '').replace(/\n\s*/g, ' ').replace(/([[{]) | ([\]}])/g, '$1$2'));
}

export const run: Section = {
  title: 'This run',
  draw: ({ result }) => {
    const options = Object.entries(result.config).map(([name, value]) =>
      h('div', {}, h('dt', {}, shown(name)), h('dd', {}, h('bdi', {}, toText(value)))),
    );
    const facts: [string, string][] = [
      ['run_id', result.run_id],
      ['snapshot', shown(result.snapshot)],
      ['periods per year', String(result.periods_per_year)],
      ['engine time', `${fixed(1000 * result.elapsed_seconds, 1)} ms`],
    ];
    return [
      h('dl', { class: 'facts' }, ...facts.map(([name, text]) => h('div', {}, h('dt', {}, name), h('dd', {}, h('bdi', {}, text))))),
      ...(result.arguments
        ? [h('h3', {}, 'The same run again'), h('pre', { tabindex: 0, 'aria-label': 'Command' }, h('code', {}, shown(`fractile run ${result.arguments}`)))]
        : []),
      h('h3', {}, 'All options'),
      h('dl', { class: 'facts options' }, ...options),
    ];
  },
};
