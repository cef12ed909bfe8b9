// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** The options of a run as a form, made from the server's /openapi.json. */

import { h, uniqueId } from '../dom';
import { getJson } from './server';

export interface Option {
  readonly type?: string | string[];
  readonly enum?: unknown[];
  readonly items?: { readonly enum?: unknown[] };
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly anyOf?: Option[];
  readonly oneOf?: Option[];
}

export type Options = Record<string, Option>;

interface Description {
  readonly paths: Record<string, unknown>;
  readonly components: { readonly schemas: { readonly Config: { readonly properties: Options } } };
}

let description: Promise<Description> | null = null;
const describe = (): Promise<Description> => (description ??= getJson<Description>('openapi.json'));

export const readOptions = async (): Promise<Options> => (await describe()).components.schemas.Config.properties;

/** True if this server has the address. */
export const hasPath = async (path: string): Promise<boolean> => path in (await describe()).paths;

/** Options of reading a file: the first rows depend on them. */
const READING = ['date_format', 'delimiter', 'decimal', 'thousands', 'encoding', 'null', 'text', 'scale'];
/** Groups of the form, by name; options that no group names come last. */
const GROUPS: [title: string, names: string[]][] = [
  ['Signal', ['input_type', 'lag', 'hold_days', 'from_open', 'lookahead', 'resid', 'resid_style', 'factors', 'neutralize_weight']],
  [
    'Book',
    ['method', 'fractile', 'weight', 'upper_pct', 'max_weight', 'mincos', 'universe', 'rank_within', 'breakpoints', 'exit_fractile', 'overlap', 'sort_method', 'double_var', 'double_frac'],
  ],
  ['Costs', ['calc_turnover', 'tc_model', 'tc_level', 'tc_value', 'gmv_musd', 'drift', 'borrow_bps', 'delisting_return', 'charge_entry_exit']],
  ['Reading the file', READING],
  ['Tables', ['byvar_list', 'analysis', 'n_fractile', 'horizons', 'capacity_gmv', 'exposure_groups', 'double_style', 'periods_per_year']],
];
/** Not in the form: the view itself chooses the columns; weights and threads are not of a page. */
const HIDDEN = new Set(['sigvar', 'map', 'drop', 'keep_weights', 'threads']);
function hasDoubleSort(value: (name: string) => unknown): boolean {
  const tables = value('analysis');
  return Array.isArray(tables) && tables.includes('double_sort');
}

/** An option that only matters when another one has a value. */
const DEPENDS: Record<string, (value: (name: string) => unknown) => boolean> = {
  resid_style: (value) => value('resid') === true,
  tc_level: (value) => value('tc_model') === 'naive',
  tc_value: (value) => value('tc_model') === 'power_law',
  gmv_musd: (value) => value('tc_model') === 'power_law',
  tc_model: (value) => value('calc_turnover') !== false,
  drift: (value) => value('calc_turnover') !== false,
  double_var: (value) => value('sort_method') === 'double' || hasDoubleSort(value),
  double_frac: (value) => value('sort_method') === 'double' || hasDoubleSort(value),
  double_style: hasDoubleSort,
  upper_pct: (value) => value('weight') !== 'equal',
  fractile: (value) => value('input_type') === 'value',
  resid: (value) => value('input_type') === 'value',
};

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
const isType = (option: Option, type: string): boolean => option.type === type || (Array.isArray(option.type) && option.type.includes(type));

interface Field {
  readonly name: string;
  readonly option: Option;
  readonly row: HTMLElement;
  readonly input: HTMLInputElement | HTMLSelectElement;
  readonly message: HTMLElement;
}

/** The names of an option that takes nothing but names, and a boolean beside them: one that is the default is a choice too. */
function choicesOf(option: Option): unknown[] | undefined {
  const parts = option.anyOf ?? option.oneOf ?? [];
  if (option.enum || !parts.every((part) => part.enum || part.type === 'boolean')) return option.enum;
  const names = parts.find((part) => part.enum)?.enum ?? [];
  return typeof option.default === 'boolean' && names.length ? [false, true, ...names] : names;
}

function makeInput(option: Option, id: string): HTMLInputElement | HTMLSelectElement {
  const values = choicesOf(option);
  if (values?.length) {
    const select = h('select', { id });
    for (const value of values) select.append(h('option', { value: JSON.stringify(value) }, value === true ? 'yes' : value === false ? 'no' : String(value)));
    select.value = JSON.stringify(option.default ?? values[0]);
    return select;
  }
  if (isType(option, 'boolean') && !isType(option, 'string')) {
    const select = h('select', { id }, h('option', { value: 'true' }, 'yes'), h('option', { value: 'false' }, 'no'));
    select.value = String(option.default ?? false);
    return select;
  }
  const text = option.default === undefined || option.default === null ? '' : toText(option.default);
  const isNumber = isType(option, 'integer') || isType(option, 'number');
  return h('input', { id, type: 'text', value: text, placeholder: text ? '' : 'none', inputmode: isNumber ? 'decimal' : null, autocomplete: 'off' });
}

