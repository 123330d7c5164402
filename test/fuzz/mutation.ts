/** Unpredictable to the tested, the same for the same seed: mulberry32. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** From 0 to `sides` - 1. */
  roll(sides: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % sides;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.roll(list.length)]!;
  }
}

/** Bytes that parsers trip over: ends of ranges, nibbles 13 to 15, the payload marker. */
const TELLING = [0x00, 0x01, 0x0d, 0x0e, 0x0f, 0x40, 0x7f, 0x80, 0xd0, 0xe0, 0xf0, 0xdd, 0xee, 0xfe, 0xff] as const;
const LONGEST_BYTES = 1_400;

type Mutation = (datagram: Buffer, dice: Dice) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  (d, dice) => changed(d, dice, (byte) => byte ^ (1 << dice.roll(8))),
  (d, dice) => changed(d, dice, () => dice.roll(256)),
  (d, dice) => changed(d, dice, () => dice.pick(TELLING)),
  (d, dice) => changed(d, dice, (byte) => (byte + dice.pick([1, 255, 16, 240])) & 0xff),
  (d, dice) => d.subarray(0, dice.roll(d.length + 1)),
  (d, dice) => {
    const at = dice.roll(d.length + 1);
    return Buffer.concat([d.subarray(0, at), Buffer.from([dice.pick(TELLING)]), d.subarray(at)]);
  },
  (d, dice) => {
    const at = dice.roll(d.length + 1);
    return Buffer.concat([d.subarray(0, at), d.subarray(Math.min(d.length, at + 1 + dice.roll(4)))]);
  },
  (d, dice) => {
    const from = dice.roll(d.length + 1);
    const piece = d.subarray(from, from + 1 + dice.roll(16));
    const at = dice.roll(d.length + 1);
    return Buffer.concat([d.subarray(0, at), piece, d.subarray(at)]).subarray(0, LONGEST_BYTES);
  },
  (d, dice) => Buffer.concat([d, Buffer.alloc(1 + dice.roll(64), dice.roll(256))]).subarray(0, LONGEST_BYTES),
];

function changed(datagram: Buffer, dice: Dice, change: (byte: number) => number): Buffer {
  if (datagram.length === 0) return datagram;
  const at = dice.roll(datagram.length);
  datagram[at] = change(datagram[at]!);
  return datagram;
}

/** One datagram in eight stays as it is; the others are changed in one to four places. May change what it is given. */
export function mutated(datagram: Buffer, dice: Dice): Buffer {
  if (dice.roll(8) === 0) return datagram;
  let result = datagram;
  for (let times = 1 + (dice.roll(4) & dice.roll(4)); times > 0; times--) result = dice.pick(MUTATIONS)(result, dice);
  return result;
}
