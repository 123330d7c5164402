import { encodeMessage, type MessageToSend } from '../../lwm2m/coap/message.ts';
import { OptionList } from '../../lwm2m/coap/options.ts';
import { encodeContent } from '../../lwm2m/content/codec.ts';
import { CONTENT_FORMATS } from '../../lwm2m/content/content-formats.ts';
import type { Lwm2mNode, Resource } from '../../lwm2m/content/node.ts';

/** What a datagram must carry to reach what it is meant for. */
export interface Live {
  readonly messageId: number;
  /** Of a live observation or request, or of a new request. */
  readonly token: Buffer;
  readonly registrationId: string;
  readonly endpointName: string;
}

/** Writes one valid datagram of its kind. */
export type Template = (live: Live) => Buffer;

const LINKS = '</>;rt="oma.lwm2m";ct="11542 110 112",</1/0>,</3/0>,</3303/0>;ver=1.1,</3303/1>,</5/0>';
const RESOURCE: Resource = { kind: 'resource', id: 5700, value: { type: 'FLOAT', value: 22.5 } };
const INSTANCE: Lwm2mNode = { kind: 'instance', id: 0, resources: [RESOURCE] };
const RESOURCE_PATH = { objectId: 3303, instanceId: 0, resourceId: 5700 };
const INSTANCE_PATH = { objectId: 3303, instanceId: 0 };

function text(value: string): Buffer {
  return Buffer.from(value);
}

/** One body of each content format that a device may notify in. */
export function bodies(): { readonly contentFormat: number; readonly payload: Buffer }[] {
  const found: { contentFormat: number; payload: Buffer }[] = [];
  for (const { number: contentFormat } of Object.values(CONTENT_FORMATS)) {
    for (const [node, path] of [
      [RESOURCE, RESOURCE_PATH],
      [INSTANCE, INSTANCE_PATH],
    ] as const) {
      try {
        found.push({ contentFormat, payload: encodeContent(contentFormat, node, path) });
      } catch {
        // this format cannot carry this node: no valid datagram of that kind exists
      }
    }
  }
  const timed = '[{"bn":"/3303/0/","bt":1700000000,"n":"5700","v":1},{"n":"5700","t":-5,"v":2},{"n":"5601","vs":"x"}]';
  found.push({ contentFormat: CONTENT_FORMATS.SENML_JSON.number, payload: text(timed) });
  return found;
}

function write(message: Partial<MessageToSend> & { readonly code: string }, live: Live): Buffer {
  const empty = Buffer.alloc(0);
  return encodeMessage({
    type: 'CON',
    options: [],
    payload: empty,
    messageId: live.messageId,
    token: live.token,
    ...message,
  });
}

function request(
  code: string,
  path: (live: Live) => string[],
  more: (o: OptionList) => OptionList,
  payload = '',
): Template {
  return (live) => {
    const { options } = more(new OptionList().texts('Uri-Path', path(live)));
    return write({ code, options, payload: text(payload) }, live);
  };
}

const same = (options: OptionList): OptionList => options;
const block = (number: number, more: boolean, sizeBytes = 64) => ({ number, more, sizeBytes });

function registrations(): Template[] {
  const register =
    (query: (live: Live) => string[]): Template =>
    (live) =>
      write(
        {
          code: '0.02',
          options: new OptionList().texts('Uri-Path', ['rd']).uint('Content-Format', 40).texts('Uri-Query', query(live))
            .options,
          payload: text(LINKS),
        },
        live,
      );
  const location = (live: Live): string[] => ['rd', live.registrationId];
  return [
    register((live) => [`ep=${live.endpointName}`, 'lt=3600', 'lwm2m=1.1', 'b=U']),
    register((live) => [`ep=${live.endpointName}`, 'lt=30', 'lwm2m=1.0', 'b=UQ', 'sms=123']),
    register((live) => [`ep=${live.endpointName}`, 'lt=86400', 'lwm2m=1.2', 'b=U', 'Q', 'x=y']),
    request('0.02', location, same),
    request('0.02', location, (o) => o.texts('Uri-Query', ['lt=7200', 'b=U']), LINKS),
    request('0.04', location, same),
    request(
      '0.02',
      () => ['rd'],
      (o) => o.uint('Content-Format', 40).block('Block1', block(0, true)),
      LINKS.slice(0, 64),
    ),
    request(
      '0.02',
      () => ['rd'],
      (o) => o.texts('Uri-Query', ['ep=blocks']).block('Block1', block(1, false)),
      LINKS.slice(64),
    ),
  ];
}

