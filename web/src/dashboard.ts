// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Entry of the dashboard: views by the address behind #, the token, and errors of a view. */

import './theme.css';
import './facts.css';
import './dashboard.css';
import { drawAudit } from './app/audit_view';
import { drawCompare } from './app/compare_view';
import { drawResult } from './app/result_view';
import { drawRun } from './app/run_view';
import { onMissingToken, ServerError } from './app/server';
import { drawStart } from './app/start_view';
import { drawStudy } from './app/study_view';
import { h } from './dom';
import { watchSurroundings } from './surroundings';

const LINKS: [href: string, label: string][] = [
  ['#/', 'Start'],
  ['#/run', 'Run'],
  ['#/compare', 'Compare'],
  ['#/audit', 'Audit'],
];

const main = h('main', { id: 'main', tabindex: -1 });

/** Asks for the server's token until there is a text. */
function askForToken(): Promise<string> {
  return new Promise((resolve) => {
    const input = h('input', { type: 'password', id: 'token', autocomplete: 'off', required: true });
    const form = h(
      'form',
      { class: 'token' },
      h('h1', {}, 'Token'),
      h('p', {}, 'This server asks for a token. It stays in this tab until you close it.'),
      h('label', { for: 'token' }, 'Token '),
      input,
      ' ',
      h('button', { type: 'submit', class: 'primary' }, 'Continue'),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (!input.value.trim()) return;
      main.replaceChildren(h('p', { role: 'status' }, 'Loading …'));
      resolve(input.value.trim());
    });
    main.replaceChildren(form);
    input.focus();
  });
}

function drawView(): Promise<Node[]> {
  const path = location.hash.replace(/^#\/?/, '');
  if (path === 'run') return drawRun((id) => (location.hash = `#/results/${id}`));
  if (path === 'compare') return drawCompare();
  if (path === 'audit') return drawAudit();
  if (path.startsWith('results/')) return drawResult(path.slice('results/'.length));
  if (path.startsWith('studies/')) return drawStudy(decodeURIComponent(path.slice('studies/'.length)));
  return drawStart();
}

let visit = 0;

async function show(): Promise<void> {
  const mine = ++visit;
  const here = location.hash || '#/';
  for (const link of document.querySelectorAll('nav a')) {
    const isHere = link.getAttribute('href') === here;
    if (isHere) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  main.replaceChildren(h('p', { role: 'status' }, 'Loading …'));
  let nodes: Node[];
  try {
    nodes = await drawView();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const isGone = error instanceof ServerError && error.status === 404;
    nodes = [h('h1', {}, isGone ? 'Not found' : 'Error'), h('p', { role: 'alert', class: 'fault' }, message)];
    const again = h('button', { type: 'button' }, 'Try again');
    again.addEventListener('click', () => void show());
    nodes.push(again);
  }
  if (mine !== visit) return;
  main.replaceChildren(...nodes);
  document.title = `${main.querySelector('h1')?.textContent ?? ''} · fractile`;
}

onMissingToken(askForToken);
document.body.append(
  h('a', { class: 'skip', href: '#main' }, 'Skip to the content'),
  h('nav', { class: 'views', 'aria-label': 'Views' }, h('strong', {}, 'fractile'), ...LINKS.map(([href, label]) => h('a', { href }, label))),
  main,
);
document.querySelector('.skip')?.addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener('hashchange', () => void show());
watchSurroundings();
void show();
