import type { AvroRequest, AvroResponse } from '../../schemas/generated/records.ts';
import type { Peer, PeerEvent } from '../peers/peers.ts';
import { AIOCOAP, HOLDING_REGISTER, LESHAN, MODBUS, README_DEVICE } from './devices.ts';
import { README_EXAMPLES } from './readme-examples.ts';

/** A command that is typed, what must come of it, and how the device is asked whether it was done. */
export interface CommandCase {
  /** What stands after `zeelos request`. */
  readonly words: readonly string[];
  readonly code: string;
  /** True when the reply holds what it should. */
  holds?(body: string): boolean;
  /** Called after the reply: true when the device did it. */
  done?(devices: DeviceView): boolean | Promise<boolean>;
}

/** Commands of one lane run one after the other; lanes run side by side. */
export type Lane = readonly CommandCase[];

export interface DeviceView {
  readonly leshan: Peer;
  readonly aiocoap: Peer;
  readHoldingRegister(address: number): Promise<number>;
}

/** Of the `observe` command, by which its notifications are found again. */
export const OBSERVE_TICKET = 'smoke-observe';
const OBSERVED = '/3303/1/5602';
const VALUE_WRITTEN = 4711;

/** @param gw id of the gateway */
export function commandLanes(gw: string): Readonly<Record<string, Lane>> {
  return {
    leshan: leshanLane(gw),
    aiocoap: aiocoapLane(gw),
    modbus: modbusLane(gw),
    readme: README_EXAMPLES.map(({ json, code }) => ({
      words: ['--gateway', gw, '--json', json.replace('<endpoint-id>', README_DEVICE)],
      code,
    })),
    bad: badLane(gw),
  };
}

function leshanLane(gw: string): Lane {
  const to = (kind: string, path: string, ...more: readonly string[]): readonly string[] => [
    gw,
    LESHAN,
    kind,
    path,
    ...more,
  ];
  return [
    { words: to('observe', OBSERVED, '--ticket', OBSERVE_TICKET), code: 'CONTENT', holds: has('"double":') },
    { words: to('read', '/3303'), code: 'CONTENT', holds: has('AvroObjectResource', '"/3303/1/5701"') },
    { words: to('read', '/3303/0'), code: 'CONTENT', holds: has('AvroInstanceResource', '"string":"cel"') },
    { words: to('read', '/3303/0/5700'), code: 'CONTENT', holds: has('"type":"FLOAT"', '"double":') },
    { words: to('read', '/3/0/11'), code: 'CONTENT', holds: has('AvroMultipleResource', '"/3/0/11/0"') },
    {
      words: to('write', '/3/0/14', '+02:00'),
      code: 'CHANGED',
      done: ({ leshan }) => leshan.events.some(said('written', { path: '/3/0/14', value: '+02:00' })),
    },
    {
      words: to('write', '/3/0', '{"14": "+03:00", "15": "Europe/Athens"}', '--mode', 'UPDATE'),
      code: 'CHANGED',
      done: ({ leshan }) =>
        leshan.events.some(said('written', { path: '/3/0/14', value: '+03:00' })) &&
        leshan.events.some(said('written', { path: '/3/0/15', value: 'Europe/Athens' })),
    },
    { words: to('read', '/3/0/15'), code: 'CONTENT', holds: has('"string":"Europe/Athens"') },
    {
      words: to('execute', '/3303/0/5605'),
      code: 'CHANGED',
      done: ({ leshan }) => leshan.events.some(said('executed', { path: '/3303/0/5605' })),
    },
    {
      words: to('create', '/3303', '{"id": 7, "5700": 42.5}'),
      code: 'CREATED',
      holds: has('/3303/7'),
      done: ({ leshan }) => leshan.events.some(said('written', { path: '/3303/7/5700', value: 42.5 })),
    },
    { words: to('read', '/3303/7/5700'), code: 'CONTENT', holds: has('"double":42.5') },
    {
      words: to('delete', '/3303/7'),
      code: 'DELETED',
      done: ({ leshan }) => leshan.events.some(said('deleted', { path: '/3303/7' })),
    },
    { words: to('read', '/3303/7/5700'), code: 'NOT_FOUND' },
    { words: to('writeAttributes', '/3303/0/5701', 'pmin=1&pmax=60'), code: 'CHANGED' },
    { words: to('discover', '/3303/0'), code: 'CONTENT', holds: has('</3303/0/5700>', 'pmin=1', 'pmax=60') },
    {
      words: to('observeCancel', OBSERVED, '--ticket', OBSERVE_TICKET),
      code: 'CONTENT',
      done: ({ leshan }) => leshan.events.some(said('observeCancelled', { path: OBSERVED })),
    },
  ];
}

