import { defineObject } from '../definition.ts';

// biome-ignore format: one resource, one line
export const accessControl = defineObject(
  { id: 2, name: 'LwM2M Access Control', version: '1.1', occurrence: 'MO', description: 'Which server may do what with one object instance' },
  [
    [0, 'Object ID', 'R', 'SM', 'INTEGER', '1..65534', '', 'Object that is guarded'],
    [1, 'Object Instance ID', 'R', 'SM', 'INTEGER', '0..65535', '', 'Instance that is guarded; 65535 guards Create'],
    [2, 'ACL', 'RW', 'MO', 'INTEGER', '0..31', '', 'By short server id, 0 for all others: bits read 1, write 2, execute 4, delete 8, create 16'],
    [3, 'Access Control Owner', 'RW', 'SM', 'INTEGER', '0..65535', '', 'Short id of the server that may change this instance'],
  ],
);
