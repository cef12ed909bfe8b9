// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** The remedies of an error. The engine names them as flags of the command line; a page has fields, and buttons that fill them. */

import { h } from '../dom';
import { capitalised } from '../text';

/** A form's options of reading. */
export interface ReadingForm {
  /** The typed ones. */
  readonly reading: () => Record<string, unknown>;
  /** True if the form has the option and nothing was typed there. */
  isFree(name: string): boolean;
  set(name: string, value: unknown): void;
}

type Setting = readonly [option: string, value: string];

/** Flags that follow each other; a value is a word of a shell. Marks that end a sentence are not part of it. */
const FLAGS = /--[a-z][a-z-]* (?:'(?:[^']|'\\'')*'|[^\s'])+?(?: --[a-z][a-z-]* (?:'(?:[^']|'\\'')*'|[^\s'])+?)*(?=[.,)]*(?:\s|$))/g;
const FLAG = /--([a-z][a-z-]*) ((?:'(?:[^']|'\\'')*'|[^\s'])+)/g;

const fromShell = (word: string): string => word.replace(/'\\''/g, '\0').replace(/'/g, '').replace(/\0/g, "'");
const toSettings = (flags: string): Setting[] => [...flags.matchAll(FLAG)].map(([, flag = '', word = '']) => [flag.replace(/-/g, '_'), fromShell(word)]);

const PARTS: Record<string, string> = { '%d': 'day', '%m': 'month', '%Y': 'year', '%y': 'year', '%b': 'month', '%H': 'hour', '%M': 'minute', '%S': 'second' };
const inWords = (format: string): string => format.replace(/%./g, (part) => PARTS[part] ?? part);

/** "ret=(0\\,01)": a text that is missing in one column. */
const missingText = (value: string): string => value.slice(value.indexOf('=') + 1).replace(/\\,/g, ',');

function toLabel([option, value]: Setting): string {
  if (option === 'date_format') return `read dates as ${inWords(value)}`;
  if (option === 'decimal') return `read "${value}" as the decimal mark`;
  if (option === 'thousands') return `read "${value}" as the separator of thousands`;
  if (option === 'null') return `read "${missingText(value)}" as missing`;
  return `set ${option} to "${value}"`;
}

const toSentence = (settings: Setting[]): string => capitalised(settings.map(toLabel).join(' and '));
const toText = (settings: Setting[]): string => settings.map(([option, value]) => `${option} "${value}"`).join(', ');

/** The option of reading that a warning names: `null="-99" reads it so`. */
const NULL_OF_WARNING = /\bnull="([^"]+)"/;

/** `mincos=10 asks for so many names per side`, and the names that there are. */
const TOO_FEW_NAMES = /\bmincos=(\d+) asks for so many names per side; the largest number of names per period is (\d+) long and (\d+) short/;

/** The remedy of a warning of a run with `config`; null if it has none, or the run sets the option to something else. */
export function remedyOf(warning: string, config: Record<string, unknown>): { label: string; change: Record<string, unknown> } | null {
  const [, asked, long, short] = (TOO_FEW_NAMES.exec(warning) ?? []).map(Number);
  if (asked !== undefined && long !== undefined && short !== undefined) {
    const mincos = config['method'] === 'long_only' ? long : Math.min(long, short);
    return mincos >= 1 && mincos < asked ? { label: `Set mincos to ${mincos}`, change: { mincos } } : null;
  }
  const value = NULL_OF_WARNING.exec(warning)?.[1];
  return value === undefined || config['null'] !== undefined ? null : { label: toSentence([['null', value]]), change: { null: value } };
}

/** A text of null beside those that are typed: "ret=C" and "ret=B" are "ret=C,B". Null if one field cannot say both. */
function addNull(typed: unknown, value: string): string | null {
  const column = (text: string): string => text.slice(0, text.indexOf('=') + 1);
  return typeof typed === 'string' && column(typed) === column(value) ? `${typed},${value.slice(column(value).length)}` : null;
}

/** The value that takes the remedy into the form; null if the form has another one. */
function valueFor([option, value]: Setting, form: ReadingForm): string | null {
  if (form.isFree(option)) return value;
  return option === 'null' ? addNull(form.reading()[option], value) : null;
}

/**
 * Fills `place` with an error in the words of the page, and a button for each remedy that the form can take. A text that can be
 * read in another way is not offered as missing.
 */
export function showFault(place: HTMLElement, message: string, form: ReadingForm, taken: (done: string) => void): void {
  const remedies: Setting[][] = [];
  const text = message.replace(FLAGS, (flags) => {
    const settings = toSettings(flags);
    if (settings.every((setting) => valueFor(setting, form) !== null)) remedies.push(settings);
    return toText(settings);
  });
  const better = remedies.filter((settings) => settings.every(([option]) => option !== 'null'));
  const buttons = (better.length ? better : remedies).map((settings) => {
    const take = (): void => {
      for (const setting of settings) form.set(setting[0], valueFor(setting, form));
      taken(`Set under Options: ${toText(settings)}.`);
    };
    return h('button', { type: 'button', click: take }, toSentence(settings));
  });
  place.replaceChildren(text, ...buttons.flatMap((button) => [' ', button]));
}
