// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Entry of the tear sheet's file: reads the data that the file carries and draws it. */

import './theme.css';
import './facts.css';
import { drawComparison } from './compare';
import { readSheet, type Result, type Sheet } from './data';
import { h, uniqueId } from './dom';
import { drawSheet, subtitle } from './sheet';
import { watchSurroundings } from './surroundings';
import { shown } from './text';

function header(title: string, below: string): HTMLElement {
  return h('header', {}, h('h1', {}, h('bdi', {}, shown(title))), h('p', {}, below));
}

/** One result at a time, chosen by name; all side by side first. */
function drawMany(sheet: Sheet): Node[] {
  const body = h('div', { id: 'chosen' });
  const show = (result: Result | null): void => {
    body.replaceChildren(
      ...(result ? [h('p', {}, subtitle(result, result.name)), drawSheet(result)] : [h('section', { 'aria-label': 'Comparison' }, drawComparison(sheet.results))]),
    );
    for (const button of buttons) button.setAttribute('aria-pressed', String(button.dataset['name'] === (result?.name ?? '')));
  };
  const button = (label: string, result: Result | null): HTMLButtonElement => {
    const out = h('button', { type: 'button', id: uniqueId('choice') }, h('bdi', {}, label));
    out.dataset['name'] = result?.name ?? '';
    out.addEventListener('click', () => show(result));
    return out;
  };
  const buttons = [button('Side by side', null), ...sheet.results.map((result) => button(shown(result.name), result))];
  show(null);
  return [h('nav', { class: 'choices screen-only', 'aria-label': 'Results' }, ...buttons), body];
}

function start(): void {
  const main = document.querySelector('main');
  const sheet = readSheet(document.getElementById('data')?.textContent ?? '');
  const [first] = sheet.results;
  if (!main || !first) return;
  const isOne = sheet.results.length === 1;
  main.append(
    header(sheet.title, isOne ? subtitle(first, sheet.title) : `${sheet.results.length} results`),
    ...(isOne ? [drawSheet(first)] : drawMany(sheet)),
    h('footer', {}, `Made by fractile ${sheet.engine}. Returns are sums of simple returns; ratios are annualised. docs/methodology.md defines every number.`),
  );
  watchSurroundings();
}

start();
