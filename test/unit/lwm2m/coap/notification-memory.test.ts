import assert from 'node:assert/strict';
import { ACKNOWLEDGED, NotificationMemory, UNSETTLED } from '../../../../lwm2m/coap/notification-memory.ts';

describe('notification memory', () => {
  it('forgets the oldest settled one at its limit, in order of age while it grows', () => {
    const memory = new NotificationMemory(16);
    for (let id = 0; id < 20; id++) assert.ok(memory.add(id, id * 7, ACKNOWLEDGED));
    const known = Array.from({ length: 20 }, (_, id) => memory.find(id, id * 7) !== undefined);
    assert.deepEqual(known.indexOf(true), 4);
    assert.equal(known.filter(Boolean).length, 16);
  });

  it('never forgets an unsettled one, and takes no more than fit', () => {
    const memory = new NotificationMemory(8);
    for (let id = 0; id < 8; id++) assert.ok(memory.add(id, 0, UNSETTLED));
    assert.equal(memory.add(8, 0, UNSETTLED), false);
    memory.settle(3, 0, ACKNOWLEDGED);
    assert.equal(memory.unsettled, 7);
    assert.ok(memory.add(8, 0, UNSETTLED));
    assert.equal(memory.find(3, 0), undefined);
    assert.equal(memory.find(2, 0), UNSETTLED);
  });

  it('forgets on request and tells fingerprints apart', () => {
    const memory = new NotificationMemory(8);
    memory.add(65_535, -5, UNSETTLED);
    assert.equal(memory.find(65_535, 5), undefined);
    memory.settle(65_535, -5, undefined);
    assert.equal(memory.find(65_535, -5), undefined);
    assert.equal(memory.unsettled, 0);
  });
});
