import type { OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import { deleteRecord, type ServerIdentity } from '../bridge/avro-registrations.ts';
import type { Outbox } from '../bridge/outbox.ts';
import { observationTombstone, registrationTombstone } from '../bridge/state-entries.ts';
import type { Observations } from '../observation/observations.ts';
import type { Refusals } from '../observation/refusals.ts';
import type { Wishes } from '../observation/wishes.ts';
import type { Registration } from './registration.ts';
import type { Registrations } from './registrations.ts';

export interface RegistrationEndOptions {
  readonly server: ServerIdentity;
  readonly registrations: Registrations;
  readonly observations: Observations;
  readonly wishes: Wishes;
  readonly refusals: Refusals;
  readonly outbox: Outbox;
}

/** DELETE of a registration with the tombstones of all that belonged to it, but for what its next registration takes up again. */
export function endingRecords(
  { outbox, server, observations, wishes }: RegistrationEndOptions,
  registration: Registration,
  expired: boolean,
  nowMs: number,
): OutgoingRecord[] {
  const observed = observations.allOf(registration.endpointName);
  const lasting = new Set(wishes.lasting(observed));
  return [
    outbox.registration(registration.endpointName, deleteRecord(registration, server.serverId, expired, nowMs)),
    registrationTombstone(outbox, registration),
    ...observed.filter((one) => !lasting.has(one)).map((one) => observationTombstone(outbox, one)),
  ];
}

/** Takes a registration out with its observations; what commands observed becomes wishes. */
export function forgetRegistration(
  { registrations, observations, wishes, refusals }: RegistrationEndOptions,
  { endpointName, registrationId }: Registration,
): void {
  for (const lasting of wishes.lasting(observations.allOf(endpointName))) wishes.add(endpointName, lasting);
  observations.removeAllOf(endpointName);
  refusals.forget(endpointName);
  registrations.remove(registrationId);
}
