import sharp, { type Sharp } from 'sharp'

export type Colour = readonly [red: number, green: number, blue: number]

export interface Label {
  readonly text: string
  readonly x: number
  readonly y: number
  /** Height of a capital, roughly, in pixels. */
  readonly size: number
  readonly colour?: Colour
  readonly font?: string
}

/** Raw RGB pixels to draw on, so that specimens need neither a picture file nor an SVG loader. */
export class Canvas {
  readonly width: number
  readonly height: number
  readonly #pixels: Buffer
  readonly #labels: Label[] = []

  constructor(width: number, height: number, background: Colour) {
    this.width = width
    this.height = height
    this.#pixels = Buffer.alloc(width * height * 3)
    this.fill(() => background)
  }

  /** Takes over raw RGB pixels. */
  static from(pixels: Buffer, width: number, height: number): Canvas {
    const canvas = new Canvas(width, height, [0, 0, 0])
    pixels.copy(canvas.#pixels)
    return canvas
  }

  /** Another canvas on top of this one; its labels are left behind. */
  paste(other: Canvas, left: number, top: number): this {
    for (let y = 0; y < other.height; y++) {
      const from = y * other.width * 3
      other.#pixels.copy(this.#pixels, ((top + y) * this.width + left) * 3, from, from + other.width * 3)
    }
    return this
  }

  /** Colours each pixel for which `paint` has an answer, blended by `opacity`. */
  fill(paint: (x: number, y: number) => Colour | undefined, opacity = 1): this {
    return this.#region(0, 0, this.width, this.height, paint, opacity)
  }

  rect(x: number, y: number, width: number, height: number, colour: Colour, opacity = 1): this {
    return this.#region(x, y, x + width, y + height, () => colour, opacity)
  }

  /** A filled ellipse around its centre; `shade` in 0 to 1 darkens it towards the lower right. */
  ellipse(cx: number, cy: number, rx: number, ry: number, colour: Colour, shade = 0): this {
    return this.#region(cx - rx, cy - ry, cx + rx, cy + ry, (x, y) => {
      const [u, v] = [(x - cx) / rx, (y - cy) / ry]
      if (u * u + v * v > 1) return undefined
      const light = 1 - shade * Math.max(0, (u + v + 0.4) / 2)
      return [colour[0] * light, colour[1] * light, colour[2] * light]
    })
  }

  /** Grain like that of a camera, from a seed: the same picture each time. */
  grain(strength: number, seed = 1): this {
    let state = seed >>> 0
    for (let at = 0; at < this.#pixels.length; at++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      const value = (this.#pixels[at] ?? 0) + ((state >>> 24) / 255 - 0.5) * strength
      this.#pixels[at] = Math.max(0, Math.min(255, value))
    }
    return this
  }

  /** Text lies on top of whatever is drawn, also later; in the fonts that the machine has. */
  label(label: Label): this {
    this.#labels.push(label)
    return this
  }

  async picture(): Promise<Sharp> {
    // On a very small picture a line of text can be larger than the picture; it is left out there.
    const all = await Promise.all(this.#labels.map(toLayer))
    const layers = all.filter(({ raw }) => raw.width <= this.width && raw.height <= this.height)
    const raw = { width: this.width, height: this.height, channels: 3 as const }
    const { data, info } = await sharp(this.#pixels, { raw })
      .composite(layers)
      .raw()
      .toBuffer({ resolveWithObject: true })
    return sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } })
  }

  #region(
    left: number,
    top: number,
    right: number,
    bottom: number,
    paint: (x: number, y: number) => Colour | undefined,
    opacity = 1,
  ): this {
    for (let y = Math.max(0, Math.floor(top)); y < Math.min(this.height, bottom); y++) {
      for (let x = Math.max(0, Math.floor(left)); x < Math.min(this.width, right); x++) {
        const colour = paint(x, y)
        if (!colour) continue
        const at = (y * this.width + x) * 3
        for (let i = 0; i < 3; i++) {
          const under = this.#pixels[at + i] ?? 0
          this.#pixels[at + i] = Math.max(0, Math.min(255, under + ((colour[i] ?? 0) - under) * opacity))
        }
      }
    }
    return this
  }
}

async function toLayer({ text, x, y, size, colour = [30, 34, 40], font = 'DejaVu Sans' }: Label) {
  const markup = `<span foreground="#${colour.map(part => part.toString(16).padStart(2, '0')).join('')}">${text}</span>`
  const { data, info } = await sharp({ text: { text: markup, font: `${font} ${size}`, dpi: 72, rgba: true } })
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { input: data, raw: { width: info.width, height: info.height, channels: 4 as const }, left: x, top: y }
}
