import assert from 'node:assert/strict';
import { addressed } from '../../../../lwm2m-server/children/prefixed-commands.ts';
import { Registrations } from '../../../../lwm2m-server/registration/registrations.ts';
import type { AvroRequest, AvroRequestPayload } from '../../../../schemas/generated/records.ts';
import { sampleRegistration } from '../sample-registration.ts';

const REQUEST = 'io.zeelos.leshan.avro.request';
const READ = `${REQUEST}.AvroReadCompositeRequest` as const;
const WRITE = `${REQUEST}.AvroWriteCompositeRequest` as const;

const registrations = new Registrations(10, () => 0);
registrations.add(sampleRegistration('gw'));
registrations.add(sampleRegistration('other'));
for (const prefix of ['d01', '3a']) {
  const behind = { gatewayName: 'gw', gatewayRegistrationId: 'id-gw', prefix, deviceId: '' };
  registrations.add(sampleRegistration(`gw/${prefix}`, { behind }));
}

function command(path: string, body: AvroRequestPayload['body'] = null, ep = 'gw'): AvroRequest {
  return { serverId: 'gw1', ep, ticket: 't', payload: { kind: 'read', path, contentFormat: 'AUTO', body } };
}

function toward(request: AvroRequest): unknown {
  const { ep, payload } = addressed(request, registrations);
  return payload.body == null ? [ep, payload.path] : [ep, Object.values(payload.body)[0]];
}

describe('lwm2m-server/children/prefixed-commands', () => {
  it('are for the device whose prefix the path begins with', () => {
    assert.deepEqual(toward(command('/d01/3/0/9')), ['gw/d01', '/3/0/9']);
    assert.deepEqual(toward(command('d01/3')), ['gw/d01', '/3']);
    assert.deepEqual(toward(command('/3a/3/0')), ['gw/3a', '/3/0']);
    assert.deepEqual(toward(command('/d01')), ['gw/d01', '/']);
  });

  it('stay as they are where no device has the prefix', () => {
    const paths = ['/3/0/9', '3/0', '/', '', '/d09/3/0', '//3', '/d01x/3', '/../3', '/D01/3'];
    for (const path of paths) assert.deepEqual(toward(command(path)), ['gw', path]);
    assert.deepEqual(toward(command('/d01/3', null, 'other')), ['other', '/d01/3']);
    assert.deepEqual(toward(command('/d01/3', null, 'nobody')), ['nobody', '/d01/3']);
    assert.deepEqual(toward(command('/d01/3', null, 'gw/d01')), ['gw/d01', '/d01/3']);
  });

  it('may name several paths of one device, not of several', () => {
    assert.deepEqual(toward(command('/', { [READ]: { paths: ['/d01/3/0/9', '/d01/3303'] } })), [
      'gw/d01',
      { paths: ['/3/0/9', '/3303'] },
    ]);
    const content = {
      'io.zeelos.leshan.avro.resource.AvroResource': {
        id: 14,
        path: '',
        kind: 'SINGLE_RESOURCE',
        type: 'STRING',
        value: { string: 'x' },
      },
    } as const;
    assert.deepEqual(toward(command('/', { [WRITE]: { nodes: [{ path: '/d01/3/0/14', content }] } })), [
      'gw/d01',
      { nodes: [{ path: '/3/0/14', content }] },
    ]);
    for (const paths of [
      ['/d01/3/0/9', '/3/0/9'],
      ['/d01/3/0/9', '/3a/3/0/9'],
      ['/3/0/9', '/d01/3/0/9'],
      ['/d01/3/0/9', '/d09/3/0/9'],
    ])
      assert.throws(() => toward(command('/', { [READ]: { paths } })), { code: 'LWM2M_PATH' }, paths.join());
  });
});
