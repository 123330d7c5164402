import { parseArgs } from 'node:util';
import { type FuzzResult, fuzz } from './fuzz.ts';

/** `npm run fuzz -- [--count 10000000] [--seed n] [--seconds 3600]`: mutated datagrams into the server's receive path. */
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '10000000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    seconds: { type: 'string', default: '3600' },
  },
});
const number = (name: keyof typeof values): number => {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name} takes a whole number above 0`);
};
const [count, seed, seconds] = [number('count'), number('seed'), number('seconds')];

const EVERY = 1_000_000;
let next = EVERY;
const repeat = `npm run fuzz -- --count ${count} --seed ${seed}`;
process.stdout.write(`seed ${seed}; to repeat: ${repeat}\n`);
try {
  const result: FuzzResult = await fuzz({
    ...{ count, seed, seconds },
    onProgress: (done) => {
      if (done < next) return;
      next += EVERY;
      process.stdout.write(`${done}\n`);
    },
  });
  const perSecond = Math.round(result.datagrams / result.seconds);
  process.stdout.write(
    `${result.datagrams} datagrams in ${result.seconds.toFixed(1)} s (${perSecond}/s), no finding: ` +
      `${result.registrations} registrations, ${result.notifications} notifications recorded, ` +
      `${result.answered} replies to strangers, heap ${(result.growthBytes / 2 ** 20).toFixed(1)} MiB since the warm-up\n`,
  );
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\nto repeat: ${repeat}\n`);
  process.exitCode = 1;
}
