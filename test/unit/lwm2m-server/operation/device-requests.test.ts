import assert from 'node:assert/strict';
import type { CoapResponse, OutgoingRequest } from '../../../../lwm2m/coap/endpoint.ts';
import { decodeCreateContent } from '../../../../lwm2m/content/codec.ts';
import { coreObjectModels } from '../../../../lwm2m/model/core-objects.ts';
import { DeviceRequests } from '../../../../lwm2m-server/operation/device-requests.ts';
import type { AvroRequestPayload, AvroResource } from '../../../../schemas/generated/records.ts';
import { sampleRegistration } from '../sample-registration.ts';
import { plain, plainRecord, recordingValues } from './recording.ts';

const REQUEST = 'io.zeelos.leshan.avro.request' as const;
const RESPONSE = 'io.zeelos.leshan.avro.response' as const;
const SINGLE = 'io.zeelos.leshan.avro.resource.AvroResource';
const MULTIPLE = 'io.zeelos.leshan.avro.resource.AvroMultipleResource';
const INSTANCE = 'io.zeelos.leshan.avro.resource.AvroInstanceResource';
const WRITE = `${REQUEST}.AvroWriteRequest` as const;
const CREATE = `${REQUEST}.AvroCreateRequest` as const;
const READ_COMPOSITE = `${REQUEST}.AvroReadCompositeRequest` as const;
const WRITE_COMPOSITE = `${REQUEST}.AvroWriteCompositeRequest` as const;
const ATTRIBUTES = `${REQUEST}.AvroWriteAttributesRequest` as const;
const SENML_JSON = 110;
const SENML_CBOR = 112;
const NOW_MS = 1_700_000_000_000;

const OLD = sampleRegistration('old', {}, '</3/0>,</3303/0>');
const NEW = sampleRegistration('new', { version: '1.1' }, '</>;rt="oma.lwm2m";ct="110 11542",</3/0>,</3303/0>');
const BELOW = sampleRegistration('below', { version: '1.1' }, '</lwm2m>;rt="oma.lwm2m";ct="110",</lwm2m/3/0>');

type Answer = Partial<CoapResponse> & { readonly code: string };

function deviceThat(answers: Answer | ((request: OutgoingRequest) => Answer) = { code: '2.04' }) {
  const asked: OutgoingRequest[] = [];
  const { values, counters } = recordingValues();
  const requests = new DeviceRequests({
    endpoint: {
      request: async (peer, request) => {
        asked.push(request);
        const answer = typeof answers === 'function' ? answers(request) : answers;
        return { token: Buffer.alloc(8), locationPath: [], payload: Buffer.alloc(0), peer, ...answer };
      },
    },
    models: coreObjectModels(),
    values,
    now: () => NOW_MS,
  });
  const run = async (payload: Partial<AvroRequestPayload> & Pick<AvroRequestPayload, 'kind'>, registration = NEW) => {
    const whole = { path: '/', contentFormat: 'AUTO' as const, body: null, ...payload };
    const prepared = requests.prepare(whole, registration, 'ticket-1');
    return await requests.run(registration, prepared, { timeoutMs: 1_000, signal: new AbortController().signal });
  };
  return { asked, run, counters };
}

const resource = (path: string, type: AvroResource['type'], value: AvroResource['value']): AvroResource => ({
  id: Number(path.slice(path.lastIndexOf('/') + 1)),
  path,
  kind: 'SINGLE_RESOURCE',
  type,
  value,
});
const senml = (records: unknown, code = '2.05'): Answer => ({
  code,
  contentFormat: SENML_JSON,
  payload: Buffer.from(JSON.stringify(records)),
});

