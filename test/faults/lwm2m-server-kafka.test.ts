import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '../../common/lifecycle.ts';
import type { Stack } from '../../stack/stack.ts';
import { codeOf, optionsOf, RawPeer, raw } from '../lockstep/coap-raw-peer.ts';
import { providePython } from '../peers/peers.ts';
import { useEdge } from '../rig/edge.ts';
import { TestGateway } from '../rig/gateway.ts';
import { useStack } from '../rig/rig.ts';
import { assertExactlyOnce, assertShedding, DEVICES, Fleet, recorded, residentBytes } from './numbered-fleet.ts';

const LOCATION_PATH = 8;
const URI_PATH = 11;
const URI_QUERY = 15;
/** A record with its key, the producer's own overhead and Node itself; a backlog without bounds would pass it in seconds. */
const MOST_RESIDENT_BYTES = 250 * 2 ** 20;

/** How long Kafka is away: the run before a release sets minutes. */
const OUTAGE_MS = Number(process.env.TEST_OUTAGE_SECONDS ?? 15) * 1_000;

describe('lwm2m-server and a Kafka in trouble', function () {
  this.timeout(120_000 + 2 * OUTAGE_MS);
  let stack: Stack;

  before(async function () {
    this.timeout(300_000);
    await providePython();
    stack = await useStack('kafka-edge', 'registry');
  });

  /** Looks once a second for as long as Kafka is away. */
  async function assertBounded(gateway: TestGateway, pid: number, fleet: Fleet): Promise<void> {
    const atOutage = fleet.acknowledged.size;
    const until = performance.now() + OUTAGE_MS;
    while (performance.now() < until) {
      await sleep(1_000);
      assert.equal(fleet.acknowledged.size, atOutage, 'an ACK without a record');
      assert.ok((await gateway.metric('kafka_backlog_records')) <= 2 * DEVICES + 10);
      assert.ok(residentBytes(pid) < MOST_RESIDENT_BYTES);
    }
  }

  it('acknowledges nothing while Kafka is away, refuses registrations, and loses and doubles nothing', async () => {
    const gateway = await TestGateway.create(await useEdge(), { observe: ['/3303/0/5700'] });
    const child = await gateway.spawn();
    const fleet = await Fleet.start(gateway, 'away-');
    const device = await RawPeer.open(gateway.coapPort);
    try {
      await fleet.notifies(200);
      // Its lifetime runs out while it could not be updated.
      const brief = [
        [URI_PATH, 'rd'],
        [URI_QUERY, 'ep=brief'],
        [URI_QUERY, 'lt=2'],
      ] as const;
      const welcome = await device.exchange(raw({ code: '0.02', messageId: 100, token: '02', options: brief }));
      const location = optionsOf(welcome)
        .get(LOCATION_PATH)!
        .map((segment) => [URI_PATH, String(segment)] as const);
      await stack.kill('kafka-edge');
      await sleep(500);
      await assertShedding(device, 1);
      await assertBounded(gateway, child.pid!, fleet);
      await stack.start('kafka-edge');
      await stack.ready('kafka-edge');
      await fleet.notifies(200, 40_000 + OUTAGE_MS);
      const update = await device.exchange(raw({ code: '0.02', messageId: 101, token: '03', options: location }));
      assert.equal(codeOf(update), '2.04', 'a device was taken for gone that could not be heard');
      await fleet.peer.stop();
      assertExactlyOnce(fleet, await recorded(gateway));
      assert.equal(new Set(fleet.registrations).size, DEVICES);
      assert.deepEqual(fleet.resets, []);
    } finally {
      await device.close();
      await fleet.peer.stop();
      await gateway.close();
    }
  });

  it('treats a Kafka that hangs like one that is away', async () => {
    const gateway = await TestGateway.create(await useEdge(), { observe: ['/3303/0/5700'] });
    await gateway.spawn();
    const fleet = await Fleet.start(gateway, 'hung-');
    const device = await RawPeer.open(gateway.coapPort);
    const broker = stack.pid('kafka-edge')!;
    try {
      await fleet.notifies(100);
      process.kill(broker, 'SIGSTOP');
      await sleep(300);
      const atOutage = fleet.acknowledged.size;
      await assertShedding(device, 1);
      assert.equal(fleet.acknowledged.size, atOutage, 'an ACK without a record');
      process.kill(broker, 'SIGCONT');
      await fleet.notifies(150, 30_000);
      await fleet.peer.stop();
      assertExactlyOnce(fleet, await recorded(gateway));
      assert.deepEqual(fleet.resets, []);
    } finally {
      process.kill(broker, 'SIGCONT');
      await device.close();
      await fleet.peer.stop();
      await gateway.close();
    }
  });

  it('bears a Kafka that stops for 300 ms again and again: later ACKs, hardly a retransmission, nothing lost', async () => {
    const gateway = await TestGateway.create(await useEdge(), { observe: ['/3303/0/5700'] });
    await gateway.spawn();
    const fleet = await Fleet.start(gateway, 'slow-');
    const broker = stack.pid('kafka-edge')!;
    try {
      await fleet.notifies(200);
      const before = fleet.acknowledged.size;
      const until = performance.now() + 10_000;
      while (performance.now() < until) {
        process.kill(broker, 'SIGSTOP');
        await sleep(300);
        process.kill(broker, 'SIGCONT');
        await sleep(200);
      }
      const during = fleet.acknowledged.size - before;
      assert.ok(during > 10 * DEVICES, `only ${during} were acknowledged meanwhile`);
      await fleet.notifies(100);
      await fleet.peer.stop();
      assertExactlyOnce(fleet, await recorded(gateway));
      assert.deepEqual(fleet.resets, []);
      // A device repeats after 2 to 3 s (RFC 7252 §4.8); no pause lasts that long.
      const { retransmissions, sent, gaveUp } = fleet.summary as Record<string, number>;
      assert.ok(retransmissions! < 0.05 * sent!, `${retransmissions} retransmissions of ${sent}`);
      assert.equal(gaveUp, 0);
    } finally {
      process.kill(broker, 'SIGCONT');
      await fleet.peer.stop();
      await gateway.close();
    }
  });

  /** Bytes of the longest log file that the broker writes; its indexes are made at their full length. */
  function longestLog(topic: string): { folder: string; bytes: number } {
    const args = execFileSync('ps', ['-o', 'args=', '-p', String(stack.pid('kafka-edge'))], { encoding: 'utf8' });
    const data = join(/(\S+)\/server\.properties/.exec(args)![1]!, 'data');
    const folder = join(data, `${topic}-0`);
    const logs = readdirSync(folder).filter((file) => file.endsWith('.log'));
    return { folder, bytes: Math.max(...logs.map((file) => statSync(join(folder, file)).size)) };
  }

  it('waits for a Kafka whose disk takes no more, and loses nothing when there is room again', async () => {
    const gateway = await TestGateway.create(await useEdge(), { observe: ['/3303/0/5700'] });
    await gateway.spawn();
    const fleet = await Fleet.start(gateway, 'full-');
    const device = await RawPeer.open(gateway.coapPort);
    try {
      await fleet.notifies(200);
      const broker = stack.pid('kafka-edge')!;
      // No root here, so no file system of its own: the kernel refuses every write behind this place in any file of the broker,
      // and to the broker that is a failing disk. The log of the notifications is the longest by then.
      const { bytes } = longestLog(gateway.topicOf('observations'));
      execFileSync('prlimit', ['--pid', String(broker), `--fsize=${bytes + 16 * 2 ** 10}`]);
      for (let at = performance.now(); stack.pid('kafka-edge') === broker && isRunning(broker); await sleep(100))
        assert.ok(performance.now() - at < 40_000, 'the broker bears a full disk');
      await sleep(500);
      const atOutage = fleet.acknowledged.size;
      await assertShedding(device, 1);
      assert.equal(fleet.acknowledged.size, atOutage, 'an ACK without a record');
      await stack.kill('kafka-edge');
      await stack.start('kafka-edge');
      await stack.ready('kafka-edge');
      await fleet.notifies(150, 40_000);
      await fleet.peer.stop();
      assertExactlyOnce(fleet, await recorded(gateway));
      assert.equal(fleet.registrations.length, DEVICES, 'devices had to register anew');
      assert.deepEqual(fleet.resets, []);
    } finally {
      await device.close();
      await fleet.peer.stop();
      await gateway.close();
    }
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
