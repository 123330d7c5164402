import assert from 'node:assert/strict';
import { linesOf } from '../../../../connectors/influxdb/line-protocol.ts';
import { nanosecondsWithin, pathValuesOf } from '../../../../connectors/influxdb/points.ts';
import { SAYS_CHARACTERS } from '../../../../connectors/influxdb/reply-line.ts';
import type { SinkRecord } from '../../../../connectors/sink.ts';
import type { AvroInstanceResource, AvroResource, AvroResponsePayload } from '../../../../schemas/generated/records.ts';

const RESOURCE = 'io.zeelos.leshan.avro.resource.';
const RESPONSE = 'io.zeelos.leshan.avro.response.';

function resource(path: string, value: AvroResource['value']): AvroResource {
  return { id: Number(path.split('/').at(-1)), path, kind: 'SINGLE_RESOURCE', type: 'STRING', value };
}

function content(branch: string, node: unknown): AvroResponsePayload {
  const body = { [`${RESPONSE}AvroReadResponseBody`]: { content: { [`${RESOURCE}${branch}`]: node } } };
  return { code: 'CONTENT', kind: 'read', body } as unknown as AvroResponsePayload;
}

function said(branch: string, body: object): AvroResponsePayload {
  return {
    code: 'CREATED',
    kind: 'create',
    body: { [`${RESPONSE}${branch}`]: body },
  } as unknown as AvroResponsePayload;
}

const instance = (id: number, path: string): AvroInstanceResource => ({
  id,
  kind: 'INSTANCE',
  resources: [resource(`${path}/5700`, { double: 1.5 })],
  multipleResources: {
    array: [
      {
        id: 6,
        path: `${path}/6`,
        kind: 'MULTIPLE_RESOURCE',
        type: 'INTEGER',
        resources: { '0': resource(`${path}/6/0`, { long: 1 }), '3': resource('', { long: 4 }) },
      },
    ],
  },
});

function observation(
  change: object,
  rep: AvroResponsePayload = content('AvroResource', resource('/3/0/9', { long: 7 })),
) {
  const value = {
    ticket: 'unset',
    observationId: 'ff',
    serverId: 'gw',
    ep: 'e',
    path: '/3/0/9',
    timestamp: 1_000,
    rep,
    ...change,
  };
  return { from: 'observations', value, topic: 't', partition: 0, offset: '0', timestampMs: 0 } as SinkRecord;
}

function reply(ticket: string): SinkRecord & { from: 'replies' } {
  const rep = said('AvroGenericResponse', { message: 'CHANGED' });
  const value = { ticket, serverId: 'gw', ep: 'e', path: '/3/0/9', timestamp: 1_000, rep };
  return { from: 'replies', value, topic: 't', partition: 0, offset: '0', timestampMs: 0 };
}

describe('influxdb points', () => {
  it('takes the path of the record for a single resource, so that a stream may name its result', () => {
    const values = pathValuesOf('/3303/0/5700-max', content('AvroResource', resource('/3303/0/5700', { double: 2 })));
    assert.deepEqual(values, [{ path: '/3303/0/5700-max', value: { field: 'value', value: 2 } }]);
  });

  it('makes a point of each resource and resource instance of an object, with its own path', () => {
    const node = { id: 3303, kind: 'OBJECT', instances: [instance(0, '/3303/0'), instance(2, '/3303/2')] };
    const values = pathValuesOf('/3303', content('AvroObjectResource', node));
    assert.deepEqual(
      values.map(({ path, value }) => [path, value?.value]),
      [
        ['/3303/0/5700', 1.5],
        ['/3303/0/6/0', 1],
        ['/3303/0/6/3', 4],
        ['/3303/2/5700', 1.5],
        ['/3303/2/6/0', 1],
        ['/3303/2/6/3', 4],
      ],
    );
  });

  it('puts numbers, booleans and texts into fields of their own', () => {
    const fieldOf = (value: AvroResource['value']) =>
      pathValuesOf('/1', content('AvroResource', resource('/1', value)))[0]?.value;
    assert.deepEqual(fieldOf({ long: 2n ** 60n }), { field: 'value', value: 2 ** 60 });
    assert.deepEqual(fieldOf({ boolean: false }), { field: 'bvalue', value: false });
    assert.deepEqual(fieldOf({ string: '' }), { field: 'svalue', value: '' });
  });

  it('keeps what a reply says besides values', () => {
    const text = (rep: AvroResponsePayload) => pathValuesOf('/3', rep)[0]?.value?.value;
    assert.equal(text(said('AvroGenericResponse', { message: 'm' })), 'm');
    assert.equal(text(said('AvroCreateResponse', { location: '/3/1' })), '/3/1');
    assert.equal(text(said('AvroDiscoverResponse', { objectLinks: '[</3>]' })), '[</3>]');
  });

  it('keeps a record without any value for its code', () => {
    assert.deepEqual(pathValuesOf('/3', { code: 'NOT_FOUND', kind: 'read', body: null }), [{ path: '/3' }]);
    const empty = { id: 0, kind: 'INSTANCE', resources: [], multipleResources: null };
    assert.deepEqual(pathValuesOf('/3/0', content('AvroInstanceResource', empty)), [{ path: '/3/0' }]);
  });

  it('tells notifications of one millisecond apart by their Observe option, the same at each replay', () => {
    assert.equal(nanosecondsWithin(observation({ seq: { long: 5 * 65_536 + 65_535 } })), 5);
    assert.equal(nanosecondsWithin(observation({ seq: { long: 16_777_215 * 65_536 } })), 777_215);
    assert.equal(nanosecondsWithin(observation({ seq: null })), 0);
    assert.equal(nanosecondsWithin(observation({})), 0);
  });

  it('tells replies of one millisecond apart by their ticket', () => {
    const seen = new Set(['a', 'b', 'c', 'd'].map((ticket) => nanosecondsWithin(reply(ticket))));
    assert.equal(seen.size, 4);
    for (const within of seen) assert.ok(within >= 0 && within < 1_000_000);
    assert.equal(nanosecondsWithin(reply('a')), nanosecondsWithin(reply('a')));
  });
});

