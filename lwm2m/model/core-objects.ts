import { ObjectModels } from './object-models.ts';
import { accessControl } from './objects/access-control.ts';
import { connectivityMonitoring } from './objects/connectivity-monitoring.ts';
import { connectivityStatistics } from './objects/connectivity-statistics.ts';
import { device } from './objects/device.ts';
import { firmwareUpdate } from './objects/firmware-update.ts';
import { location } from './objects/location.ts';
import { modbus } from './objects/modbus.ts';
import { security } from './objects/security.ts';
import { server } from './objects/server.ts';
import { temperature } from './objects/temperature.ts';

/** Ids, names, types and operations are those of the OMNA registry; test/vectors/object-models.json holds its digests. */
export const CORE_OBJECTS = [
  security,
  server,
  accessControl,
  device,
  connectivityMonitoring,
  firmwareUpdate,
  location,
  connectivityStatistics,
  temperature,
  modbus,
] as const;

/** The objects that zeelos knows without being given a file. */
export function coreObjectModels(): ObjectModels {
  return new ObjectModels(CORE_OBJECTS);
}
