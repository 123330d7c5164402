import { sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import type { Lwm2mDeviceOptions } from '../../lwm2m/client/device.ts';
import { coreObjectModels } from '../../lwm2m/model/core-objects.ts';
import { DemoDevice } from './demo-device.ts';

export interface FleetOptions {
  readonly count: number;
  /** Endpoint names are the prefix and a number from 1. */
  readonly prefix: string;
  readonly server: { readonly host: string; readonly port: number };
  readonly lifetimeSeconds: number;
  /** How often each device takes a reading. */
  readonly intervalMs: number;
  /** How fast devices are started. */
  readonly startsPerSecond: number;
  readonly confirmable: boolean;
  readonly signal: AbortSignal;
  readonly log?: Log;
  readonly random?: () => number;
  readonly timing?: Lwm2mDeviceOptions['timing'];
}

export interface FleetCounts {
  readonly devices: number;
  readonly registered: number;
  readonly observations: number;
  readonly notifications: number;
}

const START_SLICE_MS = 50;
/** Parts of an interval: devices take their readings in turn, not all in the same moment. */
const SLICES = 20;
const LEAST_SLICE_MS = 5;
/** Devices of a larger fleet log nothing themselves: an outage would bring a line for each. The metrics tell. */
const MOST_LOGGING_DEVICES = 16;
const STOPPED_AT_A_TIME = 200;

/** Many demo devices in one process, with one timer for the readings of all. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #devices: DemoDevice[] = [];
  #timer: NodeJS.Timeout | undefined;
  #cursor = 0;
  #owed = 0;
  #lastMs = performance.now();

  private constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Resolves when all devices run; ends early when the signal is aborted. Rejects TRANSPORT_BIND, and closes what was opened. */
  static async start(options: FleetOptions): Promise<Fleet> {
    const fleet = new Fleet(options);
    const sliceMs = Math.max(LEAST_SLICE_MS, options.intervalMs / SLICES);
    fleet.#timer = setInterval(() => fleet.#measureSome(), sliceMs);
    try {
      await fleet.#startAll();
    } catch (error) {
      await fleet.close();
      throw error;
    }
    return fleet;
  }

  get counts(): FleetCounts {
    const devices = this.#devices.map((device) => device.lwm2m);
    const sum = (of: (device: DemoDevice['lwm2m']) => number): number => devices.reduce((n, d) => n + of(d), 0);
    return {
      devices: devices.length,
      registered: sum((device) => (device.state === 'registered' ? 1 : 0)),
      observations: sum((device) => device.observations),
      notifications: sum((device) => device.notificationsSent),
    };
  }

  /** Deregisters all, best effort. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#devices.length > 0) {
      await Promise.all(this.#devices.splice(0, STOPPED_AT_A_TIME).map((device) => device.lwm2m.stop()));
    }
  }

  async #startAll(): Promise<void> {
    const { count, startsPerSecond, signal } = this.#options;
    const models = coreObjectModels();
    const batch = Math.max(1, Math.round((startsPerSecond * START_SLICE_MS) / 1000));
    const pauseMs = (batch / startsPerSecond) * 1000;
    for (let i = 1; i <= count && !signal.aborted; i++) {
      this.#devices.push(await this.#startOne(i, models));
      if (i % batch === 0 && i < count) await sleep(pauseMs, signal);
    }
  }

  async #startOne(number: number, models: Lwm2mDeviceOptions['models']): Promise<DemoDevice> {
    const { prefix, server, lifetimeSeconds, confirmable, log, random, timing } = this.#options;
    return await DemoDevice.start({
      endpointName: `${prefix}${number}`,
      serialNumber: `ZD-${String(number).padStart(6, '0')}`,
      server,
      lifetimeSeconds,
      confirmable,
      models,
      ...(log !== undefined && this.#options.count <= MOST_LOGGING_DEVICES && { log }),
      ...(random !== undefined && { random }),
      ...(timing !== undefined && { timing }),
    });
  }

  /** As many devices as the time since the last call is worth, each at most once. */
  #measureSome(): void {
    const now = performance.now();
    const total = this.#devices.length;
    this.#owed = Math.min(total, this.#owed + (total * (now - this.#lastMs)) / this.#options.intervalMs);
    this.#lastMs = now;
    for (; this.#owed >= 1; this.#owed--) {
      this.#cursor = (this.#cursor + 1) % total;
      this.#devices[this.#cursor]!.measure(now);
    }
  }
}
