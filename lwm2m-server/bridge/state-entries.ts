import type { OutgoingRecord } from '../../common/kafka/committing-producer.ts';
import { formatPath, parsePath } from '../../lwm2m/path.ts';
import type { AvroRequest, CommandState, ObservationState } from '../../schemas/generated/records.ts';
import { type CompositeTarget, makeObservation, type Observation } from '../observation/observations.ts';
import type { Registration } from '../registration/registration.ts';
import { registrationState, type ServerIdentity } from './avro-registrations.ts';
import type { Outbox } from './outbox.ts';

/** Keys of lwm2m.<gateway>.state; a later record of a key replaces the earlier, a tombstone ends the entry. */
const registrationKey = (endpointName: string) => `registration/${endpointName}`;
/** An endpoint name may hold "/" and blanks, a path holds no blank. */
const observationKey = ({ endpointName, path }: ObservedPath) => `observation/${endpointName} ${path}`;

type ObservedPath = Pick<Observation, 'endpointName' | 'path'>;

/** What makes two records the same command: a ticket may be used again for another operation (the original's examples do). */
export function commandIdentity(request: AvroRequest): string {
  return identityOf(request.ep, request.ticket, request.payload.kind, request.payload.path);
}

export function identityOf(endpointName: string, ticket: string, kind: string, path: string): string {
  return JSON.stringify([endpointName, ticket, kind, path]);
}

export function registrationEntry(outbox: Outbox, registration: Registration, server: ServerIdentity): OutgoingRecord {
  return outbox.state(registrationKey(registration.endpointName), {
    body: { 'io.zeelos.lwm2m.state.RegistrationState': registrationState(registration, server) },
  });
}

export function registrationTombstone(outbox: Outbox, registration: Registration): OutgoingRecord {
  return outbox.state(registrationKey(registration.endpointName), null);
}

export function observationEntry(outbox: Outbox, observation: Observation): OutgoingRecord {
  const { endpointName, registrationId, path, token, ticket, composite, accept } = observation;
  const state = {
    ep: endpointName,
    regId: registrationId,
    path,
    token,
    ticket,
    paths: composite === undefined ? null : { array: composite.paths.map(formatPath) },
    contentFormat: composite === undefined ? null : { int: composite.contentFormat },
    accept: accept === undefined ? null : { int: accept },
  };
  return outbox.state(observationKey(observation), { body: { 'io.zeelos.lwm2m.state.ObservationState': state } });
}

/** Whether its device still holds it is not known. Throws LWM2M_PATH for what we never wrote. */
export function observationFromState(state: ObservationState): Observation {
  const { ep, regId, path, token, ticket, accept } = state;
  return makeObservation({
    endpointName: ep,
    registrationId: regId,
    path,
    token,
    ticket,
    accept: accept?.int,
    composite: compositeFromState(state),
    doubtful: true,
  });
}

function compositeFromState({ paths, contentFormat }: ObservationState): CompositeTarget | undefined {
  if (paths == null || contentFormat == null) return undefined;
  return { paths: paths.array.map(parsePath), contentFormat: contentFormat.int };
}

export function observationTombstone(outbox: Outbox, observation: ObservedPath): OutgoingRecord {
  return outbox.state(observationKey(observation), null);
}

export function commandEntry(outbox: Outbox, command: CommandState): OutgoingRecord {
  return outbox.state(`command/${commandIdentity(command.request)}`, {
    body: { 'io.zeelos.lwm2m.state.CommandState': command },
  });
}

export function commandTombstone(outbox: Outbox, request: AvroRequest): OutgoingRecord {
  return outbox.state(`command/${commandIdentity(request)}`, null);
}
