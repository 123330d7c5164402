import { type Acknowledged, highestOf } from './fleet-account.ts';
import { storedOnce } from './influx-account.ts';
import type { Survivors } from './report.ts';
import type { Run } from './run.ts';
import { held, until } from './waiting.ts';

const CATCH_UP_TIMEOUT_MS = 120_000;

/** Waits until the newest number of each device is in InfluxDB, then counts those that are there exactly once. */
export async function untilStored(
  { site, signal, findings }: Run,
  numbers: readonly Acknowledged[],
): Promise<Survivors> {
  const highest = highestOf(numbers);
  const all = {
    what: 'everything acknowledged is in InfluxDB',
    timeoutMs: CATCH_UP_TIMEOUT_MS,
    signal,
    pauseMs: 2_000,
  };
  try {
    await until(async () => {
      const stored = await site.influx.numbers();
      return held([...highest].every(([ep, value]) => stored.get(ep)?.has(value) === true));
    }, all);
  } catch (error) {
    signal.throwIfAborted();
    findings.fault(String(error));
  }
  return { acknowledged: numbers.length, stored: storedOnce(numbers, await site.influx.numbers()) };
}
