import { randomUUID } from 'node:crypto';
import type { AvroRequest } from '../../schemas/generated/records.ts';
import type { CommandAdmission, ToldReply } from '../bridge/command-admission.ts';
import type { CommandQueues, CommandView } from '../bridge/command-queues.ts';
import type { Registrations } from '../registration/registrations.ts';
import type { CommandReply, DeviceCommand, DeviceOperations, SubmittedCommand } from './device-operations.ts';
import type { DeviceState } from './legacy/registration-json.ts';

/** Who asked, in the records. */
const REQUESTED_BY = 'rest';

export interface QueuedOperationsOptions {
  readonly gatewayId: string;
  readonly admission: Pick<CommandAdmission, 'submit'>;
  readonly queues: Pick<CommandQueues, 'list' | 'size'>;
  readonly registrations: Pick<Registrations, 'byEndpointName'>;
  readonly state: Pick<DeviceState, 'sleeping'>;
}

/** HTTP requests as commands: durable, in the one queue of their device, each with its reply in the topic. */
export class QueuedOperations implements DeviceOperations {
  readonly #o: QueuedOperationsOptions;

  constructor(options: QueuedOperationsOptions) {
    this.#o = options;
  }

  get size(): number {
    return this.#o.queues.size;
  }

  async submit(command: DeviceCommand): Promise<SubmittedCommand> {
    const request = this.#requestOf(command);
    const { waits, reply } = await this.#o.admission.submit(request);
    return { ticket: request.ticket, waits, reply: reply.then(replyOf) };
  }

  list(endpointName?: string): readonly CommandView[] {
    return this.#o.queues.list(endpointName);
  }

  #requestOf(command: DeviceCommand): AvroRequest {
    const { endpointName, payload, timeoutMs, expiresAtMs, coalesce } = command;
    const queue = command.queue ?? this.#sleeps(command);
    return {
      serverId: this.#o.gatewayId,
      ep: endpointName,
      ticket: randomUUID(),
      payload,
      expiresAt: expiresAtMs === undefined ? null : { long: expiresAtMs },
      timeoutMs: timeoutMs === undefined ? null : { long: timeoutMs },
      requestedBy: { string: REQUESTED_BY },
      queue: queue === undefined ? null : { boolean: queue },
      coalesce: coalesce === undefined ? null : { boolean: coalesce },
    };
  }

  /** A device that sleeps comes back by itself: it is waited for unless the requester says no. */
  #sleeps({ endpointName, payload }: DeviceCommand): true | undefined {
    const registration = this.#o.registrations.byEndpointName(endpointName);
    if (registration === undefined || payload.kind === 'cancel') return undefined;
    return this.#o.state.sleeping(registration) === true ? true : undefined;
  }
}

function replyOf(told: ToldReply | undefined): CommandReply | undefined {
  if (told === undefined) return undefined;
  const { record, failure } = told;
  return { ticket: record.ticket, rep: record.rep, failure, valueTimestampMs: record.valueTimestamp?.long };
}
