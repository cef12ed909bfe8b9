// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** The studies of the server's ledger, their trials, and the deflated Sharpe ratio of a trial among the others. */

import { hasPath } from './options';
import { getJson } from './server';

export interface Study {
  readonly study: string;
  readonly trials: number;
  readonly first: string;
  readonly last: string;
  readonly forgotten: number;
}

/** Ratios are per period. */
export interface Trial {
  readonly run_id: string;
  readonly time: string;
  readonly snapshot: string;
  readonly config: string;
  readonly periods: number;
  readonly periods_per_year: number;
  readonly sr: number | null;
  readonly skew: number | null;
  readonly kurt: number | null;
  readonly sr_net: number | null;
  readonly skew_net: number | null;
  readonly kurt_net: number | null;
}

export interface Deflation {
  readonly trials: number;
  readonly trials_effective: number;
  readonly dsr: number | null;
  readonly dsr_net: number | null;
  readonly is_best: boolean;
  readonly text: string;
}

export interface Deflated {
  readonly trial: Trial;
  readonly deflation: Deflation;
}

/** Requests in flight. */
const AT_ONCE = 4;

/** Empty if the server has no ledger. */
export async function getStudies(): Promise<Study[]> {
  if (!(await hasPath('/studies'))) return [];
  try {
    return (await getJson<{ studies: Study[] }>('studies')).studies;
  } catch {
    return [];
  }
}

export const studyLink = (name: string): string => `#/studies/${encodeURIComponent(name)}`;
const address = (name: string): string => `studies/${encodeURIComponent(name)}`;

export const getTrials = async (name: string): Promise<Trial[]> => (await getJson<{ trials: Trial[] }>(address(name))).trials;

function getDeflation(name: string, trial: Trial): Promise<Deflation> {
  const query = new URLSearchParams({
    run_id: trial.run_id,
    periods_per_year: String(trial.periods_per_year),
    ret: JSON.stringify([trial.sr, trial.periods, trial.skew, trial.kurt]),
    ret_net: JSON.stringify([trial.sr_net, trial.periods, trial.skew_net, trial.kurt_net]),
  });
  return getJson<Deflation>(`${address(name)}/deflation?${query}`);
}

/** Each trial with its deflated ratio, in the given order. */
export async function deflate(name: string, trials: readonly Trial[]): Promise<Deflated[]> {
  const out: Deflated[] = [];
  for (let first = 0; first < trials.length; first += AT_ONCE)
    out.push(
      ...(await Promise.all(trials.slice(first, first + AT_ONCE).map(async (trial) => ({ trial, deflation: await getDeflation(name, trial) })))),
    );
  return out;
}

export const annual = (ratio: number | null, trial: Trial): number => (ratio ?? NaN) * Math.sqrt(trial.periods_per_year);

/** The options in which trials differ, as "lag=1, weight=value", without those that are not set. */
export function differences(trials: readonly Trial[]): string[] {
  const configs = trials.map((trial) => JSON.parse(trial.config) as Record<string, unknown>);
  const names = [...new Set(configs.flatMap((config) => Object.keys(config)))];
  const varied = names.filter((name) => new Set(configs.map((config) => JSON.stringify(config[name]))).size > 1);
  const text = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'none').replace(/,/g, ', '));
  const isEmpty = (value: unknown): boolean => value === null || value === undefined || (Array.isArray(value) && value.length === 0);
  return configs.map((config) => varied.filter((name) => !isEmpty(config[name])).map((name) => `${name}=${text(config[name])}`).join(', '));
}
