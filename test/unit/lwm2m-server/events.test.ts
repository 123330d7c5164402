import assert from 'node:assert/strict';
import { type ServerEvent, ServerEvents } from '../../../lwm2m-server/events.ts';

const EVENT = { kind: 'awake', registration: { endpointName: 'a' } } as unknown as ServerEvent;

describe('events of the server', () => {
  it('says whether anybody listens', () => {
    const events = new ServerEvents(() => undefined);
    assert.equal(events.hasListeners, false);
    const [first, second] = [events.listen(() => undefined), events.listen(() => undefined)];
    first();
    assert.equal(events.hasListeners, true);
    second();
    assert.equal(events.hasListeners, false);
  });

  it('tells every listener, also after one of them failed, and whoever is to know of the fault', () => {
    const [faults, seen]: [unknown[], ServerEvent[]] = [[], []];
    const events = new ServerEvents((error) => faults.push(error));
    const fault = new Error('broken');
    events.listen(() => {
      throw fault;
    });
    events.listen((event) => seen.push(event));
    events.emit(EVENT);
    assert.deepEqual(faults, [fault]);
    assert.deepEqual(seen, [EVENT]);
  });

  it('does not tell one that has stopped listening', () => {
    const seen: ServerEvent[] = [];
    const events = new ServerEvents(() => undefined);
    events.listen((event) => seen.push(event))();
    events.emit(EVENT);
    assert.deepEqual(seen, []);
  });
});
