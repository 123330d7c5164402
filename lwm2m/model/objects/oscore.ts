import { defineObject } from '../definition.ts';

// biome-ignore format: one resource, one line
export const oscore = defineObject(
  { id: 21, name: 'LWM2M OSCORE', version: '2.0', occurrence: 'MO', description: 'Keys and parameters of one OSCORE context' },
  [
    [0, 'OSCORE Master Secret', '', 'SM', 'OPAQUE', '', '', 'Shared secret that the keys are made of'],
    [1, 'OSCORE Sender ID', '', 'SM', 'OPAQUE', '', '', 'Id of the device'],
    [2, 'OSCORE Recipient ID', '', 'SM', 'OPAQUE', '', '', 'Id of the server'],
    [3, 'OSCORE AEAD Algorithm', '', 'SO', 'INTEGER', '', '', 'COSE number of the cipher'],
    [4, 'OSCORE HMAC Algorithm', '', 'SO', 'INTEGER', '', '', 'COSE number of the hash'],
    [5, 'OSCORE Master Salt', '', 'SO', 'OPAQUE', '', '', 'Salt that the keys are made with'],
    [6, 'OSCORE ID Context', '', 'SO', 'OPAQUE', '', '', 'Id of the context'],
  ],
);
