import { deepEqual, equal } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Api } from '../../../../replicator/wire/api.ts';
import { RequestWriter } from '../../../../replicator/wire/request-writer.ts';
import { ResponseReader } from '../../../../replicator/wire/response-reader.ts';
import { REQUESTS, RESPONSES, type Sample } from './message-samples.ts';

interface Vectors {
  readonly source: string;
  readonly messages: readonly {
    readonly api: string;
    readonly kind: string;
    readonly version: number;
    readonly hex: string;
  }[];
}

const { messages } = JSON.parse(
  readFileSync(new URL('../../../vectors/kafka-wire.json', import.meta.url), 'utf8'),
) as Vectors;

/** Those of one sample, in its versions. */
function vectorsOf({ api, kind }: Sample): Vectors['messages'] {
  return messages.filter((message) => message.api === api.name && message.kind === kind);
}

function written(api: Api<unknown, unknown>, version: number, value: unknown): string {
  const writer = new RequestWriter();
  writer.flexible = version >= api.flexibleFrom;
  api.encode(writer, value, version);
  const chunks = writer.finish();
  const bytes = Buffer.concat(chunks);
  equal(writer.length, bytes.length);
  return bytes.toString('hex');
}

function read(api: Api<unknown, unknown>, version: number, hex: string): unknown {
  const reader = new ResponseReader(Buffer.from(hex, 'hex'));
  reader.flexible = version >= api.flexibleFrom;
  return api.decode(reader, version);
}

describe('requests and answers of Kafka', () => {
  for (const sample of REQUESTS) {
    for (const { version, hex } of vectorsOf(sample)) {
      it(`writes ${sample.api.name} ${version}: ${sample.kind}`, () => {
        equal(written(sample.api, version, sample.value), hex);
      });
    }
  }

  for (const sample of RESPONSES) {
    for (const { version, hex } of vectorsOf(sample)) {
      it(`reads ${sample.api.name} ${version}: ${sample.kind}`, () => {
        deepEqual(read(sample.api, version, hex), sample.in?.[version] ?? sample.value);
      });

      it(`refuses ${sample.api.name} ${version} cut short anywhere: ${sample.kind}`, () => {
        let complete = 0;
        for (let bytes = 0; bytes < hex.length / 2; bytes++) {
          try {
            read(sample.api, version, hex.slice(0, bytes * 2));
            complete++;
          } catch (error) {
            equal((error as { code?: string }).code, 'KAFKA_UNAVAILABLE');
          }
        }
        // What stands after the last field that is of interest is not looked at.
        equal(complete <= sample.unread, true, `${complete} shorter ones were taken`);
      });
    }
  }

  it('has a sample for every vector, and every version it speaks', () => {
    const samples = [...REQUESTS, ...RESPONSES];
    const known = new Set(samples.map(({ api, kind }) => `${api.name} ${kind}`));
    deepEqual(
      messages.filter(({ api, kind }) => kind !== 'request header' && !known.has(`${api} ${kind}`)),
      [],
    );
    for (const sample of samples.filter(({ kind }) => kind === 'request' || kind === 'response')) {
      const [min, max] = sample.api.versions;
      deepEqual(
        vectorsOf(sample).map(({ version }) => version),
        Array.from({ length: max - min + 1 }, (_, index) => min + index),
        `${sample.api.name} ${sample.kind}`,
      );
    }
  });
});
