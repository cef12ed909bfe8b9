// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Runs rows and remembers the run: Run, and a remedy of a result. */

import { runSignal, type Request } from './server';
import { remember } from './session';

export type Config = Record<string, unknown>;

const nameOf = (file: string, config: Config): string =>
  [file, ...Object.entries(config).map(([option, value]) => `${option}=${typeof value === 'string' ? value : JSON.stringify(value)}`)].join(', ');

/** Returns the id of the result. `study`: "" if none was named. */
export async function runRows(request: Omit<Request, 'path'> & { body: Blob; type: string }, file: string, config: Config, study: string): Promise<string> {
  const done = await runSignal(request, config, study || null);
  const { body, type } = request;
  remember({ id: done.id, result: { ...done.result, name: nameOf(file, config) }, file, type, config, study, body });
  return done.id;
}
