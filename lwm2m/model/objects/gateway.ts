import { defineObject } from '../definition.ts';

// biome-ignore format: one resource, one line
export const gateway = defineObject(
  { id: 25, name: 'LwM2M Gateway', version: '2.0', occurrence: 'MO', description: 'One device behind an LwM2M gateway' },
  [
    [0, 'Device ID', 'R', 'SM', 'STRING', '', '', 'Id of the device behind the gateway'],
    [1, 'Prefix', 'R', 'SM', 'STRING', '', '', 'First segment of the paths of its objects'],
    [3, 'IoT Device Objects', 'R', 'SM', 'STRING', '', '', 'Its objects and instances, as link-format'],
  ],
);

// biome-ignore format: one resource, one line
export const gateway10 = defineObject(
  { id: 25, name: 'LwM2M Gateway', version: '1.0', occurrence: 'MO', description: 'One device behind an LwM2M gateway' },
  [
    [0, 'Device ID', 'R', 'SM', 'STRING', '', '', 'Id of the device behind the gateway'],
    [1, 'Prefix', 'RW', 'SM', 'STRING', '', '', 'First segment of the paths of its objects'],
    [2, 'Routing Table Entry', 'R', 'SO', 'OBJLNK', '', '', 'Instance of the routing object that belongs to it'],
  ],
);

// biome-ignore format: one resource, one line
export const gatewayRouting = defineObject(
  { id: 26, name: 'LwM2M Gateway Routing', version: '1.0', occurrence: 'MO', description: 'Where a gateway has the objects of its devices' },
  [
    [0, 'LwM2M Object ID', 'R', 'SM', 'UNSIGNED', '', '', 'Object that is mapped'],
    [1, 'Mapping Info', 'R', 'SM', 'STRING', '', '', 'What it is mapped to'],
  ],
);