function aiocoapLane(gw: string): Lane {
  const to = (kind: string, path: string, ...more: readonly string[]): readonly string[] => [
    gw,
    AIOCOAP,
    kind,
    path,
    ...more,
  ];
  return [
    { words: to('read', '/3/0/0'), code: 'CONTENT', holds: has('"string":"zeelos aiocoap device"') },
    { words: to('read', '/1/0/6', '--format', 'TEXT_CODE'), code: 'CONTENT', holds: has('"boolean":false') },
    {
      words: to('write', '/1/0/6', 'true'),
      code: 'CHANGED',
      done: ({ aiocoap }) => aiocoap.events.some(said('written', { path: '/1/0/6', value: true })),
    },
    { words: to('read', '/1/0/6'), code: 'CONTENT', holds: has('"boolean":true') },
    {
      words: to('execute', '/3/0/4', '5'),
      code: 'CHANGED',
      done: ({ aiocoap }) => aiocoap.events.some(said('executed', { path: '/3/0/4', arguments: '5' })),
    },
  ];
}

function modbusLane(gw: string): Lane {
  const register = '/26241/0/26251';
  const to = (kind: string, path: string, ...more: readonly string[]): readonly string[] => [
    gw,
    MODBUS,
    kind,
    path,
    ...more,
  ];
  return [
    { words: to('read', '/3303/0/5700'), code: 'CONTENT', holds: has('"double":') },
    { words: to('read', register), code: 'CONTENT', holds: has('"type":"INTEGER"', '"long":1005') },
    {
      words: to('write', register, String(VALUE_WRITTEN)),
      code: 'CHANGED',
      done: async ({ readHoldingRegister }) => (await readHoldingRegister(HOLDING_REGISTER)) === VALUE_WRITTEN,
    },
    { words: to('read', register), code: 'CONTENT', holds: has(`"long":${VALUE_WRITTEN}`) },
    { words: to('read', '/26241/0/26253'), code: 'CONTENT', holds: has('"boolean":false') },
  ];
}

/** Each of them must get its one reply all the same. */
function badLane(gw: string): Lane {
  const write = (value: object): object => ({
    'io.zeelos.leshan.avro.request.AvroWriteRequest': {
      mode: 'REPLACE',
      node: {
        'io.zeelos.leshan.avro.resource.AvroResource': {
          id: 6,
          path: '/1/0/6',
          kind: 'SINGLE_RESOURCE',
          type: 'BOOLEAN',
          value,
        },
      },
    },
  });
  const json = (name: string, payload: object, more: object = {}): readonly string[] => {
    const whole = { contentFormat: 'TLV', body: null, ...payload };
    const request = { serverId: gw, ep: AIOCOAP, ticket: `smoke-bad-${name}`, payload: whole, ...more };
    return ['--json', JSON.stringify(request)];
  };
  return [
    { words: [gw, 'nobody', 'read', '/3/0/0'], code: 'NOT_FOUND' },
    { words: [gw, AIOCOAP, 'read', '/3303/zero/5700'], code: 'BAD_REQUEST' },
    { words: [gw, AIOCOAP, 'read', '/3303/0/1'], code: 'NOT_FOUND' },
    { words: [gw, AIOCOAP, 'write', '/3/0/0', 'other'], code: 'METHOD_NOT_ALLOWED' },
    { words: json('type', { kind: 'write', path: '/1/0/6', body: write({ string: 'yes' }) }), code: 'BAD_REQUEST' },
    { words: json('no-body', { kind: 'write', path: '/1/0/6' }), code: 'BAD_REQUEST' },
    {
      words: json('expired', { kind: 'read', path: '/3/0/0' }, { expiresAt: { long: 1 } }),
      code: 'PRECONDITION_FAILED',
    },
  ];
}

/** All the texts stand in the reply. */
function has(...texts: readonly string[]): (body: string) => boolean {
  return (body) => texts.every((text) => body.includes(text));
}

function said(name: string, fields: Readonly<Record<string, unknown>>): (event: PeerEvent) => boolean {
  return (event) => event.event === name && Object.entries(fields).every(([field, value]) => event[field] === value);
}

/** What tells one command from another: a ticket may serve several kinds. */
export function identityOf(record: Pick<AvroRequest, 'ticket'>, kind: string): string {
  return `${record.ticket} ${kind}`;
}

export function identityOfReply(reply: AvroResponse): string {
  return identityOf(reply, reply.rep.kind);
}
