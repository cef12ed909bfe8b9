// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Requests to the server that the page came from. All addresses are relative, so a path prefix of a proxy stays in front. */

import { readSheet, type Result } from '../data';
import { codeLast } from '../text';

export const SHEET = 'application/vnd.fractile.sheet+json';
const TOKEN = 'fractile-token';

/** An answer that says why not; `code` and `message` are those of docs/errors.md. */
export class ServerError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

const token = (): string => sessionStorage.getItem(TOKEN) ?? '';

/** Asks for the token again and again until the server takes one. Set by the page. */
let askForToken: () => Promise<string> = () => Promise.reject(new Error('no token'));
export function onMissingToken(ask: () => Promise<string>): void {
  askForToken = ask;
}

export interface Request {
  readonly path: string;
  readonly accept?: string;
  readonly body?: Blob;
  readonly type?: string;
  /** The answer is a file. */
  readonly isFile?: boolean;
  readonly signal?: AbortSignal;
  /** Shares of the body that have been sent. */
  readonly onSent?: (share: number) => void;
}

interface Reply {
  readonly status: number;
  readonly text: string;
  readonly file: Blob | null;
  readonly location: string;
}

/** XMLHttpRequest, because fetch() does not tell how much of a body has been sent. */
function send(request: Request): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const wire = new XMLHttpRequest();
    wire.open(request.body ? 'POST' : 'GET', request.path);
    wire.setRequestHeader('Accept', request.accept ?? 'application/json');
    if (request.type) wire.setRequestHeader('Content-Type', request.type);
    if (token()) wire.setRequestHeader('Authorization', `Bearer ${token()}`);
    wire.upload.addEventListener('progress', (event) => request.onSent?.(event.loaded / Math.max(1, event.total)));
    if (request.isFile) wire.responseType = 'blob';
    wire.addEventListener('load', async () => {
      const file = request.isFile ? (wire.response as Blob) : null;
      const text = file ? (wire.status >= 400 ? await file.text() : '') : wire.responseText;
      resolve({ status: wire.status, text, file, location: wire.getResponseHeader('Location') ?? '' });
    });
    wire.addEventListener('error', () => reject(new ServerError('UNREACHABLE', 'The server does not answer. Is it still running?', 0)));
    wire.addEventListener('abort', () => reject(new DOMException('cancelled', 'AbortError')));
    request.signal?.addEventListener('abort', () => wire.abort());
    wire.send(request.body ?? null);
  });
}

function errorOf({ status, text }: Reply): ServerError {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return new ServerError(error.code, codeLast(error.message), status);
  } catch {
    return new ServerError('SERVER_ANSWER', `The server answered with status ${status}.`, status);
  }
}

let asked: Promise<void> | undefined;

/** Asks once for all requests that wait for the token. */
function takeToken(): Promise<void> {
  asked ??= askForToken()
    .then((text) => sessionStorage.setItem(TOKEN, text))
    .finally(() => (asked = undefined));
  return asked;
}

async function exchange(request: Request): Promise<Reply> {
  for (;;) {
    const sent = token();
    const reply = await send(request);
    if (reply.status === 401) {
      // Another request may have got the new token in the meantime.
      if (token() === sent) await takeToken();
      continue;
    }
    if (reply.status >= 400) throw errorOf(reply);
    return reply;
  }
}

export const getJson = async <T>(path: string): Promise<T> => JSON.parse((await exchange({ path })).text) as T;

/** A result that the server keeps for a while. */
export interface Stored {
  readonly id: string;
  readonly result: Result;
}

function toStored(id: string, text: string): Stored {
  const [result] = readSheet(text).results;
  if (!result) throw new ServerError('SERVER_ANSWER', 'The server answered without a result.', 200);
  return { id, result };
}

/** Runs a signal; the server answers with the result's tables and stores it. `study` counts the run as a trial; "": of none, null: of the server's. */
export async function runSignal(request: Omit<Request, 'path' | 'accept'>, config: object, study: string | null = null): Promise<Stored> {
  const query = new URLSearchParams({ config: JSON.stringify(config), ...(study !== null ? { study: JSON.stringify(study) } : {}) });
  const path = `run?${query}`;
  const reply = await exchange({ ...request, path, accept: SHEET });
  return toStored(reply.location.slice(reply.location.lastIndexOf('/') + 1), reply.text);
}

/** Posts a body; the server answers with JSON. */
export const postJson = async <T>(request: Request): Promise<T> => JSON.parse((await exchange(request)).text) as T;

export async function getResult(id: string): Promise<Stored> {
  return toStored(id, (await exchange({ path: `results/${encodeURIComponent(id)}`, accept: SHEET })).text);
}

/** Fetches with the token and hands the file to the browser. */
export async function download(path: string, accept: string, name: string): Promise<void> {
  const { file } = await exchange({ path, accept, isFile: true });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file ?? new Blob());
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
