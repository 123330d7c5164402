import assert from 'node:assert/strict';
import {
  applyRegistration,
  type EndpointChanges,
  HISTORY_LIMIT,
} from '../../../../connectors/orientdb/endpoint-changes.ts';
import type { AvroRegistrationResponse } from '../../../../schemas/generated/records.ts';

const AVRO = 'io.zeelos.leshan.avro.registration.AvroRegistration';

function record(kind: 'New' | 'Update' | 'Delete', body: object): AvroRegistrationResponse {
  const kinds = { New: 'NEW', Update: 'UPDATE', Delete: 'DELETE' } as const;
  return {
    kind: kinds[kind],
    body: { [AVRO + kind]: { ep: 'e', serverId: 'gw', ...body } },
  } as unknown as AvroRegistrationResponse;
}

const newAt = (at: number, change: object = {}) =>
  record('New', {
    regDate: at,
    address: 'a',
    port: 1,
    regAddr: 'b',
    regPort: 2,
    lt: 30,
    ver: '1.0',
    bnd: 'U',
    regId: `r${at}`,
    links: [{ url: '/3/0', at: {} }],
    root: '/',
    lastUp: at,
    ...change,
  });
const updateAt = (at: number, change: object = {}) =>
  record('Update', { regId: 'r', address: 'a2', port: 3, lastUp: at, ...change });
const deleteAt = (at: number, change: object = {}) => record('Delete', { expired: false, lastUp: at, ...change });

/** The state after all records, each that was skipped noted. */
function play(...records: readonly AvroRegistrationResponse[]): {
  state: EndpointChanges | undefined;
  skips: string[];
} {
  let state: EndpointChanges | undefined;
  const skips: string[] = [];
  for (const one of records) {
    const applied = applyRegistration(state, one);
    if (typeof applied === 'string') skips.push(applied);
    else state = applied;
  }
  return { state, skips };
}

describe('changes of an endpoint', () => {
  it('a registration that replaces another stays online, in order and when the end of the old one comes late', () => {
    const inOrder = play(newAt(10), updateAt(20), deleteAt(20), newAt(30));
    assert.equal(inOrder.state?.fields.online, true);
    assert.deepEqual(inOrder.skips, []);
    const late = play(newAt(10), newAt(30), deleteAt(20));
    assert.equal(late.state?.fields.online, true);
    assert.deepEqual(late.skips, ['stale']);
  });

  it('an end that names another registration changes nothing, however its time stands', () => {
    const named = (at: number, regId: string) => deleteAt(at, { endedRegId: { string: regId } });
    const late = play(newAt(10), newAt(30), named(40, 'r10'));
    assert.deepEqual(late.skips, ['stale']);
    assert.equal(late.state?.fields.online, true);
    const own = play(newAt(30), named(30, 'r30'));
    assert.equal(own.state?.fields.online, false);
  });

  it('keeps the registrations that ended, each once, and no more than the limit', () => {
    const played = play(newAt(10), deleteAt(20, { expired: true }), newAt(30), newAt(40), newAt(40), deleteAt(50));
    assert.deepEqual(
      played.state?.known.history.map(({ regId, endedAt, end }) => [regId, endedAt, end]),
      [
        ['r10', 20, 'expired'],
        ['r30', 40, 'replaced'],
        ['r40', 50, 'left'],
      ],
    );
    const many = play(...Array.from({ length: 50 }, (_, index) => newAt(index)));
    assert.equal(many.state?.known.history.length, HISTORY_LIMIT);
    assert.equal(many.state?.known.history.at(-1)?.regId, 'r48');
  });

  it('a whole replay ends where the first pass ended', () => {
    const records = [
      newAt(10),
      updateAt(20, { lt: { long: 60 } }),
      deleteAt(20),
      newAt(30),
      updateAt(40),
      deleteAt(40, { expired: true }),
    ];
    const once = play(...records).state;
    const twice = play(...records, ...records).state;
    assert.deepEqual(twice, once);
    assert.equal(once?.fields.online, false);
    assert.equal(once?.fields.expired, true);
    assert.equal(once?.fields.regDate, 30);
  });

  it('a replay of any later part ends where the first pass ended', () => {
    const records = [newAt(10), deleteAt(10), newAt(10), updateAt(20), deleteAt(20), newAt(30), updateAt(31)];
    const once = play(...records).state;
    for (let from = 0; from < records.length; from++)
      assert.deepEqual(play(...records, ...records.slice(from)).state, once, `from ${from}`);
  });

  it('an end without a registration is skipped', () => {
    assert.deepEqual(play(deleteAt(10)).skips, ['unknown_endpoint']);
  });

  it('an update without a registration makes the endpoint with what it says', () => {
    const { state } = play(updateAt(10));
    assert.deepEqual(state?.fields, {
      regId: 'r',
      address: 'a2',
      port: 3,
      regLastUpdate: 10,
      online: true,
      expired: false,
    });
    assert.equal(state?.links, undefined);
  });

  it('an update touches only what it gives', () => {
    const { state } = play(
      newAt(10, { sms: { string: '1' } }),
      updateAt(20, { bnd: { [AVRO.replace('Registration', 'Bnd')]: 'UQ' } }),
    );
    assert.equal(state?.fields.sms, '1');
    assert.equal(state?.fields.lt, 30);
    assert.equal(state?.fields.regDate, 10);
    assert.deepEqual([...state!.links!.instances], ['3/0']);
  });

  it('the old server of an endpoint that moved ends nothing', () => {
    const { state, skips } = play(newAt(10), newAt(20, { serverId: 'other' }), deleteAt(99, { expired: true }));
    assert.equal(state?.fields.online, true);
    assert.equal(state?.known.serverId, 'other');
    assert.deepEqual(skips, ['stale']);
  });

  it('an update keeps the root that the registration gave', () => {
    const { state } = play(
      newAt(10, { root: 'lwm2m/' }),
      updateAt(20, { links: { array: [{ url: '/lwm2m/5/1', at: {} }] } }),
    );
    assert.deepEqual([...state!.links!.instances], ['5/1']);
  });
});
