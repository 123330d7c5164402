import type { ErrorCode } from '../../common/errors.ts';
import type { AvroRequestPayload, AvroResponsePayload } from '../../schemas/generated/records.ts';
import type { CommandView } from '../bridge/command-queues.ts';

/** An operation asked for over HTTP: a command like those from Kafka, in the same queue of its device. */
export interface DeviceCommand {
  readonly endpointName: string;
  readonly payload: AvroRequestPayload;
  /** Longest wait for the answer of the device. */
  readonly timeoutMs?: number | undefined;
  /** Waits for a device that sleeps or is away. */
  readonly queue?: boolean | undefined;
  readonly expiresAtMs?: number | undefined;
  /** Takes the place of a waiting command of the same kind and path. */
  readonly coalesce?: boolean | undefined;
}

/** The one reply to a command. */
export interface CommandReply {
  readonly ticket: string;
  readonly rep: AvroResponsePayload;
  /** Why there is no answer of the device, where there is none; undefined when `rep` is the device's. */
  readonly failure: ErrorCode | undefined;
  /** Of the value read, when the device gave one. */
  readonly valueTimestampMs?: number | undefined;
}

export interface SubmittedCommand {
  readonly ticket: string;
  /** The device sleeps or is away and the command waits for it. */
  readonly waits: boolean;
  /** Resolves when the reply is in Kafka. Never rejects; undefined when this server stops first: the command goes on after its next start. */
  readonly reply: Promise<CommandReply | undefined>;
}

/** The way of HTTP requests to devices. */
export interface DeviceOperations {
  /**
   * Resolves once the command is durable and in its device's queue.
   * Throws LWM2M_NOT_REGISTERED, COAP_QUEUE_FULL, SHUTTING_DOWN, and KAFKA_… when it cannot be kept.
   */
  submit(command: DeviceCommand): Promise<SubmittedCommand>;
  /** Commands without a reply, whoever asked: of one device in the order they run, or of all. */
  list(endpointName?: string): readonly CommandView[];
  readonly size: number;
}