function otherRequests(): Template[] {
  const senml = '[{"bn":"/3303/0/","n":"5700","v":22.5}]';
  return [
    request(
      '0.02',
      () => ['dp'],
      (o) => o.uint('Content-Format', CONTENT_FORMATS.SENML_JSON.number),
      senml,
    ),
    request('0.01', () => ['.well-known', 'core'], same),
    request(
      '0.01',
      () => ['fw', 'image.bin'],
      (o) => o.block('Block2', block(3, false)),
    ),
    request(
      '0.05',
      () => ['x'],
      (o) => o.uint('Observe', 0).uint('Content-Format', 110),
      senml,
    ),
    request(
      '0.07',
      () => ['x'],
      (o) => o.uint('No-Response', 2).bytes('Echo', Buffer.alloc(6, 1)),
      senml,
    ),
    request(
      '0.01',
      () => [],
      (o) => o.texts('Proxy-Uri', ['coap://example.org/']),
    ),
    request(
      '0.03',
      () => ['a', 'b'],
      (o) => o.block('Block1', block(2, true, 16)).uint('Size1', 1_000),
      'x'.repeat(16),
    ),
  ];
}

export function notifications(): Template[] {
  const all: Template[] = [];
  for (const { contentFormat, payload } of bodies()) {
    for (const type of ['CON', 'NON'] as const) {
      all.push((live) => {
        const { options } = new OptionList().uint('Observe', live.messageId).uint('Content-Format', contentFormat);
        return write({ type, code: '2.05', options, payload }, live);
      });
    }
  }
  all.push((live) => {
    const { options } = new OptionList()
      .uint('Observe', 9)
      .uint('Content-Format', 0)
      .block('Block2', block(0, true, 16));
    return write({ code: '2.05', options, payload: Buffer.alloc(16, 0x31) }, live);
  });
  all.push((live) => write({ code: '4.04' }, live));
  return all;
}

/** What a device answers to a request of the server: its message id and token go back. */
export function answers(): Template[] {
  const content: Template[] = bodies().map(({ contentFormat, payload }) => (live) => {
    const { options } = new OptionList().uint('Observe', 1).uint('Content-Format', contentFormat);
    return write({ type: 'ACK', code: '2.05', options, payload }, live);
  });
  const blockwise: Template = (live) => {
    const { options } = new OptionList()
      .uint('Observe', 1)
      .uint('Content-Format', 0)
      .block('Block2', block(0, true, 16));
    return write({ type: 'ACK', code: '2.05', options, payload: Buffer.alloc(16, 0x31) }, live);
  };
  const lastBlock: Template = (live) => {
    const { options } = new OptionList().uint('Content-Format', 0).block('Block2', block(1, false, 16));
    return write({ type: 'ACK', code: '2.05', options, payload: Buffer.from('31', 'hex') }, live);
  };
  return [...content, blockwise, lastBlock, (live) => write({ type: 'ACK', code: '4.04' }, live)];
}

/** Of every kind that a device sends without being asked, and a few that none sends. */
export function unasked(): Template[] {
  const empty =
    (type: 'CON' | 'ACK' | 'RST'): Template =>
    (live) =>
      write({ type, code: '0.00', token: Buffer.alloc(0) }, live);
  return [...registrations(), ...otherRequests(), ...notifications(), empty('CON'), empty('ACK'), empty('RST')];
}
