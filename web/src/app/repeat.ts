// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Code that repeats a run exactly: Python, command line, curl. */

import type { Result } from '../data';

const pythonValue = (value: unknown): string => {
  if (value === null || value === undefined) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (Array.isArray(value)) return `[${value.map(pythonValue).join(', ')}]`;
  if (typeof value === 'object') return `{${Object.entries(value).map(([k, v]) => `${pythonText(k)}: ${pythonValue(v)}`).join(', ')}}`;
  return typeof value === 'string' ? pythonText(value) : String(value);
};

/** JSON's escapes are Python's too. */
const pythonText = (text: string): string => JSON.stringify(text);

const shellText = (text: string): string => (/^[\w./:=@%+,-]+$/.test(text) ? text : `'${text.replace(/'/g, `'\\''`)}'`);

/** A run and the file of its rows: the server knows the options, and a page knows the file. */
export interface Run {
  readonly file: string;
  readonly result: Result;
  /** "": none. */
  readonly study: string;
}

const keywords = (options: Record<string, unknown>): string[] => Object.entries(options).map(([name, value]) => `${name}=${pythonValue(value)}`);

export const asPython = ({ file, result, study }: Run): string =>
  [
    'from api import BacktestService',
    '',
    `service = BacktestService.get(${[pythonText(result.snapshot), ...keywords(result.service)].join(', ')})`,
    `result = service.run(${[pythonText(file), ...keywords(result.given), ...(study ? [`study=${pythonText(study)}`] : [])].join(', ')})`,
    'print(result)',
  ].join('\n');

/** The server's arguments begin with a placeholder for the file. */
export const asCommand = ({ file, result, study }: Run): string =>
  ['fractile run', result.arguments.replace(/^SIGNAL\b/, () => shellText(file)), ...(study ? [`--study ${shellText(study)}`] : [])].join(' ');

export function asCurl({ file, result, study }: Run, type: string, base: string): string {
  const url = new URL('run', base);
  url.searchParams.set('config', JSON.stringify(result.given));
  if (study) url.searchParams.set('study', JSON.stringify(study));
  return `curl -X POST ${shellText(url.href)} \\\n  -H ${shellText(`Content-Type: ${type}`)} \\\n  --data-binary ${shellText(`@${file}`)}`;
}
