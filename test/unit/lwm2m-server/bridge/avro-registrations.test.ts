import assert from 'node:assert/strict';
import { udpPeer } from '../../../../lwm2m/coap/transport.ts';
import {
  deleteRecord,
  newRecord,
  registrationFromAvro,
  registrationToAvro,
  updateRecord,
} from '../../../../lwm2m-server/bridge/avro-registrations.ts';
import type { Registration } from '../../../../lwm2m-server/registration/registration.ts';
import { avroType } from '../../../../schemas/avro-types.ts';
import type { AvroRegistrationNew, AvroRegistrationResponse } from '../../../../schemas/generated/records.ts';

const SERVER = { serverId: 'gw1', address: '10.0.0.1', port: 5683 };
const FULL: Registration = {
  endpointName: 'a',
  registrationId: 'r1',
  peer: udpPeer('127.0.0.1', 4711),
  lifetimeSeconds: 2 ** 32 - 1,
  version: '1.1',
  binding: 'UQS',
  smsNumber: '+49',
  links: [{ url: '/3/0', attributes: { ver: '1.1', title: null } }],
  rootPath: '/lwm2m',
  attributes: { x: 'y' },
  registeredAtMs: 1_700_000_000_000,
  lastUpdateAtMs: 1_700_000_001_000,
};

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
          bnd: 'UQS',
          regId: 'r1',
          links: [{ url: '/3/0', at: { ver: '1.1', title: '' } }],
          attributes: { map: { x: 'y' } },
          root: '/lwm2m',
          lastUp: 1_700_000_001_000,
        },
      },
    });
  });

  it('comes back from the state as it went in, but for an attribute without a value', () => {
    const type = avroType('io.zeelos.leshan.avro.registration.AvroRegistrationNew');
    const bytes = type.toBuffer(registrationToAvro(FULL, SERVER));
    const back = registrationFromAvro(type.fromBuffer(bytes) as AvroRegistrationNew);
    const links = [{ url: '/3/0', attributes: { ver: '1.1', title: '' } }];
    assert.deepEqual(JSON.parse(JSON.stringify(back)), JSON.parse(JSON.stringify({ ...FULL, links })));
    const bare = { ...FULL, smsNumber: undefined, attributes: undefined, links: [] };
    assert.deepEqual(registrationFromAvro(registrationToAvro(bare, SERVER)), bare);
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
    });
    const all = { lifetimeSeconds: 5, smsNumber: '1', binding: 'U', links: [], attributes: {} } as const;
    const { lt, sms, bnd, links, attributes } = Object.values(overTheWire(updateRecord(FULL, all, 'gw1')).body)[0];
    assert.deepEqual(
      [lt, sms, Object.values(bnd), links, attributes],
      [{ long: 5 }, { string: '1' }, ['U'], { array: [] }, { map: {} }],
    );
  });

  it('writes whether a registration ran out or was ended', () => {
    for (const expired of [true, false]) {
      assert.deepEqual(overTheWire(deleteRecord(FULL, 'gw1', expired, 5)), {
        kind: 'DELETE',
        body: {
          'io.zeelos.leshan.avro.registration.AvroRegistrationDelete': { ep: 'a', serverId: 'gw1', expired, lastUp: 5 },
        },
      });
    }
  });
});
