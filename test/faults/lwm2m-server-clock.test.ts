import assert from 'node:assert/strict';
import { MemoryGateway, settled } from '../unit/lwm2m-server/gateway-in-memory.ts';

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
const NOW_MS = 1_700_000_000_000;
/** A lifetime ends after its seconds and a grace, which stays below another lifetime. */
const LIFETIME_SECONDS = 60;
const OVER_MS = 2 * LIFETIME_SECONDS * 1_000 + 60_000;

/** Gateways without a battery start in the past and step when they find a time server; others are set back by hand. */
const STEPS = { 'an hour ahead': HOUR_MS, 'an hour back': -HOUR_MS, 'a year ahead': YEAR_MS, 'to 1970': -NOW_MS };

describe('lwm2m-server and a wall clock that steps', () => {
  const register = (gateway: MemoryGateway, ep: string) =>
    gateway.register(ep, '</3303/0>', undefined, [`lt=${LIFETIME_SECONDS}`]);
  const registerSleeper = (gateway: MemoryGateway) =>
    gateway.register('sleeper', '</3303/0>', undefined, ['lt=3600', 'lwm2m=1.0', 'b=UQ']);

  /** Time goes by, second by second. */
  const passes = (gateway: MemoryGateway, ms: number): void => {
    for (const until = gateway.elapsedMs + ms; gateway.elapsedMs < until; gateway.server.tick()) {
      gateway.elapsedMs += 1_000;
      gateway.nowMs += 1_000;
    }
  };

  for (const [name, step] of Object.entries(STEPS)) {
    it(`${name}: a lifetime ends when it is over, neither before nor after`, async () => {
      const gateway = new MemoryGateway({ nowMs: NOW_MS });
      const id = await register(gateway, 'steady');
      gateway.nowMs += step;
      passes(gateway, (LIFETIME_SECONDS - 5) * 1_000);
      assert.equal((await gateway.request('POST', ['rd', id])).code, '2.04');
      gateway.nowMs -= step;
      passes(gateway, (LIFETIME_SECONDS - 5) * 1_000);
      assert.notEqual(gateway.server.registrations.byId(id), undefined, 'it was ended too soon');
      passes(gateway, OVER_MS);
      assert.equal(gateway.server.registrations.byId(id), undefined, 'it lives for ever');
      await settled();
      assert.equal(gateway.registrationRecords.filter(({ kind }) => String(kind) === 'DELETE').length, 1);
    });

    it(`${name} while the server was down: a device gets its time to come, and no more than a lifetime`, async () => {
      const killed = new MemoryGateway({ nowMs: NOW_MS });
      const id = await register(killed, 'restored');
      const gateway = MemoryGateway.after(killed, { nowMs: NOW_MS + step });
      passes(gateway, 30_000);
      assert.notEqual(gateway.server.registrations.byId(id), undefined, 'it had no chance to come');
      passes(gateway, OVER_MS);
      assert.equal(gateway.server.registrations.byId(id), undefined, 'it lives for ever');
    });

    it(`${name}: a device of queue mode sleeps when its window is over`, async () => {
      const killed = new MemoryGateway({ nowMs: NOW_MS });
      const id = await registerSleeper(killed);
      const held = killed.server.registrations.byId(id)!;
      assert.equal(killed.server.presence.isAwake(held), true);
      killed.nowMs += step;
      assert.equal(killed.server.presence.isAwake(held), true, 'the window closed with the clock');
      const gateway = MemoryGateway.after(killed, { nowMs: killed.nowMs });
      await gateway.request('POST', ['rd', id]);
      gateway.elapsedMs += 94_000;
      gateway.server.tick();
      assert.equal(gateway.server.presence.isAwake(gateway.server.registrations.byId(id)!), false);
    });

    it(`${name}: a notification carries the time of the clock, and its order is the device's`, async () => {
      const gateway = new MemoryGateway({ nowMs: NOW_MS, observe: ['/3303/0/5700'] });
      await register(gateway, 'steady');
      const token = Buffer.from(gateway.asked.find(({ observe }) => observe !== undefined)!.token!);
      const before = gateway.observationRecords.length;
      assert.equal(gateway.notify(token, { observe: 5, messageId: 10 }), undefined);
      await settled();
      gateway.nowMs += step;
      gateway.notify(token, { observe: 6, messageId: 11 });
      await settled();
      const [first, second] = gateway.observationRecords.slice(before);
      assert.deepEqual([first!.timestamp, second!.timestamp], [NOW_MS, NOW_MS + step]);
      assert.ok(Number(second!.seq?.long) > Number(first!.seq?.long), 'seq went back with the clock');
    });

    it(`${name}: a command that waits for a sleeping device gets one reply`, async () => {
      const gateway = new MemoryGateway({ nowMs: NOW_MS });
      const id = await registerSleeper(gateway);
      gateway.elapsedMs += 94_000;
      gateway.server.tick();
      await gateway.command('read', 'sleeper', 'waiting', '/3303/0/5700');
      gateway.nowMs += step;
      assert.equal((await gateway.request('POST', ['rd', id])).code, '2.04');
      await settled();
      passes(gateway, 10_000);
      await settled();
      assert.deepEqual(
        gateway.replies.map(({ ticket }) => ticket),
        ['waiting'],
      );
    });
  }
});
