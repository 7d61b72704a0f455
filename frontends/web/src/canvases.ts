// The canvases of tiles, and what of them is to be drawn anew.

import type { Core } from './core';

interface Canvas {
  slot: number;
  track: number;
  canvas: OffscreenCanvas;
  context: OffscreenCanvasRenderingContext2D | null;
}

export class Canvases {
  readonly #shown = new Map<number, Canvas>();
  readonly #fresh = new Set<number>();
  readonly #core: () => Core | null;

  constructor(core: () => Core | null) {
    this.#core = core;
  }

  add(slot: number, track: number, canvas: OffscreenCanvas): void {
    this.#shown.set(slot * 4 + track, { slot, track, canvas, context: canvas.getContext('2d') });
    this.#drawOne(slot * 4 + track, true);
  }

  remove(slot: number, track: number): void {
    this.#shown.delete(slot * 4 + track);
  }

  /** Something new is to be seen. */
  mark(slot: number, track: number): void {
    this.#fresh.add(slot * 4 + track);
  }

  /** Draws what is new. */
  draw(): void {
    for (const key of this.#fresh) {
      this.#drawOne(key, false);
    }
    this.#fresh.clear();
  }

  /** Draws what came without completing a picture. */
  drawStale(): void {
    for (const key of this.#shown.keys()) {
      this.#drawOne(key, false);
    }
  }

  #drawOne(key: number, force: boolean): void {
    const shown = this.#shown.get(key);
    const image = shown && this.#core()?.draw(shown.slot, shown.track, force);
    if (!image) {
      return;
    }
    if (shown.canvas.width !== image.width || shown.canvas.height !== image.height) {
      shown.canvas.width = image.width;
      shown.canvas.height = image.height;
    }
    shown.context?.putImageData(image, 0, 0);
  }

  async drawJpeg(slot: number, track: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const shown = this.#shown.get(slot * 4 + track);
    if (!shown) {
      return;
    }
    try {
      const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
      shown.canvas.width = bitmap.width;
      shown.canvas.height = bitmap.height;
      shown.context?.drawImage(bitmap, 0, 0);
      bitmap.close();
    } catch {
      // A picture that is none is not shown.
    }
  }
}
