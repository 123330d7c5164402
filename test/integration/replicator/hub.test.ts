import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../../common/log.ts';
import { parseSettings } from '../../../common/settings.ts';
import { main } from '../../../replicator/main.ts';
import { REPLICATOR_SETTINGS } from '../../../replicator/settings.ts';
import { freePorts } from '../../../stack/stack.ts';
import { eventually } from '../../rig/eventually.ts';
import { ReplicatorProcess } from '../../rig/replicator-process.ts';
import { type TwoClusters, useTwoClusters } from '../../rig/two-clusters.ts';

const quiet = createLog('test', 'silent');

let gateways = 0;

function newGatewayId(): string {
  return `hub${process.pid}x${++gateways}`;
}

interface FlowsOfGateway {
  readonly gatewayId: string;
  readonly phase: string;
  readonly failure: { readonly code: string } | null;
  readonly lanes: readonly {
    readonly lane: string;
    readonly phase: string;
    readonly copied: { readonly records: number };
  }[];
}

describe('replicator: a hub', function () {
  this.timeout(120_000);
  let at: TwoClusters;
  let folder: string;
  let file: string;
  let healthUrl: string;
  let ending: AbortController;
  let running: Promise<void>;

  before(async function () {
    this.timeout(300_000);
    at = await useTwoClusters();
  });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zeelos-hub-'));
    file = join(folder, 'gateways.json');
    ending = new AbortController();
  });

  afterEach(async () => {
    ending.abort();
    await running;
    rmSync(folder, { recursive: true });
  });

  function write(gateways: unknown): void {
    writeFileSync(`${file}.new`, typeof gateways === 'string' ? gateways : JSON.stringify(gateways));
    renameSync(`${file}.new`, file);
  }

  const entry = (gatewayId: string, more: object = {}) => ({ gatewayId, edgeBrokers: at.brokers.edge, ...more });

  async function start(): Promise<void> {
    const port = (await freePorts()).registry;
    healthUrl = `http://127.0.0.1:${port}`;
    const args = ['--gateways', file, '--cloud-brokers', at.brokers.cloud, '--health-port', String(port)];
    const { settings } = parseSettings(REPLICATOR_SETTINGS, { args, env: {} });
    running = main(settings, { signal: ending.signal, log: quiet });
    running.catch(() => undefined);
  }

  async function isReady(): Promise<boolean> {
    return (await fetch(`${healthUrl}/readyz`)).status === 200;
  }

  async function flows(): Promise<readonly FlowsOfGateway[]> {
    const answer = await fetch(`${healthUrl}/flows`);
    return ((await answer.json()) as { gateways: FlowsOfGateway[] }).gateways;
  }

  const isRunning = ({ phase, lanes }: FlowsOfGateway) =>
    phase === 'running' && lanes.length === 3 && lanes.every((lane) => lane.phase === 'running');

  /** Exactly these gateways, and all of their lanes run. */
  const runs = (...ids: readonly string[]) =>
    eventually(`${ids.join(', ')} run`, async () => {
      const found = await flows();
      return JSON.stringify(found.map(({ gatewayId }) => gatewayId).sort()) === JSON.stringify([...ids].sort()) &&
        found.every(isRunning)
        ? found
        : undefined;
    });

  it('starts what is added, ends what is removed, restarts what changed, and leaves the others alone', async () => {
    const [one, two, three] = [newGatewayId(), newGatewayId(), newGatewayId()];
    write([entry(one), entry(two)]);
    await start();
    await runs(one, two);
    await eventually('ready', isReady);
    // What is paused by hand is paused until its gateway starts again: so it tells who was restarted.
    for (const id of [one, two])
      assert.equal((await fetch(`${healthUrl}/flows/${id}/down/pause`, { method: 'POST' })).status, 200);
    const down = (all: readonly FlowsOfGateway[], id: string) =>
      all.find(({ gatewayId }) => gatewayId === id)?.lanes.find(({ lane }) => lane === 'down')?.phase;
    write([entry(one), entry(two, { bytesPerSecond: 1_000_000 }), entry(three)]);
    await eventually('the third runs and the second was restarted', async () => {
      const all = await flows();
      return (
        all.length === 3 && all.some((it) => it.gatewayId === three && isRunning(it)) && down(all, two) === 'running'
      );
    });
    assert.equal(down(await flows(), one), 'paused');
    assert.match(await (await fetch(`${healthUrl}/metrics`)).text(), new RegExp(`gateway="${two}"`));
    write([entry(three)]);
    await runs(three);
    await eventually('the series of who left are gone', async () => {
      const text = await (await fetch(`${healthUrl}/metrics`)).text();
      return !text.includes(`gateway="${one}"`) && !text.includes(`gateway="${two}"`);
    });
  });

  it('copies for each gateway', async () => {
    const ids = [newGatewayId(), newGatewayId()];
    write(ids.map((id) => entry(id)));
    await start();
    await runs(...ids);
    for (const id of ids) {
      const topic = `iot.${id}.replication.heartbeat`;
      const [beat] = await eventually(`the beat of ${id} is in the cloud`, async () => {
        const all = await at.records.texts({ brokers: at.brokers.cloud, topic });
        return all.length > 0 && all;
      });
      assert.equal(beat?.key, id);
      assert.equal((JSON.parse(beat?.value ?? '{}') as { gatewayId?: string }).gatewayId, id);
    }
  });

  it('goes on as it was when the file is broken, and says so', async () => {
    const [one, two] = [newGatewayId(), newGatewayId()];
    write([entry(one)]);
    await start();
    await runs(one);
    const valid = async () =>
      /^zeelos_replicator_gateways_file_valid\S* (\d)/m.exec(await (await fetch(`${healthUrl}/metrics`)).text())?.[1];
    assert.equal(await valid(), '1');
    write([entry(one), { gatewayId: two }]);
    const reason = await eventually('not ready', async () => {
      const answer = await fetch(`${healthUrl}/readyz`);
      const { waiting } = (await answer.json()) as { waiting?: Record<string, string> };
      return waiting?.['gateways file'];
    });
    assert.match(reason, new RegExp(`entry 1 \\(${two}\\): edgeBrokers`));
    assert.equal(await valid(), '0');
    assert.equal((await flows()).every(isRunning), true);
    write([entry(one), entry(two)]);
    await runs(one, two);
    await eventually('ready', isReady);
    assert.equal(await valid(), '1');
  });

  it('ends only the gateway that another replicator took over, and starts it again when its entry says so', async () => {
    const [taken, other] = [newGatewayId(), newGatewayId()];
    write([entry(taken), entry(other)]);
    await start();
    await runs(taken, other);
    const { edge, cloud } = at.brokers;
    const rival = await ReplicatorProcess.spawn({ 'gateway-id': taken, 'edge-brokers': edge, 'cloud-brokers': cloud });
    try {
      const found = await eventually('the gateway that was taken over has ended', async () =>
        (await flows()).find(({ gatewayId, phase }) => gatewayId === taken && phase === 'ended'),
      );
      assert.equal(found.failure?.code, 'REPLICATOR_FENCED');
    } finally {
      await rival.stop();
    }
    assert.equal(
      (await flows())
        .filter(isRunning)
        .map(({ gatewayId }) => gatewayId)
        .join(),
      other,
    );
    assert.match(
      await (await fetch(`${healthUrl}/metrics`)).text(),
      /zeelos_replicator_gateways\{[^}]*phase="ended"[^}]*\} 1/,
    );
    await eventually('not ready', async () => !(await isReady()));
    write([entry(other), entry(taken, { onGap: 'stop' })]);
    await runs(taken, other);
  });

  it('does not start with a file that is broken', async () => {
    write('[{]');
    await start();
    await assert.rejects(running, /CONFIG_INVALID|it is no JSON/);
    running = Promise.resolve();
  });
});
