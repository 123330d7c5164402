import { ObjectModels } from './object-models.ts';
import { accessControl } from './objects/access-control.ts';
import { binaryAppDataContainer, portfolio } from './objects/application-data.ts';
import { cellularConnectivity } from './objects/cellular-connectivity.ts';
import { connectivityMonitoring } from './objects/connectivity-monitoring.ts';
import { connectivityStatistics } from './objects/connectivity-statistics.ts';
import { device } from './objects/device.ts';
import { firmwareUpdate } from './objects/firmware-update.ts';
import { gateway, gateway10, gatewayRouting } from './objects/gateway.ts';
import { IPSO_OBJECTS } from './objects/ipso.ts';
import { location } from './objects/location.ts';
import { modbus } from './objects/modbus.ts';
import { oscore } from './objects/oscore.ts';
import { security } from './objects/security.ts';
import { server } from './objects/server.ts';
import { softwareManagement } from './objects/software-management.ts';

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
  softwareManagement,
  cellularConnectivity,
  portfolio,
  binaryAppDataContainer,
  oscore,
  gateway,
  gateway10,
  gatewayRouting,
  ...IPSO_OBJECTS,
  modbus,
] as const;

/** The objects that zeelos knows without being given a file. */
export function coreObjectModels(): ObjectModels {
  return new ObjectModels(CORE_OBJECTS);
}