describe('operations on a device', () => {
  describe('requests', () => {
    it('reads every level down to a resource instance, in the format that suits the device', async () => {
      for (const path of ['/3303', '/3303/0', '/3303/0/5700', '/3/0/7/1']) {
        const { asked, run } = deviceThat({ code: '4.04' });
        await run({ kind: 'read', path });
        await run({ kind: 'read', path }, OLD);
        await run({ kind: 'read', path, contentFormat: 'CBOR' });
        assert.deepEqual(
          asked.map(({ method, accept }) => [method, accept]),
          [
            ['GET', SENML_JSON],
            ['GET', 11542],
            ['GET', 60],
          ],
        );
        assert.equal(`/${asked[0]!.path.join('/')}`, path);
      }
    });

    it('writes resource instances, multiple resources and instances, and updates an instance', async () => {
      const { asked, run } = deviceThat();
      const one = resource('/3/0/7/1', 'INTEGER', { long: 5 });
      const multiple = {
        id: 7,
        path: '/3/0/7',
        kind: 'MULTIPLE_RESOURCE',
        type: 'INTEGER',
        resources: { 1: one },
      } as const;
      const whole = { id: 0, kind: 'INSTANCE', resources: [], multipleResources: { array: [multiple] } } as const;
      const cases: [string, NonNullable<AvroRequestPayload['body']>][] = [
        ['/3/0/7/1', { [WRITE]: { mode: 'REPLACE', node: { [SINGLE]: one } } }],
        ['/3/0/7', { [WRITE]: { mode: 'REPLACE', node: { [MULTIPLE]: multiple } } }],
        ['/3/0', { [WRITE]: { mode: 'REPLACE', node: { [INSTANCE]: whole } } }],
        ['/3/0', { [WRITE]: { mode: 'UPDATE', node: { [INSTANCE]: whole } } }],
      ];
      for (const [path, body] of cases) {
        const { outcome } = await run({ kind: 'write', path, body });
        assert.equal(outcome.code, 'CHANGED');
      }
      assert.deepEqual(
        asked.map(({ method, path, contentFormat }) => `${method} /${path.join('/')} ${contentFormat}`),
        ['PUT /3/0/7/1 110', 'PUT /3/0/7 110', 'PUT /3/0 110', 'POST /3/0 110'],
      );
      for (const { payload } of asked) assert.match(Buffer.from(payload!).toString(), /"v":5/);
    });

    it('creates with and without an instance id', async () => {
      const { asked, run } = deviceThat({ code: '2.01', locationPath: ['3303', '4'] });
      const instance = (id: number) => ({
        [CREATE]: { instance: { id, kind: 'INSTANCE', resources: [resource('/3303/0/5700', 'FLOAT', { double: 1 })] } },
      });
      const created = async (id: number, contentFormat: AvroRequestPayload['contentFormat'], registration = NEW) =>
        (await run({ kind: 'create', path: '/3303', contentFormat, body: instance(id) as never }, registration))
          .outcome;
      const location = { [`${RESPONSE}.AvroCreateResponse`]: { location: '/3303/4' } };
      for (const format of ['AUTO', 'TLV', 'SENML_JSON', 'SENML_CBOR', 'JSON_CODE', 'LWM2M_CBOR'] as const)
        assert.deepEqual((await created(4, format)).body, location);
      assert.deepEqual((await created(-1, 'AUTO')).body, location);
      const models = coreObjectModels();
      const ids = asked.map(({ contentFormat, payload }) => {
        const { instanceId } = decodeCreateContent(contentFormat, payload!, { objectId: 3303 }, models);
        return [contentFormat, instanceId];
      });
      assert.deepEqual(ids, [
        [110, 4],
        [11542, 4],
        [110, 4],
        [112, 4],
        [11543, 4],
        [11544, 4],
        [11542, undefined],
      ]);
      await assert.rejects(created(-1, 'SENML_JSON'), { code: 'LWM2M_CONTENT_FORMAT' });
      await assert.rejects(created(-2, 'TLV'), { code: 'LWM2M_REQUEST' });
      await assert.rejects(created(65_535, 'TLV'), { code: 'LWM2M_REQUEST' });
    });

    it('says where a new instance is when the device does not, unless the device chose it', async () => {
      const { run } = deviceThat({ code: '2.01' });
      const create = (id: number) =>
        run({
          kind: 'create',
          path: '/3303',
          body: { [CREATE]: { instance: { id, kind: 'INSTANCE', resources: [] } } },
        });
      assert.deepEqual((await create(7)).outcome.body, { [`${RESPONSE}.AvroCreateResponse`]: { location: '/3303/7' } });
      const chosen = (await create(-1)).outcome;
      assert.equal(chosen.code, 'CREATED');
      assert.ok(chosen.body != null && `${RESPONSE}.AvroGenericResponse` in chosen.body);
    });

    it('deletes instances and resource instances only', async () => {
      const { asked, run } = deviceThat({ code: '2.02' });
      for (const path of ['/3303/1', '/3/0/7/1'])
        assert.equal((await run({ kind: 'delete', path })).outcome.code, 'DELETED');
      for (const path of ['/', '/3303', '/3/0/7'])
        await assert.rejects(run({ kind: 'delete', path }), { code: 'LWM2M_REQUEST' });
      assert.equal(asked.length, 2);
    });

    it('sends attributes that make sense only', async () => {
      const { asked, run } = deviceThat();
      const write = (path: string, observeSpec: string) =>
        run({ kind: 'writeAttributes', path, body: { [ATTRIBUTES]: { observeSpec } } });
      await write('/3/0/7/1', 'gt=9&epmin=1&edge=1&con=0&hqmax=4');
      assert.deepEqual(asked[0]!.query, ['gt=9', 'epmin=1', 'edge=1', 'con=0', 'hqmax=4']);
      await assert.rejects(write('/3/0/7', 'pmin=5&pmax=1'), { code: 'LWM2M_ATTRIBUTES' });
      await assert.rejects(write('/3/0', 'gt=5'), { code: 'LWM2M_ATTRIBUTES' });
    });

    it('fetches and patches several paths at the root of the device', async () => {
      const { asked, run } = deviceThat((request) => (request.method === 'FETCH' ? senml([]) : { code: '2.04' }));
      const paths = ['/3/0/9', '/3303/0'];
      await run({ kind: 'readComposite', body: { [READ_COMPOSITE]: { paths } } });
      await run({ kind: 'readComposite', body: { [READ_COMPOSITE]: { paths } } }, BELOW);
      await run({ kind: 'readComposite', contentFormat: 'SENML_CBOR', body: { [READ_COMPOSITE]: { paths } } }, OLD);
      const node = { path: '/3303/0/5700', content: { [SINGLE]: resource('/3303/0/5700', 'FLOAT', { double: 1 }) } };
      const written = await run({ kind: 'writeComposite', body: { [WRITE_COMPOSITE]: { nodes: [node] } } });
      assert.equal(written.outcome.code, 'CHANGED');
      assert.deepEqual(
        asked.map(({ method, path, contentFormat, accept }) => [method, `/${path.join('/')}`, contentFormat, accept]),
        [
          ['FETCH', '/', SENML_JSON, SENML_JSON],
          ['FETCH', '/lwm2m', SENML_JSON, SENML_JSON],
          ['FETCH', '/', SENML_CBOR, SENML_CBOR],
          ['iPATCH', '/', SENML_JSON, undefined],
        ],
      );
      await assert.rejects(run({ kind: 'readComposite' }), { code: 'LWM2M_REQUEST' });
      await assert.rejects(
        run({ kind: 'readComposite', contentFormat: 'TLV', body: { [READ_COMPOSITE]: { paths } } }),
        {
          code: 'LWM2M_CONTENT_FORMAT',
        },
      );
      assert.equal(asked.length, 4);
    });
  });

  describe('answers', () => {
    it('puts the newest value into the reply and makes records of the older ones and of faults', async () => {
      const { run, counters } = deviceThat(
        senml([
          { bn: '/3303/0/5700', bt: 1_700_000_000, v: 1 },
          { t: 10, v: 3 },
          { t: 5, v: 2 },
          { t: 7, vs: 'cold' },
        ]),
      );
      const result = await run({ kind: 'read', path: '/3303/0/5700' });
      const content = { [SINGLE]: resource('/3303/0/5700', 'FLOAT', { double: 3 }) };
      assert.deepEqual(plain(result.outcome), {
        code: 'CONTENT',
        body: { [`${RESPONSE}.AvroReadResponseBody`]: { content } },
      });
      assert.equal(result.valueTimestampMs, 1_700_000_010_000);
      const beside = result.state!().map(plainRecord);
      assert.deepEqual(
        beside.map(({ timestamp, observationId, ticket, path, rep }) => [
          timestamp,
          observationId,
          ticket,
          path,
          rep.code,
        ]),
        [
          [1_700_000_000_000, 'read', 'ticket-1', '/3303/0/5700', 'CONTENT'],
          [1_700_000_005_000, 'read', 'ticket-1', '/3303/0/5700', 'CONTENT'],
          [NOW_MS, 'read', 'ticket-1', '/3303/0/5700', 'UNKNOWN'],
        ],
      );
      assert.equal(counters.content_faults, 1);
    });

    it('gives a composite answer path by path, also in part and under another root path', async () => {
      const { run } = deviceThat(
        senml([
          { bn: '/lwm2m/', n: '3/0/9', v: 80 },
          { n: '3303/0/5700', t: 1_700_000_000, v: 21.5 },
        ]),
      );
      const paths = ['/3/0/9', '/3303/0/5700', '/3/0/0'];
      const { outcome } = await run({ kind: 'readComposite', body: { [READ_COMPOSITE]: { paths } } }, BELOW);
      assert.equal(outcome.code, 'CONTENT');
      const { nodes } = (plain(outcome.body) as Record<string, { nodes: { path: string; timestamp: unknown }[] }>)[
        `${RESPONSE}.AvroCompositeResponse`
      ]!;
      assert.deepEqual(nodes.map(({ path, timestamp }) => [path, timestamp]).sort(), [
        ['/3/0/9', null],
        ['/3303/0/5700', { long: 1_700_000_000_000 }],
      ]);
    });

    it('reads legacy format numbers, and the format that comes rather than the one asked for', async () => {
      const { run } = deviceThat({ code: '2.05', contentFormat: 1542, payload: Buffer.from('e4164441ac0000', 'hex') });
      const { outcome } = await run({ kind: 'read', path: '/3303/0/5700', contentFormat: 'SENML_JSON' });
      const content = { [SINGLE]: resource('/3303/0/5700', 'FLOAT', { double: 21.5 }) };
      assert.deepEqual(plain(outcome.body), { [`${RESPONSE}.AvroReadResponseBody`]: { content } });
    });

    it('says so when the answer cannot be read', async () => {
      for (const answer of [
        senml([{ n: '/3303/0/5700', vs: 'x' }]),
        senml('no'),
        { code: '2.05', contentFormat: 9_999 },
      ]) {
        const { outcome } = await deviceThat(answer).run({ kind: 'read', path: '/3303/0/5700' });
        assert.equal(outcome.code, 'INTERNAL_SERVER_ERROR');
      }
    });

    it('passes on refusals of a format as they are', async () => {
      for (const [code, name] of [
        ['4.06', 'NOT_ACCEPTABLE'],
        ['4.15', 'UNSUPPORTED_CONTENT_FORMAT'],
        ['4.05', 'METHOD_NOT_ALLOWED'],
      ]) {
        const { run } = deviceThat({ code: code! });
        assert.equal((await run({ kind: 'read', path: '/3/0' })).outcome.code, name);
      }
    });

    it('takes the root path off the links of a discover', async () => {
      const payload = Buffer.from('</lwm2m/3/0>;pmin=1,</lwm2m/3/0/9>');
      const { run } = deviceThat({ code: '2.05', contentFormat: 40, payload });
      const { outcome } = await run({ kind: 'discover', path: '/3/0' }, BELOW);
      const objectLinks = '[</3/0>;pmin=1, </3/0/9>]';
      assert.deepEqual(outcome.body, { [`${RESPONSE}.AvroDiscoverResponse`]: { objectLinks } });
    });
  });
});
