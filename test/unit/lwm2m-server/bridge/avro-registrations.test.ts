import assert from 'node:assert/strict';
import { udpPeer } from '../../../../lwm2m/coap/transport.ts';
import {
  avroBinding,
  deleteRecord,
  newRecord,
  registrationFromState,
  registrationState,
  registrationToAvro,
  updateRecord,
} from '../../../../lwm2m-server/bridge/avro-registrations.ts';
import { NOTHING_ANNOUNCED } from '../../../../lwm2m-server/registration/announced-objects.ts';
import type { Registration } from '../../../../lwm2m-server/registration/registration.ts';
import { avroType } from '../../../../schemas/avro-types.ts';
import type { AvroRegistrationResponse, RegistrationState } from '../../../../schemas/generated/records.ts';
import { sampleRegistration } from '../sample-registration.ts';

const SERVER = { serverId: 'gw1', address: '10.0.0.1', port: 5683 };
const LINKS = '</lwm2m>;rt="oma.lwm2m";ct="60 110",</lwm2m/3/0>;ver=1.1;title';
const FULL: Registration = sampleRegistration(
  'a',
  {
    registrationId: 'r1',
    peer: udpPeer('127.0.0.1', 4711),
    lifetimeSeconds: 2 ** 32 - 1,
    version: '1.1',
    binding: 'UT',
    queueMode: true,
    smsNumber: '+49',
    profileId: '7',
    attributes: { x: 'y', pid: '7' },
    registeredAtMs: 1_700_000_000_000,
    lastUpdateAtMs: 1_700_000_001_000,
    behind: { gatewayName: 'gw', gatewayRegistrationId: 'r0', prefix: 'd02', deviceId: 'urn:x:2' },
  },
  LINKS,
);
const AVRO_LINKS = [
  { url: '/lwm2m', at: { rt: 'oma.lwm2m', ct: '60 110' } },
  { url: '/lwm2m/3/0', at: { ver: '1.1', title: '' } },
];

/** Without what only its class has. */
function plain(registration: Registration): unknown {
  const { instances, objectVersions, ...rest } = registration;
  return { ...rest, instances: [...instances], objectVersions: [...objectVersions] };
}

function overTheWire(record: AvroRegistrationResponse): AvroRegistrationResponse {
  const type = avroType('io.zeelos.leshan.avro.registration.AvroRegistrationResponse');
  return JSON.parse(JSON.stringify(type.fromBuffer(type.toBuffer(record))));
}

describe('lwm2m-server/bridge/avro-registrations', () => {
  it('writes every field of a new registration', () => {
    assert.deepEqual(overTheWire(newRecord(FULL, SERVER)), {
      kind: 'NEW',
      body: {
        'io.zeelos.leshan.avro.registration.AvroRegistrationNew': {
          ep: 'a',
          serverId: 'gw1',
          regDate: 1_700_000_000_000,
          address: '127.0.0.1',
          port: 4711,
          regAddr: '10.0.0.1',
          regPort: 5683,
          lt: 2 ** 32 - 1,
          sms: { string: '+49' },
          ver: '1.1',
          bnd: 'UQ',
          regId: 'r1',
          links: AVRO_LINKS,
          attributes: { map: { x: 'y', pid: '7' } },
          root: '/lwm2m',
          lastUp: 1_700_000_001_000,
          queueMode: true,
          binding: { string: 'UT' },
          gatewayEp: { string: 'gw' },
          gatewayRegId: { string: 'r0' },
          prefix: { string: 'd02' },
          deviceId: { string: 'urn:x:2' },
        },
      },
    });
  });

  it('comes back from the state as it went in', () => {
    const type = avroType('io.zeelos.lwm2m.state.RegistrationState');
    const there = (state: RegistrationState) => type.fromBuffer(type.toBuffer(state)) as RegistrationState;
    const bare = sampleRegistration('b');
    const sleepy = sampleRegistration('c', { binding: 'US', queueMode: true, version: '1.0' }, '</3/0>');
    for (const one of [FULL, bare, sleepy])
      assert.deepEqual(plain(registrationFromState(there(registrationState(one, SERVER)))), plain(one));
  });

  it('shares the links of devices that say the same', () => {
    const [one, other] = ['a', 'b'].map((name) =>
      registrationFromState(registrationState(sampleRegistration(name, {}, LINKS), SERVER)),
    );
    assert.equal(one!.links, other!.links);
    assert.equal(one!.instances, other!.instances);
  });

  it('reads the state of a server that wrote the links as records and knew no queue mode', () => {
    const { queueMode, binding, ...old } = registrationToAvro(
      sampleRegistration('a', { binding: 'US', queueMode: true }, '</3/0>;ver=1.1'),
      SERVER,
    );
    assert.deepEqual([queueMode, binding], [true, null]);
    const back = registrationFromState({ registration: old });
    assert.deepEqual([back.binding, back.queueMode, back.linkText], ['US', true, '</3/0>;ver=1.1']);
    assert.deepEqual([...back.objectVersions], [[3, '1.1']]);
  });

  it('maps bindings to those of LwM2M 1.0 as well as it can', () => {
    const expected = { U: 'U', S: 'S', US: 'US', SU: 'US', T: 'U', UT: 'U', TS: 'S', NUST: 'US', N: 'U' };
    for (const [binding, bnd] of Object.entries(expected)) {
      assert.equal(avroBinding({ binding, queueMode: false }), bnd, binding);
      const queued = { U: 'UQ', S: 'SQ', US: 'UQS' }[bnd];
      assert.equal(avroBinding({ binding, queueMode: true }), queued, binding);
    }
  });

  it('writes of an update only what it said', () => {
    const { body, kind } = overTheWire(updateRecord(FULL, {}, 'gw1'));
    assert.equal(kind, 'UPDATE');
    assert.deepEqual(Object.values(body)[0], {
      ep: 'a',
      serverId: 'gw1',
      regId: 'r1',
      address: '127.0.0.1',
      port: 4711,
      lt: null,
      sms: null,
      bnd: null,
      links: null,
      attributes: null,
      lastUp: 1_700_000_001_000,
      queueMode: null,
      binding: null,
    });
    const all = { lifetimeSeconds: 5, smsNumber: '1', binding: 'U', announced: NOTHING_ANNOUNCED, attributes: {} };
    const { lt, sms, bnd, links, attributes } = Object.values(overTheWire(updateRecord(FULL, all, 'gw1')).body)[0];
    assert.deepEqual(
      [lt, sms, Object.values(bnd), links, attributes],
      [{ long: 5 }, { string: '1' }, ['UQ'], { array: [] }, { map: {} }],
    );
  });

  it('writes whether a registration ran out or was ended', () => {
    for (const expired of [true, false]) {
      assert.deepEqual(overTheWire(deleteRecord(FULL, 'gw1', expired, 5)), {
        kind: 'DELETE',
        body: {
          'io.zeelos.leshan.avro.registration.AvroRegistrationDelete': {
            ...{ ep: 'a', serverId: 'gw1', expired, lastUp: 5 },
            endedRegId: { string: FULL.registrationId },
          },
        },
      });
    }
  });
});
