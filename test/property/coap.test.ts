import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { generate, type OptionName, parse } from 'coap-packet';
import fc from 'fast-check';
import { CoapEndpoint } from '../../lwm2m/coap/endpoint.ts';
import { decodeMessage, encodeMessage, frameFault, listOptions, type MessageToSend } from '../../lwm2m/coap/message.ts';
import { optionName } from '../../lwm2m/coap/options.ts';

const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array));

const OPTION_NUMBERS = [4, 6, 11, 12, 23, 27, 60, 252, 258, 300, 2500, 65_000];

const message: fc.Arbitrary<MessageToSend> = fc
  .record({
    type: fc.constantFrom<MessageToSend['type']>('CON', 'NON', 'ACK', 'RST'),
    code: fc.constantFrom('0.01', '0.02', '0.07', '2.05', '2.31', '4.04', '5.03'),
    messageId: fc.integer({ min: 0, max: 0xffff }),
    token: bytes(0, 8),
    options: fc.array(fc.tuple(fc.constantFrom(...OPTION_NUMBERS), bytes(0, 400)), { maxLength: 8 }),
    payload: bytes(0, 1200),
  })
  .map(({ options, ...rest }) => ({
    ...rest,
    options: options.sort(([a], [b]) => a - b).map(([number, value]) => ({ number, value })),
  }));

/** Bytes with a good chance to get past the header. */
const datagram: fc.Arbitrary<Buffer> = fc.oneof(
  bytes(0, 64),
  fc
    .tuple(fc.integer({ min: 0x40, max: 0x7f }), fc.constantFrom(0, 1, 2, 3, 5, 0x45, 0x44, 0x5f, 0x84), bytes(2, 60))
    .map(([first, code, rest]) => Buffer.concat([Buffer.from([first, code]), rest])),
  fc.tuple(message, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([whole, at, byte]) => {
    const mutated = encodeMessage(whole);
    mutated[at % mutated.length] = byte;
    return mutated;
  }),
);

describe('CoAP codec, any message', () => {
  it('reads what it writes', () => {
    fc.assert(
      fc.property(message, (given) => {
        const written = encodeMessage(given);
        assert.equal(frameFault(written), undefined);
        const { options: _meaning, ...read } = decodeMessage(written);
        assert.deepEqual({ ...read, options: listOptions(written) }, given);
      }),
      { numRuns: 500 },
    );
  });

  it('writes the bytes that coap-packet writes, and reads what it reads', () => {
    fc.assert(
      fc.property(message, (given) => {
        const written = encodeMessage(given);
        const { code, messageId, token, payload, type } = given;
        const options = given.options.map(({ number, value }) => ({
          name: (number > 60 ? String(number) : optionName(number)) as OptionName,
          value: Buffer.from(value),
        }));
        const flags = { confirmable: type === 'CON', ack: type === 'ACK', reset: type === 'RST' };
        const content = { code, messageId, token: Buffer.from(token), payload: Buffer.from(payload), options };
        assert.deepEqual(generate({ ...content, ...flags }, 65_507), written);
        assert.deepEqual(parse(written).payload, decodeMessage(written).payload);
      }),
      { numRuns: 500 },
    );
  });

  it('finds a fault or reads, never throws, and reads no byte beyond the end', () => {
    fc.assert(
      fc.property(datagram, (given) => {
        if (frameFault(given) !== undefined) return;
        const read = decodeMessage(given);
        const content = [read.token, read.payload, ...listOptions(given).map((option) => option.value)];
        assert.ok(4 + content.reduce((sum, part) => sum + part.length, 0) <= given.length);
      }),
      { numRuns: 5_000 },
    );
  });

  it('finds a fault in a message that was cut before its payload, or reads fewer options', () => {
    fc.assert(
      fc.property(message, fc.nat(), (given, at) => {
        const written = encodeMessage({ ...given, payload: Buffer.alloc(0) });
        const cut = written.subarray(0, at % written.length);
        if (frameFault(cut) !== undefined) return;
        assert.ok(listOptions(cut).length < given.options.length);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('CoAP endpoint, any datagram', () => {
  it('never fails inside, never answers a malformed datagram with more bytes, and still works', async function () {
    this.timeout(20_000);
    const endpoint = await CoapEndpoint.open({
      onRequest: (_request, respond) => respond({ code: '2.04' }),
      onNotification: (notification) => notification.acknowledge(),
    });
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', () => resolve()));
    const answers: Buffer[] = [];
    socket.on('message', (answer) => answers.push(answer));
    const exchange = (given: Buffer): Promise<void> =>
      new Promise((resolve) => {
        answers.length = 0;
        // the ping after it is answered last, so everything before has been handled; its message id is another
        const ping = Buffer.from([0x40, 0, given[2] ?? 0, (given[3] ?? 0) ^ 1]);
        const finished = (answer: Buffer): void => {
          if (answer[0] !== 0x70 || answer.compare(ping, 1, 4, 1, 4) !== 0) return;
          socket.off('message', finished);
          resolve();
        };
        socket.on('message', finished);
        socket.send(given, endpoint.localPort, '127.0.0.1');
        socket.send(ping, endpoint.localPort, '127.0.0.1');
      });
    try {
      await fc.assert(
        fc.asyncProperty(datagram, async (given) => {
          await exchange(given);
          const answered = answers.slice(0, -1).reduce((sum, answer) => sum + answer.length, 0);
          if (frameFault(given) !== undefined) assert.ok(answered <= given.length);
          assert.equal(endpoint.counters.internalFailures, 0);
        }),
        { numRuns: 1_500 },
      );
    } finally {
      socket.close();
      await endpoint.close();
    }
  });
});
