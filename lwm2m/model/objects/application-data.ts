import { defineObject } from '../definition.ts';

// biome-ignore format: one resource, one line
export const portfolio = defineObject(
  { id: 16, name: 'Portfolio', version: '1.0', occurrence: 'MO', description: 'Further names and proofs of identity of another object' },
  [
    [0, 'Identity', 'RW', 'MM', 'STRING', '', '', 'Names: for a host device 0 id, 1 maker, 2 model, 3 software version'],
    [1, 'GetAuthData', 'E', 'SO', '', '', '', 'Starts the making of AuthData'],
    [2, 'AuthData', 'R', 'MO', 'OPAQUE', '', '', 'What the last GetAuthData made'],
    [3, 'AuthStatus', 'R', 'SO', 'INTEGER', '0..2', '', 'State of that: 0 idle, 1 data ready, 2 error'],
  ],
);

// biome-ignore format: one resource, one line
export const binaryAppDataContainer = defineObject(
  { id: 19, name: 'BinaryAppDataContainer', version: '1.0', occurrence: 'MO', description: 'Data of an application, in its own format' },
  [
    [0, 'Data', 'RW', 'MM', 'OPAQUE', '', '', 'The data'],
    [1, 'Data Priority', 'RW', 'SO', 'INTEGER', '1 bytes', '', '0 at once, 1 best effort, 2 latest'],
    [2, 'Data Creation Time', 'RW', 'SO', 'TIME', '', '', 'When the data came into being'],
    [3, 'Data Description', 'RW', 'SO', 'STRING', '32 bytes', '', 'What the data are'],
    [4, 'Data Format', 'RW', 'SO', 'STRING', '32 bytes', '', 'Name of their format'],
    [5, 'App ID', 'RW', 'SO', 'INTEGER', '2 bytes', '', 'Number of the application they are for'],
  ],
);
