// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

import type { Result } from '../data';
import type { PeriodChoice } from '../period';

export interface Page {
  readonly result: Result;
  readonly period: PeriodChoice;
  /** Called with a day (seconds since 1970) that the reader picks; absent in a file. */
  readonly onDay?: (seconds: number) => void;
  /** A button that removes the cause of a warning, if there is one; absent in a file. */
  readonly remedy?: (warning: string) => HTMLElement | null;
}

/** One part of the sheet. */
export interface Section {
  readonly title: string | ((result: Result) => string);
  /** Nothing if the tables that it draws were not computed. */
  readonly draw: (page: Page) => Node[];
}

/** Makes a figure or table half as wide where there is room for two. */
export function half<T extends HTMLElement>(element: T): T {
  element.classList.add('half');
  return element;
}
