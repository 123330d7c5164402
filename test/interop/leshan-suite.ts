import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LeshanClients } from '../peers/leshan-clients.ts';
import { startGateway } from '../rig/edge.ts';
import { AWAKE_WINDOW_MS, type Bench, type LeshanPeer } from './bench.ts';
import { queueModeTests, registrationTests, transferTests } from './leshan-life.ts';
import { compositeTests, observeTests, sendTests } from './leshan-reporting.ts';
import { instanceTests, readTests, writeTests } from './leshan-values.ts';
import { closesWith } from './matrix.ts';
import { Operator } from './operator.ts';

const MODELS = join(import.meta.dirname, 'models');
/** The first use builds the clients with Maven. */
const PROVISION_MS = 5 * 60_000;

/** All tests of one line of Leshan: one gateway, one Java process, one page section. */
export function leshanSuite(peer: LeshanPeer): void {
  const bench = { peer } as Bench;

  before(async function () {
    this.timeout(PROVISION_MS);
    const ddfFiles = [join(MODELS, 'types.xml'), ...(peer.version === '1.1' ? [join(MODELS, 'types-1.1.xml')] : [])];
    bench.clients = await LeshanClients.start(peer.line, ddfFiles);
    bench.firmwareDir = await mkdtemp(join(tmpdir(), 'zeelos-firmware-'));
    const { firmwareDir } = bench;
    bench.gateway = await startGateway({ modelsDir: MODELS, awakeWindowMs: AWAKE_WINDOW_MS, firmwareDir });
    bench.operator = await Operator.at(bench.gateway);
    await bench.clients.device(peer.endpoint, { serverUri: `coap://127.0.0.1:${bench.gateway.coapPort}` });
  });
  after(async () => {
    await bench.clients?.stop();
    await bench.gateway?.close();
    if (bench.firmwareDir !== undefined) await rm(bench.firmwareDir, { recursive: true });
  });

  describe('values', () => {
    readTests(bench);
    writeTests(bench);
    instanceTests(bench);
  });
  describe('reporting', () => {
    observeTests(bench);
    compositeTests(bench);
    sendTests(bench);
  });
  describe('life', () => {
    registrationTests(bench);
    transferTests(bench);
    queueModeTests(bench);
  });

  closesWith(peer.matrix);
}
