import assert from 'node:assert/strict';
import { parsePath } from '../../../../lwm2m/path.ts';
import { makeObservation, Observations } from '../../../../lwm2m-server/observation/observations.ts';
import { cancelledPath, observeTarget } from '../../../../lwm2m-server/observation/observe-targets.ts';
import { observedRequest, recordPath } from '../../../../lwm2m-server/observation/observed-request.ts';
import type { AvroRequest, AvroRequestPayload } from '../../../../schemas/generated/records.ts';
import { sampleRegistration } from '../sample-registration.ts';

const BODY = 'io.zeelos.leshan.avro.request.AvroObserveCompositeRequest';
const NEW = sampleRegistration('dev', { version: '1.1' }, '</lwm2m>;rt="oma.lwm2m";ct="110",</lwm2m/3/0>');
const PATHS = ['/3303/0', '/3/0/9'];

function request(payload: Partial<AvroRequestPayload>, ticket = 't'): AvroRequest {
  const whole = { kind: 'observe', path: '/', contentFormat: 'AUTO', body: null, ...payload } as const;
  return { serverId: 'gw', ep: 'dev', ticket, payload: whole };
}

const composite = (kind: AvroRequestPayload['kind'], paths: readonly string[] = PATHS) =>
  request({ kind, body: { [BODY]: { paths } } });

function observation(path: string, ticket: string, paths?: readonly string[]) {
  const spec = { endpointName: 'dev', registrationId: 'id-dev', path, ticket, token: Buffer.from(path).subarray(0, 8) };
  if (paths === undefined) return makeObservation(spec);
  return makeObservation({ ...spec, composite: { paths: paths.map(parsePath), contentFormat: 110 } });
}

describe('what observe commands mean', () => {
  it('asks for one path in the format that suits the device, or in the one that is named', () => {
    assert.deepEqual(observeTarget(request({ path: '/3/0' }), NEW), { path: '/3/0', ticket: 't', accept: 110 });
    const named = request({ path: '/3/0', contentFormat: 'TLV' });
    assert.equal(observeTarget(named, NEW).accept, 11542);
  });

  it('asks for several paths at once, and refuses a body that is none', () => {
    const target = observeTarget(composite('observeComposite'), NEW);
    assert.deepEqual(target.composite, { paths: PATHS.map(parsePath), contentFormat: 110 });
    assert.throws(() => observeTarget(request({ kind: 'observeComposite' }), NEW), { code: 'LWM2M_REQUEST' });
    assert.throws(() => observeTarget(composite('observeComposite', []), NEW), { code: 'LWM2M_REQUEST' });
  });

  it('finds the observation that a cancel means: by path, by paths in any order, by ticket', () => {
    const observations = new Observations(10);
    observations.set(observation('/3/0', 'plain'));
    observations.set(observation('/3/0/9,/3303/0', 'both', PATHS));
    const cancelled = (asked: AvroRequest) => cancelledPath(asked, observations);
    assert.equal(cancelled(request({ kind: 'observeCancel', path: '/3/0' })), '/3/0');
    assert.equal(cancelled(composite('observeCancel')), '/3/0/9,/3303/0');
    assert.equal(cancelled(composite('observeCancel', PATHS.toReversed())), '/3/0/9,/3303/0');
    assert.equal(cancelled(request({ kind: 'observeCancel' }, 'both')), '/3/0/9,/3303/0');
    assert.equal(cancelled(request({ kind: 'observeCancel' }, 'plain')), '/');
    assert.equal(cancelled(request({ kind: 'observeCancel' }, 'other')), '/');
  });

  it('rests on GET of its path or on FETCH of its paths, below the root of the device', () => {
    const plain = observation('/3/0', 'plain');
    assert.deepEqual(observedRequest(NEW, plain), { method: 'GET', path: ['lwm2m', '3', '0'], accept: undefined });
    const both = observation('/3/0/9,/3303/0', 'both', PATHS);
    const { payload, ...fetch } = observedRequest(NEW, both);
    assert.deepEqual(fetch, { method: 'FETCH', path: ['lwm2m'], contentFormat: 110, accept: 110 });
    assert.match(Buffer.from(payload!).toString(), /"\/lwm2m\/3303\/0".*"\/lwm2m\/3\/0\/9"/);
    assert.deepEqual([recordPath(plain), recordPath(both)], ['/3/0', '/']);
  });
});
