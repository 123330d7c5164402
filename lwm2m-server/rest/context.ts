import type { Log } from '../../common/log.ts';
import type { SchemaSnapshot } from '../../common/schema-registry.ts';
import type { ObjectModels } from '../../lwm2m/model/object-models.ts';
import type { ServerEvents } from '../events.ts';
import type { ModelStore } from '../models/model-store.ts';
import type { DesiredObservation } from '../observation/desired-observations.ts';
import type { Observations } from '../observation/observations.ts';
import type { Registrations } from '../registration/registrations.ts';
import type { CoapTraces } from '../trace/coap-traces.ts';
import type { DeviceOperations } from './device-operations.ts';
import type { EventStreams } from './events/event-streams.ts';
import type { DeviceState } from './legacy/registration-json.ts';

/** What the routes work on. */
export interface RestContext {
  readonly gatewayId: string;
  readonly registrations: Registrations;
  readonly observations: Observations;
  readonly models: ObjectModels;
  readonly modelStore: ModelStore;
  /** What is wanted observed of a device, and how far it got. */
  readonly desiredOf: (endpointName: string) => readonly DesiredObservation[];
  readonly events: ServerEvents;
  readonly traces: CoapTraces;
  readonly streams: EventStreams;
  readonly operations: DeviceOperations;
  readonly state: DeviceState;
  readonly snapshot: SchemaSnapshot;
  /** Requests carry a bearer token. */
  readonly needsToken: boolean;
  readonly log: Log;
  readonly now: () => number;
}
