import { z } from 'zod';
import type { RateWindow } from './copy/rate-limit.ts';

/** More windows than hours of a day are a mistake. */
const MOST_WINDOWS = 24;
const MOST_BYTES_PER_SECOND = 10_000_000_000;
const WINDOW = /^(\d{2}):(\d{2})-(\d{2}):(\d{2})=(\d{1,11})$/;
const HOW = 'expected windows such as 22:00-06:00=2000000,12:00-13:00=0';

/** `from-to=bytes per second`, with commas, in local time; a window may pass midnight, and 0 lets nothing through. */
export const rateSchedule = z.string().transform((text, context): readonly RateWindow[] => {
  const result = parseRateSchedule(text);
  if (typeof result !== 'string') return result;
  context.addIssue({ code: 'custom', message: result });
  return z.NEVER;
});

/** The windows, or what is wrong with them. */
export function parseRateSchedule(text: string): readonly RateWindow[] | string {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (parts.length > MOST_WINDOWS) return `more than ${MOST_WINDOWS} windows`;
  const windows: RateWindow[] = [];
  const taken = new Set<number>();
  for (const part of parts) {
    const window = windowOf(part);
    if (typeof window === 'string') return window;
    for (const minute of minutesOf(window)) {
      if (taken.has(minute)) return `${part} overlaps another window`;
      taken.add(minute);
    }
    windows.push(window);
  }
  return windows;
}

function windowOf(part: string): RateWindow | string {
  const [, ...numbers] = WINDOW.exec(part) ?? [];
  if (numbers.length === 0) return `${JSON.stringify(part)}: ${HOW}`;
  const [fromHour, fromMinute, toHour, toMinute, bytesPerSecond] = numbers.map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const isTime = (hour: number, minute: number) => hour < 24 && minute < 60;
  if (!isTime(fromHour, fromMinute) || !(isTime(toHour, toMinute) || (toHour === 24 && toMinute === 0)))
    return `${part}: no time of the day`;
  const window = { fromMinute: fromHour * 60 + fromMinute, toMinute: (toHour * 60 + toMinute) % (24 * 60) };
  if (window.fromMinute === window.toMinute) return `${part}: begins when it ends; --bytes-per-second holds all day`;
  if (bytesPerSecond > MOST_BYTES_PER_SECOND) return `${part}: more than ${MOST_BYTES_PER_SECOND} bytes per second`;
  return { ...window, bytesPerSecond };
}

function* minutesOf({ fromMinute, toMinute }: RateWindow): Iterable<number> {
  for (let minute = fromMinute; minute !== toMinute; minute = (minute + 1) % (24 * 60)) yield minute;
}
