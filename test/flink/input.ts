import { encoderFor } from '../../common/records.ts';
import type { AvroResponseObserve } from '../../schemas/generated/records.ts';
import { TOPICS } from '../../schemas/topics.ts';
import { InputGateway, observation, type Reading, T0 } from '../integration/streams/input.ts';

const STEPS = 5_000;
const STEP_MS = 100;
const READ = 'io.zeelos.leshan.avro.response.AvroReadResponseBody';
const COMPOSITE = 'io.zeelos.leshan.avro.response.AvroCompositeResponse';
const RESOURCE = 'io.zeelos.leshan.avro.resource';

export const GRACE_SECONDS = 10;
export const CLOSING = 'end';

interface Written {
  readonly value: AvroResponseObserve;
  readonly writtenMs: number;
}

/**
 * Nine minutes of one gateway: values with disorder within the grace, one far too late, values in order for the alarm rules, an endpoint that
 * falls silent again and again, batch readings of each kind that Flink can read, and a last record that closes all windows before it.
 */
export function gatewayRecords(): readonly Written[] {
  const records: Written[] = [];
  const add = (reading: Reading, writtenMs: number) => records.push({ value: observation(reading), writtenMs });
  for (let step = 0; step < STEPS; step++) {
    const now = T0 + step * STEP_MS;
    const value = ((step * 7_919) % 1_000) / 8;
    add({ ep: `ep${step % 5}`, path: `/3303/${step % 2}/5700`, value, atMs: now - ((step * 31) % 5_000) }, now);
    if (step % 10 === 0) add({ ep: `hot-${step % 3}`, path: '/3303/9/5700', value, atMs: now }, now);
    if (step % 50 === 0 && step % 1_000 < 500) add({ ep: 'quiet-1', value: step, atMs: now }, now);
    if (step % 200 === 0) records.push({ value: batch(step / 200, now), writtenMs: now });
    if (step === STEPS - 1_000) add({ ep: 'ep0', value: 999, atMs: T0 + 1_000 }, now);
  }
  const afterwards = T0 + 100_000_000;
  add({ ep: CLOSING, path: '/0', value: 0, atMs: afterwards }, afterwards);
  return records;
}

export async function gatewayWithInput(): Promise<{ readonly gateway: InputGateway; readonly records: number }> {
  const gateway = await InputGateway.create();
  const values = encoderFor(gateway.snapshot, `${gateway.topicOf('observations')}-value`, TOPICS.observations.value);
  const records = gatewayRecords();
  await gateway.writeRaw(
    records.map(({ value, writtenMs }) => ({
      ...{ key: null, value: values.encode(value), partition: 0, timestamp: String(writtenMs) },
    })),
  );
  return { gateway, records: records.length };
}

function batch(number: number, atMs: number): AvroResponseObserve {
  const [path, body] = [instanceBody, objectBody, compositeBody][number % 3]!(number, atMs);
  const whole = observation({ ep: 'batch', path, value: 0, atMs });
  return { ...whole, rep: { ...whole.rep, body } } as unknown as AvroResponseObserve;
}

type Body = readonly [path: string, body: object];

function instanceBody(number: number): Body {
  return ['/3303/0', { [READ]: { content: { [`${RESOURCE}.AvroInstanceResource`]: instance(0, number) } } }];
}

function objectBody(number: number): Body {
  const instances = [instance(0, number), instance(1, number)];
  const object = { id: 3303, kind: 'OBJECT', instances };
  return ['/3303', { [READ]: { content: { [`${RESOURCE}.AvroObjectResource`]: object } } }];
}

function compositeBody(number: number, atMs: number): Body {
  const nodes = [
    {
      path: '/3303/2/5700',
      timestamp: { long: atMs - 500 },
      content: { [`${RESOURCE}.AvroResource`]: resource('/3303/2/5700', number) },
    },
    // Of the nodes streams/flink/singles.sql reads single values and instances without resources that have instances.
    {
      path: '/3303/0',
      timestamp: null,
      content: { [`${RESOURCE}.AvroInstanceResource`]: { ...instance(0, number), multipleResources: null } },
    },
  ];
  return ['/', { [COMPOSITE]: { nodes } }];
}

function instance(id: number, number: number) {
  const several = {
    ...{ id: 6045, path: `/3303/${id}/6045`, kind: 'MULTIPLE_RESOURCE', type: 'FLOAT' },
    resources: { 0: resource(`/3303/${id}/6045/0`, number + 0.25), 1: resource(`/3303/${id}/6045/1`, number + 0.5) },
  };
  const resources = [resource(`/3303/${id}/5700`, number), resource(`/3303/${id}/5601`, -number)];
  return { id, kind: 'INSTANCE', resources, multipleResources: { array: [several] } };
}

function resource(path: string, value: number) {
  const id = Number(path.slice(path.lastIndexOf('/') + 1));
  return { id, path, kind: 'SINGLE_RESOURCE', type: 'FLOAT', value: { double: value } };
}
