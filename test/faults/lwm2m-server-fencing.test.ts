import assert from 'node:assert/strict';
import { sleep } from '../../common/lifecycle.ts';
import { claimsTopic, parseClaim, type ServerClaim } from '../../lwm2m-server/fencing/server-claim.ts';
import { providePython } from '../peers/peers.ts';
import { useEdge } from '../rig/edge.ts';
import { eventually, isReady, type Rival, TestGateway } from '../rig/gateway.ts';
import { useStack } from '../rig/rig.ts';
import { assertExactlyOnce, DEVICES, Fleet, recorded } from './numbered-fleet.ts';

/** A start without another server in sight takes about one second; waiting for silence takes five more. */
const FAST_START_MS = 4_500;

async function claims(gateway: TestGateway): Promise<ServerClaim[]> {
  const seen = await gateway.read<Buffer>(claimsTopic(gateway.gatewayId));
  return seen.map(({ value }) => parseClaim(value)).filter((claim) => claim !== undefined);
}

describe('one lwm2m-server per gateway', function () {
  this.timeout(60_000);

  before(async function () {
    this.timeout(300_000);
    await providePython();
    await useStack('kafka-edge', 'registry');
  });

  it('sends a second server away, and the first serves on', async () => {
    const gateway = await TestGateway.create(await useEdge(), { observe: ['/3303/0/5700'] });
    await gateway.spawn();
    const fleet = await Fleet.start(gateway, 'first-');
    try {
      await fleet.notifies(100);
      const rival = await gateway.spawnRival();
      assert.equal(await rival.ended, 1);
      assert.match(rival.said, /SERVER_FENCED: .* process \d+ on /);
      await fleet.notifies(100);
      await fleet.peer.stop();
      assertExactlyOnce(fleet, await recorded(gateway));
      assert.equal(fleet.registrations.length, DEVICES);
      assert.equal(new Set((await claims(gateway)).map(({ instanceId }) => instanceId)).size, 1);
    } finally {
      await fleet.peer.stop();
      await gateway.close();
    }
  });

  it('takes over from a server that hangs; when that one comes back it writes nothing more, says so and ends', async () => {
    const gateway = await TestGateway.create(await useEdge(), { observe: ['/3303/0/5700'] });
    const first = await gateway.spawn();
    const fleet = await Fleet.start(gateway, 'hung-');
    let rival: Rival | undefined;
    try {
      await fleet.notifies(150);
      first.kill('SIGSTOP');
      const before = await claims(gateway);
      rival = await gateway.spawnRival();
      await eventually('the second serves', async () => await isReady(rival!.healthPort), 15_000);
      const atTakeOver = await recorded(gateway);
      // The devices still send to it: their notifications wait in its socket.
      const ended = new Promise((resolve) => first.once('exit', resolve));
      first.kill('SIGCONT');
      assert.equal(await ended, 1);
      await sleep(500);
      const atEnd = await recorded(gateway);
      assert.deepEqual(atEnd, atTakeOver, 'it wrote after another had taken over');
      // It may still have heard of a commit from before.
      assertExactlyOnce(fleet, atEnd);
      const after = (await claims(gateway)).slice(before.length);
      assert.equal(new Set(after.map(({ instanceId }) => instanceId)).size, 1, 'it claimed after another had');
      assert.equal(await isReady(rival.healthPort), true);
    } finally {
      first.kill('SIGCONT');
      await fleet.peer.stop();
      rival?.child.kill('SIGTERM');
      await rival?.ended;
      await gateway.close();
    }
  });

  it('starts at once after a SIGKILL, and after an orderly stop', async () => {
    const gateway = await TestGateway.create(await useEdge());
    try {
      await gateway.spawn();
      for (const end of [() => gateway.kill(), () => gateway.stop()]) {
        await end();
        const startedAt = performance.now();
        await gateway.spawn();
        const took = performance.now() - startedAt;
        assert.ok(took < FAST_START_MS, `ready only after ${Math.round(took)} ms`);
      }
      assert.equal((await claims(gateway)).filter(({ ended }) => ended).length, 1);
    } finally {
      await gateway.close();
    }
  });

  it('leaves one of three that start at once', async () => {
    const gateway = await TestGateway.create(await useEdge());
    const rivals = await Promise.all([1, 2, 3].map(async () => await gateway.spawnRival()));
    const over = new Set<Rival>();
    for (const rival of rivals) void rival.ended.then(() => over.add(rival));
    try {
      await eventually('two have ended', () => over.size >= 2, 30_000);
      const [left] = rivals.filter((rival) => !over.has(rival));
      assert.ok(left, 'all have ended');
      await eventually('one serves', async () => await isReady(left.healthPort), 15_000);
      await sleep(3_000);
      assert.equal(over.size, 2);
      for (const rival of over) assert.match(rival.said, /SERVER_FENCED/);
    } finally {
      for (const { child } of rivals) child.kill('SIGTERM');
      await Promise.all(rivals.map(({ ended }) => ended));
      await gateway.close();
    }
  });
});
