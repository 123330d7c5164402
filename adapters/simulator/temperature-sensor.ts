/** Degrees Celsius at a number of steps since the start, before noise. */
export type Curve = (step: number) => number;

const TREND_START = 18;
const TREND_SPAN = 30;
const TREND_STEPS = 1_800;
const SINE_MEAN = 21;
const SINE_SWING = 4;
const SINE_STEPS = 120;

/** Rises slowly and begins anew at its top. */
export const upwardTrend: Curve = (step) => TREND_START + (TREND_SPAN * (step % TREND_STEPS)) / TREND_STEPS;
export const sine: Curve = (step) => SINE_MEAN + SINE_SWING * Math.sin((2 * Math.PI * step) / SINE_STEPS);

const NOISE = 0.15;
const CENTS = 100;

/** One sensor of object 3303: its reading in hundredths of a degree and the extremes since the last reset. */
export class TemperatureSensor {
  readonly #curve: Curve;
  readonly #random: () => number;
  #step: number;
  #value = 0;
  #lowest = Number.POSITIVE_INFINITY;
  #highest = Number.NEGATIVE_INFINITY;

  /** @param random from 0 up to 1; it also chooses where on the curve this sensor begins */
  constructor(curve: Curve, random: () => number) {
    this.#curve = curve;
    this.#random = random;
    this.#step = Math.floor(random() * SINE_STEPS);
    this.measure();
  }

  get value(): number {
    return this.#value;
  }

  get lowest(): number {
    return this.#lowest;
  }

  get highest(): number {
    return this.#highest;
  }

  /** Takes the next reading; true when it moved an extreme. */
  measure(): boolean {
    const exact = this.#curve(this.#step++) + NOISE * (2 * this.#random() - 1);
    this.#value = Math.round(exact * CENTS) / CENTS;
    const isExtreme = this.#value < this.#lowest || this.#value > this.#highest;
    this.#lowest = Math.min(this.#lowest, this.#value);
    this.#highest = Math.max(this.#highest, this.#value);
    return isExtreme;
  }

  reset(): void {
    this.#lowest = this.#value;
    this.#highest = this.#value;
  }
}
