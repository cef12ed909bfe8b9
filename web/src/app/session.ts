// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Runs of this page, newest last: what Compare shows. The list outlives a reload as ids; the server has the results. */

import type { Result } from '../data';

export interface DoneRun {
  readonly id: string;
  readonly result: Result;
  readonly file: string;
  readonly type: string;
  readonly config: Record<string, unknown>;
  /** The study that counts the run; "" if none was named. */
  readonly study: string;
  /** The rows that were sent, as long as the page is open. */
  readonly body?: Blob;
}

const KEY = 'fractile-runs';
const MOST = 24;

interface Remembered {
  id: string;
  name: string;
  file: string;
  type: string;
  config: Record<string, unknown>;
  study: string;
}

const runs: DoneRun[] = [];

const toRemembered = ({ id, result, file, type, config, study }: DoneRun): Remembered => ({ id, name: result.name, file, type, config, study });

export function remember(run: DoneRun): void {
  runs.push(run);
  if (runs.length > MOST) runs.shift();
  sessionStorage.setItem(KEY, JSON.stringify(runs.map(toRemembered)));
}

export const allRuns = (): readonly DoneRun[] => runs;
export const findRun = (id: string): DoneRun | undefined => runs.find((run) => run.id === id);

/** Runs of before a reload, as far as the server still has them. */
export function remembered(): Remembered[] {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? '[]') as Remembered[];
  } catch {
    return [];
  }
}
