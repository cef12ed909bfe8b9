// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Code that repeats a run exactly: Python, command line, curl. */

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

export interface Run {
  readonly file: string;
  readonly snapshot: string;
  readonly config: Record<string, unknown>;
  /** "": none. */
  readonly study: string;
}

export const asPython = ({ file, snapshot, config, study }: Run): string =>
  [
    'from api import BacktestService',
    '',
    `service = BacktestService.get(${pythonText(snapshot)})`,
    `result = service.run(${[pythonText(file), ...Object.entries(config).map(([name, value]) => `${name}=${pythonValue(value)}`), ...(study ? [`study=${pythonText(study)}`] : [])].join(', ')})`,
    'print(result)',
  ].join('\n');

/** Of the command line, a comma separates entries. */
const entry = (text: string): string => text.replace(/,/g, '\\,');

function flag(name: string, value: unknown): string {
  const dashed = name.replace(/_/g, '-');
  if (name === 'map') return Object.entries(value as Record<string, string>).map(([ours, theirs]) => `--map ${shellText(`${ours}=${entry(theirs)}`)}`).join(' ');
  if (name === 'drop') return `--drop ${shellText((value as string[]).map(entry).join(','))}`;
  if (typeof value === 'boolean') return value ? `--${dashed}` : `--no-${dashed}`;
  return `--${dashed} ${shellText(typeof value === 'string' ? value : JSON.stringify(value))}`;
}

export const asCommand = ({ file, snapshot, config, study }: Run): string =>
  [
    'fractile run',
    shellText(file),
    `--snapshot ${shellText(snapshot)}`,
    ...Object.entries(config).map(([name, value]) => flag(name, value)),
    ...(study ? [flag('study', study)] : []),
  ].join(' ');

export function asCurl({ file, config, study }: Run, type: string, base: string): string {
  const url = new URL('run', base);
  url.searchParams.set('config', JSON.stringify(config));
  if (study) url.searchParams.set('study', JSON.stringify(study));
  return `curl -X POST ${shellText(url.href)} \\\n  -H ${shellText(`Content-Type: ${type}`)} \\\n  --data-binary ${shellText(`@${file}`)}`;
}
