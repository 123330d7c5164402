/**
 * The whole chain on real parts, driven by foreign devices: `npm run smoke`. Prints one JSON line; exit code 0 only if all holds.
 * Options: --short (an outage of 10 s instead of 60), --keep (leaves the temporary folder).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../../common/errors.ts';
import { createLog } from '../../common/log.ts';
import { stopAllPeers } from '../peers/peers.ts';
import { Findings } from './report.ts';
import { smoke } from './scenario.ts';

const OUTAGE_MS = 60_000;
const SHORT_OUTAGE_MS = 10_000;
const STOP_DEADLINE_MS = 90_000;
const EXIT_FAILED = 1;
const EXIT_INTERRUPTED = 130;

const { values: options } = parseArgs({ options: { short: { type: 'boolean' }, keep: { type: 'boolean' } } });
const findings = new Findings();
const stopping = new AbortController();
let interrupted = false;
const onSignal = (): void => {
  if (interrupted) process.exit(EXIT_INTERRUPTED);
  interrupted = true;
  findings.progress('stopping everything; once more ends at once');
  stopping.abort(new Error('interrupted'));
};
// A part that cannot be stopped must not keep the whole: ending this process ends what it started.
stopping.signal.addEventListener('abort', () => setTimeout(() => process.exit(EXIT_FAILED), STOP_DEADLINE_MS).unref());
process.on('SIGINT', onSignal).on('SIGTERM', onSignal);

const folder = mkdtempSync(join(tmpdir(), 'zeelos-smoke-'));
try {
  await smoke({
    folder,
    findings,
    outageMs: options.short === true ? SHORT_OUTAGE_MS : OUTAGE_MS,
    stopping,
    log: createLog('smoke', process.env.ZEELOS_LOG_LEVEL ?? 'error'),
  });
} catch (error) {
  findings.fault(stopping.signal.aborted ? messageOf(stopping.signal.reason) : traceOf(error));
} finally {
  await stopAllPeers();
  if (options.keep === true) findings.progress(`everything is kept in ${folder}`);
  else rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
const report = findings.finish();
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exitCode = interrupted ? EXIT_INTERRUPTED : report.ok ? 0 : EXIT_FAILED;

function traceOf(error: unknown): string {
  return (error instanceof Error ? error.stack : undefined) ?? messageOf(error);
}
