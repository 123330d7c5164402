import assert from 'node:assert/strict';
import { Presence } from '../../../../lwm2m-server/queue-mode/presence.ts';
import { makeRegistration, type Registration } from '../../../../lwm2m-server/registration/registration.ts';
import { sampleRegistration } from '../sample-registration.ts';

class Stage {
  nowMs = 1_000_000;
  readonly told: string[] = [];
  readonly presence = new Presence({
    awakeWindowMs: 10_000,
    windowOf: ({ endpointName }) => (endpointName === 'short' ? 2_000 : undefined),
    elapsed: () => this.nowMs,
    onAwake: ({ endpointName }) => void this.told.push(`${endpointName} awake`),
    onSleeping: ({ endpointName }) => void this.told.push(`${endpointName} sleeps`),
  });
}

function device(endpointName: string, queueMode = true): Registration {
  return makeRegistration({ ...sampleRegistration(endpointName), registrationId: endpointName, queueMode });
}

describe('lwm2m-server/queue-mode/presence', () => {
  it('gives a device the window of its profile', () => {
    const { presence, ...stage } = new Stage();
    const short = device('short');
    presence.heard(short);
    assert.equal(presence.awakeUntilMs(short), stage.nowMs + 2_000);
    const other = device('other');
    presence.heard(other);
    assert.equal(presence.awakeUntilMs(other), stage.nowMs + 10_000);
  });

  it('takes a device for awake for a window after each of its messages', () => {
    const stage = new Stage();
    const a = device('a');
    assert.equal(stage.presence.isAwake(a), false);
    assert.equal(stage.presence.awakeUntilMs(a), undefined);
    stage.presence.heard(a);
    stage.nowMs += 9_999;
    assert.equal(stage.presence.isAwake(a), true);
    stage.presence.heard(a);
    assert.equal(stage.presence.awakeUntilMs(a), stage.nowMs + 10_000);
    stage.nowMs += 9_999;
    assert.equal(stage.presence.isAwake(a), true);
    stage.nowMs += 1;
    assert.equal(stage.presence.isAwake(a), false);
    assert.deepEqual(stage.told, ['a awake']);
    stage.nowMs += 1_000;
    stage.presence.tick();
    assert.deepEqual(stage.told, ['a awake', 'a sleeps']);
    assert.equal(stage.presence.size, 0);
    stage.presence.heard(a);
    assert.deepEqual(stage.told, ['a awake', 'a sleeps', 'a awake']);
  });

  it('tells that a device is awake also when its end was not noticed yet', () => {
    const stage = new Stage();
    const a = device('a');
    stage.presence.heard(a);
    stage.nowMs += 10_000;
    stage.presence.heard(a);
    assert.deepEqual(stage.told, ['a awake', 'a awake']);
  });

  it('keeps nothing of devices without queue mode, which always listen', () => {
    const stage = new Stage();
    const a = device('a', false);
    stage.presence.heard(a);
    assert.equal(stage.presence.size, 0);
    assert.equal(stage.presence.isAwake(a), true);
    assert.equal(stage.presence.awakeUntilMs(a), Number.POSITIVE_INFINITY);
    stage.presence.heard(device('a'));
    assert.equal(stage.presence.size, 1);
    stage.presence.heard(a);
    assert.equal(stage.presence.size, 0, 'an update took its queue mode away');
  });

  it('takes a device that does not answer for asleep, unless it spoke meanwhile', () => {
    const stage = new Stage();
    const a = device('a');
    stage.presence.heard(a);
    stage.nowMs += 100;
    const askedAtMs = stage.nowMs;
    stage.nowMs += 100;
    stage.presence.heard(a);
    stage.presence.silent(a, askedAtMs);
    assert.equal(stage.presence.isAwake(a), true);
    stage.presence.silent(a, stage.nowMs);
    assert.equal(stage.presence.isAwake(a), false);
    assert.deepEqual(stage.told, ['a awake', 'a sleeps']);
    stage.presence.silent(a, stage.nowMs);
    assert.equal(stage.told.length, 2);
  });

  it('goes on with the window of a restored device, but not by a clock that stepped back', () => {
    const stage = new Stage();
    const [fresh, old, odd] = [device('fresh'), device('old'), device('odd')] as const;
    stage.presence.heardBefore(fresh, 4_000);
    stage.presence.heardBefore(old, 10_000);
    stage.presence.heardBefore(odd, -1);
    assert.deepEqual(
      [fresh, old, odd].map((one) => stage.presence.isAwake(one)),
      [true, false, false],
    );
    assert.equal(stage.presence.awakeUntilMs(fresh), stage.nowMs + 6_000);
  });

  it('forgets a device whose registration ended', () => {
    const stage = new Stage();
    const a = device('a');
    stage.presence.heard(a);
    stage.presence.forget('a');
    stage.nowMs += 20_000;
    stage.presence.tick();
    assert.deepEqual(stage.told, ['a awake']);
  });
});
