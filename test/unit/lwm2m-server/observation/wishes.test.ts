import assert from 'node:assert/strict';
import { makeObservation } from '../../../../lwm2m-server/observation/observations.ts';
import { Refusals } from '../../../../lwm2m-server/observation/refusals.ts';
import { Wishes } from '../../../../lwm2m-server/observation/wishes.ts';

const observation = (path: string, ticket: string) =>
  makeObservation({ endpointName: 'a', registrationId: 'r', path, token: Buffer.from(path), ticket });

describe('lwm2m-server/observation/wishes', () => {
  it('keeps what commands started, all of a device or nothing of it', () => {
    const wishes = new Wishes(2);
    const [one, two, three] = [observation('/1', 't1'), observation('/2', 't2'), observation('/3', 't3')];
    assert.deepEqual(wishes.lasting([one, observation('/4', 'unset'), two]), [one, two]);
    assert.deepEqual(wishes.lasting([one, two, three]), []);
    for (const lasting of wishes.lasting([one, two])) wishes.add('a', lasting);
    assert.deepEqual(wishes.lasting([three]), []);
    assert.deepEqual(
      wishes.of('a').map(({ path, ticket }) => [path, ticket]),
      [
        ['/1', 't1'],
        ['/2', 't2'],
      ],
    );
    wishes.add('a', { ...wishes.of('a')[0]!, ticket: 'newer' });
    assert.equal(wishes.size, 2);
    assert.equal(wishes.remove('a', '/1'), true);
    assert.equal(wishes.remove('a', '/1'), false);
    assert.deepEqual([wishes.has('a', '/1'), wishes.has('a', '/2'), wishes.size], [false, true, 1]);
    assert.deepEqual(wishes.lasting([three]), [three]);
  });
});

describe('lwm2m-server/observation/refusals', () => {
  it('remembers codes by device and path until it is told to forget', () => {
    const refusals = new Refusals();
    refusals.add('a', '/1', '4.04');
    refusals.add('a', '/2', '4.05');
    refusals.add('a', '/1', '4.01');
    assert.deepEqual([refusals.codeOf('a', '/1'), refusals.codeOf('a', '/2')], ['4.01', '4.05']);
    assert.equal(refusals.codeOf('b', '/1'), undefined);
    refusals.forget('a');
    assert.equal(refusals.codeOf('a', '/1'), undefined);
  });
});
