import type {
  AvroInstanceResource,
  AvroReadResponseBody,
  AvroResource,
  AvroResponseObserve,
} from '../../../schemas/generated/records.ts';
import type { ServerEvent } from '../../events.ts';
import type { TraceEntry } from '../../trace/trace-entry.ts';
import { AVRO } from '../avro-names.ts';
import { nodeJson } from '../legacy/node-json.ts';
import { type DeviceState, registrationJson } from '../legacy/registration-json.ts';
import type { NewEvent } from './event-ring.ts';

/** What an event holds in memory beside its record, roughly. */
const EVENT_BYTES = 200;
const LINK_BYTES = 60;
const VALUE_BYTES = 150;

const REGISTRATION_NAMES = { registered: 'REGISTRATION', updated: 'UPDATED', deregistered: 'DEREGISTRATION' } as const;
const VALUE_NAMES = { notification: 'NOTIFICATION', send: 'SEND' } as const;
const PRESENCE_NAMES = { awake: 'AWAKE', sleeping: 'SLEEPING' } as const;

/** An event under the name and with the JSON that consoles of Leshan's demo server know; undefined for what those do not show. */
export function serverEvent(event: ServerEvent, state: DeviceState): NewEvent | undefined {
  switch (event.kind) {
    case 'registered':
    case 'updated':
    case 'deregistered': {
      const { registration } = event;
      const bytes = EVENT_BYTES + LINK_BYTES * registration.links.length;
      const json = () => registrationJson(registration, state);
      return made(REGISTRATION_NAMES[event.kind], registration.endpointName, bytes, json);
    }
    case 'notification':
    case 'send': {
      const { record } = event;
      const content = contentOf(record);
      if (content === undefined) return undefined;
      const json = () => valueJson(record);
      return made(VALUE_NAMES[event.kind], record.ep, EVENT_BYTES + bytesOf(content), json);
    }
    case 'awake':
    case 'sleeping': {
      const { endpointName } = event.registration;
      return made(PRESENCE_NAMES[event.kind], endpointName, EVENT_BYTES, () => ({ ep: endpointName }));
    }
  }
}

/** Only for streams of this one device. */
export function traceEvent(endpointName: string, entry: TraceEntry): NewEvent {
  const bytes = EVENT_BYTES + entry.options.length + entry.payload.length;
  return { ...made('COAPLOG', endpointName, bytes, () => entry), narrow: true };
}

function made(name: string, endpointName: string, bytes: number, json: () => unknown): NewEvent {
  return { name, endpointName, narrow: false, bytes, json };
}

function valueJson(record: AvroResponseObserve) {
  return { ep: record.ep, res: record.path, val: nodeJson(contentOf(record)!), timestamp: record.timestamp };
}

/** Roughly. */
function bytesOf(content: AvroReadResponseBody['content']): number {
  if (AVRO.object in content) return sum(content[AVRO.object].instances, instanceBytes);
  if (AVRO.instance in content) return instanceBytes(content[AVRO.instance]);
  if (AVRO.multiple in content) return sum(Object.values(content[AVRO.multiple].resources), valueBytes);
  return valueBytes(content[AVRO.single]);
}

function instanceBytes({ resources, multipleResources }: AvroInstanceResource): number {
  const multiple = multipleResources?.array ?? [];
  return sum(resources, valueBytes) + sum(multiple, (one) => sum(Object.values(one.resources), valueBytes));
}

function valueBytes({ value }: AvroResource): number {
  return VALUE_BYTES + ('string' in value ? value.string.length : 0);
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function contentOf({ rep }: AvroResponseObserve) {
  const { body } = rep;
  return body != null && AVRO.readResponse in body ? body[AVRO.readResponse].content : undefined;
}
