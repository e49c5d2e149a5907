import type { Canvas, Colour } from './canvas.ts'

export interface Face {
  readonly skin: Colour
  readonly hair: Colour
  readonly shirt: Colour
}

/** A drawn face of nobody: `unit` is half of its width. */
export function drawFace(canvas: Canvas, cx: number, cy: number, unit: number, { skin, hair, shirt }: Face): void {
  const dark: Colour = [skin[0] * 0.82, skin[1] * 0.78, skin[2] * 0.76]
  const ink: Colour = [46, 34, 30]
  canvas
    .ellipse(cx, cy + unit * 3.1, unit * 2.2, unit * 1.7, shirt, 0.3)
    .ellipse(cx, cy - unit * 0.25, unit * 1.14, unit * 1.4, hair, 0.2)
    .ellipse(cx, cy + unit * 1.35, unit * 0.45, unit * 0.75, dark)
    .ellipse(cx - unit * 0.98, cy + unit * 0.12, unit * 0.16, unit * 0.28, dark)
    .ellipse(cx + unit * 0.98, cy + unit * 0.12, unit * 0.16, unit * 0.28, dark)
    .ellipse(cx, cy + unit * 0.1, unit, unit * 1.28, skin, 0.22)
    .ellipse(cx, cy - unit * 0.98, unit * 0.92, unit * 0.36, hair, 0.2)
  for (const side of [-1, 1]) {
    const eye = cx + side * unit * 0.4
    canvas
      .ellipse(eye, cy - unit * 0.32, unit * 0.26, unit * 0.055, hair)
      .ellipse(eye, cy - unit * 0.05, unit * 0.2, unit * 0.11, [250, 248, 244])
      .ellipse(eye, cy - unit * 0.05, unit * 0.1, unit * 0.11, [74, 48, 34])
      .ellipse(eye, cy - unit * 0.05, unit * 0.05, unit * 0.06, ink)
      .ellipse(eye + unit * 0.03, cy - unit * 0.09, unit * 0.025, unit * 0.025, [255, 255, 255])
      .ellipse(cx + side * unit * 0.1, cy + unit * 0.4, unit * 0.045, unit * 0.03, [
        dark[0] * 0.7,
        dark[1] * 0.7,
        dark[2] * 0.7,
      ])
  }
  canvas
    .ellipse(cx, cy + unit * 0.33, unit * 0.15, unit * 0.1, dark)
    .ellipse(cx, cy + unit * 0.76, unit * 0.34, unit * 0.1, [176, 92, 86])
    .ellipse(cx, cy + unit * 0.74, unit * 0.33, unit * 0.022, [110, 52, 50])
}
