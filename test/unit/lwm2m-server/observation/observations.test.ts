import assert from 'node:assert/strict';
import { hasCode } from '../../../../common/errors.ts';
import { makeObservation, Observations } from '../../../../lwm2m-server/observation/observations.ts';

let tokens = 0;
function observation(endpointName: string, path: string) {
  const token = Buffer.alloc(8);
  token.writeUInt32BE(++tokens);
  return makeObservation({ endpointName, registrationId: `id-${endpointName}`, path, token, ticket: 'unset' });
}

describe('lwm2m-server/observation/observations', () => {
  it('finds an observation by token and by path; the id is the token in hex', () => {
    const observations = new Observations(10);
    const one = observation('a', '/3303/0/5700');
    observations.set(one);
    assert.equal(observations.byToken(Buffer.from(one.token)), one);
    assert.equal(observations.byPath('a', '/3303/0/5700'), one);
    assert.equal(observations.byPath('b', '/3303/0/5700'), undefined);
    assert.equal(one.observationId, one.token.toString('hex'));
    assert.deepEqual(one.lwm2mPath, { objectId: 3303, instanceId: 0, resourceId: 5700 });
  });

  it('keeps one observation per path: the later', () => {
    const observations = new Observations(1);
    const [older, newer] = [observation('a', '/3'), observation('a', '/3')];
    observations.set(older);
    observations.set(newer);
    assert.equal(observations.size, 1);
    assert.equal(observations.byToken(older.token), undefined);
    assert.equal(observations.holds(older), false);
    observations.remove(older);
    assert.equal(observations.byPath('a', '/3'), newer);
  });

  it('knows the token again when the same relation is renewed', () => {
    const observations = new Observations(10);
    const older = observation('a', '/3');
    const newer = makeObservation({ ...older, token: older.token, ticket: 'mine' });
    observations.set(older);
    observations.set(newer);
    assert.equal(observations.byToken(older.token), newer);
    observations.remove(older);
    assert.equal(observations.byToken(older.token), newer);
  });

  it('keeps one path, then several, then one again of a device', () => {
    const observations = new Observations(10);
    const [one, two, three] = ['/1', '/2', '/3'].map((path) => observation('a', path));
    for (const each of [one!, two!, three!]) observations.set(each);
    assert.deepEqual(observations.allOf('a'), [one, two, three]);
    assert.equal(observations.byPath('a', '/2'), two);
    observations.remove(one!);
    observations.remove(three!);
    assert.deepEqual(observations.allOf('a'), [two]);
    assert.equal(observations.byPath('a', '/1'), undefined);
    observations.remove(two!);
    assert.deepEqual(observations.allOf('a'), []);
    assert.equal(observations.size, 0);
  });

  it('tells a notification that was overtaken, and doubts no observation that was heard', () => {
    const one = makeObservation({ ...observation('a', '/3'), token: Buffer.from('0102', 'hex'), doubtful: true });
    assert.equal(one.doubtful, true);
    assert.equal(one.note(5, 1_000), true);
    assert.equal(one.doubtful, false);
    assert.equal(one.note(4, 1_001), false);
    assert.equal(one.note(5, 1_002), false);
    assert.equal(one.note(6, 1_003), true);
    assert.equal(one.note(1, 1_003 + 128_001), true);
    assert.equal(one.note(2 ** 24 - 1, 1_003 + 128_002), false);
  });

  it('holds a path that many observe once', () => {
    assert.equal(observation('a', '/3303/0/5700').lwm2mPath, observation('b', '/3303/0/5700').lwm2mPath);
  });

  it('refuses more than the limits, in all and for one device, and changes nothing then', () => {
    const few = new Observations(2);
    few.set(observation('a', '/1'));
    few.set(observation('b', '/1'));
    assert.throws(
      () => few.set(observation('c', '/1')),
      (error) => hasCode(error, 'COAP_QUEUE_FULL'),
    );
    assert.equal(few.size, 2);
    assert.deepEqual(few.allOf('c'), []);
    const many = new Observations(10_000);
    for (let n = 0; n < 1_000; n++) many.set(observation('a', `/3303/${n}`));
    assert.throws(
      () => many.set(observation('a', '/3303/1000')),
      (error) => hasCode(error, 'COAP_QUEUE_FULL'),
    );
    many.set(observation('a', '/3303/999'));
    many.set(observation('b', '/3303/0'));
    many.removeAllOf('a');
    assert.equal(many.size, 1);
  });
});
