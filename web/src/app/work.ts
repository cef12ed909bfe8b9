// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** The lower edge of a form whose answer takes a while: start, cancel, progress, what happens now, and an error. */

import { h } from '../dom';
import { ServerError, type Request } from './server';
import type { Rows } from './signal_picker';

/** Shows an error beside its field. False if the error is not of this field. */
export type Blamed = (error: ServerError) => boolean;

export class Work {
  readonly elements: Node[];
  private readonly status = h('p', { role: 'status', class: 'status' });
  private readonly fault = h('p', { role: 'alert', class: 'fault' });
  private readonly bar = h('progress', { max: 1, value: 0, hidden: true, 'aria-label': 'Progress' });
  private readonly cancel = h('button', { type: 'button', hidden: true }, 'Cancel');
  private stop = new AbortController();

  /** `starters`: the buttons that are disabled during the work. `fields`: asked in this order about an error. */
  constructor(
    private readonly starters: HTMLButtonElement[],
    private readonly fields: Blamed[],
  ) {
    this.cancel.addEventListener('click', () => this.stop.abort());
    this.elements = [h('div', { class: 'actions' }, ...starters, this.cancel, this.bar), this.status, this.fault];
  }

  say(text: string): void {
    this.status.textContent = text;
  }

  /** Does something that may be cancelled; shows an error beside the field that caused it. */
  async during(something: () => Promise<void>): Promise<void> {
    this.fault.textContent = '';
    this.busy(true);
    this.stop = new AbortController();
    try {
      await something();
    } catch (error) {
      this.blame(error);
    } finally {
      this.busy(false);
    }
  }

  /** The parts of a request that sends rows and shows how far it is. */
  sending({ body, type }: Pick<Rows, 'body' | 'type'>, label = ''): Omit<Request, 'path'> {
    return {
      body,
      type,
      signal: this.stop.signal,
      onSent: (share) => {
        this.bar.value = share;
        this.say(share < 1 ? `Sending${label}: ${Math.round(100 * share)} %` : `Computing${label} …`);
      },
    };
  }

  private busy(isBusy: boolean): void {
    for (const button of this.starters) button.disabled = isBusy;
    this.cancel.hidden = !isBusy;
    this.bar.hidden = !isBusy;
  }

  private blame(error: unknown): void {
    if (error instanceof DOMException && error.name === 'AbortError') {
      this.say('Cancelled.');
      return;
    }
    this.say('');
    if (error instanceof ServerError && this.fields.some((blame) => blame(error))) return;
    this.fault.textContent = error instanceof Error ? error.message : String(error);
  }
}
