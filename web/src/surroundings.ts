// Copyright The fractile authors. Licensed under the Apache License, Version 2.0.

/** Pictures that have to be drawn anew: on paper, at another width, in other colours. */

export interface Picture {
  readonly figure: HTMLElement;
  /** Called when the picture has a width, and again whenever it or the surroundings change. */
  draw(width: number): void;
}

/** Widths of a picture on paper. */
const PAPER = { whole: 700, half: 345 };

interface Hung extends Picture {
  box: HTMLElement;
  width: number;
}

const pictures = new Set<Hung>();
let isPaper = false;

export const isOnPaper = (): boolean => isPaper;

function widthOf({ figure, box }: Hung): number {
  if (!isPaper) return box.clientWidth;
  return figure.classList.contains('half') || figure.closest('.narrow') ? PAPER.half : PAPER.whole;
}

function drawAgain(hung: Hung): void {
  hung.width = widthOf(hung);
  if (hung.width >= 40) hung.draw(hung.width);
}

/** Draws a picture into its box now and whenever it has to. */
export function hang(picture: Picture, box: HTMLElement): void {
  const hung: Hung = Object.assign(picture, { box, width: 0 });
  pictures.add(hung);
  new ResizeObserver(() => {
    if (!isPaper && hung.width !== widthOf(hung)) drawAgain(hung);
  }).observe(box);
}

function drawAll(): void {
  document.documentElement.classList.toggle('on-paper', isPaper);
  for (const hung of pictures) {
    if (hung.width > 0 && !hung.figure.isConnected) pictures.delete(hung);
    else drawAgain(hung);
  }
}

/** Redraws on paper, and when the reader's preference of light or dark changes. */
export function watchSurroundings(): void {
  const turn = (paper: boolean) => () => {
    isPaper = paper;
    drawAll();
  };
  addEventListener('beforeprint', turn(true));
  addEventListener('afterprint', turn(false));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', turn(false));
}
