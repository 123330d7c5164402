import assert from 'node:assert/strict';
import { udpPeer } from '../../../../lwm2m/coap/transport.ts';
import { fullLifeMs, Registrations } from '../../../../lwm2m-server/registration/registrations.ts';
import { sampleRegistration as registration } from '../sample-registration.ts';

describe('lwm2m-server/registration/registrations', () => {
  let nowMs = 0;
  const make = (limit = 10) => new Registrations(limit, () => nowMs);
  beforeEach(() => {
    nowMs = 0;
  });

  it('finds a registration by name and by id until it is removed', () => {
    const registrations = make();
    const one = registration('a');
    registrations.add(one);
    assert.equal(registrations.byEndpointName('a'), one);
    assert.equal(registrations.byId('id-a'), one);
    registrations.remove('id-a');
    registrations.remove('id-a');
    assert.equal(registrations.byEndpointName('a'), undefined);
    assert.equal(registrations.size, 0);
    nowMs = 1e9;
    assert.deepEqual(registrations.takeExpired(), []);
  });

  it('puts a second registration of a name in place of the first, and only that one expires', () => {
    const registrations = make();
    registrations.add(registration('a', { registrationId: 'first' }));
    registrations.add(registration('a', { registrationId: 'second', lifetimeSeconds: 100 }));
    assert.equal(registrations.byId('first'), undefined);
    assert.equal(registrations.size, 1);
    nowMs = 70_000;
    assert.deepEqual(registrations.takeExpired(), []);
    nowMs = 106_000;
    assert.deepEqual(
      registrations.takeExpired().map(({ registrationId }) => registrationId),
      ['second'],
    );
  });

  it('gives each its whole lifetime and a little grace, again from every update', () => {
    const registrations = make();
    registrations.add(registration('a'));
    nowMs = 60_000;
    assert.deepEqual(registrations.takeExpired(), []);
    registrations.replace(registration('a', { lifetimeSeconds: 30 }));
    nowMs = 60_000 + fullLifeMs({ lifetimeSeconds: 30 }) - 1;
    assert.deepEqual(registrations.takeExpired(), []);
    nowMs += 1_001;
    assert.equal(registrations.takeExpired().length, 1);
  });

  it('looks only at the clock that never steps, not at the dates of a registration', () => {
    const registrations = make();
    registrations.add(
      registration('a', { lastUpdateAtMs: Date.UTC(1970, 0, 1), registeredAtMs: Date.UTC(2038, 0, 1) }),
    );
    nowMs = 64_000;
    assert.deepEqual(registrations.takeExpired(), []);
    nowMs = 66_000;
    assert.equal(registrations.takeExpired().length, 1);
  });

  it('puts one off whose end cannot be told', () => {
    const registrations = make();
    const one = registration('a');
    registrations.add(one, 1_000);
    nowMs = 2_000;
    assert.deepEqual(registrations.takeExpired(), [one]);
    registrations.postpone(one, 5_000);
    nowMs = 6_000;
    assert.deepEqual(registrations.takeExpired(), []);
    nowMs = 8_000;
    assert.deepEqual(registrations.takeExpired(), [one]);
  });

  it('is full for newcomers at the limit, not for those it knows', () => {
    const registrations = make(2);
    registrations.add(registration('a'));
    assert.equal(registrations.isFullFor('c'), false);
    registrations.add(registration('b'));
    assert.equal(registrations.isFullFor('c'), true);
    assert.equal(registrations.isFullFor('a'), false);
  });

  it('never ends what has a lifetime without end', () => {
    const registrations = make();
    registrations.add(registration('a', { lifetimeSeconds: 0 }));
    nowMs = 50 * 365 * 86_400_000;
    assert.deepEqual(registrations.takeExpired(), []);
    registrations.replace(registration('a', { lifetimeSeconds: 1 }));
    nowMs += 7_000;
    assert.equal(registrations.takeExpired().length, 1);
  });

  it('finds all that share a socket, and follows who moves', () => {
    const registrations = make();
    const [here, there] = [udpPeer('127.0.0.1', 1), udpPeer('127.0.0.1', 2)];
    const names = (peer: typeof here) => registrations.byPeer(peer).map(({ endpointName }) => endpointName);
    for (const name of ['a', 'b', 'c']) registrations.add(registration(name, { peer: here }));
    assert.deepEqual(names(here), ['a', 'b', 'c']);
    registrations.replace(registration('b', { peer: there }));
    assert.deepEqual([names(here), names(there)], [['a', 'c'], ['b']]);
    registrations.remove('id-a');
    assert.deepEqual(names(here), ['c']);
    registrations.replace(registration('c', { peer: udpPeer('127.0.0.1', 1), lifetimeSeconds: 5 }));
    assert.equal(registrations.byPeer(here)[0]!.lifetimeSeconds, 5);
    registrations.remove('id-c');
    registrations.remove('id-b');
    assert.deepEqual([names(here), names(there)], [[], []]);
  });
});
