import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../common/log.ts';
import { freePorts, SERVER_NAMES, startStack } from '../stack/stack.ts';
import { provideJmxAgent } from './peers/jmx-agent.ts';
import { provideKafkaRecords } from './peers/kafka-records.ts';
import { provideLeshanClients, provideLeshanDevice, provideLibcoap, providePython } from './peers/peers.ts';
import { providePrometheus } from './peers/prometheus.ts';

/**
 * Fetches and builds the real servers and the foreign devices where they are missing, and sees each server answer once: tests then wait for
 * starts only, never for a build. Seconds when all is there, minutes on a new machine.
 */
const dataDir = mkdtempSync(join(tmpdir(), 'zeelos-provide-'));
try {
  const stack = await startStack({
    dataDir,
    ports: await freePorts(),
    log: createLog('provide', 'warn'),
    onProgress: ({ server, step, state, elapsedMs }) => {
      if (step !== 'start' && step !== 'stop')
        console.log(`${server.padEnd(12)} ${step.padEnd(6)} ${Math.round(elapsedMs / 1_000)} s  ${state}`);
    },
  });
  try {
    const java = [provideLeshanDevice(), provideLeshanClients('v1'), provideLeshanClients('v2')];
    const others = [provideKafkaRecords(), providePython(), provideLibcoap(), providePrometheus(), provideJmxAgent()];
    await Promise.all([...SERVER_NAMES.map((name) => stack.ready(name)), ...others, ...java]);
  } finally {
    await stack.stop();
  }
} finally {
  rmSync(dataDir, { recursive: true, force: true });
}