describe('influxdb lines', () => {
  it('has few-valued tags, and ticket, observation id and code as fields', () => {
    assert.deepEqual(linesOf(observation({ seq: { long: 65_536 } })).lines, [
      'resources,ep=e,kind=read,path=/3/0/9,serverId=gw code="CONTENT",observationId="ff",ticket="unset",value=7 1000000001',
    ]);
    assert.match(
      linesOf(reply('a')).lines[0]!,
      /^resources,ep=e,kind=create,path=\/3\/0\/9,serverId=gw code="CREATED",ticket="a",svalue="CHANGED" 1000\d{6}$/,
    );
  });

  it('tells of each reply once: who was asked what by whom, how long it took, and what it says', () => {
    const about = (change: object) => {
      const record = { ...reply('a'), value: { ...reply('a').value, ...change } } as SinkRecord;
      return linesOf(record).lines.filter((line) => line.startsWith('commands,'));
    };
    const told = { requestedBy: { string: 'a "n"\\a' }, latencyMs: { double: 1.25 } };
    assert.deepEqual(
      about(told).map((line) => line.slice(0, -10)),
      [
        'commands,code=CREATED,ep=e,kind=create,path=/3/0/9,serverId=gw latencyMs=1.25,requestedBy="a \\"n\\"\\\\a",says="CHANGED",ticket="a" ',
      ],
    );
    // A record of the original has neither, and a read of an object brings many values.
    const node = { id: 3303, kind: 'OBJECT', instances: [instance(0, '/3303/0'), instance(2, '/3303/2')] };
    const many = { path: '/3303', rep: content('AvroObjectResource', node), valueTimestamp: { long: 700 } };
    const [whole, ...others] = about(many);
    assert.match(
      whole!,
      /^commands,code=CONTENT,ep=e,kind=read,path=\/3303,serverId=gw says="6 values",ticket="a" 1000\d{6}$/,
    );
    assert.deepEqual(others, []);
    const [nothing] = about({
      rep: { code: 'NOT_FOUND', kind: 'read', body: null },
      latencyMs: { double: Number.NaN },
    });
    assert.match(nothing!, /^commands,code=NOT_FOUND,ep=e,kind=read,path=\/3\/0\/9,serverId=gw ticket="a" /);
    const [long] = about({ rep: said('AvroGenericResponse', { message: 'x'.repeat(70_000) }) });
    assert.equal(/says="(x+…)"/.exec(long!)![1]!.length, SAYS_CHARACTERS + 1);
    assert.deepEqual(about(many), about(many));
  });

  it('escapes what the line protocol gives a meaning', () => {
    const rep = content('AvroResource', resource('/3', { string: 'a "q" \\' }));
    const [line] = linesOf(observation({ ep: 'a b,c=d', ticket: 't"' }, rep)).lines;
    assert.ok(line?.startsWith('resources,ep=a\\ b\\,c\\=d,kind=read,'));
    assert.ok(line?.includes('ticket="t\\"",svalue="a \\"q\\" \\\\" '));
  });

  it('leaves an empty tag out', () => {
    assert.ok(linesOf(observation({ ep: '' })).lines[0]?.startsWith('resources,kind=read,'));
  });

  it('leaves values out that are not finite, and counts them', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const made = linesOf(observation({}, content('AvroResource', resource('/3', { double: value }))));
      assert.deepEqual(made, { lines: [], notFinite: 1 });
    }
  });

  it('writes times before 1970 and at zero', () => {
    const timeOf = (timestamp: number) => linesOf(observation({ timestamp })).lines[0]?.split(' ').at(-1);
    assert.equal(timeOf(0), '0');
    assert.equal(timeOf(-1), '-1000000');
    assert.equal(timeOf(1_790_000_000_000), '1790000000000000000');
  });

  it('puts values with a time of their own at that time', () => {
    const single = (value: number) => ({ [`${RESOURCE}AvroResource`]: resource('/3/0/9', { double: value }) });
    const nodes = [
      { path: '/3/0/9', content: single(1), timestamp: { long: 500 } },
      { path: '/3/0/9', content: single(2), timestamp: null },
      { path: '/3303/0', content: { [`${RESOURCE}AvroInstanceResource`]: instance(0, '/3303/0') }, timestamp: null },
    ];
    const ends = (record: SinkRecord) =>
      linesOf(record)
        .lines.filter((line) => line.startsWith('resources,'))
        .map((line) => [/path=([^,]+)/.exec(line)![1], line.split(' ').at(-1)!.slice(0, -6)]);
    assert.deepEqual(
      ends({ ...reply('a'), value: { ...reply('a').value, rep: said('AvroCompositeResponse', { nodes }) } } as never),
      [
        ['/3/0/9', '500'],
        ['/3/0/9', '1000'],
        ['/3303/0/5700', '1000'],
        ['/3303/0/6/0', '1000'],
        ['/3303/0/6/3', '1000'],
      ],
    );
    const read = { ...reply('a').value, valueTimestamp: { long: 700 } };
    assert.deepEqual(ends({ ...reply('a'), value: read } as never), [['/3/0/9', '700']]);
    assert.deepEqual(pathValuesOf('/', said('AvroCompositeResponse', { nodes: [] })), [{ path: '/' }]);
  });
});
