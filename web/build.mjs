// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Builds web/built from web/src: `make web`. The product embeds what is there and needs no Node. */

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('.', import.meta.url));
const out = `${root}built`;

/** Script and style of one entry. */
async function bundle(entry) {
  const result = await build({
    root,
    configFile: false,
    logLevel: 'warn',
    build: {
      write: false,
      target: ['chrome111', 'firefox113', 'safari16.4'],
      cssMinify: true,
      modulePreload: false,
      lib: { entry: `src/${entry}.ts`, formats: ['iife'], name: 'page', fileName: () => 'page.js', cssFileName: 'page' },
    },
  });
  const files = [result].flat()[0].output;
  const find = (ending) => files.filter((file) => file.fileName.endsWith(ending)).map((file) => String(file.code ?? file.source)).join('');
  return { script: find('.js').trim(), style: find('.css').trim() };
}

const hash = (text) => `sha256-${createHash('sha256').update(text).digest('base64')}`;

/** Puts texts in the place of %NAME%. */
function fill(template, parts) {
  return template.replace(/%([A-Z_]+)%/g, (mark, name) => parts[name] ?? mark);
}

async function report() {
  const { script, style } = await bundle('report');
  if (/<\/script|<!--/i.test(script)) throw new Error('the script must not end its own element');
  const template = readFileSync(`${root}src/report.html`, 'utf8');
  return fill(template, { SCRIPT: script, STYLE: style, SCRIPT_HASH: hash(script), STYLE_HASH: hash(style) });
}

/** One hash of all sources; tools/check_web.py computes the same. */
function hashSources() {
  const files = ['build.mjs', 'package-lock.json', 'package.json', 'tsconfig.json'];
  for (const entry of readdirSync(`${root}src`, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) files.push(`${entry.parentPath}/${entry.name}`.slice(root.length));
  const digest = createHash('sha256');
  for (const name of files.sort()) digest.update(`${name}\0`).update(readFileSync(root + name)).update('\0');
  return digest.digest('hex');
}

const dashboard = await bundle('dashboard');
const built = {
  'dashboard.css': `${dashboard.style}\n`,
  'dashboard.html': readFileSync(`${root}src/dashboard.html`, 'utf8'),
  'dashboard.js': `${dashboard.script}\n`,
  'report.html': await report(),
};
rmSync(out, { recursive: true, force: true });
mkdirSync(out);
for (const [name, content] of Object.entries(built)) writeFileSync(`${out}/${name}`, content);
const hashes = Object.entries(built).map(([name, content]) => [name, createHash('sha256').update(content).digest('hex')]);
const manifest = { sources: hashSources(), files: Object.fromEntries(hashes) };
writeFileSync(`${out}/manifest.json`, `${JSON.stringify(manifest, null, 2)}\n`);
