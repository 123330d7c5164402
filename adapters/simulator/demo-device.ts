import { Lwm2mDevice, type Lwm2mDeviceOptions } from '../../lwm2m/client/device.ts';
import { deviceObject, locationObject, temperatureObject } from './demo-objects.ts';
import { sine, TemperatureSensor, upwardTrend } from './temperature-sensor.ts';

export interface DemoDeviceOptions extends Omit<Lwm2mDeviceOptions, 'objects'> {
  readonly serialNumber: string;
}

/** The current time moves always; observers are told this often. */
const TIME_NOTIFIED_EVERY_MS = 5_000;

/** The demo device of the seed: Device, Location and two temperature sensors, one rising and one swinging. */
export class DemoDevice {
  readonly lwm2m: Lwm2mDevice;
  readonly #sensors: readonly TemperatureSensor[];
  #timeNotifiedAtMs = 0;

  private constructor(lwm2m: Lwm2mDevice, sensors: readonly TemperatureSensor[]) {
    this.lwm2m = lwm2m;
    this.#sensors = sensors;
  }

  /** Rejects as `Lwm2mDevice.start` does. */
  static async start({ serialNumber, ...options }: DemoDeviceOptions): Promise<DemoDevice> {
    const random = options.random ?? Math.random;
    const sensors = [new TemperatureSensor(upwardTrend, random), new TemperatureSensor(sine, random)];
    let device: DemoDevice | undefined;
    const lwm2m = await Lwm2mDevice.start({
      ...options,
      objects: [
        deviceObject(serialNumber, { utcOffset: '+00', timezone: 'Etc/UTC' }),
        locationObject(random),
        temperatureObject(sensors, (id) => device?.notifyExtremes(id)),
      ],
    });
    device = new DemoDevice(lwm2m, sensors);
    return device;
  }

  /** Lets all sensors take their next reading. */
  measure(nowMs: number): void {
    for (const [id, sensor] of this.#sensors.entries()) {
      const isExtreme = sensor.measure();
      this.lwm2m.changed({ objectId: 3303, instanceId: id, resourceId: 5700 });
      if (isExtreme) this.notifyExtremes(id);
    }
    if (nowMs - this.#timeNotifiedAtMs < TIME_NOTIFIED_EVERY_MS) return;
    this.#timeNotifiedAtMs = nowMs;
    this.lwm2m.changed({ objectId: 3, instanceId: 0, resourceId: 13 });
  }

  notifyExtremes(id: number): void {
    this.lwm2m.changed({ objectId: 3303, instanceId: id, resourceId: 5601 });
    this.lwm2m.changed({ objectId: 3303, instanceId: id, resourceId: 5602 });
  }
}