/** A list of plain words without brackets, else JSON. */
function toText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((part) => typeof part === 'number' || typeof part === 'string')) return value.join(', ');
  return JSON.stringify(value);
}

function toValue(text: string, option: Option): unknown {
  const trimmed = text.trim();
  if (trimmed === '') return Array.isArray(option.default) ? [] : null;
  if (/^[[{]/.test(trimmed)) {
    try {
      return JSON.parse(trimmed) as unknown;
    } catch {
      return trimmed;
    }
  }
  const plain = (part: string): unknown => (part !== '' && Number.isFinite(Number(part)) ? Number(part) : part);
  if (isType(option, 'array') || Array.isArray(option.default)) return trimmed.split(',').map((part) => plain(part.trim()));
  return isType(option, 'string') && !isType(option, 'integer') && !isType(option, 'number') ? trimmed : plain(trimmed);
}

export class OptionsForm {
  readonly element: HTMLElement;
  private readonly fields = new Map<string, Field>();

  constructor(options: Options) {
    const rest = Object.keys(options).filter((name) => !HIDDEN.has(name) && !GROUPS.some(([, names]) => names.includes(name)));
    const groups: [string, string[]][] = [...GROUPS, ['More', rest]];
    this.element = h(
      'div',
      { class: 'options-form' },
      ...groups.map(([title, names]) => {
        const rows = names.flatMap((name) => {
          const option = options[name];
          return option ? [this.add(name, option)] : [];
        });
        return rows.length ? h('fieldset', {}, h('legend', {}, title), ...rows) : null;
      }),
    );
    this.element.addEventListener('input', () => this.update());
    this.update();
  }

  private add(name: string, option: Option): HTMLElement {
    const id = uniqueId('option');
    const input = makeInput(option, id);
    const help = uniqueId('help');
    const names = option.items?.enum;
    const message = h('p', { class: 'fault', role: 'alert' });
    input.setAttribute('aria-describedby', help);
    const row = h(
      'div',
      { class: 'option' },
      h('label', { for: id }, name),
      input,
      h('small', { id: help }, [option.description, names && `Names, with commas between them: ${names.join(', ')}.`].filter(Boolean).join(' ')),
      message,
    );
    this.fields.set(name, { name, option, row, input, message });
    return row;
  }

  private value({ input, option }: Field): unknown {
    return input instanceof HTMLSelectElement ? (JSON.parse(input.value) as unknown) : toValue(input.value, option);
  }

  /** Options that cannot matter now are disabled; changed ones are marked. */
  private update(): void {
    const value = (name: string): unknown => {
      const field = this.fields.get(name);
      return field ? this.value(field) : undefined;
    };
    for (const field of this.fields.values()) {
      const applies = DEPENDS[field.name]?.(value) ?? true;
      field.input.disabled = !applies;
      field.row.classList.toggle('changed', applies && !same(this.value(field), field.option.default));
      field.message.textContent = '';
    }
  }

  /** The options that differ from their defaults. */
  read(): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    for (const field of this.fields.values())
      if (!field.input.disabled && !same(this.value(field), field.option.default)) out[field.name] = this.value(field);
    return out;
  }

  /** Of read(), the options of reading a file. */
  readonly reading = (): Record<string, unknown> => Object.fromEntries(Object.entries(this.read()).filter(([name]) => READING.includes(name)));

  /** Calls `then` after an option of reading has changed. */
  onReading(then: () => void): void {
    for (const name of READING) this.fields.get(name)?.input.addEventListener('change', then);
  }

  write(config: Record<string, unknown>): void {
    for (const field of this.fields.values()) {
      const value = config[field.name];
      if (value === undefined) continue;
      field.input.value = field.input instanceof HTMLSelectElement ? JSON.stringify(value) : value === null ? '' : toText(value);
    }
    this.update();
  }

  /** Shows an error beside the option that it names. False if it names none. */
  blame(message: string): boolean {
    const named = [...this.fields.keys()].filter((name) => new RegExp(`\\b${name}\\b`).test(message));
    const field = this.fields.get(named.sort((a, b) => message.indexOf(a) - message.indexOf(b))[0] ?? '');
    if (!field) return false;
    field.message.textContent = message;
    field.row.closest('details')?.setAttribute('open', '');
    field.input.focus();
    return true;
  }

  /** True if it is an option of reading that has its default. */
  isFree(name: string): boolean {
    const field = this.fields.get(name);
    return field !== undefined && READING.includes(name) && same(this.value(field), field.option.default);
  }

  set(name: string, value: unknown): void {
    this.write({ [name]: value });
  }
}

let shared: Promise<OptionsForm> | null = null;

/** The one form of the page: what is set in Run holds in Audit too. */
export const theForm = (): Promise<OptionsForm> => (shared ??= readOptions().then((options) => new OptionsForm(options)));
